# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PowerShell 7 is used only where somebody asks for it; before 7.5 it has no ConvertFrom-Json -DateKind, which ansible-core calls.
$found = Get-Command pwsh -ErrorAction SilentlyContinue
$ask = '"PowerShell " + $PSVersionTable.PSVersion + ", -DateKind: " + (Get-Command ConvertFrom-Json).Parameters.ContainsKey("DateKind")'
if (-not $found) { "no PowerShell 7 on this host: not answered" }
else { & $found.Source -NoProfile -Command $ask }
