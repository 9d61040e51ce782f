// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The policy file: the same as the C# stand-in's, with the same switches (tests/windows/policy_file.py says what each means).
// It is read when NetFwPolicy2 is made and written at every change, so a process may end at any time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attempts.h"
#include "json.h"
#include "text.h"

// One rule; shared by the store and by the views of it.
using Record = std::shared_ptr<Json>;

class Store {
public:
    explicit Store(const std::wstring &path);

    // The one of this process and thread of calls: a rule made by class id belongs to it.
    static std::shared_ptr<Store> open();
    static std::shared_ptr<Store> current();

    bool on(const char *name) const { return switches.at(name).get<bool>(); }
    int number(const char *name) const { return switches.at(name).get<int>(); }
    std::string choice(const char *name) const;

    // Every change of the store goes through here.
    void commit(const char *what, const Record &rule, const Json &property, const Json &value, const std::function<void()> &effect);
    void count(const char *counter);
    void save();

    void check_open(const Record &rule) const;
    void check_name(const std::string &name, const Record &self) const;
    bool same_name(const std::string &one, const std::string &other) const;
    std::vector<Record> named(const std::string &name) const;
    bool contains(const Record &rule) const;
    void remove(const Record &rule);
    std::string next_key() const;
    std::vector<Record> listed() const;

    Json &profile(int number);
    static std::string profile_name(int number);

    Json content;
    std::vector<Record> rules;

private:
    void note(const char *what, const Record &rule, const Json &property, const Json &value);

    std::wstring path;
    Json switches;
    Attempts attempts;
};
