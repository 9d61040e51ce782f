// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#include <map>

#include "values.h"

namespace ports {
struct Keyword {
    const char *name;
    int protocol;
    bool inbound, local;
};

// As documented for COM; NetSecurity spells some of them otherwise.
constexpr Keyword keywords[] = {
    {"RPC", 6, true, true},
    {"RPC-EPMap", 6, true, true},
    {"IPHTTPS", 6, false, false},
    {"Teredo", 17, true, true},
    {"Ply2Disc", 17, false, false},
};
constexpr const char *other_spellings[][2] = {
    {"RPCEPMap", "RPC-EPMap"}, {"IPHTTPSIn", "IPHTTPS"}, {"IPHTTPSOut", "IPHTTPS"}, {"PlayToDiscovery", "Ply2Disc"}};

bool same(const std::string &one, const char *other) {
    return same_ignoring_case(wide(one), wide(other));
}

// The form, after what it is sorted by: numbers and ranges, then keywords.
std::pair<std::string, std::string> one(const Store &store, std::string token) {
    if (!store.on("com_spelling_only"))
        for (const auto &spelling : other_spellings)
            if (same(token, spelling[0]))
                token = spelling[1];
    for (const Keyword &keyword : keywords)
        if (same(token, keyword.name))
            return {std::string("k") + keyword.name, keyword.name};
    std::vector<std::string> ends = split(token, '-');
    if (ends.size() > 2)
        throw refuse::argument;
    int first = digits(ends.front(), 65535), last = digits(ends.back(), 65535);
    if (first > last)
        throw refuse::argument;
    char order[16];
    snprintf(order, sizeof order, "%05d-%05d", first, last);
    return {order, ends.size() == 1 ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last)};
}
}  // namespace ports

std::string ports::keep(const Store &store, const Given &text) {
    if (!text || *text == L"*")
        return "*";
    std::map<std::string, std::string> kept;
    std::vector<std::string> tokens = split(narrow(*text), ',');
    for (size_t index = 0; index < tokens.size(); index++) {
        std::string token = trimmed(tokens[index]);
        // What it gives back it takes: the empty token after a keyword.
        if (token.empty() && index + 1 == tokens.size() && !kept.empty())
            continue;
        kept.insert(one(store, token));
    }
    std::vector<std::string> forms;
    for (const auto &pair : kept)
        forms.push_back(pair.second);
    return join(forms, ',');
}

std::string ports::show(const Store &store, const std::string &kept) {
    if (kept == "*")
        return kept;
    std::vector<std::string> tokens = split(kept, ',');
    if (store.on("reorder_ports"))
        tokens = {tokens.rbegin(), tokens.rend()};
    bool keyword = false;
    for (const std::string &token : tokens)
        keyword = keyword || isalpha(static_cast<unsigned char>(token[0]));
    return join(tokens, ',') + (store.on("trailing_comma") && keyword ? "," : "");
}

void ports::check_place(const Store &store, const std::string &kept, const Json &rule, bool local) {
    if (!store.on("keywords_in_place_only") || kept == "*")
        return;
    for (const std::string &token : split(kept, ','))
        for (const Keyword &keyword : keywords) {
            bool wrong = rule.at("protocol") != keyword.protocol || (keyword.inbound && rule.at("direction") != 1) || (keyword.local && !local);
            if (token == keyword.name && wrong)
                throw refuse::argument;
        }
}
