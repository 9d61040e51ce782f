# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# How do keywords of addresses read back that only NetSecurity documents? Both rules are disabled, and gone at the end.
$policy = New-Object -ComObject HNetCfg.FwPolicy2
$told = foreach ($word in 'LocalSubnet', 'LocalSubnet4', 'LocalSubnet6', 'DefaultGateway', 'Internet', 'Intranet') {
    $rule = New-Object -ComObject HNetCfg.FWRule
    $rule.Name = 'acceptance keyword ' + [Guid]::NewGuid(); $rule.Grouping = 'portcullis:acc_keywords'
    try { $rule.RemoteAddresses = $word; $policy.Rules.Add($rule); $word + ' reads ' + $policy.Rules.Item($rule.Name).RemoteAddresses }
    catch { $word + ' is refused' }
    finally { try { $policy.Rules.Remove($rule.Name) } catch { } }
}
$told -join '; '
