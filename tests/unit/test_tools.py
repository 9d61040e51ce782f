# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tools behind `make test` count honestly and see what is wrong."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import threading
import types
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tests" / "tools"


def load(name: str) -> types.ModuleType:
    if str(TOOLS) not in sys.path:
        sys.path.insert(0, str(TOOLS))
    return __import__(name)


def lines(*text: str) -> str:
    return "\n".join(text) + "\n"


RUN = ('Running sanity test "pep8"', 'Running sanity test "import" on Python 3.9', 'Running sanity test "pslint"')
SANITY = {
    "all pass": (lines(*RUN), 0, (3, [], [])),
    "one fails": (
        lines(
            *RUN,
            "ERROR: Found 1 pep8 issue(s) which need to be resolved:",
            "ERROR: a.py:1:1: E303: too many",
            "FATAL: The 1 sanity test(s) listed below (out of 3) failed. See error output above for details.",
            "pep8",
        ),
        1,
        (2, ["pep8"], []),
    ),
    "a failure named with its Python": (
        lines(*RUN, "FATAL: The 2 sanity test(s) listed below (out of 3) failed. See error output above for details.", "import --python 3.9", "pep8"),
        1,
        (1, ["import --python 3.9", "pep8"], []),
    ),
    "a tool is missing": (lines(*RUN, 'WARNING: Required program "pwsh" not found.'), 0, (2, [], ["pslint"])),
    "broken off": (lines(*RUN, 'FATAL: Command "x" returned exit status 127.'), 1, (2, ["pslint (broke off)"], [])),
    "an exit code without a word": (lines(*RUN), 2, (2, ["exit code 2"], [])),
    "nothing ran": (lines("WARNING: All targets skipped."), 0, (0, ["no test ran"], [])),
}


@pytest.mark.parametrize("name", SANITY)
def test_the_result_of_ansible_test_is_read_honestly(name: str) -> None:
    output, status, (passed, failed, skipped) = SANITY[name]
    result = load("sanity").read_result(output, status)
    assert (result.passed, result.failed, result.skipped) == (passed, failed, skipped)


NO_PWSH = 'WARNING: Required program "pwsh" not found.'
PWSH = {
    "pslint without pwsh neither passes nor fails": (lines(*RUN, NO_PWSH), 0, False, (2, [], [], ["pslint"])),
    "warnings repeated at the end belong to no test": (
        lines(RUN[2], NO_PWSH, RUN[0], "WARNING: Reviewing previous 1 warning(s):", NO_PWSH),
        0,
        False,
        (1, [], [], ["pslint"]),
    ),
    "with pwsh there, the same words are a skip": (lines(*RUN, NO_PWSH), 0, True, (2, [], ["pslint"], [])),
    "another missing program is a skip": (lines(*RUN, 'WARNING: Required program "shellcheck" not found.'), 0, False, (2, [], ["pslint"], [])),
    "another reason is a skip": (lines(*RUN, 'WARNING: Skipping sanity test "pslint" on this host.'), 0, False, (2, [], ["pslint"], [])),
    "breaking off for want of pwsh is a failure": (
        lines(*RUN, 'FATAL: Command "x" returned exit status 1.', 'FileNotFoundError: Required program for PowerShell arg spec inspection "pwsh" not found.'),
        1,
        False,
        (2, ["pslint (broke off)"], [], []),
    ),
}


@pytest.mark.parametrize("name", PWSH)
def test_what_lacks_pwsh_is_told_and_nothing_else_is_excused(name: str) -> None:
    output, status, pwsh, expected = PWSH[name]
    result = load("sanity").read_result(output, status, pwsh)
    assert (result.passed, result.failed, result.skipped, result.without_pwsh) == expected


def test_what_one_test_does_not_look_at_is_left_out_of_that_one_alone() -> None:
    sanity = load("sanity")
    excluded = ["--exclude", "plugins/modules/win_firewall_policy.ps1"]
    of_plugins = ["--test", "pylint", "--exclude", "tests/"]
    assert sanity.runs_of([], pwsh=True) == sanity.runs_of([], pwsh=False, there=False) == [["--skip-test", "pylint"], of_plugins]
    assert sanity.runs_of([], pwsh=False) == [
        ["--skip-test", "pylint", "--skip-test", "validate-modules"],
        of_plugins,
        ["--test", "validate-modules", *excluded],
    ]
    assert sanity.runs_of(["--test", "pep8"], pwsh=False) == [["--test", "pep8"]]
    assert sanity.runs_of(["--test", "validate-modules"], pwsh=False) == [["--test", "validate-modules", *excluded]]
    assert sanity.runs_of(["--test", "validate-modules"], pwsh=True) == [["--test", "validate-modules"]]
    assert sanity.runs_of(["--test", "pylint", "a.py"], pwsh=True) == [["a.py", "--test", "pylint", "--exclude", "tests/"]]
    assert sanity.runs_of(["--skip-test", "pslint"], pwsh=True) == [["--skip-test", "pslint", "--skip-test", "pylint"], ["--skip-test", "pslint", *of_plugins]]
    several = ["--python", "3.12", "--test", "import", "--test", "validate-modules", "--test", "pep8"]
    assert sanity.runs_of(several, pwsh=True) == [several]
    assert sanity.runs_of(several, pwsh=False) == [
        ["--python", "3.12", "--test", "import", "--test", "pep8"],
        ["--python", "3.12", "--test", "validate-modules", *excluded],
    ]


def test_the_newest_core_runs_every_sanity_test_and_the_others_what_depends_on_them() -> None:
    sanity = load("sanity")
    cores = ["2.19", "2.20", "2.21"]
    assert sanity.tests_for("2.21", cores) == [] and sanity.tests_for("2.19", ["2.19"]) == []
    for core in ("2.19", "2.20"):
        chosen = sanity.tests_for(core, cores)
        assert chosen[::2] == ["--test"] * len(sanity.OF_THE_CORE) and chosen[1::2] == list(sanity.OF_THE_CORE)
    numbers = [tuple(map(int, core.split("."))) for core in sanity.PYTHONS]
    assert numbers == sorted(numbers)  # the last one is the newest


def test_what_was_left_out_is_told_in_a_line_each() -> None:
    sanity = load("sanity")
    commands = [["ansible-test", *run] for run in sanity.runs_of([], pwsh=False)]
    job = sanity.Job(commands, pathlib.Path(), {}, False)
    result = sanity.merge([sanity.Result(passed=3, without_pwsh=["pslint"]), sanity.Result(passed=1, failed=["x"])])
    assert (result.passed, result.failed, result.without_pwsh) == (4, ["x"], ["pslint"])
    told = job.left_out("2.19", result)
    assert [line.split(":")[0] for line in told] == ["NOT RUN", "NOT RUN"] and "::pslint: no pwsh" in told[0] and "win_firewall_policy.ps1: no pwsh" in told[1]
    assert sanity.Job([["ansible-test"]], pathlib.Path(), {}, True).left_out("2.19", sanity.Result(passed=1)) == []


ALL = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@pytest.mark.parametrize(
    ("used", "there", "asked"),
    [
        ({"2.19": "3.11", "2.20": "3.12", "2.21": "3.14"}, ALL, {"2.19": ["3.8", "3.9", "3.10", "3.13"]}),
        ({"2.19": "3.11", "2.20": "3.12", "2.21": "3.13"}, ALL, {"2.19": ["3.8", "3.9", "3.10"], "2.20": ["3.14"]}),
        ({"2.19": "3.13", "2.20": "3.13", "2.21": "3.13"}, ("3.13",), {}),
        ({"2.19": "3.11"}, ("3.11", "3.12"), {"2.19": ["3.12"]}),
    ],
)
def test_each_python_that_is_there_is_asked_once(used: dict[str, str], there: t.Sequence[str], asked: dict[str, list[str]]) -> None:
    sanity = load("sanity")
    assert {core: found for core in used if (found := sanity.further_pythons(core, used, there))} == asked


def test_pythons_that_are_not_there_are_told() -> None:
    sanity = load("sanity")
    (told,) = sanity.Job([["ansible-test"]], pathlib.Path(), {}, True, ["3.8", "3.14"]).left_out("2.19", sanity.Result(passed=1))
    assert told == "NOT RUN: sanity-2.19: nothing was compiled and imported on Python 3.8, 3.14: not on this machine"


def test_a_skip_counts_as_failed_unless_it_is_allowed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = load("run_checks")
    part = checks.PARTS[0]
    monkeypatch.setenv("MSPORTS_SKIP", "tests/unit/test_a.py::*, lab")
    outcome = checks.judge(part, checks.Outcome(passed=5, skipped=["tests/unit/test_a.py::test_x", "tests/unit/test_b.py::test_y"]))
    assert (outcome.passed, outcome.failed, outcome.skipped) == (5, 1, ["tests/unit/test_a.py::test_x"])
    assert [line for line in outcome.said if "test_y (counts as failed" in line] and checks.allowed("lab") and not checks.allowed("unit")


def test_pytest_runs_are_counted_with_every_kind_of_end(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = load("run_checks")
    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    path = tmp_path / "test_sample.py"
    path.write_text(
        lines(
            "import pytest",
            "def test_good(): pass",
            "def test_bad(): assert False",
            "def test_left(): pytest.skip('why')",
            "@pytest.fixture",
            "def broken(): raise ValueError",
            "def test_error(broken): pass",
        ),
        encoding="utf-8",
    )
    for alone in (True, False):
        outcome = checks.run_pytest("sample", [str(path), "-p", "no:randomly"], alone)
        assert (outcome.passed, outcome.failed, len(outcome.skipped)) == (1, 2, 1)
        assert ["test_bad" in text for text in outcome.shown] == ([] if alone else [True])
        said = [text.rpartition("::")[2] for text in outcome.said]
        assert said[0] == "test_bad: assert False" and said[1].startswith("test_error: ") and "ValueError" in said[1]
    nothing = checks.run_pytest("nothing", [str(tmp_path / "gone.py")], True)
    assert (nothing.passed, nothing.failed) == (0, 1)


def test_a_part_that_breaks_is_a_failed_one_and_the_others_run() -> None:
    checks = load("run_checks")

    def breaks(_alone: bool) -> None:
        raise OSError("disk full")

    good, bad = checks.Part("good", "lab", lambda _alone: checks.Outcome(passed=1)), checks.Part("bad", "containers", breaks)
    result, outcomes = checks.run_all([bad, good])
    assert [line.split()[:5:2] for line in result] == [["bad", "passed", "failed"], ["good", "passed", "failed"]]
    assert [(name, outcomes[name].passed, outcomes[name].failed) for name in ("bad", "good")] == [("bad", 0, 1), ("good", 1, 0)]
    assert outcomes["bad"].said == ["BROKEN: bad: OSError: disk full"] and "in breaks" in outcomes["bad"].shown[0]


def test_the_summary_says_why_a_test_failed() -> None:
    line = load("again").failed_line
    assert line("a.py::test_x", "AssertionError: exit 1:\n  no such\ttable\n") == "FAILED: a.py::test_x: AssertionError: exit 1: no such table"
    assert line("a.py::test_x", "") == "FAILED: a.py::test_x"
    assert len(line("", "x" * 5000)) < 330


def failing(checks: types.ModuleType, *tests: str, others: int = 0) -> t.Any:
    """What a part comes to in which these tests failed, for a reason, and so many things that are no tests."""
    why = dict.fromkeys(tests, "for a reason")
    said = [load("again").failed_line(name, text) for name, text in why.items()]
    return checks.Outcome(passed=10, failed=len(tests) + others, failures=why, said=said)


def test_a_failed_test_on_a_booted_container_is_run_once_more_and_told_as_flaky_when_it_passes() -> None:
    checks = load("run_checks")
    ran: list[str] = []

    def again(test: str) -> t.Any:
        ran.append(test)
        return checks.Outcome(passed=1) if test == "waits" else checks.Outcome(failed=1, shown=["the second time"])

    parts = [
        checks.Part("one", "containers", lambda _alone: failing(checks, "waits", "is wrong"), again=again),
        checks.Part("other", "unit", lambda _alone: failing(checks, "a unit")),
    ]
    lines_told, outcomes = checks.run_all(parts)
    assert ran == ["waits", "is wrong"]
    assert outcomes["one"].said == ["FAILED: is wrong: for a reason", "FLAKY: waits: failed, then passed"]
    assert (outcomes["one"].passed, outcomes["one"].failed, outcomes["other"].failed) == (11, 1, 1)
    assert [line.split()[1:5:2] for line in lines_told] == [["11", "1"], ["10", "1"]]


@pytest.mark.parametrize(
    ("tests", "others", "second"),
    [
        ((("a", "b"), ("c", "d")), 0, (1, 0)),
        ((("a",), ()), 1, (1, 0)),  # something failed that is no test
        ((("a",), ()), 0, (0, 0)),  # nothing ran the second time
        ((("a",), ()), 0, (1, 1)),
    ],
)
def test_what_no_second_run_excuses(tests: tuple[tuple[str, ...], ...], others: int, second: tuple[int, int]) -> None:
    """More than three failures in all parts together, or what is no test: nothing is run again. And a second run that did not just pass changes nothing."""
    checks, again = load("run_checks"), load("again")
    outcomes = {name: failing(checks, *failed, others=others) for name, failed in zip(("ufw", "boot"), tests, strict=True)}
    before = {name: (outcome.passed, outcome.failed, list(outcome.said)) for name, outcome in outcomes.items()}
    ran: list[str] = []

    def way(test: str) -> t.Any:
        ran.append(test)
        return checks.Outcome(passed=second[0], failed=second[1])

    told = again.run_again(outcomes, {"ufw": way, "boot": way})
    assert before == {name: (outcome.passed, outcome.failed, outcome.said) for name, outcome in outcomes.items()}
    assert bool(ran) is bool(told) is (second != (1, 0))


STOPS = """
import pytest
def test_fails(): assert False
def test_stops(): pytest.exit("stopped", returncode=CODE)
def test_never_ran(): assert False
"""


@pytest.mark.parametrize("code", [2, 3])
def test_a_run_that_stops_after_a_failure_is_no_failed_test_alone(code: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What did not run any more is not made good by running the failed test again."""
    checks, again = load("run_checks"), load("again")
    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    (tmp_path / "test_stops.py").write_text(STOPS.replace("CODE", str(code)))
    outcome = checks.run_pytest("part", [str(tmp_path / "test_stops.py")], False)
    assert (outcome.failed, len(outcome.failures)) == (2, 1)
    assert outcome.said[-1] == f"FAILED: part: pytest ended with exit code {code}"
    assert again.run_again({"part": outcome}, {"part": lambda _test: checks.Outcome(passed=1)}) == []


def test_only_tests_on_booted_containers_are_run_again() -> None:
    parts = {part.name for part in load("run_checks").PARTS if part.again}
    assert {name for name in parts if not name.startswith("molecule-")} == {"firewalld", "ufw", "boot", "other-release"}
    assert "molecule-mixed" in parts


def test_a_failure_of_molecule_is_shown_with_what_is_around_it() -> None:
    checks = load("run_checks")
    log = [*(f"before {number}" for number in range(100)), "fatal: [mp]: FAILED!", *(f"after {number}" for number in range(500))]
    shown = checks.telling(log)
    assert (shown[0], shown[40], len(shown)) == ("before 60", "fatal: [mp]: FAILED!", 200)
    assert checks.telling(log[:100]) == log[:100]


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (["TASK [one] ***", "ok: [mp]", "TASK [two] ***", "fatal: [mp]: FAILED!", "TASK [remove] ***"], "TASK [two] *** fatal: [mp]: FAILED!"),
        (["fatal: [mp]: FAILED!"], "fatal: [mp]: FAILED!"),
        (["podman is missing", ""], "podman is missing"),
        ([], ""),
    ],
)
def test_the_summary_says_which_task_of_a_scenario_failed(log: list[str], why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    checks = load("run_checks")
    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    monkeypatch.setattr(checks.molecule_scenarios, "run", lambda _scenario, _env: (2, "\n".join(log)))
    outcome = checks.run_molecule("mixed", False)
    assert (outcome.failures, outcome.said) == ({"molecule-mixed": why}, [load("again").failed_line("molecule-mixed", why)])


def test_parts_that_start_together_make_one_link_to_the_checkout(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = load("checkout")
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        for number in range(200):
            monkeypatch.setattr(checkout, "CACHE", tmp_path / str(number))
            ready = threading.Barrier(4)
            for made in [pool.submit(lambda ready=ready: (ready.wait(), checkout.link())[1]) for _part in range(4)]:
                assert os.readlink(made.result() / "ansible_collections" / "portcullis" / "msports") == "../../../.."
            assert os.listdir(tmp_path / str(number) / "collections" / "ansible_collections" / "portcullis") == ["msports"]


def test_every_part_is_in_one_chain() -> None:
    checks = load("run_checks")
    assert sorted(part.name for chain in checks.CHAINS for part in chain) == sorted(part.name for part in checks.PARTS)
    assert {part.group for part in checks.PARTS} >= {"sanity", "molecule", "containers", "windows"}


def test_of_molecule_the_whole_run_has_the_scenario_with_every_backend() -> None:
    parts = load("run_checks").PARTS
    assert [part.name for part in parts if part.group == "molecule" and not part.by_name] == ["molecule-mixed"]
    assert {part.group for part in parts if part.by_name} == {"molecule"}


def test_every_folder_of_integration_tests_is_run_once() -> None:
    checks = load("run_checks")
    folders = {path.parent for path in (ROOT / "tests" / "integration").rglob("test_*.py")}
    chosen = [ROOT / path for path in (*checks.integration(), *(path for part in checks.FOLDERS for path in checks.folders(part)))]
    assert len(chosen) == len(set(chosen))
    assert all(path.exists() for path in chosen)
    for folder in folders:
        assert any(path in (folder, *folder.parents) or path.parent == folder for path in chosen), folder


HOOK = "import runpy\npytest_collection_modifyitems = runpy.run_path({!r})['pytest_collection_modifyitems']\n"


def test_what_is_named_is_skipped_before_anything_is_set_up(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = load("run_checks")
    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    tmp_path.joinpath("conftest.py").write_text(HOOK.format(str(TOOLS.parent / "conftest.py")), encoding="utf-8")
    for name in ("one", "two"):
        text = lines("import pytest", "@pytest.fixture(scope='session')", "def container(): pytest.fail('cannot run')", "def test_it(container): pass")
        tmp_path.joinpath(f"test_{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("MSPORTS_SKIP", "*test_one.py::*")
    outcome = checks.judge(checks.PARTS[0], checks.run_pytest("sample", [str(tmp_path), "-p", "no:cacheprovider"], True))
    assert (outcome.passed, outcome.failed, len(outcome.skipped)) == (0, 1, 1)
    assert [line for line in outcome.said if "test_one.py::test_it (allowed by MSPORTS_SKIP)" in line]


@pytest.mark.parametrize(("image", "missing"), [("", "podman runc debootstrap"), ("localhost/some:1", "podman runc")])
def test_a_machine_that_cannot_run_containers_says_why(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, image: str, missing: str) -> None:
    scenarios = load("molecule_scenarios")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MSPORTS_IMAGE", image)
    status, why = scenarios.run("ufw", {"PATH": str(tmp_path)})
    assert (status, why) == (
        1,
        f"this machine cannot run the containers of Molecule: missing on PATH, install the packages: {missing}. "
        "MSPORTS_SKIP='molecule-*' leaves the scenarios out by name",
    )


def test_containers_run_from_a_checkout_with_a_long_path() -> None:
    booted = load("molecule_scenarios").booted
    one, other = (booted.runroot(pathlib.Path("/srv", "long" * 60, name)) for name in ("one", "other"))
    assert one != other
    assert len(str(booted.RUNROOT)) <= len(str(one)) <= 50, "podman refuses a longer one"


def test_the_page_on_testing_names_every_part_and_how_containers_are_left_out() -> None:
    page = ROOT.joinpath("TESTING.md").read_text(encoding="utf-8")
    checks = load("run_checks")
    named = {part.name for part in checks.PARTS} | {f"tests/integration/{folder}/*" for folders in checks.FOLDERS.values() for folder in folders}
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []


PAGE = """# Head line, with `code`!

See [there](other.md#second-part), [gone](gone.md), [no heading](other.md#third) and [the web](https://example.com/).

By address: [there](https://example.com/us/ours/blob/main/other.md#second-part), [gone](https://example.com/us/ours/blob/main/lost.md).

```yaml
a: [1
```

```console
$ make nonsense
```

`plugins/no_such_file.py`, `plugins/*/no_such*.py` and portcullis.msports.nonsense, `make test`.
"""


def test_docs_lint_sees_what_is_wrong_with_a_page(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = load("docs_lint")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "OWN", re.compile("https://example.com/us/ours/blob/main/(.*)"))
    tmp_path.joinpath("other.md").write_text("# Other\n\n## Second part\n", encoding="utf-8")
    page = tmp_path / "page.md"
    complaints: t.List[str] = [*docs.check_links(page, PAGE), *docs.check_code(PAGE, {"test"}), *docs.check_mentions(PAGE, {"plan"}, {"test"})]
    assert [line.split(":")[0] for line in complaints] == [
        "link to gone.md",
        "link to other.md#third",
        "link to https",
        "line 7",
        "line 11",
        "`plugins/no_such_file.py`",
        "`plugins/*/no_such*.py`",
        "portcullis.msports.nonsense",
    ]
    assert docs.anchors(PAGE) == {"head-line-with-code"}


@pytest.mark.parametrize("part", ["windows-pwsh", "windows-wine", "sanity-2.21", "core-2.20"])
def test_a_part_that_needs_a_newer_python_is_told_and_not_failed(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a bare Debian 12, also where a PowerShell is named."""
    checks = load("run_checks")
    monkeypatch.setattr(checks.sanity, "find_python", lambda _core: None)
    monkeypatch.setattr(checks.engines, "named", lambda _name: None)
    monkeypatch.setenv("MSPORTS_WINDOWS_POWERSHELL", "/some/PowerShell.zip")
    # Of .venv's own core there is no part, so its number is taken from another one.
    run = {found.name: found.run for found in checks.PARTS}.get(part) or (lambda alone: checks.run_on_core("2.20", alone))
    outcome = run(False)
    assert (outcome.passed, outcome.failed) == (0, 0)
    (said,) = outcome.said
    assert said.startswith("NOT RUN") and "needs a Python from 3.12 to 3.14, none is here" in said


@pytest.mark.parametrize(("lowest", "highest", "found"), [("3.11", "3.14", True), ("3.98", "3.99", False)])
def test_a_python_is_only_found_when_it_runs(lowest: str, highest: str, found: bool) -> None:
    done = subprocess.run([TOOLS / "find_python.sh", lowest, highest], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is found and bool(done.stdout.strip()) is found
    if found:
        assert subprocess.run([done.stdout.strip(), "-c", "import venv"], check=False).returncode == 0


def test_system_packages_are_tables_of_command_and_package() -> None:
    for table in TOOLS.parent.joinpath("requirements").glob("system-*.txt"):
        rows = [line.split() for line in table.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
        assert rows and all(len(row) == 2 for row in rows), table.name


def run_system_packages(folder: pathlib.Path, table: str) -> t.List[str]:
    """What the script would install for this table: apt-get and sudo are replaced by scripts that write down their arguments."""
    for name in ("tests/tools", "tests/requirements", "bin"):
        folder.joinpath(name).mkdir(parents=True)
    for name in ("system_packages.sh", "find_python.sh"):
        copy = folder / "tests/tools" / name
        copy.write_bytes(TOOLS.joinpath(name).read_bytes())
        copy.chmod(0o755)
    folder.joinpath("tests/requirements/system-x.txt").write_text(table, encoding="utf-8")
    for name, text in (("apt-get", f'echo "$@" >>{folder}/calls'), ("sudo", 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"')):
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), os.path.dirname(sys.executable), os.environ["PATH"]])
    env = {**os.environ, "PATH": path}
    subprocess.run([folder / "tests/tools/system_packages.sh", "x"], env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    calls = folder / "calls"
    return calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []


def test_a_system_package_is_proven_by_a_command_or_by_a_path(tmp_path: pathlib.Path) -> None:
    library = tmp_path / "library.dll"
    library.write_text("not executable", encoding="utf-8")
    there = run_system_packages(tmp_path / "there", lines("# comment", "sh shell", f"{library} lib-cil"))
    missing = run_system_packages(tmp_path / "missing", lines("no-such-command-x a-package", f"{library}.gone lib-cil", "sh shell"))
    assert (there, missing) == ([], ["update -q", "install -q -y --no-install-recommends a-package lib-cil"])


SPDX = "# SPDX-License" + "-Identifier: GPL-3.0-or-later"
LICENSED = ("#!powershell", "# Copyright (c) 2026, somebody", "# GNU General Public License v3.0+ (see there)", SPDX)
GOOD = lines(*LICENSED, "", "#AnsibleRequires -CSharpUtil Ansible.Basic", "", "[Some.Namespace.Executor]::Run($args)")
BROKEN = {
    "a brace left open": "if ($true) {",
    "a quote left open": '$a = "b',
    "a stray bracket": "[Some.Namespace.Executor]::Run($args))",
    "half a statement": "foreach ($a in $b { }",
}


def powershell_sources() -> t.List[str]:
    return load("checkout").files("*.ps1", "*.psm1")


def test_all_powershell_parses() -> None:
    names = powershell_sources()
    assert "plugins/modules/win_firewall_policy.ps1" in names
    errors = {name: load("host_sources").parse_errors(ROOT.joinpath(name).read_text(encoding="utf-8")) for name in names}
    assert errors == {name: [] for name in names}


def test_powershell_within_yaml_parses() -> None:
    workflow = yaml.safe_load(ROOT.joinpath(".github/workflows/windows-acceptance.yml").read_text(encoding="utf-8"))
    steps = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if step.get("shell") == "powershell"]
    assert len(steps) == 3
    parse = load("host_sources").parse_errors
    assert [error for text in steps for error in parse(re.sub(r"\$\{\{.*?\}\}", "x", text))] == []


@pytest.mark.parametrize("name", BROKEN)
def test_powershell_that_does_not_parse_is_seen(name: str) -> None:
    parse = load("host_sources").parse_errors
    assert parse(GOOD) == []
    assert parse(GOOD + BROKEN[name] + "\n") != []


UNTIDY = {
    "no licence": (lines("using System;"), ["1", "1", "1"]),
    "a tab": (GOOD + "\tx\n", ["9"]),
    "a carriage return": (GOOD + "x\r\n", ["9"]),
    "a smart quote": (GOOD + "// \u201cx\u201d\n", ["9"]),
    "a long line": (GOOD + "x" * 161 + "\n", ["9"]),
    "no newline": (GOOD + "x", ["9"]),
    "two newlines": (GOOD + "\n", ["10"]),
    "nothing": (GOOD + "x" * 160 + "\n", []),
}


@pytest.mark.parametrize("name", UNTIDY)
def test_untidy_sources_of_the_host_side_are_seen(name: str) -> None:
    text, numbers = UNTIDY[name]
    assert [line.split(":")[0] for line in load("host_sources").complaints(text)] == numbers


def test_two_runs_do_not_share_a_copy_of_the_checkout(tmp_path: pathlib.Path) -> None:
    code = "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import checkout; checkout.CACHE = pathlib.Path(sys.argv[2]); checkout.hold('x')"
    argv = [sys.executable, "-c", code + "; print('held', flush=True); sys.stdin.read()", str(TOOLS), str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin and first.stdout and first.stdout.readline() == "held\n"
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as second:
            assert second.stdout and second.stderr and "waiting" in second.stderr.readline()
            assert second.poll() is None
            first.stdin.close()
            assert second.stdout.readline() == "held\n"


def test_the_site_has_every_page_in_its_menu() -> None:
    load("docs_site.build")
    menu = re.findall(r"^(docs/[\w/-]+)$", sys.modules["docs_site.build"].toctrees(ROOT.joinpath("README.md").read_text(encoding="utf-8")), re.MULTILINE)
    assert sorted(menu) == sorted(str(path.relative_to(ROOT).with_suffix("")) for path in ROOT.glob("docs/**/*.md"))
