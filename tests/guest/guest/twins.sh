#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# A step of init.sh, for which it is sourced: a guest that was booted from its own
# disk by its own boot loader. The host's part is in twins.py.

# The emulated devices are gone, but for the CD-ROM; what the last boot wrote to
# the disk is there.  XE_TWINS is how the boots end; the last goes on.
step_twins() {
    wait_for /dev/xvda1 && wait_for /dev/sr0 || return
    for disk in /sys/block/sd*; do
        [ -e "$disk" ] && say "error=$disk is there"
    done
    for function in /sys/bus/pci/devices/*; do
        case $(cat "$function/class") in
        0x0200*) say "error=the NIC at $function is there" ;;
        esac
    done
    say "twins-cd=$(head -n 1 /dev/sr0)"
    mount -t ext4 /dev/xvda1 /mnt || say "error=mount"
    boot=$(cat /mnt/boot 2>/dev/null || echo 0)
    say "twins-boot=$boot"
    if [ "$boot" -gt 0 ]; then
        [ "$(sha256sum </mnt/data)" = "$(cat /mnt/sum)" ] ||
            say "error=the file of boot $((boot - 1))"
    fi
    dd if=/dev/urandom of=/mnt/data bs=256k count=16 2>/dev/null
    sha256sum </mnt/data >/mnt/sum
    echo $((boot + 1)) >/mnt/boot
    umount /mnt || say "error=umount"
    # shellcheck disable=SC3060,SC2086 # busybox replaces; several words
    set -- ${XE_TWINS//,/ }
    [ "$boot" -lt $# ] || return 0
    shift "$boot"
    case $1 in
    guest) reboot -f ;;
    host) say "reset=wanted" ;;
    sleep)
        grep -q deep /sys/power/mem_sleep && echo deep >/sys/power/mem_sleep
        echo mem >/sys/power/state || say "error=suspend to RAM"
        say "twins-woken=$boot"
        fetch
        step_twins
        return ;;
    esac
    sleep 600
}
