# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a page of the documentation is seen, and the site has every page."""

from __future__ import annotations

import pathlib
import re
import sys
import typing as t

import pytest
from tools_under_test import ROOT, load

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


def test_the_site_has_every_page_in_its_menu() -> None:
    load("docs_site.build")
    menu = re.findall(r"^(docs/[\w/-]+)$", sys.modules["docs_site.build"].toctrees(ROOT.joinpath("README.md").read_text(encoding="utf-8")), re.MULTILINE)
    assert sorted(menu) == sorted(str(path.relative_to(ROOT).with_suffix("")) for path in ROOT.glob("docs/**/*.md"))
