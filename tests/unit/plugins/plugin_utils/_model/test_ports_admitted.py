# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rule admits a port."""

from __future__ import annotations

import typing as t

from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, covers, expand

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: PortRange(min(pair), max(pair))), max_size=8)


@given(RANGES, st.one_of(st.none(), st.integers(0, 45)))
def test_covers(ranges: list[PortRange], port: t.Optional[int]) -> None:
    assert covers(tuple(ranges), port) is (not ranges or port in expand(ranges))
