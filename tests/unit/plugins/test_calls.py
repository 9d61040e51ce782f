# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see of a mistake in a filter or a test: Ansible's own error with words of ours, whatever was given; never an error of Python."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pathlib
import typing as t

import pytest
from ansible.errors import AnsibleError, AnsibleFilterError

PLUGINS = pathlib.Path(__file__).resolve().parents[3] / "plugins"
STRANGE = (None, 5, "x", {}, [], [5], {"a": 5}, True, "tcp/70000")


def plugins() -> t.Iterator[tuple[str, t.Callable[..., t.Any]]]:
    for kind, of in (("filter", "FilterModule"), ("test", "TestModule")):
        for path in sorted(PLUGINS.joinpath(kind).glob("*.py")):
            module = importlib.import_module(f"ansible_collections.portcullis.msports.plugins.{kind}.{path.stem}")
            yield from getattr(getattr(module, of)(), f"{kind}s")().items()


FOUND = dict(plugins())


@pytest.mark.parametrize("name", FOUND)
def test_nothing_strange_becomes_an_error_of_python(name: str) -> None:
    function = FOUND[name]
    parameters = inspect.signature(function).parameters.values()
    least = sum(item.default is item.empty for item in parameters)
    refused = 0
    for count in range(least, min(len(parameters), least + 1) + 1):
        for given in itertools.product(STRANGE, repeat=min(count, 2)):
            try:
                function(*given, *["x"] * (count - len(given)))
            except AnsibleError as error:
                refused += 1
                assert str(error)
    assert refused or name in ("port_spec", "product_role", "allowed_by")


@pytest.mark.parametrize("name", FOUND)
def test_a_call_that_does_not_fit_says_how_it_is_called(name: str) -> None:
    way = "is" if name in ("port_spec", "product_role", "allowed_by") else r"\|"
    with pytest.raises(AnsibleFilterError, match=rf"^{name}: .*argument.*; it is called like: \w+ {way} portcullis\.msports\.{name}"):
        FOUND[name]("x", nonsense=1)
