# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else has a say on a host with ufw: the rules that packets meet on their way, other tables, and the log of a default."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _ports, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import walk, xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import environment, kernel, programs, settings
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import Rule
from ansible_collections.portcullis.msports.plugins.module_utils._match import typed

FRAME = """
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 3 -j ACCEPT
{before}
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -j DROP
{user}
{after}
-A ufw-after-input -p udp -m udp --dport 137 -j DROP
"""
HTTPS = {"name": "web", "direction": "in", "protocol": "tcp", "local_ports": ["443"], "remote_addresses": ["10.0.0.0/8"]}
NEVER = {"name": "never", "direction": "in", "action": "block", "protocol": "any", "remote_addresses": ["10.66.0.0/16"]}
OURS = [
    ("never", Rule("deny", "any", "any", "0.0.0.0/0", "any", "10.66.0.0/16", "in")),
    ("web", Rule("allow", "tcp", "443", "0.0.0.0/0", "any", "10.0.0.0/8", "in")),
]


def table(before: str = "", user: str = "", after: str = "", block: str = "-A ufw-user-input -s 10.66.0.0/16 -j DROP") -> xtables.Filter:
    allow = "-A ufw-user-input -s 10.0.0.0/8 -p tcp -m tcp --dport 443 -j ACCEPT"
    return xtables.parse_save(FRAME.format(before=before, user="\n".join((block, user, allow)), after=after))


def examine(filter_: xtables.Filter, root: pathlib.Path, closed: bool = True, objects: t.Sequence[t.Any] = (), legacy: bool = False) -> environment.Environment:
    complete, problems = _ruleset.check([HTTPS, NEVER], {})
    assert problems == []
    options = {"address_sets": {}, "owner": "msports", "default_inbound": "keep"}
    return environment.examine({4: filter_}, objects, {4: OURS}, complete, options, {"in": closed, "out": False}, legacy, str(root), str(root / "proc"))


def test_ufw_alone_says_nothing(tmp_path: pathlib.Path) -> None:
    assert examine(table(), tmp_path) == environment.Environment([], [], [])


CASES = {
    "ping": (
        {"before": "-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT"},
        "chain ufw-before-input accepts more than the rules: -p icmp --icmp-type 8",
    ),
    "more of our port": (
        {"before": "-A ufw-before-input -p tcp -m tcp --dport 443 -j ACCEPT"},
        "chain ufw-before-input accepts more than the rules: -p tcp --dport 443",
    ),
    "of the administrator": (
        {"user": "-A ufw-user-input -p tcp -m tcp --dport 8080 -j ACCEPT"},
        "chain ufw-user-input accepts more than the rules: -p tcp --dport 8080",
    ),
    "behind ours": ({"after": "-A ufw-after-input -p tcp -m tcp --dport 25 -j ACCEPT"}, "chain ufw-after-input accepts more than the rules: -p tcp --dport 25"),
    "a denial": ({"user": "-A ufw-user-input -s 10.9.0.0/16 -j DROP"}, "chain ufw-user-input stops what we allow: web (-s 10.9.0.0/16)"),
    "a rejection of some": (
        {"user": "-A ufw-user-input -i eth0 -p tcp -m tcp --dport 443 -j REJECT --reject-with tcp-reset"},
        "chain ufw-user-input may stop what we allow: web (-i eth0 -p tcp --dport 443)",
    ),
    "a denial in a chain of its own": (
        {"before": "-A ufw-before-input -p tcp -j more\n-A more -s 10.1.1.1/32 -j DROP"},
        "chain more stops what we allow: web (-p tcp -s 10.1.1.1)",
    ),
    "an accept before our block": (
        {"before": "-A ufw-before-input -s 10.66.1.0/24 -p tcp -m tcp --dport 443 -j ACCEPT"},
        "chain ufw-before-input accepts, before a block of ours, what the block may be about: -s 10.66.1.0/24 -p tcp --dport 443",
    ),
}
HARMLESS = {
    "another port": {"user": "-A ufw-user-input -p tcp -m tcp --dport 444 -j DROP"},
    "other addresses": {"user": "-A ufw-user-input -s 192.0.2.0/24 -j DROP"},
    "behind our allow": {"after": "-A ufw-after-input -s 10.9.0.0/16 -j DROP"},
    "known connections": {"before": "-A ufw-before-input -m conntrack --ctstate ESTABLISHED -j ACCEPT"},
    "loopback": {"before": "-A ufw-before-input -i lo -j DROP"},
    "what we allow anyway": {"user": "-A ufw-user-input -s 10.9.0.0/16 -p tcp -m tcp --dport 443 -j ACCEPT"},
    "a chain that returns": {"before": "-A ufw-before-input -j more\n-A more -j RETURN\n-A more -j DROP"},
    "an unused chain": {"before": "-A more -j DROP"},
    "a circle": {"before": "-A ufw-before-input -p tcp -j more\n-A more -j ufw-before-input"},
    "accepted before": {"before": "-A ufw-before-input -s 10.9.0.0/16 -p tcp -j other\n-A other -p tcp -m tcp --dport 443 -j ACCEPT\n-A other -j LOG"},
}


@pytest.mark.parametrize("case", CASES)
def test_what_opens_and_what_cuts_is_told(tmp_path: pathlib.Path, case: str) -> None:
    parts, reason = CASES[case]
    assert reason in examine(table(**parts), tmp_path).reasons


@pytest.mark.parametrize("case", HARMLESS)
def test_what_makes_no_difference_is_not(tmp_path: pathlib.Path, case: str) -> None:
    assert [reason for reason in examine(table(**HARMLESS[case]), tmp_path).reasons if "before a block" not in reason] == []


def test_an_open_default_opens_everything_anyway(tmp_path: pathlib.Path) -> None:
    assert examine(table(user="-A ufw-user-input -p tcp -m tcp --dport 8080 -j ACCEPT"), tmp_path, closed=False).reasons == []


def test_a_doubtful_return_makes_the_rest_doubtful() -> None:
    chains = {"INPUT": ["-A INPUT -j a", "-A INPUT -p udp -g b"], "a": ["-A a -i eth0 -j RETURN", "-A a -j ACCEPT"], "b": ["-A b -p udp -j DROP"]}
    found = [rule for rule, _line in walk.rules(chains, 4, "in", "INPUT")]
    assert [(rule.place, rule.allows, rule.match.certain) for rule in found] == [("a", True, False), ("b", False, True)]
    assert [rule.text for rule in found] == ["everything", "-p udp -p udp"]


SHAPES = {
    "-A c -p icmpv6 --icmpv6-type 128 -j ACCEPT": (typed(58, [128]), _ports.ALL, True),
    "-A c -p icmp -j ACCEPT": (typed(1), _ports.ALL, True),
    "-A c -p icmp --icmp-type 3/4 -j ACCEPT": (typed(1, [3]), _ports.ALL, False),
    "-A c -p udp -m multiport --dports 1,5:9 -j ACCEPT": (frozenset([17]), ((1, 1), (5, 9)), True),
    "-A c -p tcp --dport ssh -j ACCEPT": (frozenset([6]), _ports.ALL, False),
    "-A c ! -s 10.0.0.0/8 -j ACCEPT": (None, _ports.ALL, False),
    "-A c -s 10.0.0.0/255.0.255.0 -j ACCEPT": (None, _ports.ALL, False),
    "-A c -m set --match-set x src -j ACCEPT": (None, _ports.ALL, False),
    "-A c -m conntrack --ctstate NEW,RELATED -j ACCEPT": (None, _ports.ALL, True),
}


@pytest.mark.parametrize("text", SHAPES)
def test_matches_are_never_narrower_than_their_lines(text: str) -> None:
    match = walk.match_of(dict(xtables.canonical(text).items), 4, "in")
    assert (match.protocols, tuple(match.ports), match.certain) == SHAPES[text]


def test_other_tables_and_old_iptables(tmp_path: pathlib.Path) -> None:
    chain = {"family": "inet", "table": "x", "name": "c", "type": "filter", "hook": "input", "prio": 5, "policy": "accept"}
    match = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 443}}
    track = {"family": "ip", "table": "raw", "chain": "PREROUTING", "expr": [{"notrack": None}]}
    objects = [{"metainfo": {}}, {"chain": chain}, {"rule": {"family": "inet", "table": "x", "chain": "c", "expr": [match, {"drop": None}]}}, {"rule": track}]
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/ip_tables_names").write_text("filter\n")
    found = examine(table(), tmp_path, objects=objects)
    assert "table inet x, chain c: 'tcp dport 443 drop' stops what we allow: web" in found.reasons
    assert any("takes packets out of connection tracking" in reason for reason in found.reasons)
    assert any(reason.startswith("tables of legacy iptables are loaded beside those of ufw (filter)") for reason in found.reasons)
    assert not any("legacy" in reason for reason in examine(table(), tmp_path, legacy=True).reasons)
    firewalld = [{"chain": {"family": "inet", "table": "firewalld", "name": "c"}}]
    assert examine(table(), tmp_path, objects=firewalld).managers == ["firewalld is running"]


LOG = '### LOGGING ###\n-A ufw-after-logging-input -j LOG --log-prefix "[UFW BLOCK] " -m limit --limit 3/min --limit-burst 10\n-A x\n### END LOGGING ###\n'


@pytest.mark.parametrize("level", ["off", "low", "medium", "high", "full"])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_the_log_follows_a_default_and_comes_back(level: str, direction: str) -> None:
    start = settings.with_line(LOG, 4, direction, "DROP", level)
    assert settings.follows(start, 4, direction, "DROP", level)
    there = settings.with_line(start, 4, direction, "ACCEPT", level)
    assert settings.follows(there, 4, direction, "ACCEPT", level)
    assert settings.with_line(there, 4, direction, "DROP", level) == start
    assert ("[UFW ALLOW]" in there) == (level in ("medium", "high", "full"))
    assert "-A x\n" in there


def test_files_without_a_place_for_logs_stay() -> None:
    assert settings.with_line("*filter\n", 4, "in", "DROP", "low") == "*filter\n"
    assert not settings.follows("*filter\n", 4, "in", "DROP", "low")
    assert settings.with_line(LOG, 4, "out", "DROP", "low").splitlines()[2].startswith("-A ufw-after-logging-output")


@pytest.fixture
def shims(tmp_path: pathlib.Path) -> t.Callable[[str, str], programs.Programs]:
    def make(name: str, script: str) -> programs.Programs:
        path = tmp_path / name
        path.write_text("#!/bin/sh\n" + script + "\n")
        path.chmod(0o755)
        return programs.Programs((str(tmp_path), "/usr/bin", "/bin"), str(tmp_path / "ufw-init"), str(tmp_path))

    return make


def test_programs_and_their_complaints(shims: t.Callable[[str, str], programs.Programs], tmp_path: pathlib.Path) -> None:
    started = shims("iptables-restore", f'cat > {tmp_path}/given; echo "$@" > {tmp_path}/arguments')
    started.load(4, "*filter\nCOMMIT\n")
    assert (tmp_path / "given").read_text() == "*filter\nCOMMIT\n"
    assert (tmp_path / "arguments").read_text() == "--noflush -w 10\n"
    started.check(4, "x")
    assert (tmp_path / "arguments").read_text() == "--test --noflush -w 10\n"
    assert started.count == 2
    shims("iptables-restore", "echo line 3 failed >&2; exit 1")
    with pytest.raises(UfwError, match="iptables-restore could not load the rules: line 3 failed"):
        started.load(4, "x")
    with pytest.raises(UfwError, match="iptables-restore refuses the rules, nothing was changed: line 3 failed"):
        started.check(4, "x")
    shims("ufw-init", "echo no; exit 1")
    with pytest.raises(UfwError, match="ufw-init force-reload failed: no"):
        started.start_ufw()
    shims("ufw-init", "true").start_ufw()
    assert shims("systemctl", "true").service_is_active() is True
    assert shims("systemctl", "exit 3").service_is_active() is False
    assert programs.Programs((str(tmp_path),), systemd=str(tmp_path / "no")).service_is_active() is True


def test_tables_of_others_are_read_only_where_there_are_any(shims: t.Callable[[str, str], programs.Programs], tmp_path: pathlib.Path) -> None:
    listed = '{"nftables": [{"metainfo": {}}, {"table": {"family": "ip", "name": "filter"}}%s]}'
    script = f"echo \"$3\" >> {tmp_path}/log\ncat <<'X'\n%s\nX"
    own = (("ip", "filter"), ("ip6", "filter"))
    assert shims("nft", script % (listed % "")).foreign_tables(own) == []
    assert (tmp_path / "log").read_text() == "list tables\n"
    other = ', {"table": {"family": "inet", "name": "x"}}, {"rule": {"family": "inet", "table": "x"}}, {"rule": {"family": "ip", "table": "filter"}}'
    found = shims("nft", script % (listed % other)).foreign_tables(own)
    assert found == [{"table": {"family": "inet", "name": "x"}}, {"rule": {"family": "inet", "table": "x"}}]
    for broken, message in (("echo no >&2; exit 1", "nft cannot read the tables of others: no"), ("echo '{'", "no JSON")):
        with pytest.raises(UfwError, match=message):
            shims("nft", broken).foreign_tables(own)


def test_a_table_as_it_will_be_when_ufw_is_off() -> None:
    before = "*filter\n:ufw-before-input - [0:0]\n-A ufw-before-input -p icmp --icmp-type 8 -j ACCEPT\nCOMMIT\n*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n"
    user = "*filter\n-A ufw-user-input -p tcp --dport 1 -j ACCEPT\nCOMMIT\n"
    made = kernel.planned(None, 4, user, before, "")
    assert [rule.text for rule, _line in walk.rules(made.chains, 4, "in", "INPUT")] == ["-p icmp --icmp-type 8", "-p tcp --dport 1"]
