# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be seen of an inventory is no less: sources that do not parse, and variables that cannot be rendered."""

from __future__ import annotations

import pathlib

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import compile_plan
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of, one_host

GOOD = """
all:
  vars:
    msports_management: {from: "{{ groups['admin'] | map('extract', hostvars, 'ansible_host') | list }}", services: [ssh]}
  children:
    admin: {hosts: {adm1: {ansible_host: 192.0.2.5}, adm2: {ansible_host: 192.0.2.6}}}
    exchange_mailbox: {hosts: {mb01: {ansible_host: 192.0.2.20}}}
"""
BAD = """
all:
  children:
    exchange_mailbox:
      hosts:
        mb02:
          ansible_host: 192.0.2.21
          msports_ping: "{{ hostvars['nobody'].ansible_host }}"
          msports_management: "{{ nothing_here }}"
          msports_rolse: []
"""


def hostvars(*sources: pathlib.Path) -> HostVars:
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(source) for source in sources])
    return HostVars(inventory=inventory, variable_manager=VariableManager(loader=loader, inventory=inventory), loader=loader)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for name, text in (("good.yml", GOOD), ("bad.yml", BAD), ("broken.yml", "all: [\n")):
        tmp_path.joinpath(name).write_text(text, encoding="utf-8")
    return tmp_path


def test_hostvars_may_be_used_as_in_any_task(folder: pathlib.Path) -> None:
    found = hostvars(folder / "good.yml")
    variables = inventory_of(found)["hosts"]["mb01"]["vars"]
    assert variables["msports_management"] == {"from": ["192.0.2.5", "192.0.2.6"], "services": ["ssh"]}
    assert one_host("mb01", found)["hosts"]["mb01"]["vars"] == variables


def test_what_cannot_be_rendered_is_a_problem_with_host_and_variable_among_all_others(folder: pathlib.Path) -> None:
    with pytest.raises(InventoryError) as error:
        compile_plan(inventory_of(hostvars(folder / "bad.yml")))
    told = str(error.value).splitlines()
    assert [line.partition(": ")[0] + ": " + line.split(": ")[1] for line in told] == ["mb02: msports_management", "mb02: msports_ping", "mb02: msports_rolse"]
    assert told[0] == "mb02: msports_management: cannot be rendered: 'nothing_here' is undefined"
    assert told[1].endswith("; name hosts as group:<name> or host:<name> where a list of peers is meant")


@pytest.mark.parametrize("way", ["file", "folder", "missing"])
def test_a_source_that_cannot_be_read_is_refused_by_name(folder: pathlib.Path, way: str) -> None:
    name = "broken.yml"
    if way == "missing":
        name = "nowhere.yml"
    else:
        folder.joinpath("bad.yml").unlink()
    sources = [folder] if way == "folder" else [folder / "good.yml", folder / name]
    with pytest.raises(InventoryError) as error:
        inventory_of(hostvars(*sources))
    assert [problem.path for problem in error.value.problems] == [f"inventory source {folder / name}"]
    assert "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED" in str(error.value)


def test_sources_that_are_whole_are_taken(folder: pathlib.Path) -> None:
    folder.joinpath("broken.yml").rename(folder / "broken.yml.orig")  # Ansible leaves out files with such an end, too
    folder.joinpath("host_vars").mkdir()
    folder.joinpath("host_vars", "mb01.yml").write_text("msports_system: linux\n", encoding="utf-8")
    assert set(inventory_of(hostvars(folder))["hosts"]) == {"adm1", "adm2", "mb01", "mb02"}


def test_a_variable_of_the_estate_that_cannot_be_rendered_is_one_line(folder: pathlib.Path) -> None:
    found = inventory_of(hostvars(folder / "good.yml"))
    unrendered = [[name, "msports_networks", "'nothing_here' is undefined"] for name in found["hosts"]]
    with pytest.raises(InventoryError) as error:
        compile_plan({**found, "unrendered": unrendered})
    assert str(error.value) == "estate: msports_networks: cannot be rendered: 'nothing_here' is undefined"
