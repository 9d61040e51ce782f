# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Ports on the controller: the algebra of ``module_utils/_ports.py``, and the rule's question whether it admits a port."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._ports import LAST_PORT, PortRange, Ports, expand, number, texts
from ansible_collections.portcullis.msports.plugins.module_utils._ports import parse as parse_ports
from ansible_collections.portcullis.msports.plugins.module_utils._ports import union as merge

__all__ = ["LAST_PORT", "PortRange", "Ports", "covers", "expand", "merge", "number", "parse_ports", "texts"]


def covers(ranges: Ports, port: t.Optional[int]) -> bool:
    """Tell whether ``port`` is admitted by ``ranges``, where no range at all admits every port."""
    return not ranges or (port is not None and any(port in item for item in ranges))
