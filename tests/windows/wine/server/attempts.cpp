// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#include "attempts.h"

#include <windows.h>

#include "text.h"

namespace {
class File {
public:
    File(const std::wstring &path, DWORD access, DWORD creation)
        : handle(CreateFileW(path.c_str(), access, FILE_SHARE_READ, nullptr, creation, FILE_ATTRIBUTE_NORMAL, nullptr)) {
        if (handle == INVALID_HANDLE_VALUE)
            throw Refused{HRESULT_FROM_WIN32(GetLastError())};
    }
    ~File() { CloseHandle(handle); }
    File(const File &) = delete;
    File &operator=(const File &) = delete;

    void write(const std::string &text) {
        DWORD written = 0;
        if (!WriteFile(handle, text.data(), static_cast<DWORD>(text.size()), &written, nullptr) || written != text.size())
            throw Refused{HRESULT_FROM_WIN32(GetLastError())};
    }

    const HANDLE handle;
};
}  // namespace

std::string read_file(const std::wstring &path) {
    File file(path, GENERIC_READ, OPEN_EXISTING);
    LARGE_INTEGER size;
    if (!GetFileSizeEx(file.handle, &size))
        throw Refused{HRESULT_FROM_WIN32(GetLastError())};
    std::string text(static_cast<size_t>(size.QuadPart), '\0');
    DWORD got = 0;
    if (!ReadFile(file.handle, text.data(), static_cast<DWORD>(text.size()), &got, nullptr) || got != text.size())
        throw Refused{HRESULT_FROM_WIN32(GetLastError())};
    return text;
}

void write_file(const std::wstring &path, const std::string &text) {
    std::wstring beside = path + L".new";
    {
        File file(beside, GENERIC_WRITE, CREATE_ALWAYS);
        file.write(text);
    }
    if (!MoveFileExW(beside.c_str(), path.c_str(), MOVEFILE_REPLACE_EXISTING))
        throw Refused{HRESULT_FROM_WIN32(GetLastError())};
}

void append_file(const std::wstring &path, const std::string &text) {
    File file(path, FILE_APPEND_DATA, OPEN_ALWAYS);
    file.write(text);
}

Attempts::Attempts(const std::wstring &policy_file) : path(policy_file + L".process") {}

void Attempts::begin(const Json &counters) {
    values = {{"attempts", 0}, {"made", 0}, {"failed", 0}};
    values["commits_before"] = counters.at("commits");
    values["failed_before"] = counters.at("failed_commits");
    save();
}

Attempts::Outcome Attempts::next(const Json &switches) {
    load();
    int attempt = values["attempts"].get<int>() + 1;
    int from = switches.at("fail_commits_from").get<int>();
    bool fails = attempt == switches.at("fail_commit_at").get<int>() || (from > 0 && attempt >= from);
    bool takes_effect = !fails || switches.at("failed_commit_took_effect").get<bool>();
    values["attempts"] = attempt;
    values["made"] = values["made"].get<int>() + (takes_effect ? 1 : 0);
    values["failed"] = values["failed"].get<int>() + (fails ? 1 : 0);
    save();
    return !fails ? Outcome::done : takes_effect ? Outcome::done_and_failed : Outcome::failed;
}

bool Attempts::dies(const Json &switches) const {
    return values.at("made") == switches.at("die_after_commits");
}

int Attempts::commits() const {
    return values.at("commits_before").get<int>() + values.at("made").get<int>();
}

int Attempts::failed() const {
    return values.at("failed_before").get<int>() + values.at("failed").get<int>();
}

void Attempts::load() {
    values = Json::parse(read_file(path));
}

void Attempts::save() const {
    write_file(path, values.dump());
}
