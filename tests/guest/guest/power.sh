#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# Steps of init.sh, for which it is sourced: sleeps, resets and removals. The host's
# part is in power.py.

# Suspends to RAM again and again while the disk is written; the host wakes us up.
# Whatever worked before works afterwards.
step_s3() {
    grep -q deep /sys/power/mem_sleep && echo deep >/sys/power/mem_sleep
    for n in $(seq "$XE_SUSPENDS"); do
        dd if=/dev/zero of=/dev/xvdb bs=64k oflag=direct 2>/dev/null &
        echo mem >/sys/power/state || say "error=suspend to RAM"
        say "s3-clock=$(date +%s)"
        wait
        say "s3-woken=$n"
        step_disk
        fetch
        step_console
    done
    [ "$(nproc)" = "$CPUS" ] || say "error=$(nproc) CPUs are left"
}
