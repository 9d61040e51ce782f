# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types in which values of an option reach the C#: what the exec wrapper of ansible-core makes of JSON, on every engine."""

from __future__ import annotations

import json
import typing as t

import engines
from conftest import script_of
from engines import payload

#: A module of the test: the types of what is in an option, as a tree of names.
SHAPES = r"""
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;
using Ansible.Basic;

namespace shapes
{
    public static class Module
    {
        public static void Run(AnsibleModule module)
        {
            IDictionary given = (IDictionary)module.Params["given"];
            module.Result["shapes"] = given.Keys.Cast<string>().ToDictionary(key => key, key => (object)Of(given[key]));
            module.ExitJson();
        }

        private static string Of(object value)
        {
            PSObject wrapped = value as PSObject;
            if (wrapped != null)
                return "PSObject(" + Of(wrapped.BaseObject) + ")";
            IDictionary map = value as IDictionary;
            if (map != null)
            {
                IEnumerable<string> keys = map.Keys.Cast<string>().OrderBy(key => key, System.StringComparer.Ordinal);
                return value.GetType().Name + "{" + string.Join(" ", keys.Select(key => key + "=" + Of(map[key])).ToArray()) + "}";
            }
            IList list = value as IList;
            if (list != null)
                return value.GetType().Name + "[" + string.Join(" ", list.Cast<object>().Select(Of).ToArray()) + "]";
            return value == null ? "null" : value.GetType().Name;
        }
    }
}
"""

CASES: dict[str, tuple[t.Any, str]] = {
    "text": ("x", "String"),
    "empty text": ("", "String"),
    "date": ("2026-11-29T08:00:00Z", "String"),
    "true": (True, "Boolean"),
    "nothing": (None, "null"),
    "number": (5, "Int64"),
    "negative": (-1, "Int64"),
    "large": (5_000_000_000, "Int64"),
    "fraction": (1.5, "Double"),
    "map": ({"a": "x", "b": 1, "c": None}, "Hashtable{a=String b=Int64 c=null}"),
    "empty map": ({}, "Hashtable{}"),
    "map in a map": ({"a": {"b": {"c": "x"}}}, "Hashtable{a=Hashtable{b=Hashtable{c=String}}}"),
    "list": (["x", "y"], "Object[][PSObject(String) PSObject(String)]"),
    "list of one": (["x"], "Object[][PSObject(String)]"),
    "empty list": ([], "Object[][]"),
    "list of nothing": ([None], "Object[][null]"),
    "list of numbers": ([1, 5_000_000_000], "Object[][PSObject(Int64) PSObject(Int64)]"),
    "list of flags": ([True, False], "Object[][PSObject(Boolean) PSObject(Boolean)]"),
    "mixed list": (["x", 1, None, True, 1.5], "Object[][PSObject(String) PSObject(Int64) null PSObject(Boolean) PSObject(Double)]"),
    "list of lists": ([["x"], []], "Object[][Object[][PSObject(String)] Object[][]]"),
    "list of maps": ([{"a": "x"}, {"b": ["y"]}], "Object[][Hashtable{a=String} Hashtable{b=Object[][PSObject(String)]}]"),
    "list in a map": ({"a": ["x"], "b": []}, "Hashtable{a=Object[][PSObject(String)] b=Object[][]}"),
    "list in a map in a list in a map": ({"a": [{"b": ["x", 1]}]}, "Hashtable{a=Object[][Hashtable{b=Object[][PSObject(String) PSObject(Int64)]}]}"),
}


def test_values_have_the_types_that_powershell_gives_them(read: payload.Call) -> None:
    values = {name: value for name, (value, _shape) in CASES.items()}
    sources = {"Ansible.Basic.cs": read.csharp["Ansible.Basic.cs"], "shapes.cs": SHAPES}
    call = payload.other_module(read, "shapes.ps1", script_of("shapes.Module", "given = @{ type = 'dict' }"), sources, {"given": values})
    done = engines.chosen().run(call, None, wide=True)
    assert json.loads(done.output)["shapes"] == {name: shape for name, (_value, shape) in CASES.items()}
