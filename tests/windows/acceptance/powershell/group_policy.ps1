# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Does COM list rules of group policy, too? Names stand in both stores, so they are counted: more of a name than the local store has come from elsewhere.
$local = @{}; Get-NetFirewallRule -PolicyStore PersistentStore | ForEach-Object { $local[$_.DisplayName]++ }
$listed = @{}; (New-Object -ComObject HNetCfg.FwPolicy2).Rules | ForEach-Object { $listed[$_.Name]++ }
$given = @(Get-NetFirewallRule -PolicyStore RSOP -ErrorAction SilentlyContinue | ForEach-Object { $_.DisplayName } | Sort-Object -Unique)
$more = @($given | Where-Object { $listed[$_] -gt $local[$_] })
if ($given.Count -eq 0) { "no rule comes from group policy on this host: not answered" }
else { "of " + $given.Count + " names of rules of group policy COM lists " + $more.Count + " more often than the local store has them" }
