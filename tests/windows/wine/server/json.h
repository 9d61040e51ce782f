// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Objects keep their order, as the policy file has it: tests compare rules as texts.
#pragma once

#include <nlohmann/json.hpp>

using Json = nlohmann::ordered_json;
