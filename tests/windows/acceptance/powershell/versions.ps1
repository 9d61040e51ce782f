# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What runs scripts on this host? In constrained language mode no C# is compiled.
"PowerShell " + $PSVersionTable.PSVersion + ", .NET " + [Environment]::Version + ", language mode " + $ExecutionContext.SessionState.LanguageMode
