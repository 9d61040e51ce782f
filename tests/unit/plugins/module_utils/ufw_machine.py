# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up host with ufw's files and a made-up kernel. ``conftest.py`` gives it to the tests beside it."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host, kernel, programs, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError

DEFAULTS = '# of ufw\nIPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\n# outbound\nDEFAULT_OUTPUT_POLICY=ACCEPT # as ever\nDEFAULT_FORWARD_POLICY="DROP"\n'
CONF = "# conf\nENABLED=yes\nLOGLEVEL=low\n"
USER = "*filter\n:ufw-user-input - [0:0]\n### RULES ###\n### END RULES ###\nCOMMIT\n"
BEFORE = """*filter
:ufw-before-input - [0:0]
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
COMMIT
"""


TUPLE = "### tuple ### {} {} 0.0.0.0/0 any {} {}\n"


class FakeKernel(programs.Programs):
    """Keeps the table filter of both families as ``iptables-save`` would print it."""

    def __init__(self) -> None:
        super().__init__(folders=())
        self.tables: dict[int, xtables.Filter] = {}
        self.refuses: t.Optional[str] = None
        self.service = True
        for version in (4, 6):
            self.build(version)

    def build(self, version: int) -> None:
        text = ":INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        lines = [f"-A FORWARD -j {kernel.chain(version, kind, 'forward')}" for kind in kernel.PRIMARY]
        for direction, builtin in kernel.BUILTIN.items():
            for kind in kernel.PRIMARY + kernel.SECONDARY:
                text += f":{kernel.chain(version, kind, direction)} - [0:0]\n"
            lines += [f"-A {builtin} -j {kernel.chain(version, kind, direction)}" for kind in kernel.PRIMARY]
            lines.append(f"-A {kernel.chain(version, 'skip-to-policy', direction)} -j {'DROP' if direction == 'in' else 'ACCEPT'}")
            lines.append(f"-A {kernel.chain(version, 'before', direction)} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
            lines.append(f"-A {kernel.chain(version, 'before', direction)} -j {kernel.chain(version, 'user', direction)}")
        for protocol in ("tcp", "udp"):
            lines.append(f"-A {kernel.chain(version, 'track', 'out')} -p {protocol} -m conntrack --ctstate NEW -j ACCEPT")
        self.tables[version] = xtables.parse_save(text + "\n".join(lines))

    def find(self, name: str) -> t.Optional[str]:
        return None if name == "nft" else f"/usr/sbin/{name}"

    def save(self, version: int) -> str:
        self.count += 1
        table = self.tables[version]
        heads = [f":{name} {table.policies.get(name, '-')} [0:0]" for name in table.chains]
        return "\n".join(["*filter", *heads, *(line for lines in table.chains.values() for line in lines), "COMMIT", ""])

    def check(self, version: int, text: str) -> None:
        self.count += 1
        if self.refuses == f"check {version}":
            raise UfwError("iptables-restore refuses the rules, nothing was changed: made up")

    def load(self, version: int, text: str) -> None:
        self.count += 1
        if self.refuses == f"load {version}":
            raise UfwError("iptables-restore could not load the rules: made up")
        table = self.tables[version]
        for line in text.splitlines():
            words = line.split()
            if line.startswith(":"):
                table.chains[words[0][1:]] = [] if words[1] == "-" else table.chains[words[0][1:]]  # a builtin chain keeps its lines
                if words[1] != "-":
                    table.policies[words[0][1:]] = words[1]
            elif words[0] in ("-A", "-I"):
                table.chains[words[1]].insert(0 if words[0] == "-I" else len(table.chains[words[1]]), "-A" + line[2:])
            elif words[0] == "-F":
                table.chains[words[1]].clear()
            elif words[0] == "-X":
                assert not table.chains.pop(words[1])
            elif words[0] == "-D":
                same = [value for value in table.chains[words[1]] if xtables.canonical(value) == xtables.canonical("-A" + line[2:])]
                table.chains[words[1]].remove(same[0])

    def start_ufw(self) -> None:
        self.count += 1
        if self.refuses == "start":
            raise UfwError("ufw-init force-reload failed: made up")
        for version in (4, 6):
            self.build(version)

    def service_is_active(self) -> bool:
        return self.service


class Machine:
    """A root folder with ufw in it."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.kernel = FakeKernel()
        self.environment: dict[str, str] = {}
        (root / "proc/sys/net/ipv6").mkdir(parents=True)
        (root / "proc/net").mkdir()
        (root / "proc/net/tcp").write_text("no socket\n")
        (root / "run").mkdir()
        for name, text in (("default/ufw", DEFAULTS), ("ufw/ufw.conf", CONF), ("ufw/user.rules", USER), ("ufw/user6.rules", USER.replace("ufw-", "ufw6-"))):
            self.write(name, text)
        self.write("protocols", "igmp\t2\tIGMP\n")
        self.program = root / "usr/sbin/ufw"
        self.program.parent.mkdir(parents=True)
        self.program.touch(0o755)
        self.write("ufw/before.rules", BEFORE)
        self.write("ufw/before6.rules", BEFORE.replace("ufw-", "ufw6-").replace("-p icmp --icmp-type", "-p icmpv6 --icmpv6-type"))

    def write(self, name: str, text: str) -> None:
        (self.root / "etc" / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / "etc" / name).write_text(text)

    def __call__(self, *rules: dict[str, t.Any], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        self.kernel.count = 0
        return reconcile.run({"rules": list(rules), **options}, check, self.host())

    def host(self) -> host.Host:
        return host.Host(self.kernel, str(self.root), self.environment, str(self.root / "proc"), lambda _seconds: None)

    def state(self) -> tuple[dict[str, str], str]:
        found = {str(path.relative_to(self.root)): path.read_text() for path in sorted((self.root / "etc").rglob("*")) if path.is_file()}
        return found, self.kernel.save(4) + self.kernel.save(6)


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    return dict({"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"]}, **fields)


SSH = rule("ssh", local_ports=["22"], remote_addresses=["10.9.0.0/24", "fd09::/64"])
STAY = "purge is false: rules of earlier runs stay, and count beside those of this one: never, ssh"
NEVER = rule("never", action="block", protocol="any", remote_addresses=["10.66.0.0/16"])
