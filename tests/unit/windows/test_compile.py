# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on the host is C# 5, which is all that Windows PowerShell 5.1 compiles; with the references and the strictness of Add-CSharpType."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest
from ansible.module_utils import basic

from ansible_collections.portcullis.msports.tests.windows.engines import mono

ROOT = pathlib.Path(__file__).resolve().parents[3]
UTILS = ROOT / "plugins" / "module_utils"
MODULE = ROOT / "plugins" / "modules" / "win_firewall_policy.ps1"
NAMESPACE = "ansible_collections.portcullis.msports.plugins.module_utils."
OWN = {f"{NAMESPACE}{path.stem}.cs": path.read_text(encoding="utf-8") for path in sorted(UTILS.glob("*.cs"))}
BASIC = (pathlib.Path(basic.__file__).parent / "csharp" / "Ansible.Basic.cs").read_text(encoding="utf-8")
ALL = {"Ansible.Basic.cs": BASIC, **OWN}
STATE = f"{NAMESPACE}_FirewallState.cs"


@pytest.fixture(autouse=True)
def compiler(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler has to be there, and what it made for an earlier run is not used."""
    assert not mono.missing_programs(), f"not installed: {mono.missing_programs()}"
    monkeypatch.setenv("MSPORTS_ENGINE_CACHE", str(tmp_path / "engine"))


@pytest.mark.parametrize("symbols", [("AMD64",), ("AMD64", "WINDOWS"), ("X86", "WINDOWS")], ids="+".join)
def test_it_compiles_with_ansible_basic(symbols: tuple[str, ...]) -> None:
    mono.compiled(ALL, added=(), defines=symbols, host=False)


@pytest.mark.parametrize("symbols", ["CORECLR;WINDOWS", "CORECLR;UNIX"])
def test_what_is_for_powershell_7_compiles(symbols: str, tmp_path: pathlib.Path) -> None:
    # Ansible.Basic itself needs libraries of PowerShell 7 there, so what uses it is left out.
    sources = [path for path in sorted(UTILS.glob("*.cs")) if "using Ansible.Basic;" not in path.read_text(encoding="utf-8")]
    assert len(sources) == len(OWN) - 1
    command = [
        "mcs",
        "-langversion:5",
        "-warnaserror+",
        f"-define:{symbols}",
        "-target:library",
        "-r:System.dll",
        "-r:System.Core.dll",
        f"-out:{tmp_path / 'a.dll'}",
    ]
    done = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


LATER = {
    "null propagation": "public static string A(object a) { return a?.ToString(); }",
    "interpolated text": 'public static string A(int a) { return $"{a}"; }',
    "expression body": "public static int A() => 1;",
    "nameof": "public static string A() { return nameof(A); }",
    "initialised property": "public static int A { get; } = 1;",
    "exception filter": "public static void A() { try { } catch (System.Exception e) when (e.HResult == 1) { } }",
    "index initialiser": 'public static object A() { return new System.Collections.Hashtable { ["a"] = 1 }; }',
    "out variable": 'public static int A() { int.TryParse("1", out int a); return a; }',
    "tuple": "public static (int, int) A() { return (1, 2); }",
}


@pytest.mark.parametrize("name", LATER)
def test_later_csharp_is_refused(name: str) -> None:
    with pytest.raises(mono.CompileError, match=r"_FirewallState\.cs\(\d+,\d+\): error CS"):
        mono.compiled(with_class(LATER[name]), added=(), host=False)


def test_the_class_beside_it_is_not_what_is_refused() -> None:
    mono.compiled(with_class("public static int A() { return 1; }"), added=(), host=False)


def test_a_warning_is_refused_as_by_add_type() -> None:
    with pytest.raises(mono.CompileError, match=r"_FirewallState\.cs\(\d+,\d+\): warning CS0219"):
        mono.compiled(with_class("public static void A() { int a = 1; }"), added=(), host=False)


def with_class(member: str) -> dict[str, str]:
    return {**ALL, STATE: f"{ALL[STATE]}\nnamespace Later\n{{\n    public static class Later\n    {{\n        {member}\n    }}\n}}\n"}


def test_every_file_is_reached_from_a_module() -> None:
    # As ansible-core looks for them: from the module by #AnsibleRequires, from there by `using`.
    modules = "".join(path.read_text(encoding="utf-8") for path in MODULE.parent.glob("*.ps1"))
    reached: set[str] = set()
    waiting = {f"{NAMESPACE}{first}.cs" for first in re.findall(r"(?m)^#AnsibleRequires -CSharpUtil \.\.module_utils\.(\w+)$", modules)}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= {f"ansible_collections.{one}.cs" for one in re.findall(r"(?m)^using ansible_collections\.(\S+);", OWN[name])} - reached
    assert reached == set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_namespace_and_using_are_as_ansible_needs_them(name: str) -> None:
    # A C# util is found by the namespace that a `using` names, at the beginning of a line.
    text = OWN[name]
    assert re.findall(r"(?m)^namespace (\S+)", text) == [name[: -len(".cs")]]
    used = re.findall(r"(?m)^using ansible_collections\.(\S+);", text)
    assert used == sorted(set(used))
    assert all(f"ansible_collections.{one}.cs" in OWN for one in used)
    # The symbol that Windows alone defines keeps COM away from every other system.
    assert ("new NetFw" in text) == (name == f"{NAMESPACE}_FirewallStore.cs")
