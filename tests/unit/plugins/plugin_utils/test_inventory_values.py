# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of hostvars: those without a template are taken as they were written, all others as Ansible renders them."""

from __future__ import annotations

import datetime
import pathlib

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import EncryptedString
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of, is_literal

INVENTORY = """
all:
  vars:
    place: P01
    number: 10
    msports_networks: {configmgr.client: {P01: [10.20.0.0/16]}}
    msports_site: "{{ place }}"
    msports_ping: ["{{ '10.9.0.0/24' }}", "10.8.0.0/24"]
    msports_settings: {configmgr.client_https: "{{ 8000 + number }}", configmgr.client_http: 80}
    msports_allow: [{name: a, in: tcp/1, from: [any], because: "{% if true %}CHG{% endif %}", until: 2030-01-31}]
    msports_system: "{# nothing #}linux"
    msports_supplements:
  children:
    some:
      children: {some_rest: {}}
      hosts: {one: {ansible_host: 10.0.0.1}, two: {ansible_host: "10.0.0.{{ number }}", place: P02}}
"""


@pytest.fixture(scope="module")
def hostvars(tmp_path_factory: pytest.TempPathFactory) -> HostVars:
    path: pathlib.Path = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    path.write_text(INVENTORY, encoding="utf-8")
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(path)])
    return HostVars(inventory=inventory, variable_manager=VariableManager(loader=loader, inventory=inventory), loader=loader)


def test_values_are_those_that_ansible_renders(hostvars):
    rendered = {name: {key: hostvars[name][key] for key in hostvars[name]} for name in hostvars}
    assert inventory_of(hostvars)["hosts"] == inventory_of(rendered)["hosts"]


def test_templates_are_rendered_for_each_host(hostvars):
    hosts = inventory_of(hostvars)["hosts"]
    assert [hosts[name]["vars"]["msports_site"] for name in ("one", "two")] == ["P01", "P02"]
    assert hosts["two"]["vars"]["ansible_host"] == "10.0.0.10"
    assert hosts["one"]["vars"]["msports_ping"] == ["10.9.0.0/24", "10.8.0.0/24"]
    assert hosts["one"]["vars"]["msports_settings"] == {"configmgr.client_https": 8010, "configmgr.client_http": 80}
    assert hosts["one"]["vars"]["msports_allow"][0]["because"] == "CHG"
    assert hosts["one"]["vars"]["msports_system"] == "linux"
    assert hosts["one"]["vars"]["msports_supplements"] is None
    assert hosts["one"]["groups"] == ["some"]


def test_hosts_share_what_they_have_from_the_same_group(hostvars):
    hosts = inventory_of(hostvars)["hosts"]
    assert hosts["one"]["vars"]["msports_networks"] is hosts["two"]["vars"]["msports_networks"]


def test_groups_without_hosts_are_groups(hostvars):
    assert inventory_of(hostvars)["groups"] == {"some": ["one", "two"], "some_rest": []}


def test_groups_are_those_of_the_hosts_where_none_are_told():
    assert inventory_of({"one": {"group_names": ["web"]}, "two": {}})["groups"] == {"web": ["one"]}


def test_what_tasks_register_is_left_out_and_mistakes_stay():
    variables = {
        "msports_plan": {"changed": True, "path": "x"},
        "msports_x": {"failed": True},
        "msports_rolse": ["x"],
        "msports_role": {"a": 1},
        "msports_ping": [],
    }
    assert set(inventory_of({"one": variables})["hosts"]["one"]["vars"]) == {"msports_rolse", "msports_role", "msports_ping"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0.0.1", True),
        (["a", {"b": 1, "c": [2.5, None, True, datetime.date(2030, 1, 31)]}], True),
        ("{{ a }}", False),
        ("{% if a %}", False),
        ("{# a #}", False),
        ("#jinja2:variable_start_string:'[['\n[[ a ]]", False),
        (["a", ["{{ b }}"]], False),
        ({"a": {"b": "{{ c }}"}}, False),
        ({"{{ a }}": "b"}, False),
        (object(), False),
        ({"a"}, False),
        (EncryptedString(ciphertext="$ANSIBLE_VAULT;1.1;AES256\n00"), False),
        ([EncryptedString(ciphertext="$ANSIBLE_VAULT;1.1;AES256\n00")], False),
    ],
)
def test_only_what_surely_holds_no_template_is_literal(value, expected):
    assert is_literal(value) is expected
