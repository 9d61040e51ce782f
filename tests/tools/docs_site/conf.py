# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx builds the site: the Markdown pages as they are, the reference as antsibull-docs writes it, and nothing is fetched."""

from __future__ import annotations

import re
import typing as t

from docutils import nodes

project = html_title = "portcullis.msports"
author = project_copyright = "the portcullis.msports contributors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_show_sphinx = html_copy_source = html_use_index = False
exclude_patterns = ["reference/environment_variables.rst"]  # there are none
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"
nitpicky = True  # a reference that leads nowhere is a warning, and a warning ends the build
myst_heading_anchors = 4  # as a forge makes them
suppress_warnings = ["misc.highlighting_failure"]  # lines that a console shows are not whole JSON; diagrams are no known language

_SITE = "https://docs.ansible.com/projects/ansible/latest/"
_PLUGIN = re.compile(r"ansible_collections\.(ansible)\.(builtin)\.([a-z0-9_]+_(?:module|lookup|filter|test|connection))(?=__|$)")
_PAGES = {"action_plugins": "plugins/action.html", "common_return_values": "reference_appendices/common_return_values.html"}


def _of_ansible(_app: t.Any, _env: t.Any, node: t.Any, content: t.Any) -> t.Any:
    """Return a link to Ansible's own site for what only that site has; its list of names would have to be fetched."""
    target = node.get("reftarget", "")
    match = _PLUGIN.match(target)
    page = "collections/{}/{}/{}.html".format(*match.groups()) if match else _PAGES.get(target)
    return nodes.reference("", "", content, refuri=_SITE + page, internal=False) if page else None


def setup(app: t.Any) -> None:
    app.connect("missing-reference", _of_ansible)
