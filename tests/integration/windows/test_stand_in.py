# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in policy store is hostile: under each of its switches an executor that does not know Windows goes wrong."""

from __future__ import annotations

import json
import pathlib
import typing as t

import engines
import policy_file
import pytest
from conftest import Host, script_of
from engines import payload

INTERFACES = [f"ansible_collections.portcullis.msports.plugins.module_utils._Firewall{name}.cs" for name in ("Host", "Interop")]

#: One way each in which an executor trusts Windows more than it should; the value says what came of it.
NAIVE = r"""
using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices.ComTypes;
using Ansible.Basic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallHost;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallInterop;

namespace naive
{
    public static class Executor
    {
        private static IPolicyStore store;

        // Each case has a file of its own; one process for all of them, because starting one takes longest.
        public static void Run(AnsibleModule module)
        {
            List<object> outcomes = new List<object>();
            foreach (IDictionary one in (IList)module.Params["cases"])
            {
                Environment.SetEnvironmentVariable("MSPORTS_STAND_IN", (string)one["path"]);
                try
                {
                    store = portcullis.msports.tests.StandIn.Open();
                    outcomes.Add(typeof(Executor).GetMethod((string)one["way"]).Invoke(null, new[] { one["value"] }));
                }
                catch (System.Reflection.TargetInvocationException error)
                {
                    outcomes.Add(error.InnerException.GetType().Name + ": " + error.InnerException.Message);
                }
            }
            module.Result["outcomes"] = outcomes;
            module.ExitJson();
        }

        private static INetFwRule3 New(string name, int protocol, Action<INetFwRule3> more)
        {
            INetFwRule3 rule = store.NewRule();
            rule.Name = name;
            rule.Protocol = protocol;
            more(rule);
            store.Policy.Rules.Add((INetFwRule)rule);
            return rule;
        }

        private static INetFwRule3 Tcp(string name, Action<INetFwRule3> more)
        {
            return New(name, 6, more);
        }

        private static INetFwRule3 Again(string name)
        {
            return (INetFwRule3)store.Policy.Rules.Item(name);
        }

        private static List<INetFwRule3> All()
        {
            List<INetFwRule3> found = new List<INetFwRule3>();
            IEnumVARIANT rules = (IEnumVARIANT)store.Policy.Rules._NewEnum;
            object[] one = new object[1];
            while (rules.Next(1, one, IntPtr.Zero) == 0)
                found.Add((INetFwRule3)one[0]);
            return found;
        }

        private static List<string> Names()
        {
            return All().Select(rule => rule.Name).ToList();
        }

        // What was written is what comes back.
        public static object Addresses(string value)
        {
            Tcp("naive", rule => rule.RemoteAddresses = value);
            return Again("naive").RemoteAddresses;
        }

        public static object LocalPorts(string value)
        {
            Tcp("naive", rule => rule.LocalPorts = value);
            return Again("naive").LocalPorts;
        }

        public static object Program(string value)
        {
            Tcp("naive", rule => rule.ApplicationName = value);
            return Again("naive").ApplicationName;
        }

        public static object Profiles(string value)
        {
            Tcp("naive", rule => rule.Profiles = Int32.Parse(value));
            return Again("naive").Profiles;
        }

        public static object Name(string value)
        {
            return Tcp(value, rule => { }).Name;
        }

        public static object Description(string value)
        {
            Tcp("naive", rule => rule.Description = value);
            return Again("naive").Description;
        }

        // A text that is not set is an empty text.
        public static object LengthOfDescription(string value)
        {
            return Tcp("naive", rule => { }).Description.Length;
        }

        // Rules come in the same order each time.
        public static object SameOrder(string value)
        {
            return Names().SequenceEqual(Names());
        }

        // Properties may be put in any order.
        public static object PortsBeforeProtocol(string value)
        {
            INetFwRule3 rule = store.NewRule();
            rule.Name = "naive";
            rule.LocalPorts = value;
            rule.Protocol = 6;
            store.Policy.Rules.Add((INetFwRule)rule);
            return Again("naive").LocalPorts;
        }

        // A rule for TCP becomes one for ICMP by its protocol.
        public static object ProtocolOfLiveRule(string value)
        {
            Tcp("naive", rule => rule.LocalPorts = "80").Protocol = 1;
            return Again("naive").Protocol;
        }

        public static object RemotePortsOutbound(string value)
        {
            Tcp("naive", delegate(INetFwRule3 rule)
            {
                rule.Direction = NET_FW_RULE_DIRECTION.NET_FW_RULE_DIR_OUT;
                rule.RemotePorts = value;
            });
            return Again("naive").RemotePorts;
        }

        public static object Interfaces(string value)
        {
            Tcp("naive", rule => rule.Interfaces = new[] { value });
            return ((object[])Again("naive").Interfaces)[0];
        }

        // Rules of the system are rules like any other.
        public static object DisableBuiltIn(string value)
        {
            INetFwRule3 rule = Again("mDNS (UDP-In)");
            rule.Enabled = false;
            return Again("mDNS (UDP-In)").Enabled;
        }

        public static object RemoveBuiltIn(string value)
        {
            store.Policy.Rules.Remove("mDNS (UDP-In)");
            return Names().Contains("mDNS (UDP-In)");
        }

        public static object ManyAddresses(string value)
        {
            int count = Int32.Parse(value);
            string[] many = Enumerable.Range(0, count).Select(i => "10.0." + i / 250 + "." + (i % 250 + 1)).ToArray();
            Tcp("naive", rule => rule.RemoteAddresses = String.Join(",", many));
            return Again("naive").RemoteAddresses.Split(',').Length;
        }

        public static object LongName(string value)
        {
            return Tcp(new String('x', Int32.Parse(value)), rule => { }).Name.Length;
        }

        // A name is a key: what is there already is not added once more.
        public static object AddTwice(string value)
        {
            for (int i = 0; i < 2; i++)
            {
                try
                {
                    Tcp("naive", rule => { });
                }
                catch (ArgumentException)
                {
                }
            }
            return Names().Count(name => name == "naive");
        }

        // Nobody else's rule has exactly this name, so it can be removed by it.
        public static object RemoveMine(string value)
        {
            Tcp("Theirs", rule => rule.Grouping = "theirs");
            Tcp(value, rule => rule.Grouping = "mine");
            store.Policy.Rules.Remove(value);
            return String.Join(",", All().Select(rule => rule.Grouping).Where(group => group == "theirs" || group == "mine").ToArray());
        }

        // What was added last is what Item gives.
        public static object RemoveMineByItem(string value)
        {
            Tcp("Shared", rule => rule.Grouping = "theirs");
            Tcp("Shared", rule => rule.Grouping = "mine");
            Again("Shared").Name = "aside";
            store.Policy.Rules.Remove("aside");
            return String.Join(",", All().Select(rule => rule.Grouping).Where(group => group == "theirs" || group == "mine").ToArray());
        }

        public static object EnabledOfNew(string value)
        {
            Tcp("naive", rule => { });
            return Again("naive").Enabled;
        }

        // The object that was added is the rule.
        public static object ChangeAdded(string value)
        {
            Tcp("naive", rule => { }).Description = "changed";
            return Again("naive").Description;
        }

        // A rule is known by what it said before it was added.
        public static object Recognise(string value)
        {
            INetFwRule3 rule = store.NewRule();
            rule.Name = "naive";
            rule.RemoteAddresses = value;
            string text = rule.RemoteAddresses;
            store.Policy.Rules.Add((INetFwRule)rule);
            return All().Count(one => one.Name == "naive" && one.RemoteAddresses == text);
        }

        public static object TwoAdds(string value)
        {
            Tcp("one", rule => { });
            Tcp("two", rule => { });
            return Names().Count(name => name == "one" || name == "two");
        }

        // What fails once is tried once more.
        public static object AddWithRetry(string value)
        {
            try
            {
                Tcp("naive", rule => { });
            }
            catch (System.Runtime.InteropServices.COMException)
            {
                Tcp("naive", rule => { });
            }
            return Names().Count(name => name == "naive");
        }

        // What failed has not happened.
        public static object FailedAdd(string value)
        {
            try
            {
                Tcp("naive", rule => { });
            }
            catch (System.Runtime.InteropServices.COMException)
            {
            }
            return Names().Count(name => name == "naive");
        }

        // Anything but "here is one more" is the end.
        public static object CountRules(string value)
        {
            return All().Count;
        }

        public static object ReadNames(string value)
        {
            return Names().Count;
        }

        public static object Remember(string value)
        {
            store.WriteMemory("naive", value);
            return store.ReadMemory("naive");
        }

        // What a rule says is what happens.
        public static object Opens(string value)
        {
            Tcp("naive", rule => rule.LocalPorts = value).Enabled = true;
            return Again("naive").Enabled && Again("naive").Action == NET_FW_ACTION.NET_FW_ACTION_ALLOW;
        }

        public static object Closes(string value)
        {
            INetFwRule3 rule = Tcp("naive", one => one.LocalPorts = value);
            rule.Action = NET_FW_ACTION.NET_FW_ACTION_BLOCK;
            rule.Enabled = true;
            return Again("naive").Enabled && Again("naive").Action == NET_FW_ACTION.NET_FW_ACTION_BLOCK;
        }

        public static object ClosesTheRest(string value)
        {
            store.Policy.set_DefaultInboundAction(NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_DOMAIN, NET_FW_ACTION.NET_FW_ACTION_BLOCK);
            return store.Policy.get_DefaultInboundAction(NET_FW_PROFILE_TYPE2.NET_FW_PROFILE2_DOMAIN) == NET_FW_ACTION.NET_FW_ACTION_BLOCK;
        }

        // What was written is what is in force.
        public static object Logs(string value)
        {
            store.WriteLog(1, new ProfileLog { Allowed = true, Path = value, Size = 4096 });
            return true;
        }

        public static object RemoveAbsent(string value)
        {
            store.Policy.Rules.Remove("no such rule");
            return "went well";
        }

        public static object ItemAbsent(string value)
        {
            return Again("no such rule").Name;
        }
    }
}
"""


class Outcome(t.NamedTuple):
    """The value, or the error as a text; and the file afterwards."""

    value: t.Any
    content: policy_file.Content
    code: int


class Case(t.NamedTuple):
    way: str
    value: t.Optional[str]
    content: policy_file.Content


def run_all(folder: pathlib.Path, read: payload.Call, cases: t.Sequence[Case]) -> list[Outcome]:
    """Run naive ways, each on a store of its own."""
    paths = [policy_file.write(folder / f"{number}.json", case.content) for number, case in enumerate(cases)]
    sources = {name: read.csharp[name] for name in ("Ansible.Basic.cs", *INTERFACES)}
    arguments = [{"way": case.way, "value": case.value, "path": str(path)} for case, path in zip(cases, paths)]
    script = script_of("naive.Executor", "cases = @{ type = 'list'; elements = 'dict'; required = $true }")
    call = payload.other_module(read, "naive.ps1", script, {**sources, "naive.cs": NAIVE}, {"cases": arguments})
    done = engines.chosen().run(call, paths[0])
    outcomes = json.loads(done.output)["outcomes"] if done.output else [None] * len(cases)
    return [Outcome(value, policy_file.read(path), done.code) for value, path in zip(outcomes, paths)]


@pytest.fixture
def naive(tmp_path: pathlib.Path, read: payload.Call) -> t.Callable[..., Outcome]:
    def run(way: str, value: t.Optional[str] = None, content: t.Optional[policy_file.Content] = None, **switches: t.Any) -> Outcome:
        return run_all(tmp_path, read, [Case(way, value, policy_file.switch(content or policy_file.fresh_server(), **switches))])[0]

    return run


REFUSED = "ArgumentException: Value does not fall within the expected range."
DENIED = "UnauthorizedAccessException: Access is denied. (Exception from HRESULT: 0x80070005 (E_ACCESSDENIED))"
UNAVAILABLE = "COMException: The RPC server is unavailable. (Exception from HRESULT: 0x800706BA)"
ABSENT = "FileNotFoundException: The system cannot find the file specified. (Exception from HRESULT: 0x80070002)"
STATUS = "COMException: Exception from HRESULT: 0xD000000D"
SVCHOST = "%SystemRoot%\\system32\\svchost.exe"

#: The switch, its hostile and its tame value; a naive way and its argument; what comes of it under each; other switches.
CASES: list[tuple[str, t.Any, t.Any, str, t.Optional[str], t.Any, t.Any, dict[str, t.Any]]] = [
    ("addresses_as_masks", True, False, "Addresses", "10.0.0.0/24", "10.0.0.0/255.255.255.0", "10.0.0.0/24", {}),
    ("addresses_as_masks", True, False, "Addresses", "10.0.0.5", "10.0.0.5/255.255.255.255", "10.0.0.5", {}),
    ("addresses_as_masks", True, False, "Addresses", "10.0.0.0/255.255.255.0", "10.0.0.0/255.255.255.0", "10.0.0.0/24", {}),
    ("reorder_addresses", True, False, "Addresses", "fd00::/8,fe80::/64", "fe80::/64,fd00::/8", "fd00::/8,fe80::/64", {}),
    ("reorder_ports", True, False, "LocalPorts", "80,443,5000-5010", "5000-5010,443,80", "80,443,5000-5010", {}),
    ("trailing_comma", True, False, "LocalPorts", "RPC", "RPC,", "RPC", {}),
    ("trailing_comma", True, False, "LocalPorts", "80", "80", "80", {}),
    ("null_strings", True, False, "LengthOfDescription", None, "NullReferenceException: Object reference not set to an instance of an object", 0, {}),
    ("program_expanded", True, False, "Program", SVCHOST, "C:\\Windows\\system32\\svchost.exe", SVCHOST, {}),
    ("all_profiles_value", True, False, "Profiles", "7", 0x7FFFFFFF, 7, {}),
    ("all_profiles_value", False, True, "Profiles", str(0x7FFFFFFF), 7, 0x7FFFFFFF, {}),
    ("ipv6_text", "prefix", "plain", "Addresses", "fd00::1", "fd00::1/128", "fd00::1", {}),
    ("ipv6_text", "expanded", "plain", "Addresses", "fd00:a::/32", "FD00:000A:0000:0000:0000:0000:0000:0000/32", "fd00:a::/32", {}),
    ("enumeration_order", "shuffled", "stored", "SameOrder", None, False, True, {}),
    ("ports_need_protocol", True, False, "PortsBeforeProtocol", "80", REFUSED, "80", {}),
    ("ports_need_protocol", True, False, "PortsBeforeProtocol", "*", REFUSED, "*", {}),
    ("ports_need_protocol", True, False, "ProtocolOfLiveRule", None, REFUSED, 1, {}),
    ("bar_refused", True, False, "Name", "a|b", REFUSED, "a|b", {}),
    ("bar_refused", True, False, "Description", "a|b", REFUSED, "a|b", {}),
    ("name_all_refused", True, False, "Name", "All", REFUSED, "All", {}),
    ("zero_mask_refused", True, False, "Addresses", "0.0.0.0/0", REFUSED, "0.0.0.0/0", {"addresses_as_masks": False}),
    ("zero_mask_refused", True, False, "Addresses", "::/0", REFUSED, "::/0", {}),
    ("ipv6_special_refused", True, False, "Addresses", "::1", STATUS, "::1/128", {}),
    ("ipv6_special_refused", True, False, "Addresses", "ff02::fb", STATUS, "ff02::fb/128", {}),
    ("keywords_in_place_only", True, False, "RemotePortsOutbound", "RPC", REFUSED, "RPC", {"trailing_comma": False}),
    ("com_spelling_only", True, False, "LocalPorts", "RPCEPMap", REFUSED, "RPC-EPMap", {"trailing_comma": False}),
    ("variant_array_only", True, False, "Interfaces", "Ethernet 2", REFUSED, "Ethernet 2", {}),
    ("built_in_locked", True, False, "DisableBuiltIn", None, DENIED, False, {}),
    ("built_in_locked", True, False, "RemoveBuiltIn", None, DENIED, False, {}),
    ("max_addresses", 1000, 0, "ManyAddresses", "1001", REFUSED, 1001, {}),
    ("max_addresses", 1000, 0, "ManyAddresses", "1000", 1000, 1000, {}),
    ("max_text", 10000, 0, "LongName", "10001", REFUSED, 10001, {}),
    ("host_bits", "refuse", "keep", "Addresses", "10.0.0.7/24", REFUSED, "10.0.0.7/24", {"addresses_as_masks": False}),
    ("host_bits", "mask", "keep", "Addresses", "10.0.0.7/24", "10.0.0.0/24", "10.0.0.7/24", {"addresses_as_masks": False}),
    ("duplicate_names", True, False, "AddTwice", None, 2, 1, {}),
    ("names_ignore_case", True, False, "RemoveMine", "theirs", "mine", "theirs", {}),
    ("remove_takes", "first", "last", "RemoveMine", "Theirs", "mine", "theirs", {}),
    ("remove_takes", "all", "last", "RemoveMine", "Theirs", "", "theirs", {}),
    ("item_takes", "first", "last", "RemoveMineByItem", None, "mine", "theirs", {}),
    ("new_rule_disabled", True, False, "EnabledOfNew", None, False, True, {}),
    ("added_object_is_live", False, True, "ChangeAdded", None, None, "changed", {}),
    ("detached_as_put", True, False, "Recognise", "10.0.0.0/24", 0, 1, {}),
    ("nul_ends_text", True, False, "Description", "a\0b", "a", "a\0b", {}),
    ("fail_commit_at", 2, 0, "TwoAdds", None, UNAVAILABLE, 2, {}),
    ("fail_commits_from", 1, 0, "AddWithRetry", None, UNAVAILABLE, 1, {"fail_commit_at": 1}),
    ("failed_commit_took_effect", True, False, "FailedAdd", None, 1, 0, {"fail_commit_at": 1}),
    ("unreadable_rule", "mDNS (UDP-In)", "no such rule", "ReadNames", None, ABSENT, 69, {}),
    ("fail_memory", True, False, "Remember", "this", "UnauthorizedAccessException: Access to the registry key is denied.", "this", {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, read: payload.Call) -> list[tuple[t.Any, t.Any]]:
    """For every case what came of it under the tame and under the hostile value."""
    cases = []
    for name, hostile, tame, way, value, _wrong, _right, others in CASES:
        cases += [Case(way, value, policy_file.fresh_server(**{**others, name: setting})) for setting in (tame, hostile)]
    outcomes = [outcome.value for outcome in run_all(tmp_path_factory.mktemp("naive"), read, cases)]
    return list(zip(outcomes[::2], outcomes[1::2]))


def bare(outcome: t.Any) -> t.Any:
    """An outcome without the full stop of a message, which Mono has not."""
    return (outcome[0], bare(outcome[1])) if isinstance(outcome, tuple) else outcome.rstrip(".") if isinstance(outcome, str) else outcome


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: f"{CASES[number][0]}={CASES[number][1]}-{CASES[number][3]}")
def test_a_naive_executor_goes_wrong_under_each_switch(number: int, shown: list[tuple[t.Any, t.Any]]) -> None:
    *_case, wrong, right, _others = CASES[number]
    assert [bare(outcome) for outcome in shown[number]] == [bare(right), bare(wrong)]


def test_every_switch_has_a_naive_executor_that_goes_wrong_under_it() -> None:
    shown = {case[0] for case in CASES if case[5] != case[6]}
    elsewhere = {"enumeration_fails_at", "die_after_commits", "fail_task", "die_after_steps", "log_failure"}  # what the executor's own tests are about
    assert shown | elsewhere == set(policy_file.SWITCHES)


#: A state of the host; a naive way and its argument, which says True each time; what is so in a host without that state, in one with it.
STATES: dict[str, tuple[str, str, t.Callable[[policy_file.Content], bool]]] = {
    "firewall_off": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "block_all": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "local_rules_ignored": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "excluded_interface": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "log_given": ("Logs", "D:\\fw.log", lambda content: bool(content["profiles"]["domain"]["log_allowed"])),
    "policy_off": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "policy_opens": ("ClosesTheRest", "8080", lambda content: not policy_file.admits(content, 8080)),
    "policy_block_all": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "policy_excludes": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "policy_rule_admits": ("ClosesTheRest", "8080", lambda content: not policy_file.admits(content, 8080)),
    "policy_rule_blocks": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "other_product": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "products_unknown": ("Closes", "8080", lambda content: not policy_file.admits(content, 8080)),
    "gp_override": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
    "inbound_blocked": ("Opens", "8080", lambda content: policy_file.admits(content, 8080)),
}


def test_every_state_of_group_policy_has_a_naive_executor_that_goes_wrong_under_it(tmp_path: pathlib.Path, read: payload.Call) -> None:
    assert set(STATES) == set(policy_file.STATES)
    cases = []
    for name, (way, value, _truth) in STATES.items():
        cases += [Case(way, value, policy_file.empty()), Case(way, value, policy_file.set_state(policy_file.empty(), name))]
    outcomes = run_all(tmp_path, read, cases)
    for number, (name, (_way, _value, truth)) in enumerate(STATES.items()):
        tame, hostile = outcomes[2 * number : 2 * number + 2]
        assert (tame.value, hostile.value) == (True, True), name
        assert (truth(tame.content), truth(hostile.content)) == (True, False), name


def test_what_a_host_admits_is_what_its_rules_and_defaults_say() -> None:
    content = policy_file.add(policy_file.empty(), policy_file.rule("a", protocol=policy_file.TCP, local_ports="80,443", profiles=policy_file.DOMAIN))
    assert [policy_file.admits(content, port) for port in (80, 443, 81)] == [True, True, False]
    assert not policy_file.admits(content, 80, profile="public")
    policy_file.add(content, policy_file.rule("b", protocol=policy_file.TCP, local_ports="443", action=policy_file.BLOCK))
    assert [policy_file.admits(content, port) for port in (80, 443)] == [True, False]
    content["profiles"]["public"]["inbound"] = policy_file.ALLOW
    assert [policy_file.admits(content, port, profile="public") for port in (80, 443)] == [True, False]


def test_an_enumerator_that_fails_looks_like_the_end_to_a_naive_reader(naive: t.Callable[..., Outcome]) -> None:
    everything = len(policy_file.fresh_server()["rules"])
    assert naive("CountRules").value == everything
    assert naive("CountRules", enumeration_fails_at=10).value == 9


def test_a_process_that_dies_leaves_what_it_had_done(naive: t.Callable[..., Outcome]) -> None:
    died = naive("TwoAdds", die_after_commits=1)
    assert died.code != 0
    assert [rule["name"] for rule in died.content["rules"][-1:]] == ["one"]
    assert died.content["counters"]["commits"] == 1


def test_absent_names(naive: t.Callable[..., Outcome]) -> None:
    assert naive("RemoveAbsent").value == "went well"
    assert naive("RemoveAbsent").content["counters"]["commits"] == 0
    assert naive("ItemAbsent").value.startswith("FileNotFoundException")


def test_every_put_on_a_stored_rule_is_a_commit_and_is_in_the_journal(naive: t.Callable[..., Outcome]) -> None:
    content = naive("ChangeAdded").content
    assert content["counters"]["commits"] == 2
    assert [(entry["commit"], entry["what"], entry["name"], entry["property"], entry["value"]) for entry in content["journal"]] == [
        (1, "add", "naive", None, None),
        (2, "put", "naive", "description", "changed"),
    ]


def test_a_failed_commit_is_none(naive: t.Callable[..., Outcome]) -> None:
    content = naive("TwoAdds", fail_commit_at=2).content
    assert (content["counters"]["commits"], content["counters"]["failed_commits"]) == (1, 1)


def test_the_file_has_the_shape_that_the_helpers_write(naive: t.Callable[..., Outcome]) -> None:
    # a file that says nothing gets every default of the C#, which are those of the table here
    bare = {"format": 1, "profiles": {name: {} for name in policy_file.PROFILES}, "rules": [{"name": "bare", "enabled": True}]}
    content = naive("CountRules", content={**bare, "switches": {}}).content
    expected = policy_file.empty()
    assert list(content["switches"].items()) == list(expected["switches"].items())
    assert content["profiles"] == expected["profiles"]
    assert list(content) == list(expected)
    assert content["rules"] == [policy_file.rule("bare")]
    assert set(content["counters"]) == set(expected["counters"])


def test_a_fresh_server_is_like_one(naive: t.Callable[..., Outcome]) -> None:
    content = policy_file.fresh_server(exchange=True)
    rules = content["rules"]
    enabled = [rule for rule in rules if rule["enabled"]]
    assert len(rules) >= 60 and 30 <= len(enabled) < len(rules)
    names = [rule["name"] for rule in rules]
    assert len(set(names)) < len(names), "Windows itself has rules of one name"
    assert any(rule["name"].startswith("@{") and rule["app_package"] for rule in rules)
    # what it holds is what the store itself would keep: reading and writing changes nothing
    assert policy_file.state(naive("CountRules", content=content).content) == policy_file.state(content)


def test_unknown_switches_and_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="no such switch"):
        policy_file.empty(address_as_masks=True)
    with pytest.raises(ValueError, match="expected something like"):
        policy_file.empty(max_addresses="many")
    with pytest.raises(ValueError, match="no such columns"):
        policy_file.rule("x", port=80)


def test_connections_that_cannot_be_read_are_unknown(make_host: t.Callable[..., Host]) -> None:
    """The stand-in alone can play that: the TCP table of Wine can always be read."""
    assert isinstance(make_host({**policy_file.empty(), "sessions": None})()["state"]["sessions"], str)
