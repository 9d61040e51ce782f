// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#include <algorithm>

#include "values.h"

namespace {
constexpr wchar_t system_root[] = L"%SystemRoot%";
constexpr size_t system_root_size = sizeof system_root / sizeof *system_root - 1;
constexpr const char *interface_types[] = {"RemoteAccess", "Wireless", "Lan"};
}  // namespace

Json texts::keep(const Store &store, const Given &text) {
    if (!text)
        return nullptr;
    std::wstring kept = store.on("nul_ends_text") ? text->substr(0, text->find(L'\0')) : *text;
    if (kept.empty())
        return nullptr;
    if (store.on("bar_refused") && kept.find(L'|') != std::wstring::npos)
        throw refuse::argument;
    int limit = store.number("max_text");
    if (limit > 0 && kept.size() > static_cast<size_t>(limit))
        throw refuse::argument;
    return narrow(kept);
}

Json texts::keep_name(const Store &store, const Given &text) {
    Json kept = keep(store, text);
    if (kept.is_null() || (store.on("name_all_refused") && same_ignoring_case(wide(kept), L"all")))
        throw refuse::argument;
    return kept;
}

Json texts::keep_program(const Store &store, const Given &text) {
    Json kept = keep(store, text);
    if (kept.is_null() || !store.on("program_expanded"))
        return kept;
    std::wstring program = wide(kept);
    if (!same_ignoring_case(program.substr(0, system_root_size), system_root))
        return kept;
    return store.content.at("system_root").get<std::string>() + narrow(program.substr(system_root_size));
}

std::string texts::keep_interface_types(const Given &text) {
    if (!text || same_ignoring_case(*text, L"All"))
        return "All";
    std::vector<std::string> kept;
    for (const std::string &token : split(narrow(*text), ',')) {
        auto known = std::find_if(std::begin(interface_types), std::end(interface_types),
                                  [&](const char *type) { return same_ignoring_case(wide(type), wide(trimmed(token))); });
        if (known == std::end(interface_types))
            throw refuse::argument;
        kept.emplace_back(*known);
    }
    std::sort(kept.begin(), kept.end());
    return join(kept, ',');
}

// Pairs of type and code; a code may be *.
std::string texts::keep_icmp(const Given &text) {
    if (!text || *text == L"*")
        return "*";
    std::vector<std::string> kept;
    for (const std::string &token : split(narrow(*text), ',')) {
        std::vector<std::string> parts = split(trimmed(token), ':');
        if (parts.size() != 2)
            throw refuse::argument;
        digits(parts[0], 255);
        if (parts[1] != "*")
            digits(parts[1], 255);
        kept.push_back(parts[0] + ":" + parts[1]);
    }
    return join(kept, ',');
}

Given texts::show(const Store &store, const Json &kept) {
    if (!kept.is_null())
        return wide(kept.get<std::string>());
    return store.on("null_strings") ? Given() : Given(L"");
}
