# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The options of a ruleset in one table: argument specs, defaults, and what ``apply`` passes on are derived from it.

A new option is one line here, and its description in the documentation of the modules, of ``apply`` and of the role, which a test asks for.
"""

from __future__ import annotations

import typing as t

LINUX = ("nftables", "firewalld", "ufw")
BACKENDS = LINUX + ("windows",)
ANY = ("linux", "windows")  # what a run on Linux has whichever backend it uses, and no backend of Linux hears of
# What happens to inbound packets that no rule names, where nobody says so: without nftables' own nothing would stop them; the others stop them already.
DEFAULT_INBOUND = {"nftables": "block", "firewalld": "keep", "ufw": "keep", "windows": "keep"}

PROFILES = ["domain", "private", "public"]  # of Windows Firewall
DYNAMIC_PORTS = "49152-65535"  # of RPC, where nobody has said otherwise


class Option(t.NamedTuple):
    """``spec`` is Ansible's, ``backends`` are those that have the option, ``passed_on`` tells that the user says it, so that ``apply`` has it, too.

    ``applied`` is the default of ``apply`` and the role, where it is another than that of the module.
    """

    name: str
    spec: t.Dict[str, t.Any]
    backends: t.Tuple[str, ...] = BACKENDS
    passed_on: bool = True
    applied: t.Any = None

    @property
    def defaults(self) -> t.Tuple[t.Any, ...]:
        """Return the values that nobody has to say."""
        return self.spec.get("default"), self.applied


TABLE = (
    Option("rules", {"type": "list", "elements": "dict", "default": []}, passed_on=False),
    Option("address_sets", {"type": "dict", "default": {}}, passed_on=False),
    Option("default_inbound", {"type": "str", "choices": ["block", "reject", "allow", "keep"]}, passed_on=False),
    Option("default_outbound", {"type": "str", "choices": ["keep", "allow", "block"], "default": "keep"}, passed_on=False),
    Option("management", {"type": "dict", "default": {}}, passed_on=False),
    Option("owner", {"type": "str", "default": "msports"}),
    Option("purge", {"type": "bool", "default": True}),
    Option("max_removals", {"type": "int"}),
    Option("allow_lockout", {"type": "bool", "default": False}),
    Option("allow_other_manager", {"type": "bool", "default": False}),
    Option("mode", {"type": "str", "choices": ["enforce", "audit"], "default": "enforce"}),
    Option("audit_log", {"type": "bool", "default": False}, LINUX),
    Option("state", {"type": "str", "choices": ["present", "absent"], "default": "present"}),
    Option("persist", {"type": "bool", "default": True}),
    Option("generation", {"type": "int"}, ANY, passed_on=False),
    Option("planned_addresses", {"type": "list", "elements": "str", "default": []}, ANY, passed_on=False),
    Option("allow_older_plan", {"type": "bool", "default": False}, ANY),
    Option("firewalld_precedence", {"type": "str", "choices": ["merge", "override", "yield"], "default": "merge"}, ("firewalld",)),
    Option("windows_profiles", {"type": "list", "elements": "str", "choices": PROFILES, "default": PROFILES}, ("windows",)),
    Option("dynamic_ports", {"type": "list", "elements": "str", "default": [DYNAMIC_PORTS]}, ("windows",), passed_on=False),
    Option("connection_port", {"type": "int"}, LINUX, passed_on=False),
    Option("rollback_timeout", {"type": "int", "default": 0}, applied=60),
)
PASSED_ON = tuple(option.name for option in TABLE if option.passed_on)
OWNER = {"owner": next(option.spec for option in TABLE if option.name == "owner")}

ELSEWHERE = "{0} is {1}, which is about {2}: with {3} it changes nothing."

Options = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]
AddressSets = t.Mapping[str, t.Sequence[str]]
Spec = t.Dict[str, t.Dict[str, t.Any]]


def backend_spec(backends: t.Sequence[str]) -> Spec:
    """Return the spec of the option ``backend`` where one of ``backends`` is used."""
    return {"backend": {"type": "str", "choices": ["auto"] + list(backends), "default": "auto"}}


def linux_spec() -> Spec:
    """Return the argument spec of ``linux_ruleset``: what any backend of Linux has. ``default_inbound`` depends on the backend, so it has no default."""
    return dict(backend_spec(LINUX), **{option.name: option.spec for option in TABLE if set(LINUX + ANY[:1]) & set(option.backends)})


def windows_spec() -> Spec:
    """Return the argument spec of ``win_firewall_ruleset``."""
    spec = {option.name: option.spec for option in TABLE if "windows" in option.backends}
    return dict(spec, default_inbound=dict(spec["default_inbound"], default=DEFAULT_INBOUND["windows"]))


def passed_on_spec() -> Spec:
    """Return the spec of what ``apply`` has of these options."""
    return {option.name: option.spec if option.applied is None else dict(option.spec, default=option.applied) for option in TABLE if option.passed_on}


def defaults(backend: str) -> t.Dict[str, t.Any]:
    """Return ``{option: default}`` of a backend; ``None`` where there is none."""
    found = {option.name: option.spec.get("default") for option in TABLE if backend in option.backends}
    return dict(found, default_inbound=DEFAULT_INBOUND[backend])


def closes(options: Options, backend: str) -> bool:
    """Tell whether a run with these options stops what no rule names, in one direction at least."""
    return closes_inbound(options, backend) or closes_outbound(options)


def closes_inbound(options: Options, backend: str) -> bool:
    """Tell whether a run with these options stops what comes in and no rule names."""
    inbound = options.get("default_inbound") or DEFAULT_INBOUND.get(backend)
    return options.get("mode", "enforce") == "enforce" and inbound in ("block", "reject")


def closes_outbound(options: Options) -> bool:
    """Tell whether a run with these options stops what goes out and no rule names."""
    return options.get("mode", "enforce") == "enforce" and options.get("default_outbound") == "block"


def drop_unsupported(backend: str, options: t.Dict[str, t.Any]) -> t.Tuple[t.Dict[str, t.Any], t.List[str]]:
    """Return ``(options, warnings)`` without what a backend does not have; ``linux`` stands for all of Linux.

    A value that means something elsewhere is reported, unless rules go.
    """
    served = {*LINUX, *ANY[:1]} if backend in ANY[:1] else {backend}
    others = {option.name: option for option in TABLE if not served & set(option.backends) and options.get(option.name) is not None}
    rest = {key: value for key, value in options.items() if key not in others}
    if options.get("state", "present") != "present":
        return rest, []
    return rest, [
        ELSEWHERE.format(name, options[name], " and ".join(option.backends), backend) for name, option in others.items() if options[name] not in option.defaults
    ]
