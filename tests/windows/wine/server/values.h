// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The values of a rule: what the store takes, the one form in which it keeps it, and how it comes back.
#pragma once

#include <string>

#include "store.h"

namespace addresses {
std::string keep(const Store &store, const Given &text, bool remote);
std::string show(const Store &store, const std::string &kept);
}  // namespace addresses

namespace ports {
std::string keep(const Store &store, const Given &text);
std::string show(const Store &store, const std::string &kept);
// A keyword has one protocol, direction and side.
void check_place(const Store &store, const std::string &kept, const Json &rule, bool local);
}  // namespace ports

namespace texts {
// Empty and null are one.
Json keep(const Store &store, const Given &text);
Json keep_name(const Store &store, const Given &text);
Json keep_program(const Store &store, const Given &text);
std::string keep_interface_types(const Given &text);
std::string keep_icmp(const Given &text);
Given show(const Store &store, const Json &kept);
}  // namespace texts
