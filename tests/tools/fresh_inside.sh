#!/bin/sh
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make a bare root a machine of its own, and run a command in it. Called by fresh.py in new namespaces, as their first process.
# Usage: fresh_inside.sh ROOT COMMAND...     On standard input: a line for each folder to show inside, "FROM<tab>TO", then an empty line
# when the network is there.
set -eu
root=$1
shift
mount --bind "$root" "$root"
while IFS="$(printf '\t')" read -r from to && [ -n "$from" ]; do
    if [ -d "$from" ]; then mkdir -p "$root$to"; else mkdir -p "$root$(dirname "$to")"; : > "$root$to"; fi
    mount --bind "$from" "$root$to"
    case $to in /logs) ;; *) mount -o remount,bind,ro "$root$to" ;; esac
done
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"   # a new one shows the interfaces of this network namespace
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
    mknod -m 666 "$root/dev/${node% *}" c 1 "${node#* }"
done
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
hostname fresh
# The root itself changes, because the kernel makes no user namespace in a chroot, and the lab wants one.
cd "$root"
pivot_root . .
umount -l .
cd /
exec "$@" </dev/null
