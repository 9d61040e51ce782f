// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Stands in place of netsh.exe, which is a stub in Wine: records its command line, and does what the collection asks of it, the logging
// of one profile. Switches of the policy file that inject failures hold here, too: a change of the logging is a commit like any other.
#include <windows.h>
#include <tlhelp32.h>

#include <iostream>
#include <map>
#include <string>

#include "attempts.cpp"
#include "text.cpp"

namespace {
struct Refusal {
    std::string text;
};

const std::map<std::wstring, std::wstring> keys = {
    {L"domainprofile", L"DomainProfile"}, {L"privateprofile", L"StandardProfile"}, {L"publicprofile", L"PublicProfile"}};

void set(const std::wstring &profile, const std::wstring &name, const std::wstring *text, DWORD number) {
    std::wstring path = L"SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\" + keys.at(profile) + L"\\Logging";
    const void *data = text ? static_cast<const void *>(text->c_str()) : &number;
    DWORD size = text ? static_cast<DWORD>((text->size() + 1) * sizeof(wchar_t)) : sizeof number;
    LSTATUS status = RegSetKeyValueW(HKEY_LOCAL_MACHINE, path.c_str(), name.c_str(), text ? REG_SZ : REG_DWORD, data, size);
    if (status != ERROR_SUCCESS)
        throw Refusal{"registry: error " + std::to_string(status)};
}

// advfirewall set <profile> logging <what> <value>
void change(const std::vector<std::wstring> &words) {
    const std::wstring &profile = words[3], &what = words[5], &value = words[6];
    if (what == L"filename" && !value.empty())
        set(profile, L"LogFilePath", &value, 0);
    else if (what == L"maxfilesize" && digits(narrow(value), 32767) > 0)
        set(profile, L"LogFileSize", nullptr, digits(narrow(value), 32767));
    else if (what == L"allowedconnections" && (value == L"enable" || value == L"disable"))
        set(profile, L"LogSuccessfulConnections", nullptr, value == L"enable");
    else if (what == L"droppedconnections" && (value == L"enable" || value == L"disable"))
        set(profile, L"LogDroppedPackets", nullptr, value == L"enable");
    else
        throw Refusal{"A specified value is not valid."};
}

void end_parent() {
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry;
    entry.dwSize = sizeof entry;
    for (BOOL found = Process32FirstW(all, &entry); found; found = Process32NextW(all, &entry))
        if (entry.th32ProcessID == GetCurrentProcessId())
            TerminateProcess(OpenProcess(PROCESS_TERMINATE, FALSE, entry.th32ParentProcessID), 137);
}

void run(const std::vector<std::wstring> &words) {
    if (words.size() != 7 || words[1] != L"advfirewall" || words[2] != L"set" || words[4] != L"logging" || keys.count(words[3]) == 0)
        throw Refusal{"The following command was not found."};
    std::wstring file = environment(L"MSPORTS_STAND_IN");
    Json switches = Json::parse(read_file(file)).at("switches");
    Attempts attempts(file);
    Attempts::Outcome outcome = attempts.next(switches);
    if (outcome != Attempts::Outcome::failed)
        change(words);
    Json note{{"commit", attempts.commits()}, {"profile", narrow(words[3])}, {"words", Json::array()}, {"took_effect", outcome != Attempts::Outcome::failed}};
    for (const std::wstring &word : words)
        note["words"].push_back(narrow(word));
    append_file(file + L".netsh", note.dump() + "\n");
    if (outcome != Attempts::Outcome::failed && attempts.dies(switches))
        end_parent();
    if (outcome != Attempts::Outcome::done)
        throw Refusal{"An error occurred while attempting to contact the  Windows Defender Firewall service."};
}
}  // namespace

int wmain(int count, wchar_t **words) {
    try {
        run({words, words + count});
    } catch (const Refusal &refusal) {
        std::cout << refusal.text << std::endl;
        return 1;
    } catch (const Refused &refused) {
        std::cout << "error " << std::hex << refused.status << std::endl;
        return 1;
    }
    std::cout << "Ok." << std::endl;
    return 0;
}
