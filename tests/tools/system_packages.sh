#!/usr/bin/env bash
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Install the system packages named in tests/requirements/system-<set>.txt that are missing. Nothing else on the machine is changed.
# Usage: system_packages.sh SET...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin   # where an ordinary user's PATH does not look, but nft lives

missing=()
for set in "$@"; do
    while read -r proof package _; do
        # A path proves by being there (a library is no program), a bare name by being a command.
        case $proof in
            ''|'#'*) continue ;;
            /*) [ -e "$proof" ] || missing+=("$package") ;;
            *) command -v "$proof" >/dev/null 2>&1 || missing+=("$package") ;;
        esac
    done < "$here/../requirements/system-$set.txt"
done
# A virtual environment needs ensurepip, which Debian keeps in a package of its own.
"$here/find_python.sh" 3.11 3.14 >/dev/null 2>&1 || [ -x "$here/../../.venv/bin/python" ] || missing+=(python3-venv)
[ "${#missing[@]}" -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing: ${missing[*]} (Debian's names). Please install them; this script only knows apt-get." >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "Missing: ${missing[*]}. Please install them as root." >&2; exit 1; }
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n)   # without a terminal nobody can type a password
fi
echo "Installing Debian packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for step in "update -q" "install -q -y --no-install-recommends ${missing[*]}"; do
    # shellcheck disable=SC2086
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get $step >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        case $step in update*) echo "apt-get update failed; going on with the lists that are there" >&2 ;; *) exit 1 ;; esac
    fi
done
