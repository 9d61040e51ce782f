# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule files as ufw writes them, and a tuple that allows."""

from __future__ import annotations

from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import Rule

FRESH = """*filter
:ufw-user-input - [0:0]
:ufw-user-output - [0:0]
:ufw-user-limit - [0:0]
:ufw-user-limit-accept - [0:0]
### RULES ###
-A ufw-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "
-A ufw-user-limit -j REJECT
-A ufw-user-limit-accept -j ACCEPT
COMMIT
"""
# As ufw 0.36.2 has written it.
USED = """*filter
:ufw-user-input - [0:0]
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=6f6c64
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### limit tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 2222 -m conntrack --ctstate NEW -m recent --set
-A ufw-user-input -p tcp --dport 2222 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j ufw-user-limit
-A ufw-user-input -p tcp --dport 2222 -j ufw-user-limit-accept

### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_eth1 comment=6d73706f7274733a2078
-A ufw-user-forward -i eth0 -o eth1 -j ACCEPT

### tuple ### allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in
-A ufw-user-input -p tcp -m multiport --dports 80,443 -j ACCEPT -m comment --comment 'dapp_Nginx%20Full'

### tuple ### deny any any 0.0.0.0/0 any 192.0.2.1 in
-A ufw-user-input -s 192.0.2.1 -j DROP

### END RULES ###

### LOGGING ###
-I ufw-user-logging-input -j RETURN
### END LOGGING ###
COMMIT
"""


def allow(port: str = "443", source: str = "0.0.0.0/0", **fields: str) -> Rule:
    return Rule("allow", "tcp", port, "0.0.0.0/0", "any", source, "in")._replace(**fields)
