#!powershell

# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil ..module_utils._FirewallProbe

# Without Ansible.Basic: compiling that takes longer than all that is done here.
$result = [ansible_collections.portcullis.msports.plugins.module_utils._FirewallProbe.Prober]::Try($complex_args)
ConvertTo-Json -InputObject $result -Compress -Depth 9
