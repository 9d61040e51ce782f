# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# How long does an export of the whole policy take? It is not imported: that would replace the rules of others.
$file = Join-Path $env:TEMP ([Guid]::NewGuid().ToString() + '.wfw')
try {
    $watch = [Diagnostics.Stopwatch]::StartNew()
    $null = & netsh.exe advfirewall export $file
    "export: exit code " + $LASTEXITCODE + ", " + $watch.ElapsedMilliseconds + " ms, " + (Get-Item $file -ErrorAction SilentlyContinue).Length + " bytes"
} finally { Remove-Item $file -ErrorAction SilentlyContinue }
