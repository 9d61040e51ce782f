# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategies of hypothesis that draw estates whose hosts have to do with each other."""

from __future__ import annotations

import random
import typing as t

from hypothesis import HealthCheck, settings, strategies as st

from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.drawn_estates import EDGE, Drawn, Estate, Plain

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Roles that have to do with each other, so that few hosts make many connections.
THEMES: tuple[tuple[str, ...], ...] = (
    ("configmgr.site_server", "configmgr.sql_server", "configmgr.management_point", "configmgr.distribution_point", "windows_server.certification_authority"),
    ("configmgr.site_server", "configmgr.software_update_point", "configmgr.client", "configmgr.management_point", "configmgr.cmg_connection_point"),
    ("configmgr.client", "configmgr.distribution_point", "configmgr.console", "configmgr.site_server", "configmgr.sms_provider", "windows_server.file_server"),
    ("configmgr.reporting_services_point", "configmgr.sql_server", "configmgr.site_server", "configmgr.software_update_point", "configmgr.console"),
    ("configmgr.site_server", "windows_server.certification_authority", "configmgr.software_update_point"),
    ("exchange.client_access", "exchange.mailbox", "exchange.lync_server", "windows_server.domain_controller", "windows_server.dns_server"),
    ("databox.device", "databox.lan_client", "windows_server.domain_member", "windows_server.domain_controller", "exchange.client_access"),
    ("configmgr.site_server", "exchange.mailbox", "configmgr.client", "windows_server.domain_controller", "databox.device", "windows_server.dns_server"),
)

POPULATIONS = ("configmgr.client", "configmgr.client", "configmgr.console", "configmgr.management_point",
               "exchange.client", "exchange.mailbox", "databox.lan_client",
               "windows_server.domain_controller", "windows_server.dns_server")  # fmt: skip
FEATURES = ("configmgr.pxe", "configmgr.remote_sql_setup", "configmgr.client_shares", "exchange.imap4", "exchange.outbound_proxy", "databox.smb",
            "databox.device_initiates", "windows_server.netbios")  # fmt: skip
HOST_SETTINGS: tuple[Plain, ...] = (
    {}, {}, {"configmgr.client_https": 8443}, {"configmgr.sql": 14330}, {"configmgr.wsus_http": 80, "configmgr.wsus_https": 443}, {"configmgr.wake_on_lan": 7},
)  # fmt: skip
SITES = ("A", "B", "A", "B", "C")  # few, so that hosts meet
TREES: tuple[dict[str, str], ...] = ({"B": "A", "C": "A"}, {"B": "A", "C": "B"}, {"B": "A"}, {})


def hosts_of(theme: tuple[str, ...]) -> st.SearchStrategy[Drawn]:
    return st.builds(
        Drawn,
        roles=st.one_of(st.just((EDGE,)), *[st.lists(st.sampled_from(theme), unique=True, min_size=1, max_size=3).map(tuple)] * 8, st.just(())),
        configmgr=st.lists(st.sampled_from(SITES), unique=True, min_size=1, max_size=2).map(lambda names: tuple(sorted(names))),
        exchange=st.sampled_from(SITES),
        features=st.lists(st.sampled_from(FEATURES), unique=True, max_size=4).map(tuple),
        settings=st.sampled_from(HOST_SETTINGS),
        initiates=st.booleans(),
        dynamic=st.booleans(),
        managed=st.sampled_from([True, True, True, False]),
        six=st.booleans(),
    )


HOSTS = st.sampled_from(THEMES).flatmap(hosts_of)

STRUCTURED = st.builds(
    Estate,
    hosts=st.sampled_from(THEMES)
    .flatmap(lambda theme: st.lists(hosts_of(theme), min_size=4, max_size=8))
    .map(lambda hosts: {f"h{number}": host for number, host in enumerate(hosts)}),
    sites=st.sampled_from([True, True, False]),
    tree=st.sampled_from(TREES),
    networks=st.lists(st.tuples(st.sampled_from(POPULATIONS), st.sampled_from([None, *SITES])), unique=True, min_size=1, max_size=4).map(tuple),
    roaming=st.sampled_from([None, True, False]),
    unrestricted=st.sampled_from([None, None, False]),
    without=st.sampled_from([(), (), ("configmgr.client.*.http.tcp",), ("exchange.*.smtp.tcp",)]),
    supplements=st.sampled_from([(), (), ("client_push",), ("peer_cache", "adws")]),
    release=st.sampled_from([None, None, "1710", "1802"]),
)


def thrown(seed: int) -> Estate:
    """Return an estate in which every choice is as likely as its alternatives: hypothesis prefers simple ones, in which sites and roles seldom meet."""
    dice = random.Random(seed)
    theme = dice.choice(THEMES)

    def some(things: t.Sequence[t.Any], most: int, least: int = 0) -> tuple[t.Any, ...]:
        return tuple(dice.sample(things, dice.randint(least, min(most, len(things)))))

    def drawn() -> Drawn:
        return Drawn(
            roles=(EDGE,) if dice.random() < 0.1 else some(theme, 2, 1),
            configmgr=tuple(sorted(some("ABC", 2, 1))),
            exchange=dice.choice("AB"),
            features=some(FEATURES, 4),
            settings=dice.choice(HOST_SETTINGS),
            initiates=dice.random() < 0.3,
            dynamic=dice.random() < 0.3,
            managed=dice.random() < 0.8,
            six=dice.random() < 0.3,
        )

    return Estate(
        hosts={f"h{number}": drawn() for number in range(dice.randint(4, 8))},
        sites=dice.random() < 0.8,
        tree=dice.choice(TREES),
        networks=tuple({(dice.choice(POPULATIONS), dice.choice((None, "A", "B"))): None for _number in range(dice.randint(0, 4))}),
        roaming=dice.choice([None, False]),
        unrestricted=dice.choice([None, None, False]),
        without=dice.choice([(), (), ("configmgr.client.*.http.tcp",), ("exchange.*.smtp.tcp",)]),
        supplements=dice.choice([(), (), ("client_push",), ("peer_cache", "adws")]),
        release=dice.choice([None, None, "1710", "1802"]),
    )


ESTATES = st.one_of(STRUCTURED, st.integers(0, 2**32 - 1).map(thrown))
