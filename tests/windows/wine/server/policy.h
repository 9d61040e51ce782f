// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// NetFwPolicy2, its rules, and the enumerator of them.
#pragma once

#include "object.h"
#include "store.h"

INetFwPolicy2 *new_policy();
INetFwRule3 *new_rule();
