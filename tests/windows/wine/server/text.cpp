// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

#include "text.h"

std::wstring wide(const std::string &text) {
    int size = MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
    std::wstring result(size, L'\0');
    MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), result.data(), size);
    return result;
}

std::string narrow(const std::wstring &text) {
    int size = WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0, nullptr, nullptr);
    std::string result(size, '\0');
    WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), result.data(), size, nullptr, nullptr);
    return result;
}

Given given(BSTR text) {
    if (text == nullptr)
        return std::nullopt;
    return std::wstring(text, SysStringLen(text));
}

BSTR bstr(const Given &text) {
    return text ? SysAllocStringLen(text->data(), static_cast<UINT>(text->size())) : nullptr;
}

bool same_ignoring_case(const std::wstring &one, const std::wstring &other) {
    return CompareStringOrdinal(one.data(), static_cast<int>(one.size()), other.data(), static_cast<int>(other.size()), TRUE) == CSTR_EQUAL;
}

std::vector<std::string> split(const std::string &text, char between) {
    std::vector<std::string> parts(1);
    for (char letter : text) {
        if (letter == between)
            parts.emplace_back();
        else
            parts.back().push_back(letter);
    }
    return parts;
}

std::string join(const std::vector<std::string> &parts, char between) {
    std::string text;
    for (const std::string &part : parts) {
        if (&part != &parts.front())
            text.push_back(between);
        text += part;
    }
    return text;
}

std::string trimmed(const std::string &text) {
    size_t first = text.find_first_not_of(" \t\r\n");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

int digits(const std::string &text, int limit) {
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
        throw refuse::argument;
    int number = std::stoi(text);
    if (number > limit)
        throw refuse::argument;
    return number;
}

std::wstring environment(const wchar_t *name) {
    std::wstring value(GetEnvironmentVariableW(name, nullptr, 0), L'\0');
    value.resize(value.empty() ? 0 : GetEnvironmentVariableW(name, value.data(), static_cast<DWORD>(value.size())));
    return value;
}
