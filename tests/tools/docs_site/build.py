# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation site, offline: README.md, the pages of docs/, and the reference of all plugins and roles.

A link that leads nowhere within the site, and a page that README.md does not lead to, end it with an error. Usage: ``build.py [FOLDER]``, by default
``build/docs-site``.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import checkout  # noqa: E402  (it lies one folder up)

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(sys.executable).parent
SOURCE = checkout.CACHE / "docs-site"
# Pages, and the files that they link to.
PAGES = ("README.md", "CONTRIBUTING.md", "docs", "plugins/catalogs")
# Pages that another page than README.md leads to.
FURTHER = ("docs/errata-configmgr",)


def toctrees(readme: str) -> str:
    """Return the menu of the site, which has the pages that README.md ends with, in its order."""
    trees = []
    for caption, links in re.findall(r"^(Tasks|Reference):((?:.*\n)+?)\n", readme[readme.index("## Read on") :], re.MULTILINE):
        pages = [page.removesuffix(".md") for page in re.findall(r"\]\(([^):]+\.md)\)", links)]
        pages += ["reference/index", *FURTHER] if caption == "Reference" else []
        trees.append("\n".join(("```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```")))
    return "\n\n".join(trees)


def stage() -> pathlib.Path:
    """Put the pages where Sphinx shall find them; the first one is called ``index``."""
    shutil.rmtree(SOURCE / "pages", ignore_errors=True)
    pages = SOURCE / "pages"
    for name in checkout.files(*PAGES):
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkout.ROOT / name, pages / name)
    readme = (pages / "README.md").read_text(encoding="utf-8")
    (pages / "README.md").unlink()
    (pages / "index.md").write_text(f"{readme}\n{toctrees(readme)}\n", encoding="utf-8")
    (pages / "reference").mkdir(mode=0o755)  # antsibull-docs takes no folder that others may write to
    return pages


def main(target: pathlib.Path) -> int:
    checkout.hold("docs-site")
    pages = stage()
    ours = {"ANSIBLE_HOME": str(checkout.CACHE / "ansible"), "ANSIBLE_COLLECTIONS_PATH": str(checkout.link()), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **ours, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    reference = ["--use-current", "--squash-hierarchy", "--fail-on-error", "--no-add-antsibull-docs-version", "--dest-dir", pages / "reference"]
    shutil.rmtree(target, ignore_errors=True)
    for command in (
        [BIN / "antsibull-docs", "collection", *reference, "portcullis.msports"],
        [BIN / "sphinx-build", "-q", "-W", "--keep-going", "-E", "-b", "html", "-c", HERE, "-d", SOURCE / "doctrees", pages, target],
    ):
        status = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
        if status != 0:
            return status
    print(f"{sum(1 for _page in target.rglob('*.html'))} pages, begin with {target / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(*sys.argv[1:2] or [checkout.ROOT / "build" / "docs-site"]).resolve()))
