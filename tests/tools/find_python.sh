#!/usr/bin/env bash
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Print the path of a Python between two versions that runs and can make virtual environments; exit 1 where there is none.
# Usage: find_python.sh LOWEST HIGHEST      e.g. find_python.sh 3.11 3.13
#
# A name on PATH proves nothing (version managers put stand-ins there that run only when that version is chosen), so each
# candidate is run, and what it says of itself is printed. Behind a version manager its folder of versions is searched too.
# Of one version the system's own comes first: a quarter faster than one that a version manager has compiled in its plain way.
set -u
lowest=$1 highest=$2
probe='
import sys
def number(text): return tuple(int(part) for part in text.split("."))
if not number(sys.argv[1]) <= sys.version_info[:2] <= number(sys.argv[2]): raise SystemExit(1)
import ensurepip, venv
if not ensurepip.version(): raise SystemExit(1)
print(getattr(sys, "_base_executable", None) or sys.executable)
'
try() { "$1" -c "$probe" "$lowest" "$highest" 2>/dev/null; }

minor=${lowest#3.}
while [ "$minor" -le "${highest#3.}" ]; do
    name=python3.$minor
    while read -r candidate; do
        [ -n "$candidate" ] && try "$candidate" && exit 0
    done <<< "/usr/bin/$name"$'\n'"$(type -aP "$name")"
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/"$name"; do
        [ -x "$candidate" ] && try "$candidate" && exit 0
    done
    minor=$((minor + 1))
done
while read -r candidate; do
    [ -n "$candidate" ] && try "$candidate" && exit 0
done <<< "$(type -aP python3)"
exit 1
