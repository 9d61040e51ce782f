# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A booted container with firewalld, and the module's code run in it."""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "persistence"))

import booted

# All that the daemon has loaded, by one process; a firewall-cmd takes a third of a second for each question.
REMEMBERING = pathlib.Path(__file__).with_name("remembering_state.py")
STATE = pathlib.Path(__file__).resolve().parents[3] / "extensions" / "molecule" / "shared" / "files" / "firewalld_state.py"
RELOAD = "busctl -q call org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1 reload"
# Files of services and of types of ICMP that are not of the package; without one the folders look as those of the package (remembering_state.py).
FOLDERS = "/etc/firewalld/services /etc/firewalld/icmptypes"
UNTOUCHED = f"touch -r /usr/lib/firewalld/services {FOLDERS}"
# By the attendant, which has imported dbus: to start Python and to import takes longer than to ask.
LOADED = "import sys; sys.path.insert(0, '/opt/test'); import state; print(state.tell(), end='')"
NOTE = "python3 /opt/test/state.py note"
MODULE = "ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld"

RUN = f"""
import json, sys
from {MODULE}.reconcile import FirewalldError, Host, Refused, inspect, run
from {MODULE} import daemon as daemons
answers = []
reloads = []
reload = daemons.Daemon.reload
daemons.Daemon.reload = lambda self: (reloads.append(1), reload(self))[1]
for job in GIVEN if len(sys.argv) < 2 else json.load(open(sys.argv[1])):
    host, options, reloads[:] = Host(), job["options"], []
    try:
        done = inspect(host=host, **options) if job["inspect"] else run(options, job["check"], host)
    except Refused as error:
        done = {{"refused": str(error), "problems": error.problems}}
    except FirewalldError as error:
        done = {{"failed": str(error)}}
    answers.append(dict(done, nft=host.nft.count if host.nft else None, reloads=len(reloads)))
print("ANSWERS " + json.dumps(answers))
"""


class Firewalld:
    """Runs the module's code inside a booted container. Several runs share one process of Python, as they would not on a host."""

    def __init__(self, container: booted.Container) -> None:
        self.container = container

    def sh(self, command: str, check: bool = True) -> str:
        return self.container.run(command, check=check)

    def put(self, path: str, text: str) -> None:
        self.container.python(f"open({path!r}, 'w').write({text!r})")

    def python(self, code: str) -> str:
        return self.container.python(code)

    def drill(self, code: str) -> t.Any:
        """Run code with what ``drills.py`` has, and return what it leaves in ``answer``."""
        return self.container.drill("firewalld", code)

    def jobs(self, *jobs: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        complete = [{"check": False, "inspect": False, "options": {}, **job} for job in jobs]
        output = self.container.python(f"import json\nGIVEN = json.loads({json.dumps(complete)!r})\n{RUN}")
        assert "ANSWERS " in output, output
        return json.loads(output.partition("ANSWERS ")[2])

    @staticmethod
    def command(jobs: str) -> str:
        return f"PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/collections python3 /opt/test/run.py /opt/test/{jobs}"

    def __call__(self, *rules: dict[str, t.Any], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return self.jobs({"check": check, "options": {"rules": list(rules), **options}})[0]

    def thrice(self, *rules: dict[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
        """Predict, apply and apply again: the first must tell what the second does, and the third must do nothing."""
        job = {"options": {"rules": list(rules), **options}}
        predicted, done, again = self.jobs({**job, "check": True}, job, job)
        for key in ("changed", "diff", "added", "changed_rules", "removed", "kept", "structure"):
            assert predicted[key] == done[key], key
        assert not again["changed"], again["diff"]
        assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
        assert (again["reloads"], again["nft"]) == (0, 1), "an unchanged run starts one process and reloads nothing"
        return done

    def info(self, owner: str = "msports") -> dict[str, t.Any]:
        return self.jobs({"inspect": True, "options": {"owner": owner}})[0]

    def state(self) -> dict[str, str]:
        """The whole of what absent must leave as it was: the kernel, the daemon, the files and the units."""
        parts = {
            "kernel": "nft list ruleset",
            "files": "find /etc/firewalld -type f -exec sha256sum {} + | sort; find /etc/firewalld | sort",
            "units": "find /etc/systemd | sort | sha256sum",
        }
        output = self.sh("; echo =====; ".join(parts.values()), check=False)
        return {**dict(zip(parts, output.split("=====\n"))), "daemon": self.python(LOADED)}

    def clean(self) -> None:
        """The configuration that the package brought, whatever a test has left."""
        self.sh(
            "find /etc/firewalld -mindepth 2 -type f -delete; cp /opt/test/firewalld.conf /etc/firewalld/firewalld.conf; rm -f /etc/firewalld/direct.xml; "
            f"{UNTOUCHED}; "
            # A daemon that runs misses its table; one that starts owns the table from firewalld 2.1 on, and so cannot take one that is there.
            "nft flush ruleset; systemctl reset-failed firewalld; "
            "if systemctl -q is-active firewalld; then nft add table inet firewalld; else systemctl start firewalld; fi; "
            "test -L /etc/systemd/system/multi-user.target.wants/firewalld.service || systemctl enable -q firewalld; "
            f"{RELOAD} || touch {FOLDERS}",
            check=False,
        )

    def disown(self) -> None:
        """Let others change the table of the daemon, as they cannot where it owns it: the default from firewalld 2.1 on."""
        conf = "/etc/firewalld/firewalld.conf"
        self.sh(f"! grep -q ^NftablesTableOwner= {conf} || {{ sed -i 's/^NftablesTableOwner=.*/NftablesTableOwner=no/' {conf}; systemctl restart firewalld; }}")


def put_tools(container: booted.Container) -> None:
    """Put the programs of the tests into a container."""
    for name, code in (("run.py", RUN), ("state.py", REMEMBERING.read_text(encoding="utf-8")), (STATE.name, STATE.read_text(encoding="utf-8"))):
        container.python(f"open('/opt/test/{name}', 'w').write({code!r})")


def started() -> booted.Container:
    """A container with firewalld and the programs of the tests."""
    made = booted.Container("dbus")
    made.run("systemctl disable --now ssh; systemctl enable --now firewalld; mkdir -p /opt/test && cp /etc/firewalld/firewalld.conf /opt/test/")
    put_tools(made)
    made.run(f"{UNTOUCHED}; {NOTE}")
    return made
