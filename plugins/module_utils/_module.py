# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the ``*_ruleset`` modules of Linux have in common: their options, and the way from a run to a result or a failure."""

from __future__ import annotations

from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused


def options(default_inbound=None, **more):
    """Return the argument spec of a backend. Without a default for what comes in the option has none; ``more`` are options of its own."""
    inbound = {"type": "str", "choices": ["block", "reject", "allow", "keep"]}
    if default_inbound is not None:
        inbound["default"] = default_inbound
    return dict(
        rules={"type": "list", "elements": "dict", "default": []},
        address_sets={"type": "dict", "default": {}},
        default_inbound=inbound,
        default_outbound={"type": "str", "choices": ["keep", "allow", "block"], "default": "keep"},
        owner={"type": "str", "default": "msports"},
        purge={"type": "bool", "default": True},
        max_removals={"type": "int"},
        management={"type": "dict", "default": {}},
        allow_lockout={"type": "bool", "default": False},
        allow_other_manager={"type": "bool", "default": False},
        mode={"type": "str", "choices": ["enforce", "audit"], "default": "enforce"},
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        persist={"type": "bool", "default": True},
        **more,
    )


def reconcile(module, run, failures):
    """Run, and end the module with the result or with the reasons why not.

    ``failures`` returns the exceptions of the backend; it is asked only when something went wrong, since it may have to import them.
    """
    try:
        result = run(module.params, module.check_mode)
    except Refused as refusal:
        module.fail_json(msg=str(refusal), problems=refusal.problems)
    except failures() as error:
        module.fail_json(msg=str(error), problems=[str(error)])
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)
