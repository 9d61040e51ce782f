# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a call costs a PowerShell: ours beside a C# module that does nothing, each as ansible-core sends it, in turns. Processor seconds.

Ours is measured without the stand-in, which no host compiles: it is compiled whole, makes its module, and ends where it would open the
firewall, because this is no Windows. A second row reads the stand-in, which is compiled with it.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import typing as t

from tests.benchmarks.controller import ROOT
from tests.benchmarks.tables import Series

sys.path[:0] = [str(ROOT / "tests" / "windows"), str(ROOT / "tests" / "tools")]

import engines  # noqa: E402  (they lie in folders of their own)
import policy_file  # noqa: E402
import sanity  # noqa: E402
from engines import payload  # noqa: E402

NOTHING, OURS, READ = "a C# module that does nothing", "ours, compiled and no firewall opened", "ours, a read of the stand-in"
GOAL = 1.25
CORE = "2.21"
_IDLE = """
using Ansible.Basic;
namespace idle { public static class Module { public static void Run(AnsibleModule module) { module.ExitJson(); } } }
"""
_SCRIPT = """$spec = @{ options = @{ owner = @{ type = 'str' } } }
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
[idle.Module]::Run($module)
"""


def sent(work: pathlib.Path) -> payload.Call:
    """What ansible-core sends for a read, kept by the test connection."""
    python = sanity.find_python(CORE)
    if python is None:
        raise engines.EngineError(f"ansible-core {CORE} needs a Python from {' to '.join(sanity.PYTHONS[CORE])}, none is here")
    namespace = work / "collections" / "ansible_collections" / "portcullis"
    namespace.mkdir(parents=True)
    namespace.joinpath("msports").symlink_to(ROOT, target_is_directory=True)
    policy_file.write(work / "w1.json", policy_file.fresh_server())
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"portcullis.msports.win_firewall_policy": {"owner": "msports"}}]}]
    work.joinpath("play.yml").write_text(json.dumps(play), encoding="utf-8")
    host = {"ansible_connection": "portcullis.lab.windows_stand_in", "msports_stand_in_directory": str(work)}
    work.joinpath("hosts.json").write_text(json.dumps({"all": {"hosts": {"w1": host}}}), encoding="utf-8")
    kept = work / "kept"
    kept.mkdir()
    paths = os.pathsep.join((str(work / "collections"), str(ROOT / "tests" / "lab" / "collections")))
    own = {"ANSIBLE_HOME": str(work / "home"), "ANSIBLE_COLLECTIONS_PATH": paths, "MSPORTS_STAND_IN_KEEP": str(kept), "MSPORTS_ENGINE": "mono"}
    program = sanity.make_venv(CORE, python) / "bin" / "ansible-playbook"
    subprocess.run([program, "-i", work / "hosts.json", work / "play.yml"], cwd=work, env={**os.environ, **own}, check=True, capture_output=True)
    (path,) = kept.iterdir()
    found = json.loads(path.read_text(encoding="utf-8"))
    return payload.read_call(found["command"], found["in_data"].encode())


def measure(turns: int, say: t.Callable[[str], None]) -> Series:
    series = Series()
    engine = engines.named("pwsh")
    with tempfile.TemporaryDirectory(prefix="msports-bench-") as folder:
        work = pathlib.Path(folder)
        ours = sent(work)
        sources = {"Ansible.Basic.cs": ours.csharp["Ansible.Basic.cs"], "idle.cs": _IDLE}
        idle = payload.other_module(ours, "idle.ps1", _SCRIPT, sources, {"owner": "msports"})
        cases = {NOTHING: (idle, None, False), OURS: (ours, None, True), READ: (ours, work / "w1.json", False)}
        for turn in range(turns):
            for case, (call, policy, fails) in cases.items():
                before = _cpu()
                done = engine.run(call, policy)
                series.add(case, cpu=_cpu() - before)
                if bool(json.loads(done.output).get("failed")) != fails:
                    raise RuntimeError(f"{case}: {done.output.decode()[:300]}")
            say(f"turn {turn + 1} of {turns}")
    return series


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
