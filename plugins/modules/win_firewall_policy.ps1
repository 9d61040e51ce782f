#!powershell

# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil ..module_utils._FirewallExecutor

$spec = @{
    options = @{
        owner = @{
            type = 'str'
            required = $true
        }
        expected = @{
            type = 'str'
        }
        operations = @{
            type = 'list'
            elements = 'dict'
            options = @{
                kind = @{
                    type = 'str'
                    required = $true
                    choices = 'add', 'edit', 'remove', 'default_action', 'logging', 'memory'
                }
                id = @{
                    type = 'str'
                }
                name = @{
                    type = 'str'
                }
                rule = @{
                    type = 'dict'
                }
                set = @{
                    type = 'dict'
                }
                profile = @{
                    type = 'str'
                    choices = 'domain', 'private', 'public'
                }
                direction = @{
                    type = 'str'
                    choices = 'in', 'out'
                }
                action = @{
                    type = 'str'
                    choices = 'block', 'allow'
                }
                allowed = @{
                    type = 'bool'
                }
                dropped = @{
                    type = 'bool'
                }
                path = @{
                    type = 'str'
                }
                size = @{
                    type = 'int'
                }
                value = @{
                    type = 'str'
                }
                of = @{
                    type = 'str'
                    choices = 'settings', 'generation', 'note'
                }
            }
        }
        ports = @{
            type = 'list'
            elements = 'int'
        }
        settle = @{
            type = 'bool'
            default = $false
        }
        rollback = @{
            type = 'dict'
            options = @{
                seconds = @{
                    type = 'int'
                    required = $true
                }
                nonce = @{
                    type = 'str'
                    required = $true
                }
                code = @{
                    type = 'str'
                    required = $true
                }
            }
        }
    }
    # Keeps a large list of operations out of the event log, which refuses it with a warning at every run.
    no_log = $true
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

[ansible_collections.portcullis.msports.plugins.module_utils._FirewallExecutor.Executor]::Run($module)
