# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Which rules come from group policy? As JSON, for a comparison with those that the modules read from the registry.
ConvertTo-Json @(Get-NetFirewallRule -PolicyStore RSOP -ErrorAction SilentlyContinue | ForEach-Object { "$($_.Name)" }) -Compress
