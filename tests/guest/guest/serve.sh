#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# A step of init.sh, for which it is sourced: a guest that runs what the host asks
# for on its second serial port, one command after the other. The host's part is
# tests/libvirt/guest.py.

# A request is a line "WORD COMMAND...", which this shell evaluates; the answer is
# lines "=WORD ..." and at last "=WORD end STATUS". Other lines mean nothing.
step_serve() {
    mkdir -p /sbin
    printf '#!/bin/sh\nexec poweroff -f\n' >/sbin/poweroff
    printf '#!/bin/sh\nexec reboot -f\n' >/sbin/reboot
    chmod +x /sbin/poweroff /sbin/reboot
    ifconfig lo 127.0.0.1
    exec 5<>/dev/ttyS1
    stty raw -echo <&5
    while read -r word line <&5; do
        [ -n "$line" ] || continue
        eval "$line" >/tmp/served 2>&1 </dev/null
        served=$?
        while read -r line; do
            echo "=$word $line"
        done </tmp/served >&5
        echo "=$word end $served" >&5
    done
}

# Waits for a network interface with this MAC address, and gives it an address.
address_of() {
    for _ in $(seq 100); do
        for interface in /sys/class/net/*; do
            if [ "$(cat "$interface/address")" = "$1" ]; then
                ifconfig "${interface##*/}" "$2" netmask 255.255.255.0 up
                return
            fi
        done
        usleep 100000
    done
    echo "no interface $1: $(ls /sys/class/net)"
    return 1
}

# Writes and verifies a disk, and sends TCP streams both ways to a server, until
# load_stop, which tells what was done. Arguments: disk, address, port.
load_start() {
    rm -f /tmp/until /tmp/enough /tmp/tcp-failed
    mkfifo /tmp/until
    disk-load "$1" 2 </tmp/until >/tmp/disk-load 2>&1 &
    load_disk=$!
    exec 4>/tmp/until
    load_streams "$2" "$3" &
    load_net=$!
}

load_streams() {
    n=0
    while [ ! -e /tmp/enough ]; do
        tcp-load "$1" "$2" 0 100000 >/tmp/tcp 2>&1 ||
            cat /tmp/tcp >>/tmp/tcp-failed
        n=$((n + 1))
        echo $n >/tmp/streams
    done
}

load_stop() {
    touch /tmp/enough
    exec 4>&-
    load_status=0
    wait "$load_disk" || load_status=1
    wait "$load_net" || load_status=1
    cat /tmp/disk-load
    echo "streams=$(cat /tmp/streams)"
    [ ! -e /tmp/tcp-failed ] || {
        cat /tmp/tcp-failed
        load_status=1
    }
    return $load_status
}
