// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#pragma once

#include <netfw.h>

// INetFwProducts of the policy file of this process; refused where the file has none, as a host that cannot be asked.
INetFwProducts *new_products();
