#!/usr/bin/env bash
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make .venv, and install the named requirement sets from tests/requirements into it. A stamp named by the hash of a set's
# file makes the next run quick. Usage: venv.sh SET...      e.g. venv.sh run test lint
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.venv
if [ ! -x $venv/bin/python ] || ! $venv/bin/python -c 'import pip' >/dev/null 2>&1; then
    python=$(tests/tools/find_python.sh 3.11 3.14) || {
        echo "A Python from 3.11 to 3.14 with its venv module is needed, and none was found." >&2; exit 1; }
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear $venv
fi
files=() stamps=()
for set in "$@"; do
    file=tests/requirements/$set.txt
    stamp=$venv/.installed-$set-$(sha256sum "$file" | cut -c1-16)
    [ -e "$stamp" ] || { files+=(-r "$file"); stamps+=("$stamp"); }
done
[ "${#files[@]}" -gt 0 ] || exit 0
echo "Installing Python packages into .venv: ${files[*]/-r/}"
$venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-compile "${files[@]}" </dev/null
# pip compiles on one processor, this on all of them. Some packages hold files that no Python compiles.
$venv/bin/python -m compileall -q -j 0 $venv/lib >/dev/null || true
touch "${stamps[@]}"
