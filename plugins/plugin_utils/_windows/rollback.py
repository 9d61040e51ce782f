# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a Windows host gets so that it can take a change back by itself: the name of the change, and the code that a task of its own runs.

The code is our C# without the part that Ansible runs, in a script that compiles it: whoever fires has nothing of the run that armed it.
"""

from __future__ import annotations

import base64
import functools
import gzip
import pathlib
import re
import secrets
import typing as t

UTILS = pathlib.Path(__file__).resolve().parents[2] / "module_utils"
NAMESPACE = "ansible_collections.portcullis.msports.plugins.module_utils."
ENTRY = "_FirewallRollback"
_USED = re.compile(rf"(?m)^using {re.escape(NAMESPACE)}(\w+);$")
_IMPORT = re.compile(r"(?m)^using .*;$")
_BODY = re.compile(r"(?m)^namespace ")
# Windows PowerShell 5.1 gives the compiler fewer libraries by itself than PowerShell 7.
SCRIPT = """\
param([string] $Nonce)
$ErrorActionPreference = 'Stop'
$more = @{{}}
$symbols = @('#define WINDOWS')
if ($PSVersionTable.PSEdition -eq 'Core') {{ $symbols += '#define CORECLR' }} else {{ $more.ReferencedAssemblies = 'System.Core' }}
$source = @'
{source}
'@
Add-Type -IgnoreWarnings -TypeDefinition (($symbols + $source) -join "`n") @more
while (-not [{namespace}{entry}.Rollback]::Fire($Nonce)) {{ Start-Sleep -Seconds 5 }}
"""


def arm(seconds: int) -> t.Dict[str, t.Any]:
    """Return the option ``rollback`` of ``win_firewall_policy``: a name for the change, and what takes it back."""
    return {"nonce": secrets.token_hex(8), "seconds": seconds, "code": code()}


@functools.cache
def code() -> str:
    """Return the script that the task runs, as gzip in base64."""
    text = SCRIPT.format(source=source(), namespace=NAMESPACE, entry=ENTRY)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def source() -> str:
    """Return one text of C#: every file that the rollback uses, what they import in front, each import once."""
    always: t.Dict[str, None] = {}
    on_windows: t.Dict[str, None] = {}
    bodies = []
    waiting, seen = [ENTRY], {ENTRY}
    while waiting:
        text = UTILS.joinpath(waiting.pop() + ".cs").read_text(encoding="utf-8")
        head, body = _BODY.split(text, maxsplit=1)
        common, _if, conditional = head.partition("#if WINDOWS\n")
        always.update(dict.fromkeys(_IMPORT.findall(common)))
        on_windows.update(dict.fromkeys(_IMPORT.findall(conditional)))
        bodies.append("namespace " + body)
        used = [name for name in _USED.findall(head) if name not in seen]
        waiting += used
        seen.update(used)
    return "\n".join([*always, "#if WINDOWS", *(line for line in on_windows if line not in always), "#endif", *bodies])
