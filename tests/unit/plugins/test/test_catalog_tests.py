# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests port_spec and product_role."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.portcullis.msports.plugins.test import port_spec, product_role

is_port = port_spec.TestModule().tests()["port_spec"]
is_role = product_role.TestModule().tests()["product_role"]


@pytest.mark.parametrize("value", [0, 65535, "0", "443", "49152-65535", "80-80"])
def test_port_spec(value: t.Any) -> None:
    assert is_port(value) is True


@pytest.mark.parametrize("value", [-1, 65536, "65536", "90-80", "https", "", "80,443", "rpc_dynamic", None, True, [80], {}, 80.5])
def test_no_port_spec(value: t.Any) -> None:
    assert is_port(value) is False


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("configmgr.management_point", True),
        ("windows_server.domain_controller", True),
        ("internet", True),
        ("any_host", False),
        ("management_point", False),
        ("configmgr.managment_point", False),
        ("", False),
        (None, False),
        (["exchange.mailbox"], False),
    ],
)
def test_product_role(value: t.Any, expected: bool) -> None:
    assert is_role(value) is expected


def test_product_role_of_an_edition() -> None:
    assert is_role("exchange.mailbox", releases={"exchange": "2013"}) is True
    with pytest.raises(AnsibleFilterError) as caught:
        is_role("exchange.mailbox", releases={"exchange": "SE"})
    assert str(caught.value) == "releases.exchange: 'SE': expected a release in the product's own numbers, in quotes, like '1802'"
