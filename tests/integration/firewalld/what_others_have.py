# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have in firewalld: by the commands of an administrator, and the same by files and calls, which cost a tenth of that."""

from __future__ import annotations

# Like fail2ban, libvirt, podman and an administrator who tries something: nothing of it is saved.
_IPTABLES = """
iptables -N f2b-sshd; iptables -A f2b-sshd -s 198.51.100.9 -j REJECT; iptables -A INPUT -p tcp --dport 22 -j f2b-sshd
iptables -t nat -A POSTROUTING -s 10.88.0.0/16 -j MASQUERADE
ip6tables -A INPUT -s fd66::/16 -j DROP
"""
RUNTIME_BY_COMMANDS = f"""
firewall-cmd --add-port=8443/tcp --timeout=3000
firewall-cmd --add-rich-rule='rule family=ipv4 source address=203.0.113.9 port port=443 protocol=tcp reject'
firewall-cmd --remove-service=dhcpv6-client
firewall-cmd --zone=home --add-source=192.0.2.0/24
firewall-cmd --zone=internal --add-interface=dummy7
firewall-cmd --policy=theirs --add-service=http
firewall-cmd --ipset=banned --add-entry=198.51.100.7
firewall-cmd --ipset=jail --add-entry=198.51.100.20
firewall-cmd --direct --add-rule ipv4 filter INPUT 0 -s 198.51.100.8 -j DROP
{_IPTABLES.strip()}
"""
RUNTIME = f"""
call zone addPort sssi '' 8443 tcp 3000
call zone addRichRule ssi '' 'rule family=ipv4 source address=203.0.113.9 port port=443 protocol=tcp reject' 0
call zone removeService ss '' dhcpv6-client
call zone addSource ss home 192.0.2.0/24
call zone addInterface ss internal dummy7
call policy setPolicySettings 'sa{{sv}}' theirs 1 services as 1 http
call ipset addEntry ss banned 198.51.100.7
call ipset addEntry ss jail 198.51.100.20
call direct addRule sssias ipv4 filter INPUT 0 4 -s 198.51.100.8 -j DROP
{_IPTABLES.strip()}
"""
SAVED_BY_COMMANDS = """
firewall-cmd --permanent --new-policy=theirs --set-target=CONTINUE
firewall-cmd --permanent --policy=theirs --add-ingress-zone=ANY
firewall-cmd --permanent --policy=theirs --add-egress-zone=HOST
firewall-cmd --permanent --new-ipset=banned --type=hash:net
firewall-cmd --permanent --new-ipset=jail --type=hash:ip --option=timeout=900
firewall-cmd --permanent --zone=public --add-rich-rule='rule family=ipv4 source ipset=banned drop'
firewall-cmd --reload
"""
CALLS = """
call() {
    name=org.fedoraproject.FirewallD1 part=$1
    shift
    busctl -q -- call $name /org/fedoraproject/FirewallD1 $name${part:+.$part} "$@"
}
cd /etc/firewalld
"""


def policy(attributes: str = 'target="CONTINUE"', rules: str = "") -> str:
    """A command that saves a policy ``theirs`` for what comes to the host. Commands about it come behind a reload."""
    text = f'<policy {attributes}><ingress-zone name="ANY"/><egress-zone name="HOST"/>{rules}</policy>'
    return f"mkdir -p /etc/firewalld/policies && echo '{text}' > /etc/firewalld/policies/theirs.xml"


def zone(name: str, more: str = "", without: str = "") -> str:
    """A command that saves a zone of the package with more in it, or without a service. Commands about it come behind a reload."""
    edits = f"s|</zone>|{more}&|" + (f"; /service name=.{without}./d" if without else "")
    return f"mkdir -p /etc/firewalld/zones && sed '{edits}' /usr/lib/firewalld/zones/{name}.xml > /etc/firewalld/zones/{name}.xml"


def script(*texts: str) -> str:
    """One command of all lines, which ends with the first that fails."""
    return CALLS + " && ".join(f"{{ {line}; }}" for text in texts for line in text.strip().splitlines()) + " > /dev/null"


SAVED = rf"""
{policy()}
mkdir -p ipsets zones
echo '<ipset type="hash:net"></ipset>' > ipsets/banned.xml
echo '<ipset type="hash:ip"><option name="timeout" value="900"/></ipset>' > ipsets/jail.xml
sed 's|.*<forward/>|  <rule family="ipv4"><source ipset="banned"/><drop/></rule>\n&|' /usr/lib/firewalld/zones/public.xml > zones/public.xml
call '' reload
"""
