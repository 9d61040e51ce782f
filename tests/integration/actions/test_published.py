# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that was published, applied without the inventory that it was made from: by slices, and by a host itself.

Needs unprivileged user namespaces, or root. Nothing outside the namespaces and the test's folder is touched.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

import pytest
import yaml
from bench import PLAN, SUMMARY, Bench, a_play
from playbook_runs import PYTHON, ROOT

from ansible_collections.portcullis.msports.plugins.plugin_utils._files import file_name

HOSTS = [f"web{number:02d}" for number in range(1, 9)]


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Bench:
    return Bench(tmp_path)


def apply_task(**options: t.Any) -> dict[str, t.Any]:
    return {"portcullis.msports.apply": {"persist": False, **options}}


def forget_inventory(bench: Bench) -> None:
    """Leave the host's name, and how it is reached."""
    connection = {name: value for name, value in bench.variables.items() if name.startswith("ansible_")}
    bench.inventory = {"all": {"vars": connection, "hosts": {"web01": {}, "stranger": {}}}}


def test_a_published_plan_needs_no_inventory_and_is_recorded(bench: Bench) -> None:
    digest = bench.planned()
    generation = json.loads(bench.plan_files()["msports-plan/index.json"])["generation"]
    forget_inventory(bench)
    applied = str(bench.folder / "msports-plan.applied")
    run = bench.plays(
        a_play(
            {"name": "stale", **apply_task(), "ignore_errors": True},
            {"name": "wrong", **apply_task(expected_digest="0" * 64), "ignore_errors": True},
            {"name": "recorded", "ansible.builtin.debug": {"msg": [f"{{{{ '{applied}' is exists }}}}"]}},
            hosts="web01",
        ),
        a_play(apply_task(expected_digest=digest)),
    )
    stale, wrong = run.by_task["stale"], run.by_task["wrong"]
    assert stale["failed"] and "the plan is stale" in stale["msg"]
    assert wrong["failed"] and not run.calls_of["stale"] and not run.calls_of["wrong"]
    assert f"the plan is not the expected one: its digest is {digest}, expected_digest is {'0' * 64}" in wrong["msg"]
    assert run.by_task["recorded"]["msg"] in ([False], ["False"])
    assert run.code == 0, run.output
    assert run.results["web01"]["added"]
    assert "the plan does not know this host" in run.results["stranger"]["msg"]
    (path,) = bench.folder.glob("msports-plan.applied/*")
    record = json.loads(path.read_text())
    host = json.loads(bench.plan_files()["msports-plan/hosts/web01.json"])
    assert (path.name, record["ruleset"], record["plan"], record["generation"]) == (file_name("web01"), host["ruleset"], digest, generation)


DRIVER = """
import json, sys
import ansible_runner

for turn in range(2):
    started = [ansible_runner.run_async(private_data_dir=folder, playbook="site.yml", ident=f"turn{turn}", quiet=True) for folder in sys.argv[1:]]
    for thread, _runner in started:
        thread.join()
    print(json.dumps([[runner.rc, runner.stats, runner.stdout.read()] for _thread, runner in started]))
"""


def test_parallel_slices_with_a_part_of_the_inventory_each(bench: Bench) -> None:
    """Each host has a table of its own, by its owner, because all of them are this one machine."""
    servers = {name: {"msports_addresses": [f"10.0.1.{number}"]} for number, name in enumerate(HOSTS)}
    bench.inventory["all"]["children"]["exchange_client_access"]["hosts"] = servers
    digest = bench.planned()
    slices = []
    for number in range(4):
        folder = bench.folder / f"slice{number}"
        part = {**bench.inventory["all"], "children": {"exchange_client_access": {"hosts": dict(list(servers.items())[2 * number : 2 * number + 2])}}}
        options = {
            "host_firewall_plan": False,
            "host_firewall_persist": False,
            "host_firewall_directory": str(bench.folder / "msports-plan"),
            "host_firewall_owner": "{{ inventory_hostname }}",
            **({"host_firewall_expected_digest": digest} if number % 2 else {"host_firewall_partial_inventory": True}),
        }
        role = {"ansible.builtin.import_role": {"name": "portcullis.msports.host_firewall"}, "vars": options}
        for name, content in (("inventory/hosts.yml", {"all": part}), ("project/site.yml", [{"hosts": "all", "gather_facts": False, "tasks": [role]}])):
            folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
            folder.joinpath(name).write_text(yaml.safe_dump(content))
        slices.append(str(folder))
    done = bench.inside([sys.executable, "-c", DRIVER, *slices])
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    for turn, changed in ((first, 1), (second, 0)):
        assert [code for code, _stats, _output in turn] == [0] * 4, turn
        told = {**dict.fromkeys(HOSTS, 2), **dict.fromkeys(HOSTS[::2], 3)}  # each slice ends with a summary, which its first host runs
        assert {name: count for _code, stats, _output in turn for name, count in stats["ok"].items()} == told
        assert {name: count for _code, stats, _output in turn for name, count in stats["changed"].items()} == (dict.fromkeys(HOSTS, 1) if changed else {})
    records = [json.loads(path.read_text()) for path in bench.folder.glob("msports-plan.applied/*.json")]
    assert {record["host"]: record["plan"] for record in records} == dict.fromkeys(HOSTS, digest)
    assert bench.play(PLAN, hosts="localhost").results["localhost"]["lagging"] == []


def test_a_host_pulls_its_own_part(bench: Bench) -> None:
    """``ansible-pull`` on the host: all it knows is its own name, the repository, and the digest that is published."""
    digest = bench.planned()
    repository = bench.folder / "repository"
    shutil.copytree(bench.folder / "msports-plan", repository / "msports-plan")
    role = {
        "name": "portcullis.msports.host_firewall",  # the host's name is the one that it has in the plan
        "vars": {"host_firewall_plan": False, "host_firewall_persist": False, "host_firewall_directory": "{{ playbook_dir }}/msports-plan"},
    }
    tasks = [{"ansible.builtin.import_role": {"name": role["name"]}, "vars": role["vars"]}]
    repository.joinpath("local.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "the plan"]):
        subprocess.run([*git, *words], cwd=repository, check=True, capture_output=True)
    pull = [bench.program("ansible-pull"), "-U", str(repository), "-d", str(bench.folder / "checkout"), "-i", "web01,", "-c", "local"]
    pull += ["-e", f"ansible_python_interpreter={PYTHON}"]
    published = f'"$@" -e host_firewall_expected_digest={digest}'
    script = f'hostname web01; {published} && {published} && nft list table inet msports; "$@" -e host_firewall_expected_digest=none'
    done = bench.inside(["unshare", "--uts", "sh", "-c", script, "sh", *pull])
    assert done.stdout.count("PLAY RECAP") == 3, done.stdout + done.stderr
    first, second, third = done.stdout.split("PLAY RECAP")[1:]
    assert "ok=3    changed=1" in first and "ok=3    changed=0" in second, done.stdout
    assert "in tcp/443 from exchange.client" in second, "the rules are in the kernel"
    assert "failed=1" in third and "the plan is not the expected one" in done.stdout and done.returncode != 0


def test_who_lags_behind_is_told_and_an_orphan_leaves_when_it_was_emptied(bench: Bench) -> None:
    """Each host has a table of its own, by its owner, because all of them are this one machine."""
    own = {"owner": "{{ inventory_hostname }}"}
    run = bench.play(PLAN, apply_task(**own))
    assert run.code == 0, run.output
    hosts = bench.inventory["all"]["children"]
    hosts["exchange_mailbox"]["hosts"]["db02"] = {"msports_addresses": ["10.0.0.9"]}
    again = bench.play(PLAN, apply_task(**own), SUMMARY, arguments=["--limit", "db02"])
    assert again.code == 0, again.output
    assert "2 hosts lag behind the plan: db01, web01; apply it there, too" in again.results["db02"]["msg"], again.output
    everywhere = bench.play({"name": "plan", **PLAN}, apply_task(**own), {**SUMMARY, "run_once": True})
    lagging = everywhere.at("web01", "plan")["lagging"]
    assert "db01" in lagging and "db02" not in lagging
    assert "skipped, without rules in the plan: bare01" in everywhere.output
    assert everywhere.code == 0 and "lag behind" not in everywhere.output, everywhere.output
    hosts["others"]["hosts"]["db02"] = hosts["exchange_mailbox"]["hosts"].pop("db02")

    def leaves(**options: t.Any) -> dict[str, t.Any]:
        """Plan, and empty the host afterwards; return what was planned before."""
        planned, absent = a_play({"name": "plan", **PLAN}, hosts="localhost"), a_play(apply_task(state="absent", **options), hosts="db02")
        run = bench.plays(planned, absent)
        assert run.code == 0, run.output
        return run.by_task["plan"]

    orphaned = leaves(owner="another")
    assert (orphaned["orphaned"], orphaned["lagging"]) == (["db02"], lagging)
    assert leaves(**own)["orphaned"] == ["db02"], "what it was applied as is still there"
    assert bench.play(PLAN, hosts="localhost").results["localhost"]["orphaned"] == []


def gpg(bench: Bench, *words: str) -> bytes:
    home = bench.folder / "gnupg"
    home.mkdir(mode=0o700, exist_ok=True)
    return subprocess.run(["gpg", "--batch", "--homedir", str(home), "--passphrase", "", *words], check=True, capture_output=True, cwd=bench.folder).stdout


def test_an_unsigned_plan_is_refused_by_name_and_so_is_one_that_somebody_else_signed(bench: Bench) -> None:
    digest = bench.planned()
    for name in ("ours", "theirs"):
        gpg(bench, "--quick-gen-key", f"{name}@example.com", "ed25519", "sign", "never")
        bench.folder.joinpath(f"{name}.gpg").write_bytes(gpg(bench, "--export", f"{name}@example.com"))
    plan = bench.folder / "msports-plan"
    signed_by_ours = {"keyring": "ours.gpg", "expected_digest": digest}

    def signed(name: str, who: str) -> pathlib.Path:
        """A copy of the plan, and who signed it."""
        index = shutil.copytree(plan, bench.folder / name) / "index.json"
        if who:
            gpg(bench, "--local-user", f"{who}@example.com", "--armor", "--detach-sign", str(index))
        return index

    unsigned, theirs = signed("unsigned", ""), signed("theirs", "theirs")
    signed("ours", "ours")
    planned = signed("planned", "ours")
    tasks = [{"name": name, **apply_task(**signed_by_ours, directory=name), "ignore_errors": name != "ours"} for name in ("unsigned", "theirs", "ours")]
    run = bench.play(*tasks, {"name": "planned", "portcullis.msports.plan": {"directory": "planned"}}, hosts="web01")
    assert run.code == 0 and not run.by_task["ours"]["failed"], run.output
    for name, told in (
        ("unsigned", f"{unsigned}.asc: cannot be read (No such file or directory), so the plan is not signed"),
        ("theirs", f"{theirs}.asc: is not the signature of this plan by a key of"),
    ):
        assert run.by_task[name]["failed"] and not run.calls_of[name], run.output
        assert told in run.by_task[name]["msg"]
    assert run.by_task["planned"]["changed"] is False, "a signature is no business of the plan's"
    bench.variables["msports_ping"] = ["10.9.0.0/24"]
    replan = {"portcullis.msports.plan": {"directory": "planned"}}
    changed = bench.play(replan, apply_task(directory="planned", keyring="ours.gpg", expected_digest="{{ result.digest }}"), hosts="web01")
    assert changed.code != 0 and not changed.calls and json.loads(planned.read_text())["digest"] != digest, changed.output
    assert "is not the signature of this plan" in changed.results["web01"]["msg"]


def test_ansible_sign_signs_the_index_and_with_it_everything(bench: Bench) -> None:
    bench.planned()
    gpg(bench, "--quick-gen-key", "ours@example.com", "ed25519", "sign", "never")
    project = bench.folder / "project"
    shutil.copytree(bench.folder / "msports-plan", project / "msports-plan")
    page = ROOT.joinpath("docs", "plan.md").read_text(encoding="utf-8")
    project.joinpath("MANIFEST.in").write_text(page.partition("```text\n# MANIFEST.in\n")[2].partition("```")[0])

    def sign(verb: str) -> int:
        words = [bench.program("ansible-sign"), "project", verb, "--gnupg-home", str(bench.folder / "gnupg"), str(project)]
        # without a terminal, and with a key that has no passphrase
        return subprocess.run(words, capture_output=True, check=False, env={**os.environ, "GPG_TTY": ""}).returncode

    assert sign("gpg-sign") == 0
    assert sign("gpg-verify") == 0
    host, index = project / "msports-plan" / "hosts" / "web01.json", project / "msports-plan" / "index.json"
    text = host.read_text()
    host.write_text(text.replace('"linux"', '"windows"'))
    assert sign("gpg-verify") == 0, "what is not signed by itself"
    run = bench.play(apply_task(directory=str(project / "msports-plan")), hosts="web01")
    assert run.code != 0 and f"{host}: is not the file that the plan means" in run.results["web01"]["msg"], "is held by what is"
    host.write_text(text)
    index.write_text(index.read_text().replace("generation", "Generation"))
    assert sign("gpg-verify") != 0
