#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# A step of init.sh, for which it is sourced: a guest that is busy while it is moved or
# set back. The host's part is in travel.py and soak.py.

# Load on xvdb, hvc0 and, if XE_TCP is set, the network, until the host says on hvc0
# that it is enough.
step_travel() {
    wait_for /dev/xvdb || return
    open_hvc || return
    mkfifo /tmp/until
    disk-load /dev/xvdb 4 </tmp/until >/tmp/disk-load ||
        say "error=disk-load failed" &
    exec 4>/tmp/until
    count_on_hvc &
    [ -z "$XE_TCP" ] || repeat_streams &
    [ -z "$XE_CHANNELS" ] || repeat_channels &
    say moves=wanted
    # shellcheck disable=SC3045 # busybox has -t
    read -r -t "${XE_LONGEST:-3000}" word <&3
    say "moves-word=$word"
    touch /tmp/enough
    exec 4>&-
    wait
    exec 3<&-
    while read -r line; do
        say "$line"
    done </tmp/disk-load
}

count_on_hvc() {
    n=0
    while [ ! -e /tmp/enough ]; do
        n=$((n + 1))
        echo "count $n" >&3
        usleep 1000
    done
    say "travel-lines=$n"
}

repeat_streams() {
    n=0
    IFS=,
    while [ ! -e /tmp/enough ]; do
        # shellcheck disable=SC2086 # IFS splits it
        tcp-load $XE_TCP >/tmp/tcp 2>&1 || {
            say "error=tcp-load: $(tail -n 1 /tmp/tcp)"
            break
        }
        n=$((n + 1))
    done
    say "travel-streams=$n"
}

# Each event of each channel must have been delivered once.
repeat_channels() {
    n=0
    while [ ! -e /tmp/enough ]; do
        if ! many-channels "$XE_CHANNELS" >/tmp/channels 2>&1 ||
            grep 'channels-pass=' /tmp/channels | grep -qv ' 0$'; then
            say "error=many-channels: $(grep -E 'error=|pass=.* [^0]' /tmp/channels)"
            break
        fi
        n=$((n + 1))
    done
    say "travel-channels=$n"
}
