# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Of two rules of one name, how many does one Remove(name) take?
$policy = New-Object -ComObject HNetCfg.FwPolicy2
$name = 'acceptance remove ' + [Guid]::NewGuid()
try {
    foreach ($port in '48888', '48889') {
        $rule = New-Object -ComObject HNetCfg.FWRule
        $rule.Name = $name; $rule.Grouping = 'portcullis:acc_remove_by_name'
        $rule.Protocol = 6; $rule.LocalPorts = $port; $rule.RemoteAddresses = '192.0.2.0/24'; $rule.Enabled = $true
        $policy.Rules.Add($rule)
    }
    $policy.Rules.Remove($name)
    $left = @($policy.Rules | Where-Object { $_.Name -eq $name } | ForEach-Object { $_.LocalPorts })
    "one Remove of two rules of a name left " + $left.Count + ": " + ($left -join ' ')
} finally {
    try { $policy.Rules.Remove($name); $policy.Rules.Remove($name) } catch { }
}
