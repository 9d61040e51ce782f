# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What is in force in each profile, after group policy? As JSON, for a comparison with what the modules say.
$found = Get-NetFirewallProfile -PolicyStore ActiveStore | ForEach-Object {
    @{ name = "$($_.Name)"; enabled = "$($_.Enabled)"; inbound = "$($_.DefaultInboundAction)"; outbound = "$($_.DefaultOutboundAction)";
        rules = "$($_.AllowInboundRules)"; unicast = "$($_.AllowUnicastResponseToMulticast)"; merge = "$($_.AllowLocalFirewallRules)" }
}
ConvertTo-Json @($found) -Compress
