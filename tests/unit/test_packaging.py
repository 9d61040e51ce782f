# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users get: the built tarball, installed into an empty folder, with the checkout off every path."""

from __future__ import annotations

import json
import os
import pathlib
import posixpath
import subprocess
import sys
import tarfile
import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

ROOT = pathlib.Path(__file__).resolve().parents[2]
GALAXY = pathlib.Path(sys.executable).parent / "ansible-galaxy"
sys.path.insert(0, str(ROOT / "tests" / "tools"))

import docs_lint  # noqa: E402

# Runs in a fresh interpreter: loads every catalog that the installed collection brings and tells what it found, and from where.
LOAD = """
import json, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import loader
flows, supplements = {}, {}
for (product, edition), path in loader.bundled_catalogs().items():
    assert path.startswith(sys.argv[1]), path
    catalog = loader.load_catalog(path)
    flows[f"{product}/{edition}"] = len(catalog.flows)
    supplements[f"{product}/{edition}"] = len(catalog.supplements)
together = loader.load_catalogs()
ours = sorted(getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if name.startswith("ansible_collections.portcullis."))
json.dump({"flows": flows, "supplements": supplements, "products": sorted(together.products), "ours": ours, "path": sys.path}, sys.stdout)
"""


def environment(home: pathlib.Path) -> dict[str, str]:
    """An environment in which nothing points at the checkout, and Ansible's home is empty."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    return {**kept, "HOME": str(home), "ANSIBLE_HOME": str(home / ".ansible"), "ANSIBLE_COLLECTIONS_PATH": str(home / "none"), "LC_ALL": "C.UTF-8"}


def galaxy(home: pathlib.Path, *arguments: t.Union[str, pathlib.Path], cwd: pathlib.Path) -> None:
    argv = [GALAXY, "collection", *arguments]
    done = subprocess.run(argv, cwd=cwd, env=environment(home), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("build")
    galaxy(folder, "build", "--output-path", folder, ROOT, cwd=folder)
    return next(folder.glob("portcullis-msports-*.tar.gz"))


@pytest.fixture(scope="module")
def installed(tarball: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("installed")
    galaxy(folder, "install", "--offline", "--no-deps", "-p", folder, tarball, cwd=folder)
    assert (folder / "ansible_collections" / "portcullis" / "msports" / "MANIFEST.json").is_file()
    return folder


@pytest.fixture(scope="module")
def names(tarball: pathlib.Path) -> list[str]:
    with tarfile.open(tarball) as archive:
        return [name.removeprefix("./") for name in archive.getnames()]


@pytest.fixture(scope="module")
def loaded(installed: pathlib.Path) -> t.Any:
    # -I: neither the working folder, nor PYTHONPATH, nor the user's own packages are looked at.
    argv = [sys.executable, "-I", "-c", LOAD, str(installed)]
    done = subprocess.run(argv, cwd=installed, env=environment(installed), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def checkout_counts(key: str) -> dict[str, int]:
    """Entries of one list of every whole catalog of the checkout, by plain YAML, without the collection's loader."""
    found = {}
    for path in sorted(ROOT.glob("plugins/catalogs/*/*.yml")):
        plain = safe_load(path.read_text(encoding="utf-8"))
        if "base" not in plain:  # what one that has a base amounts to, only the loader can tell
            found[f"{path.parent.name}/{path.stem}"] = len(plain.get(key) or [])
    return found


def test_the_installed_collection_loads_from_where_it_was_installed(installed: pathlib.Path, loaded: t.Any) -> None:
    assert loaded["ours"]
    strays = [path for path in loaded["ours"] if path and not path.startswith(str(installed))]
    assert strays == []
    assert [path for path in loaded["path"] if path == str(ROOT)] == []


def test_every_catalog_arrives_with_every_flow(loaded: t.Any) -> None:
    counts = checkout_counts("flows")
    assert len(counts) >= 4 and min(counts.values()) > 0 and sum(counts.values()) > 250
    against_a_base = {"configmgr/2509": 209, "databox/2021-04": 15, "exchange/2019": 26, "exchange/2025": 26}
    assert loaded["flows"] == {**counts, **against_a_base}
    assert {name: count for name, count in loaded["supplements"].items() if name not in against_a_base} == checkout_counts("supplements")
    assert loaded["products"] == sorted({name.split("/")[0] for name in counts})


def test_the_tarball_holds_what_users_need(names: list[str]) -> None:
    """Every file of plugins/, roles/, playbooks/ and meta/ that git knows, and the pages."""
    argv = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", "plugins", "roles", "playbooks", "meta", "docs", "LICENSES", "README.md", "CHANGELOG.md"]
    known = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0")
    wanted = {name for name in known if name and (ROOT / name).exists()}
    assert len(wanted) > 50
    assert sorted(wanted - set(names)) == []


def test_the_tarball_holds_nothing_else(names: list[str]) -> None:
    allowed = {
        "plugins",
        "roles",
        "playbooks",
        "meta",
        "docs",
        "changelogs",
        "extensions",
        "LICENSES",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "CODE_OF_CONDUCT.md",
        "SECURITY.md",
        "MANIFEST.json",
        "FILES.json",
    }
    assert sorted({name.split("/")[0] for name in names} - allowed) == []
    scratch = [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".orig", ".rej", "~"))]
    assert scratch == []


def test_pages_of_the_package_link_to_what_it_holds(tarball: pathlib.Path, names: list[str]) -> None:
    """What it does not hold (tests, TESTING.md) is linked to by the repository's address, which `make docs-lint` follows."""
    found = []
    with tarfile.open(tarball) as archive:
        for page in (name for name in names if name.endswith(".md")):
            file = archive.extractfile(page)
            assert file is not None
            for target in docs_lint.links(file.read().decode("utf-8")):
                path = target.split("#", 1)[0]
                if path and not docs_lint.is_address(target):
                    found.append((page, target, posixpath.normpath(posixpath.join(posixpath.dirname(page), path))))
    assert len(found) > 50
    assert [(page, target) for page, target, path in found if path not in names] == []


def test_links_of_the_package_lead_into_one_repository() -> None:
    told = safe_load(ROOT.joinpath("galaxy.yml").read_text(encoding="utf-8"))
    repository = told["repository"]
    assert repository == f"https://github.com/{told['namespace']}/{told['name']}"
    assert told["homepage"] == repository and told["issues"] == f"{repository}/issues"
    own = docs_lint.OWN.fullmatch(told["documentation"])
    assert own is not None and ROOT.joinpath(own.group(1)).is_dir()


def test_the_tarball_is_small(tarball: pathlib.Path) -> None:
    assert tarball.stat().st_size < 2_000_000  # Galaxy's limit is ten times as much
