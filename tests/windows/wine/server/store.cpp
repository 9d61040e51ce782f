// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#include "store.h"

#include <algorithm>
#include <map>

namespace {
std::shared_ptr<Store> last;

// Another order at each enumeration, and the same one in each run of a test: the stand-in's own.
uint32_t place(const Json &rule, int turn) {
    uint32_t result = 2166136261u + static_cast<uint32_t>(turn) * 97;
    const Json &key = rule.at("key").is_null() ? rule.at("name") : rule.at("key");
    for (wchar_t letter : wide(key.get<std::string>()))
        result = (result ^ letter) * 16777619u;
    return (result ^ (result >> 15)) * 2246822519u;
}
}  // namespace

Store::Store(const std::wstring &file) : path(file), attempts(file) {
    content = Json::parse(read_file(path));
    if (content.at("format") != 1)
        throw refuse::argument;
    switches = content.at("switches");
    for (const Json &rule : content.at("rules"))
        rules.push_back(std::make_shared<Json>(rule));
}

std::shared_ptr<Store> Store::open() {
    std::wstring file = environment(L"MSPORTS_STAND_IN");
    if (file.empty())
        throw Refused{HRESULT_FROM_WIN32(ERROR_SERVICE_NOT_ACTIVE)};
    last = std::make_shared<Store>(file);
    last->attempts.begin(last->content.at("counters"));
    last->count("calls");
    return last;
}

std::shared_ptr<Store> Store::current() {
    return last && last->path == environment(L"MSPORTS_STAND_IN") ? last : open();
}

std::string Store::choice(const char *name) const {
    const Json &value = switches.at(name);
    return value.is_null() ? "" : value.get<std::string>();
}

void Store::commit(const char *what, const Record &rule, const Json &property, const Json &value, const std::function<void()> &effect) {
    Attempts::Outcome outcome = attempts.next(switches);
    if (outcome != Attempts::Outcome::failed) {
        note(what, rule, property, value);
        effect();
    }
    save();
    if (outcome != Attempts::Outcome::failed && attempts.dies(switches))
        TerminateProcess(GetCurrentProcess(), 137);
    if (outcome != Attempts::Outcome::done)
        throw refuse::rpc;
}

void Store::count(const char *counter) {
    content["counters"][counter] = content["counters"][counter].get<int>() + 1;
    save();
}

void Store::save() {
    content["counters"]["commits"] = attempts.commits();
    content["counters"]["failed_commits"] = attempts.failed();
    content["rules"] = Json::array();
    for (const Record &rule : rules)
        content["rules"].push_back(*rule);
    write_file(path, content.dump(-1, ' ', true, Json::error_handler_t::replace));
}

void Store::check_open(const Record &rule) const {
    if (!contains(rule))
        throw refuse::absent;
    const Json &group = rule->at("grouping");
    if (on("built_in_locked") && !group.is_null() && group.get<std::string>().substr(0, 1) == "@")
        throw refuse::access;
}

void Store::check_name(const std::string &name, const Record &self) const {
    if (on("duplicate_names"))
        return;
    for (const Record &other : rules)
        if (other != self && same_name(other->at("name"), name))
            throw refuse::argument;
}

bool Store::same_name(const std::string &one, const std::string &other) const {
    return on("names_ignore_case") ? same_ignoring_case(wide(one), wide(other)) : one == other;
}

std::vector<Record> Store::named(const std::string &name) const {
    std::vector<Record> found;
    std::copy_if(rules.begin(), rules.end(), std::back_inserter(found), [&](const Record &rule) { return same_name(rule->at("name"), name); });
    return found;
}

bool Store::contains(const Record &rule) const {
    return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

void Store::remove(const Record &rule) {
    rules.erase(std::find(rules.begin(), rules.end(), rule));
}

std::string Store::next_key() const {
    char key[64];
    snprintf(key, sizeof key, "{00000000-0000-4000-8000-%012x}", content.at("counters").at("last_key").get<int>() + 1);
    return key;
}

std::vector<Record> Store::listed() const {
    std::vector<Record> order = rules;
    std::string wanted = choice("enumeration_order");
    if (wanted == "reversed")
        std::reverse(order.begin(), order.end());
    if (wanted == "shuffled") {
        int turn = content.at("counters").at("enumerations").get<int>();
        std::stable_sort(order.begin(), order.end(), [turn](const Record &one, const Record &other) { return place(*one, turn) < place(*other, turn); });
    }
    return order;
}

std::string Store::profile_name(int number) {
    static const std::map<int, std::string> names{{1, "domain"}, {2, "private"}, {4, "public"}};
    auto found = names.find(number);
    if (found == names.end())
        throw refuse::argument;
    return found->second;
}

Json &Store::profile(int number) {
    return content.at("profiles").at(profile_name(number));
}

void Store::note(const char *what, const Record &rule, const Json &property, const Json &value) {
    Json text = value.is_string() || value.is_null() ? value : Json(value.is_boolean() ? (value.get<bool>() ? "True" : "False") : value.dump());
    if (text.is_string() && text.get<std::string>().size() > 200)
        text = narrow(wide(text.get<std::string>()).substr(0, 200));
    content["journal"].push_back({
        {"call", content["counters"]["calls"]},
        {"commit", attempts.commits()},
        {"what", what},
        {"key", rule ? rule->at("key") : Json()},
        {"name", rule ? rule->at("name") : Json()},
        {"property", property},
        {"value", text},
    });
}
