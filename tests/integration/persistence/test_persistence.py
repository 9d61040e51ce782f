# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules are there after a reboot and after whatever ``nftables.service`` does; absent leaves nothing behind."""

from __future__ import annotations

import json
import re
import typing as t

import booted
import pytest
from required import or_fail

pytestmark = pytest.mark.container

TELEPORT = """import socket, subprocess, time
server = socket.create_server(("", 3022))
subprocess.run(["systemd-notify", "--ready"])
time.sleep(3600)
"""

RULES = [
    {"name": "in tcp/443", "direction": "in", "protocol": "tcp", "local_ports": ["443"], "remote_addresses": ["@users"]},
    {"name": "tftp", "direction": "in", "protocol": "udp", "local_ports": ["69"], "remote_addresses": ["any"], "helper": "tftp"},
]
OPTIONS = {"allow_lockout": True, "rules": RULES, "address_sets": {"users": [f"10.{i}.0.0/24" for i in range(0, 40, 2)]}, "default_outbound": "block"}
TRACES = "find / -xdev \\( -path /proc -o -path /sys -o -path /collections -o -path /run/log -o -path /var/log \\) -prune -o -iname '*portcullis*' -print"


@pytest.fixture(scope="module")
def container() -> t.Iterator[booted.Container]:
    made = or_fail(booted.Container, "persistence")
    yield made
    made.close()


def apply(container: booted.Container, **options: t.Any) -> dict[str, t.Any]:
    output = container.python(
        "import json\n"
        "from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Host, run\n"
        f"options = json.loads({json.dumps(options)!r})\n"
        "print(json.dumps(run(options, host=Host())))\n"
    )
    return json.loads(output)


def table(container: booted.Container) -> str:
    return container.run("nft list table inet msports", check=False)


def nftables(container: booted.Container) -> str:
    return container.run("systemctl is-enabled nftables; systemctl is-active nftables", check=False)


@pytest.fixture
def applied(container: booted.Container) -> str:
    """The rules in force, as nft lists them; whatever the test before has left."""
    container.run("systemctl reset-failed")  # systemd starts a unit five times in ten seconds, and counts over all tests
    done = apply(container, **OPTIONS)
    assert done["warnings"] == []
    assert done["effective"]["in_force"]
    return table(container)


def test_a_first_run_installs_and_a_second_changes_nothing(container: booted.Container) -> None:
    apply(container, state="absent")
    first = apply(container, **OPTIONS)
    assert first["changed"]
    assert "saved" in first["structure"]
    assert container.run("systemctl is-enabled portcullis-msports-msports").strip() == "enabled"
    assert container.run("systemd-analyze verify portcullis-msports-msports.service").strip() == ""
    assert not apply(container, **OPTIONS)["changed"]


def test_reboot_without_the_systems_own_service(container: booted.Container, applied: str) -> None:
    container.run("systemctl disable --now nftables")
    container.reboot()
    assert nftables(container) == "disabled\ninactive\n"
    assert table(container) == applied
    assert container.run("systemctl is-active portcullis-msports-msports").strip() == "active"
    assert not apply(container, **OPTIONS)["changed"]


def test_the_systems_own_service_started_for_the_first_time(container: booted.Container, applied: str) -> None:
    """Our unit is active, so a start job would not run it again; the flush of the first start must not win."""
    container.run("systemctl disable --now nftables")
    container.reboot()
    container.run("systemctl enable --now nftables")
    assert nftables(container) == "enabled\nactive\n"
    assert "table inet filter" in container.run("nft list ruleset"), "its own configuration was loaded, which flushes the ruleset"
    assert table(container) == applied


@pytest.mark.every_release
def test_reboot_with_the_systems_own_service(container: booted.Container, applied: str) -> None:
    container.run("systemctl enable --now nftables")
    container.reboot()
    assert nftables(container) == "enabled\nactive\n"
    assert "table inet filter" in container.run("nft list ruleset")
    assert table(container) == applied
    assert container.run("systemctl --failed --no-legend").strip() == ""


@pytest.mark.parametrize("deed", ["restart nftables", "reload nftables", "try-reload-or-restart nftables", "stop nftables && systemctl start nftables"])
def test_the_systems_own_service_flushes_and_ours_is_back(container: booted.Container, applied: str, deed: str) -> None:
    container.run("systemctl enable --now nftables")
    # A rule that no file holds shows that the ruleset was really flushed.
    container.run("nft add table inet flushed")
    container.run(f"systemctl {deed}")
    listed = container.run("nft list ruleset")
    assert "table inet flushed" not in listed
    assert "table inet filter" in listed
    assert table(container) == applied
    assert not apply(container, **OPTIONS)["changed"]


def test_our_unit_reloads_by_itself(container: booted.Container, applied: str) -> None:
    container.run("nft delete table inet msports")
    container.run("systemctl restart portcullis-msports-msports")
    assert table(container) == applied
    container.run("nft flush table inet msports")
    container.run("systemctl reload portcullis-msports-msports")
    assert table(container) == applied


@pytest.mark.parametrize("drift", ["disabled", "masked", "unit edited", "drop-in deleted"])
def test_drift_of_what_loads_the_rules_is_repaired(container: booted.Container, applied: str, drift: str) -> None:
    units = "/etc/systemd/system"
    deeds = {
        "disabled": "systemctl disable portcullis-msports-msports",
        "masked": f"rm {units}/portcullis-msports-msports.service && systemctl mask portcullis-msports-msports",
        "unit edited": f"sed -i 's/^ExecStart=.*/ExecStart=true/' {units}/portcullis-msports-msports.service",
        "drop-in deleted": f"rm -r {units}/nftables.service.d",
    }
    container.run(deeds[drift])
    done = apply(container, **OPTIONS)
    assert (done["changed"], done["structure"]) == (True, ["saved"])
    assert not apply(container, **OPTIONS)["changed"]
    container.run("systemctl restart nftables")
    assert table(container) == applied
    assert container.run("systemctl is-enabled portcullis-msports-msports").strip() == "enabled"


@pytest.mark.every_release
def test_rules_that_the_next_kernel_refuses_fall_back_and_say_so(container: booted.Container, applied: str) -> None:
    """What a kernel no longer knows stands for all that it may refuse: in a rule it is a helper that is gone, else the whole file."""
    container.run("systemctl disable --now nftables")
    saved, helper = "/etc/portcullis/msports/msports.nft", 's/type "tftp" protocol udp/type "gone" protocol udp/'
    container.run(f"sed -i '{helper}' {saved}")
    container.reboot()
    assert container.run("systemctl is-failed portcullis-msports-msports").strip() == "failed"
    assert "loaded was: the rules without helpers of connection tracking" in container.run("journalctl -b -u portcullis-msports-msports -o cat")
    assert table(container) == "\n".join(line.replace(' ct helper set "tftp"', "") for line in applied_without(applied, "ct helper tftp").split("\n"))
    done = apply(container, **OPTIONS)
    assert [text for text in done["warnings"] if "at the last boot the saved rules /etc/portcullis/msports/msports.nft could not be loaded" in text]
    assert (done["changed"], table(container)) == (True, applied)
    container.run(f"sed -i 's/accept/acept/' {saved}")
    container.reboot()
    least = table(container)
    assert [piece in least for piece in ('tcp dport 22 counter packets 0 bytes 0 accept comment "management"', "established", "tcp/443", "policy drop")] == [
        True,
        True,
        False,
        True,
    ]
    assert "management and the base rules alone" in container.run("cat /run/portcullis-msports.msports.fallback")
    assert apply(container, **OPTIONS)["effective"]["in_force"]
    container.run("systemctl reset-failed; systemctl restart portcullis-msports-msports")
    assert (table(container), apply(container, **OPTIONS)["warnings"]) == (applied, [])


MANAGED: list[tuple[dict[str, t.Any], list[str]]] = [
    ({"connection_port": 3022}, ["2022", "2222", "3022"]),  # a server of another name, by which the controller came
    ({"management": {"addresses": ["10.9.0.0/24"], "ports": ["22"]}}, ["22"]),  # what is said is what counts
    ({}, ["2022", "2222"]),
]


SOCKET = "/etc/systemd/system/ssh.socket.d/port.conf"


def test_the_least_admits_whoever_manages_the_host(container: booted.Container, applied: str) -> None:
    """Where nobody says who manages the host, and the kernel refuses the rules: the ports are those at which sshd really listens."""
    container.run("printf 'Port 2022\\nPort 2222\\n' > /etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh")
    container.run(f"cat > /tmp/teleport.py <<'CODE'\n{TELEPORT}\nCODE")
    container.run("systemd-run -q --unit teleport --service-type=notify -p NotifyAccess=all python3 /tmp/teleport.py")
    try:
        for more, ports in MANAGED:
            apply(container, **OPTIONS, **more)
            assert not apply(container, **OPTIONS, **more)["changed"]
            line = management(container.run("cat /etc/portcullis/msports/msports.least.nft"))
            assert re.findall(r"\d+", line.partition("dport")[2]) == ports
            assert ("ip saddr 10.9.0.0/24" in line) == ("management" in more)
        container.run("mkdir -p /etc/systemd/system/ssh.socket.d; printf '[Socket]\\nListenStream=\\nListenStream=2022\\nListenStream=2222\\n' > " + SOCKET)
        container.run("systemctl stop ssh; systemctl daemon-reload; systemctl start ssh.socket")
        assert not apply(container, **OPTIONS)["changed"], "systemd listens in place of sshd, and nobody is logged in"
        container.run(f"systemctl stop ssh.socket; rm {SOCKET}; systemctl daemon-reload; systemctl start ssh")
        container.run("sed -i 's/accept/acept/' /etc/portcullis/msports/msports.nft")
        container.reboot()
        assert "dport { 2022, 2222 } counter packets 0 bytes 0 accept" in management(table(container))
    finally:
        container.run(f"systemctl stop ssh.socket teleport; rm -f {SOCKET} /etc/ssh/sshd_config.d/ports.conf", check=False)
        container.run("systemctl daemon-reload; systemctl restart ssh")
        apply(container, **OPTIONS)


def management(listing: str) -> str:
    return next(line for line in listing.splitlines() if 'comment "management"' in line)


def applied_without(text: str, block: str) -> str:
    """Return a listing without one block, which ends at an empty line."""
    return "\n\n".join(part for part in text.replace("{\n\t" + block, "{\n\n\t" + block).split("\n\n") if block not in part).replace("{\n\n", "{\n")


IPTABLES = (
    "iptables -A INPUT -p tcp --dport 443 -m comment --comment x -j DROP",
    "iptables -A INPUT -p udp -m multiport --dports 69,70 -j REJECT",
    "iptables -t raw -A PREROUTING -p udp --dport 53 -j CT --notrack",
    "iptables -t nat -N DOCKER",
    "iptables -t nat -A DOCKER -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
)


@pytest.mark.every_release
def test_rules_of_iptables_are_read_as_far_as_nft_tells(container: booted.Container, applied: str) -> None:
    container.run(" && ".join(IPTABLES))
    effective, warnings = (apply(container, **OPTIONS)[key] for key in ("effective", "warnings"))
    assert effective["exact"] is False
    # The iptables of Debian 12 and that of Debian 13 write the protocol of a rule with multiport in two ways.
    assert [reason.replace("ip protocol 17", "meta l4proto udp") for reason in effective["reasons"]] == [
        "table ip filter, chain INPUT: 'tcp dport 443 iptables:comment drop' stops what we allow: in tcp/443",
        "table ip filter, chain INPUT: 'meta l4proto udp iptables:multiport iptables:REJECT' may stop what we allow: tftp",
        "table ip raw, chain PREROUTING takes packets out of connection tracking (udp dport 53 iptables:CT): "
        "replies to them are dropped as if nobody had asked",
    ]
    assert [warning for warning in warnings if warning.startswith("Docker: published ports")] != []
    container.run("systemctl enable nftables; mkdir -p /etc/systemd/system/x.wants && touch /etc/systemd/system/x.wants/netfilter-persistent.service")
    with pytest.raises(booted.CannotRun, match="another firewall manager is active"):
        apply(container, **OPTIONS)
    assert not apply(container, **OPTIONS, allow_other_manager=True)["changed"]
    container.run("rm -r /etc/systemd/system/x.wants; systemctl restart nftables")
    container.run("iptables-legacy -A INPUT -p tcp --dport 1 -j DROP")
    assert apply(container, **OPTIONS)["effective"]["reasons"] == ["tables of legacy iptables are loaded (filter); nft cannot read their rules"]
    container.reboot()
    assert apply(container, **OPTIONS)["effective"]["exact"] is True


@pytest.mark.every_release
def test_absent_leaves_nothing(container: booted.Container, applied: str) -> None:
    assert container.run(TRACES).strip() != ""
    assert apply(container, state="absent")["changed"]
    assert container.run(TRACES).strip() == ""
    units = container.run("systemctl list-unit-files; systemctl list-units --all --type service; systemctl cat nftables")
    assert "msports" not in units + container.run("nft list ruleset")
    assert not apply(container, state="absent")["changed"]
    container.run("systemctl restart nftables")
    container.reboot()
    assert "msports" not in container.run("nft list ruleset")
    assert container.run("systemctl --failed --no-legend").strip() == ""
