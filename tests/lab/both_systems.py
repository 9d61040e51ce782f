# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a host's two stand-ins hold after both were applied to: its kernel's table and its policy store, by the evaluators of tests/unit/equality."""

import pathlib
import sys
import typing as t

from namespace_host import NamespaceHost

TABLE = "/etc/portcullis/msports/msports.nft"  # what is loaded at boot; apply compares it with the kernel on every run


def differences(collections: pathlib.Path, host: NamespaceHost, rules: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """Return what only one of them allows, of what the plan's rules say; ``rules`` are those of ours in the policy store.

    ``collections`` is the folder in which the collection is found as such.
    """
    if str(collections) not in sys.path:
        sys.path.insert(0, str(collections))
    from ansible_collections.portcullis.msports.tests.unit.equality import boxes, nftables_text, windows_rules

    linux = nftables_text.Ruleset(host.call("run", command=["cat", TABLE]))
    return boxes.difference(linux.planned(), windows_rules.Ruleset(rules).planned())
