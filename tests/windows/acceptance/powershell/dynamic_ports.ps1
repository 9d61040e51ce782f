# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Which ports does this host take for RPC? The plan takes msports_dynamic_ports; static ports of services come besides.
$range = (netsh.exe int ipv4 show dynamicport tcp) -match '\d' -replace '\s+', ' ' -join ';'
$rpc = (Get-ItemProperty HKLM:\SOFTWARE\Microsoft\Rpc\Internet -ErrorAction SilentlyContinue).Ports -join ','
$ntds = (Get-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Services\NTDS\Parameters -ErrorAction SilentlyContinue).'TCP/IP Port'
$netlogon = (Get-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Services\Netlogon\Parameters -ErrorAction SilentlyContinue).DCTcpipPort
"dynamic: $range; RPC limited to: $rpc; NTDS: $ntds; Netlogon: $netlogon"
