// Copyright (c) 2026, the portcullis.msports contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// All of the server as one source: most of the time of a compiler goes into the headers of JSON, which are read once so.
// GUIDs are defined where this stands before them.
#include <winsock2.h>
#include <initguid.h>

#include "addresses.cpp"
#include "attempts.cpp"
#include "policy.cpp"
#include "ports.cpp"
#include "products.cpp"
#include "rule.cpp"
#include "server.cpp"
#include "store.cpp"
#include "text.cpp"
#include "texts.cpp"
