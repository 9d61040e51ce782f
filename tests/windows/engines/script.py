# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's ``.ps1``, read without PowerShell. Three statements: an argument spec as a literal, the module made with it, one call.

.. code-block:: powershell

    $spec = @{ options = @{ name = @{ type = 'str'; choices = 'a', 'b' } }; supports_check_mode = $true }
    $module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
    [namespace.Type]::Method($module)

Or two, without ``Ansible.Basic``:

.. code-block:: powershell

    $result = [namespace.Type]::Method($complex_args)
    ConvertTo-Json -InputObject $result -Compress -Depth 9

Nothing else of a script is run by Mono, so nothing else may be in it.
"""

from __future__ import annotations

import re
import typing as t

from .payload import EngineError

_TOKEN = re.compile(
    r"\s+|#[^\n]*|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)\b|(?P<constant>\$(?:true|false|null))\b|(?P<word>[A-Za-z_]\w*)|(?P<mark>@\{|@\(|[{}()=;,])"
)
_CONSTANTS = {"$true": True, "$false": False, "$null": None}
_REST = re.compile(
    r"\s*\$module = \[Ansible\.Basic\.AnsibleModule\]::Create\(\$args, \$spec\)\s*"
    r"\[(?P<type>[A-Za-z_][\w.]*)\]::(?P<method>[A-Za-z_]\w*)\(\$module\)\s*\Z"
)


_PLAIN = re.compile(
    r"\s*\$result = \[(?P<type>[A-Za-z_][\w.]*)\]::(?P<method>[A-Za-z_]\w*)\(\$complex_args\)\s*"
    r"ConvertTo-Json -InputObject \$result -Compress(?: -Depth \d+)?\s*\Z"
)


class Script(t.NamedTuple):
    """``spec``: None for a script without ``Ansible.Basic``."""

    spec: t.Optional[dict[str, t.Any]]
    type: str
    method: str


def read(name: str, text: str) -> Script:
    """The statements of a module's script; EngineError for any other."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    plain = _PLAIN.match(code)
    if plain:
        return Script(None, plain["type"], plain["method"])
    start = re.match(r"\s*\$spec = (?=@\{)", code)
    try:
        if start is None:
            raise ValueError("$spec = @{ is not at the beginning")
        literal = _Literal(code, start.end())
        spec = literal.value()
        rest = _REST.match(code, literal.at)
        if rest is None:
            raise ValueError(f"after the spec: {code[literal.at : literal.at + 200].strip()!r}")
    except ValueError as error:
        expected = "$spec = @{...}, $module = [Ansible.Basic.AnsibleModule]::Create($args, $spec), [Type]::Method($module)"
        raise EngineError(f"{name} is not the three statements that can be run without PowerShell ({expected}): {error}") from error
    return Script(spec, rest["type"], rest["method"])


class _Literal:
    """A reader of PowerShell's literals: hashtables, lists, texts in single quotes, whole numbers, ``$true``, ``$false``, ``$null``."""

    def __init__(self, code: str, at: int) -> None:
        self._code = code
        self.at = at

    def value(self) -> t.Any:
        """One value, or several with commas between them, which are a list."""
        first = self._one()
        if not self._next_is(","):
            return first
        items = [first]
        while self._next_is(","):
            self._take()
            items.append(self._one())
        return items

    def _one(self) -> t.Any:
        kind, token = self._take()
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "number":
            return int(token)
        if kind == "constant":
            return _CONSTANTS[token]
        if token == "@(":
            found = [] if self._next_is(")") else self.value()
            self._expect(")")
            return found if isinstance(found, list) else [found]
        if token == "@{":
            return self._table()
        raise ValueError(f"{token!r} where a literal should be")

    def _table(self) -> dict[str, t.Any]:
        table: dict[str, t.Any] = {}
        while not self._next_is("}"):
            _kind, key = self._take("word")
            self._expect("=")
            if key in table:
                raise ValueError(f"the key {key} twice")
            table[key] = self.value()
            # the end of a line parts two keys as well as a semicolon does
            if self._next_is(";"):
                self._take()
        self._expect("}")
        return table

    def _take(self, kind: str = "") -> tuple[str, str]:
        while (match := _TOKEN.match(self._code, self.at)) is not None:
            self.at = match.end()
            if match.lastgroup is not None:
                if kind and match.lastgroup != kind:
                    raise ValueError(f"{match[0]!r} where a {kind} should be")
                return match.lastgroup, match[0]
        raise ValueError(f"no literal: {self._code[self.at : self.at + 40]!r}")

    def _next_is(self, mark: str) -> bool:
        at = self.at
        try:
            return self._take()[1] == mark
        except ValueError:
            return False
        finally:
            self.at = at

    def _expect(self, mark: str) -> None:
        _kind, token = self._take()
        if token != mark:
            raise ValueError(f"{token!r} where {mark!r} should be")
