// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What a test outside of the host asks of it: a line of JSON for each order, {clear, set, deny, read, sessions}, and a line as an answer,
// {read: {key: {name: value} or null}} or {failed}. It stays open, and so does the host: without a program Wine ends.
#include <iostream>

#include "sessions.cpp"
#include "registry.cpp"
#include "text.cpp"

namespace {
Json done(const Json &order) {
    for (const Json &key : order.at("clear"))
        registry::clear(key);
    for (const auto &[key, values] : order.at("set").items())
        registry::set(key, values);
    for (const Json &key : order.at("deny"))
        registry::deny(key);
    sessions::establish(order.at("sessions"));
    Json found = Json::object();
    for (const Json &key : order.at("read"))
        found[key.get<std::string>()] = registry::read(key);
    return {{"read", found}};
}
}  // namespace

int main() {
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    for (std::string line; std::getline(std::cin, line);) {
        try {
            std::cout << done(Json::parse(line)).dump(-1, ' ', true) << std::endl;
        } catch (const std::exception &failure) {
            std::cout << Json{{"failed", failure.what()}}.dump() << std::endl;
        }
    }
    return 0;
}
