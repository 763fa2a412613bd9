#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
# shellcheck disable=SC2154 # udhcpc sets these
#
# Called by udhcpc with a lease in its environment.
if [ "$1" = bound ]; then
    ifconfig "$interface" "$ip" netmask "$subnet"
    route add default gw "${router%% *}" 2>/dev/null
    echo "XENEMU: net-address=$ip" >/dev/console
fi
