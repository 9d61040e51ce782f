// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Texts: UTF-8 in the policy file, UTF-16 in COM. And how a call is refused.
#pragma once

#include <windows.h>

#include <optional>
#include <string>
#include <vector>

// Thrown within the server, given back as the HRESULT of the call.
struct Refused {
    HRESULT status;
};

namespace refuse {
constexpr Refused argument{E_INVALIDARG};
constexpr Refused access{E_ACCESSDENIED};
constexpr Refused absent{static_cast<HRESULT>(0x80070002)};
constexpr Refused rpc{static_cast<HRESULT>(0x800706BA)};
constexpr Refused broken_call{static_cast<HRESULT>(0x800706BE)};
constexpr Refused status{static_cast<HRESULT>(0xD000000D)};
}  // namespace refuse

// A BSTR as it is: null is none, and a NUL within stays.
using Given = std::optional<std::wstring>;

std::wstring wide(const std::string &text);
std::string narrow(const std::wstring &text);
Given given(BSTR text);
BSTR bstr(const Given &text);

bool same_ignoring_case(const std::wstring &one, const std::wstring &other);
std::vector<std::string> split(const std::string &text, char between);
std::string join(const std::vector<std::string> &parts, char between);
std::string trimmed(const std::string &text);

// A number of digits alone; refused where it is none, or above the limit.
int digits(const std::string &text, int limit);

std::wstring environment(const wchar_t *name);
