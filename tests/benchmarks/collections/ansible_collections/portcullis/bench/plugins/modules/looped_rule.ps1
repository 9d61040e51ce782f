# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil ..module_utils._LoopedRule

$spec = @{
    options = @{
        name = @{ type = 'str'; required = $true }
        description = @{ type = 'str'; required = $true }
        group = @{ type = 'str'; required = $true }
        localport = @{ type = 'str'; required = $true }
        remoteip = @{ type = 'str'; required = $true }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

[ansible_collections.portcullis.bench.plugins.module_utils._LoopedRule.LoopedRule]::Run($module)
