# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Are rules of group policy among those that COM lists?
$given = @(Get-NetFirewallRule -PolicyStore RSOP -ErrorAction SilentlyContinue | Where-Object { $_.Enabled -eq 'True' })
$policy = New-Object -ComObject HNetCfg.FwPolicy2
$names = @($policy.Rules | ForEach-Object { $_.Name })
$seen = @($given | Where-Object { $names -contains $_.DisplayName })
if ($given.Count -eq 0) { "no rule comes from group policy on this host: not answered" }
else { "" + $seen.Count + " of " + $given.Count + " rules of group policy are listed by COM, by their names" }
