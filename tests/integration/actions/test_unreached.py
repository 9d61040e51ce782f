# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where no host is reached, Ansible runs no further task; people still have to see who was not reached, and what that means."""

from __future__ import annotations

import pathlib
import socket
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._reached import Watch
from ansible_collections.portcullis.msports.tests.integration.actions.bench import UNSHARE
from ansible_collections.portcullis.msports.tests.integration.playbook_runs import PYTHON, Place

INVENTORY = """
all:
  vars:
    msports_management: {{from: [10.9.0.0/24], services: [ssh]}}
    msports_networks: {{configmgr.client: [10.20.0.0/16], configmgr.site_server: [10.1.1.10], windows_server.domain_controller: [10.1.1.5]}}
    ansible_port: {port}
    ansible_ssh_common_args: -o ControlMaster=no -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
  children:
    configmgr_management_point: {{hosts: {{mp01: {{ansible_host: 127.0.0.1, msports_addresses: [10.1.1.20]}}}}}}
    configmgr_sql_server: {{hosts: {{sql01: {{ansible_host: 127.0.0.2, msports_addresses: [10.1.1.11]}}}}}}
"""
NOTHING = "2 hosts not reached, so nothing was changed there: mp01, sql01"


@pytest.mark.every_core
def test_playbooks_say_who_was_not_reached(tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    place.write("inventory.yml", INVENTORY.format(port=port))  # nobody listens there any more
    for name, more, said in (
        ("apply", (), NOTHING),
        ("apply", ("-e", "host_firewall_state=absent"), NOTHING),
        ("apply", ("-e", "ansible_pipelining=true"), NOTHING),
        ("drift", (), NOTHING),
        ("observe", (), "none of 2 hosts was reached, so nothing was seen there: mp01, sql01"),
        ("preflight", (), "none of 2 hosts could be looked at"),
        ("verify", (), "nothing was tried, so nothing is known"),
    ):
        run = place.play("-i", "inventory.yml", f"portcullis.msports.{name}", *more)
        assert run.code != 0
        times = run.output.count(said)
        assert times == 1 or (times and name in ("preflight", "verify")), f"{name}: {run.output}"  # Ansible repeats what an assertion says
        assert name != "apply" or more or "WILL CLOSE" in run.output, "the plan is told, too"
        if name == "verify":
            assert "mp01 could not try it (Task failed: Failed to connect to the host via ssh" in run.output and "though" not in run.output, run.output


# sql01 is this host, too; it drops what no rule admits.
ONE_NETWORK = """ip link set lo up && ip address add 10.1.1.11/32 dev lo && nft -f - <<'END' && exec "$@"
add table inet test
add chain inet test input { type filter hook input priority 0; }
add rule inet test input ip daddr 10.1.1.11 tcp dport { 1, 9, 22 } drop
END
"""


def test_verify_fails_where_a_host_of_the_plan_gave_no_answer_until_that_is_accepted(tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path)
    text = INVENTORY.format(port=9).replace("ansible_host: 127.0.0.1", f"ansible_connection: local, ansible_python_interpreter: {PYTHON}")
    within = [*UNSHARE, "sh", "-c", ONE_NETWORK, "sh"]
    lost = text.replace("ansible_host: 127.0.0.2", "ansible_connection: nobody.has.this")
    both = place.write("both.yml", "- import_playbook: portcullis.msports.plan\n- import_playbook: portcullis.msports.verify\n")
    for inventory, more, code in ((text, (), 2), (text, ("-e", "verify_accept_unreached=true"), 0), (lost, ("-e", "verify_accept_unreached=true"), 0)):
        place.write("inventory.yml", inventory)
        playbook = "portcullis.msports.verify" if more else both  # the first one plans, too
        run = place.play("-i", "inventory.yml", playbook, *more, within=within)
        assert run.code == code and "probes tried, all as planned" in run.output, run.output
        assert "hosts of the plan that gave no answer (1): sql01" in run.output, run.output
        assert ("Where that is all right, say -e verify_accept_unreached=true" in run.output) is (code == 2), run.output


class Connection:
    def __init__(self, answers: t.Sequence[bool], retries: int = 0) -> None:
        self.answers, self.retries = list(answers), retries

    def exec_command(self, _command: str, in_data: t.Optional[bytes] = None, sudoable: bool = True) -> int:
        if not self.answers.pop(0):
            raise OSError
        return 0

    def get_option(self, _name: str) -> int:
        return self.retries


@pytest.mark.parametrize(
    ("answers", "piped", "windows", "error", "retries", "untouched"),
    [
        ([False], False, False, "Broken pipe", 0, True),  # no module was sent yet
        ([False], True, False, "Broken pipe", 0, False),
        ([False], True, False, "ssh: connect to host 10.1.1.1 port 22: Connection refused", 0, True),
        ([False], True, False, "ssh: connect to host 10.1.1.1 port 22: Connection refused", 3, False),  # the first try may have come through
        ([False], True, True, "timed out", 0, True),  # the first call reads
        ([True, False], False, False, "ssh: connect to host 10.1.1.1 port 22: Connection timed out", 0, False),  # our own rules may be why
        ([True, False], True, True, "timed out", 0, False),
    ],
)
def test_that_nothing_was_changed_is_said_only_where_nothing_can_have_been(
    answers: t.Sequence[bool], piped: bool, windows: bool, error: str, retries: int, untouched: bool
) -> None:
    connection = Connection(answers, retries)
    watch = Watch(connection, windows)
    for answer in answers:
        try:
            assert connection.exec_command("true", in_data=b"module" if piped else None, sudoable=True) == 0
        except OSError:
            assert not answer
    assert watch.untouched(error) is untouched
