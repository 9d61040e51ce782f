# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what keeps the checkout from being released as the version of ``galaxy.yml``; nothing is changed, built or tagged.

Fragments and the changelog are read by ``antsibull-changelog lint``, which ``make release-check`` runs before this.
"""

from __future__ import annotations

import re
import subprocess
import sys
import typing as t

import yaml

import checkout

ROOT = checkout.ROOT
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def git(*arguments: str) -> str:
    argv = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.rstrip()


def complaints(version: str, releases: t.Collection[str], fragments: t.Sequence[str], tags: t.Collection[str], changed: str, heading: bool) -> t.Iterator[str]:
    """What is amiss, a line each. ``heading``: whether CHANGELOG.md has one for the version."""
    if not VERSION.fullmatch(version):
        yield f"galaxy.yml: version {version}: expected three numbers, like 1.4.0"
    if version not in releases:
        yield f"changelogs/changelog.yaml: no release {version}; run: antsibull-changelog release"
    if fragments:
        yield f"changelogs/fragments: not gathered yet: {', '.join(fragments)}; run: antsibull-changelog release"
    if not heading:
        yield f"CHANGELOG.md: no heading for {version}; run: antsibull-changelog release"
    if version in tags:
        yield f"git: the tag {version} is there already; set the next version in galaxy.yml"
    if changed:
        yield f"git: not committed: {', '.join(line[3:] for line in changed.splitlines())}"


def main() -> int:
    version = str(yaml.safe_load(ROOT.joinpath("galaxy.yml").read_text(encoding="utf-8"))["version"])
    log = yaml.safe_load(ROOT.joinpath("changelogs", "changelog.yaml").read_text(encoding="utf-8"))
    fragments = sorted(path.name for path in ROOT.glob("changelogs/fragments/*.y*ml"))
    heading = re.search(rf"^#+ v?{re.escape(version)}$", ROOT.joinpath("CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE) is not None
    found = list(complaints(version, log["releases"] or {}, fragments, git("tag").splitlines(), git("status", "--porcelain"), heading))
    for line in found:
        print(line)
    print(f"{version}: {len(found)} complaints" if found else f"{version} can be released: make test, make build, git tag {version}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
