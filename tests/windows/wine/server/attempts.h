// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The commits of one process, counted in a file beside the policy file: `netsh` is another process, and its changes are commits, too.
#pragma once

#include <string>

#include "json.h"

class Attempts {
public:
    enum class Outcome { done, failed, done_and_failed };

    explicit Attempts(const std::wstring &policy_file);

    // A new process: nothing is counted yet. The counters of the policy file go on from where they are.
    void begin(const Json &counters);

    // One more attempt, and what comes of it under the switches that inject failures.
    Outcome next(const Json &switches);

    bool dies(const Json &switches) const;
    int commits() const;
    int failed() const;

private:
    void load();
    void save() const;

    std::wstring path;
    Json values;
};

std::string read_file(const std::wstring &path);
// Whole or not at all.
void write_file(const std::wstring &path, const std::string &text);
void append_file(const std::wstring &path, const std::string &text);
