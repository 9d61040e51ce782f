// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The registry of the host, for a test outside of it. Keys are below HKEY_LOCAL_MACHINE, in the 64-bit view, as the module reads them.
#include <windows.h>
#include <sddl.h>

#include <string>

#include "json.h"
#include "text.h"

namespace registry {
void check(LSTATUS status, const std::string &what) {
    if (status != ERROR_SUCCESS)
        throw std::runtime_error(what + ": error " + std::to_string(status));
}

class Key {
public:
    Key(const std::string &path, bool write) {
        std::wstring name = wide(path);
        REGSAM access = (write ? KEY_ALL_ACCESS : KEY_READ) | KEY_WOW64_64KEY;
        if (write)
            check(RegCreateKeyExW(HKEY_LOCAL_MACHINE, name.c_str(), 0, nullptr, 0, access, nullptr, &handle, nullptr), path);
        else if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, name.c_str(), 0, access, &handle) != ERROR_SUCCESS)
            handle = nullptr;
    }
    ~Key() {
        if (handle)
            RegCloseKey(handle);
    }
    Key(const Key &) = delete;
    Key &operator=(const Key &) = delete;

    HKEY handle = nullptr;
};

// Numbers are REG_DWORD, texts REG_SZ.
void set(const std::string &path, const Json &values) {
    Key key(path, true);
    for (const auto &[name, value] : values.items()) {
        if (value.is_number()) {
            DWORD number = value.get<DWORD>();
            check(RegSetValueExW(key.handle, wide(name).c_str(), 0, REG_DWORD, reinterpret_cast<const BYTE *>(&number), sizeof number), path);
        } else {
            std::wstring text = wide(value.get<std::string>());
            DWORD size = static_cast<DWORD>((text.size() + 1) * sizeof(wchar_t));
            check(RegSetValueExW(key.handle, wide(name).c_str(), 0, REG_SZ, reinterpret_cast<const BYTE *>(text.c_str()), size), path);
        }
    }
}

Json read(const std::string &path) {
    Key key(path, false);
    if (!key.handle)
        return nullptr;
    Json values = Json::object();
    for (DWORD index = 0;; index++) {
        wchar_t name[16384];
        DWORD name_size = sizeof name / sizeof *name, type = 0, size = 0;
        LSTATUS status = RegEnumValueW(key.handle, index, name, &name_size, nullptr, &type, nullptr, &size);
        if (status == ERROR_NO_MORE_ITEMS)
            return values;
        check(status, path);
        std::string data(size, '\0');
        check(RegQueryValueExW(key.handle, name, nullptr, &type, reinterpret_cast<BYTE *>(data.data()), &size), path);
        if (type == REG_DWORD)
            values[narrow(name)] = *reinterpret_cast<const DWORD *>(data.data());
        else
            values[narrow(name)] = narrow(reinterpret_cast<const wchar_t *>(data.data()));
    }
}

void clear(const std::string &path) {
    HKEY machine = nullptr;
    check(RegOpenKeyExW(HKEY_LOCAL_MACHINE, nullptr, 0, KEY_ALL_ACCESS | KEY_WOW64_64KEY, &machine), path);
    LSTATUS status = RegDeleteTreeW(machine, wide(path).c_str());
    RegCloseKey(machine);
    if (status != ERROR_FILE_NOT_FOUND)
        check(status, path);
}

// What is there can be read, and nothing can be written, by anyone.
void deny(const std::string &path) {
    HKEY key = nullptr;
    REGSAM access = KEY_ALL_ACCESS | KEY_WOW64_64KEY;
    DWORD how = 0;
    // A volatile key takes no lasting one below it.
    check(RegCreateKeyExW(HKEY_LOCAL_MACHINE, wide(path).c_str(), 0, nullptr, REG_OPTION_VOLATILE, access, nullptr, &key, &how), path);
    if (how == REG_OPENED_EXISTING_KEY) {
        PSECURITY_DESCRIPTOR reading = nullptr;
        if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;KRSDWD;;;WD)", SDDL_REVISION_1, &reading, nullptr))
            throw std::runtime_error(path + ": error " + std::to_string(GetLastError()));
        LSTATUS status = RegSetKeySecurity(key, DACL_SECURITY_INFORMATION, reading);
        LocalFree(reading);
        check(status, path);
    }
    RegCloseKey(key);
}
}  // namespace registry
