// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#include <winsock2.h>
#include <ws2tcpip.h>

#include <map>

#include "values.h"

namespace addresses {
using Bytes = std::vector<uint8_t>;

constexpr const char *keywords[] = {"DefaultGateway", "DHCP", "DNS", "WINS", "LocalSubnet"};

std::string hex(const Bytes &bytes) {
    static const char letters[] = "0123456789abcdef";
    std::string text = bytes.size() == 4 ? "4" : "6";
    for (uint8_t byte : bytes) {
        text.push_back(letters[byte >> 4]);
        text.push_back(letters[byte & 15]);
    }
    return text;
}

Bytes parsed(const std::string &text) {
    bool six = text.find(':') != std::string::npos;
    Bytes bytes(six ? 16 : 4);
    if (text.find_first_of("%[") != std::string::npos || inet_pton(six ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1)
        throw refuse::argument;
    return bytes;
}

std::string shown(const Bytes &bytes) {
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(bytes.size() == 16 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
}

int prefix_of(const std::string &text, int bits) {
    if (text.find('.') == std::string::npos)
        return digits(text, bits);
    if (bits != 32)
        throw refuse::argument;
    uint32_t mask = 0;
    for (uint8_t part : parsed(text))
        mask = (mask << 8) | part;
    int prefix = 0;
    while (prefix < 32 && (mask & (0x80000000u >> prefix)) != 0)
        prefix++;
    if (prefix < 32 && (mask << prefix) != 0)
        throw refuse::argument;
    return prefix;
}

// ::, ::1 and multicast
bool special(const Bytes &bytes) {
    for (int index = 0; index < 15; index++)
        if (bytes[index] != 0)
            return bytes[0] == 0xff;
    return bytes[15] <= 1;
}

void check_host_bits(const Store &store, Bytes &address, int prefix) {
    for (size_t bit = prefix; bit < address.size() * 8; bit++) {
        uint8_t mask = 0x80 >> (bit % 8);
        if ((address[bit / 8] & mask) == 0)
            continue;
        if (store.choice("host_bits") == "refuse")
            throw refuse::argument;
        if (store.choice("host_bits") == "mask")
            address[bit / 8] &= ~mask;
    }
}

// The form, after what it is sorted by.
std::pair<std::string, std::string> one(const Store &store, const std::string &token, bool remote) {
    for (const std::string keyword : keywords)
        if (same_ignoring_case(wide(token), wide(keyword)) && (remote || keyword != "DNS"))
            return {"k" + keyword, keyword};
    size_t dash = token.find('-');
    if (dash != std::string::npos && dash > 0) {
        Bytes first = parsed(token.substr(0, dash)), last = parsed(token.substr(dash + 1));
        if (first.size() != last.size() || first > last)
            throw refuse::argument;
        return {hex(first) + "-" + hex(last), shown(first) + "-" + shown(last)};
    }
    size_t slash = token.find('/');
    Bytes address = parsed(token.substr(0, slash));
    int bits = static_cast<int>(address.size()) * 8;
    int prefix = slash == std::string::npos ? bits : prefix_of(token.substr(slash + 1), bits);
    if (prefix == 0 && store.on("zero_mask_refused"))
        throw refuse::argument;
    if (prefix == 128 && store.on("ipv6_special_refused") && special(address))
        throw refuse::status;
    check_host_bits(store, address, prefix);
    char order[8];
    snprintf(order, sizeof order, "/%03d", prefix);
    return {hex(address) + order, shown(address) + "/" + std::to_string(prefix)};
}

std::string six(const Store &store, const std::string &address) {
    if (store.choice("ipv6_text") != "expanded")
        return address;
    std::string digits = hex(parsed(address)).substr(1), text;
    for (size_t index = 0; index < digits.size(); index++) {
        if (index > 0 && index % 4 == 0)
            text.push_back(':');
        text.push_back(static_cast<char>(toupper(digits[index])));
    }
    return text;
}

std::string show_one(const Store &store, const std::string &token) {
    size_t slash = token.find('/');
    if (slash == std::string::npos) {
        size_t dash = token.find('-');
        bool range = dash != std::string::npos && token.find(':') != std::string::npos;
        return range ? six(store, token.substr(0, dash)) + "-" + six(store, token.substr(dash + 1)) : token;
    }
    std::string address = token.substr(0, slash);
    int prefix = std::stoi(token.substr(slash + 1));
    if (address.find(':') != std::string::npos)
        return six(store, address) + (prefix == 128 && store.choice("ipv6_text") == "plain" ? "" : "/" + std::to_string(prefix));
    if (!store.on("addresses_as_masks"))
        return prefix == 32 ? address : token;
    uint32_t mask = prefix == 0 ? 0 : 0xffffffffu << (32 - prefix);
    Bytes bytes{static_cast<uint8_t>(mask >> 24), static_cast<uint8_t>(mask >> 16), static_cast<uint8_t>(mask >> 8), static_cast<uint8_t>(mask)};
    return address + "/" + shown(bytes);
}
}  // namespace addresses

// Kept sorted, as prefixes and ranges, whatever form was given.
std::string addresses::keep(const Store &store, const Given &text, bool remote) {
    if (!text || *text == L"*")
        return "*";
    std::vector<std::string> tokens = split(narrow(*text), ',');
    int limit = store.number("max_addresses");
    if (limit > 0 && tokens.size() > static_cast<size_t>(limit))
        throw refuse::argument;
    std::map<std::string, std::string> kept;
    for (const std::string &token : tokens)
        kept.insert(one(store, trimmed(token), remote));
    std::vector<std::string> forms;
    for (const auto &pair : kept)
        forms.push_back(pair.second);
    return join(forms, ',');
}

std::string addresses::show(const Store &store, const std::string &kept) {
    if (kept == "*")
        return kept;
    std::vector<std::string> forms;
    for (const std::string &token : split(kept, ','))
        forms.push_back(show_one(store, token));
    if (store.on("reorder_addresses"))
        forms = {forms.rbegin(), forms.rend()};
    return join(forms, ',');
}
