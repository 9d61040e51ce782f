# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What the firewalld backend takes on a host, beside one process a rule: ``python -m tests.benchmarks.firewalld_core [--quick] [--turns N]``.

Everything is measured inside one booted container with Debian's firewalld, without Ansible: a loop of tasks pays some 0.17 s a rule more for
Ansible itself, one task pays them once. The loop does what ansible.posix.firewalld does for one rich rule with ``immediate`` and ``permanent``:
import firewalld's library, connect, ask and change the permanent zone, ask and change the running one, each rule in a Python of its own.
``plain files`` writes one zone file and reloads, without asking anything before or after: the least that a change of any number of rules can take.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time
import typing as t

from tests.benchmarks.tables import Series, table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration" / "persistence"))

import booted  # noqa: E402  (the module lies in the folder of the tests that boot containers)

CLEAN = "rm -f /etc/firewalld/zones/* /etc/firewalld/policies/* /etc/firewalld/ipsets/*; firewall-cmd --reload > /dev/null; sleep 0.2"
OURS = """
import json, sys
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import run
print(json.dumps({"changed": run(json.load(open("/opt/bench.json")))["changed"]}))
"""
LOOP = """
import sys
from firewall.client import FirewallClient, Rich_Rule
number = int(sys.argv[1])
text = 'rule family="ipv4" source address="10.%d.%d.0/24" port port="%d" protocol="tcp" accept' % (number // 250, number % 250, 10000 + number)
client = FirewallClient()
text = str(Rich_Rule(rule_str=text))
zone = client.config().getZoneByName("public")
settings = zone.getSettings()
if not settings.queryRichRule(text):
    settings.addRichRule(text)
    zone.update(settings)
if not client.queryRichRule("public", text):
    client.addRichRule("public", text, 0)
"""
PLAIN = """
import subprocess, sys
rules = "".join('<rule family="ipv4"><source address="10.%d.%d.0/24"/><port port="%d" protocol="tcp"/><accept/></rule>' % (i // 250, i % 250, 10000 + i)
                for i in range(int(sys.argv[1])))
open("/etc/firewalld/zones/public.xml", "w").write('<zone><service name="ssh"/>' + rules + "</zone>")
subprocess.run(["firewall-cmd", "--reload"], check=True, stdout=subprocess.DEVNULL)
"""


def rules(count: int) -> list[dict[str, t.Any]]:
    return [
        {"name": f"rule {i}", "direction": "in", "protocol": "tcp", "local_ports": [str(10000 + i)], "remote_addresses": [f"10.{i // 250}.{i % 250}.0/24"]}
        for i in range(count)
    ]


class Bench:
    def __init__(self) -> None:
        self.container = booted.Container()
        self.container.run("systemctl enable --now firewalld")
        for name, code in (("ours", OURS), ("loop", LOOP), ("plain", PLAIN)):
            self.put(f"/opt/{name}.py", code)

    def put(self, path: str, text: str) -> None:
        self.container.python(f"open({path!r}, 'w').write({text!r})")

    def seconds(self, command: str) -> float:
        """Time a command inside, by the container's own clock: entering the container is not the host's work."""
        shown = self.container.run(f"s=$(date +%s%N); {command} > /opt/out 2>&1; code=$?; e=$(date +%s%N); cat /opt/out; echo TIME $((e-s)) $code")
        nanoseconds, code = shown.rsplit("TIME ", 1)[1].split()
        if code != "0":
            raise SystemExit(f"{command}: {shown}")
        return int(nanoseconds) / 1e9

    def turn(self, series: Series, count: int, loop: bool) -> None:
        self.container.run(CLEAN)
        self.put("/opt/bench.json", json.dumps({"rules": rules(count)}))
        python = "env PYTHONPATH=/collections PYTHONPYCACHEPREFIX=/opt/cache python3"
        ours = f"{python} /opt/ours.py"
        self.seconds(f"{python} -c 'import ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile'")
        series.add(("ours", count), first=self.seconds(ours), again=self.seconds(ours))
        self.container.run(CLEAN)
        plain = f"python3 /opt/plain.py {count}"
        series.add(("plain files", count), first=self.seconds(plain), again=self.seconds(plain))
        if loop:
            self.container.run(CLEAN)
            each = f"sh -c 'for i in $(seq 0 {count - 1}); do python3 /opt/loop.py $i || exit 1; done'"
            series.add(("loop", count), first=self.seconds(each), again=self.seconds(each))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.firewalld_core", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no loop of 400 rules, one turn")
    parser.add_argument("--turns", type=int, default=3, help="how often everything is measured")
    options = parser.parse_args()
    bench, series = Bench(), Series()
    try:
        print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, firewalld {bench.container.run('firewall-cmd --version').strip()}")
        for _turn in range(1 if options.quick else options.turns):
            for count in (20, 100, 400):
                bench.turn(series, count, loop=count <= 100 or not options.quick)
                time.sleep(0.1)
    finally:
        bench.container.close()
    rows = []
    for what, count in series.values:
        ratios: list[t.Any] = ["", ""]
        if ("loop", count) in series and what == "ours":
            ratios = [series.ratio(("loop", count), ("ours", count), when) for when in ("first", "again")]
        rows.append([what, count, series.median((what, count), "first"), series.median((what, count), "again"), *ratios])
    print(table(["what", "rules", "first run, s", "unchanged run, s", "loop / ours, first", "loop / ours, unchanged"], rows))
    spread = statistics.median(row[2] for row in rows if row[0] == "ours" and row[1] == 400) / statistics.median(
        row[2] for row in rows if row[0] == "ours" and row[1] == 20
    )
    print(f"\n400 rules take {spread:.2f} times what 20 take in the first run.")


if __name__ == "__main__":
    main()
