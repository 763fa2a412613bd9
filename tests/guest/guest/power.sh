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

# The same for suspends that the host asks for; it says on hvc0 when it lets us
# continue, which the kernel may read before it sleeps.
step_suspend() {
    open_hvc || return
    for n in $(seq "$XE_SUSPENDS"); do
        dd if=/dev/zero of=/dev/xvdb bs=64k oflag=direct 2>/dev/null &
        say "suspend=$n"
        # shellcheck disable=SC3045 # busybox has -t
        read -r -t 60 word <&3
        [ "$word" = continued ] || say "error=the host said '$word'"
        wait
        say "suspend-continued=$n"
        step_disk
        fetch
    done
    exec 3<&-
    step_console
}

# Writes for the rest of this kernel's life.
step_writing() {
    while :; do
        dd if=/dev/zero of=/dev/xvdb bs=64k oflag=direct 2>/dev/null
    done &
}

# A panic in the middle of writes, on the last CPU; the next kernel is in the
# memory that crashkernel= keeps free.
step_panic() {
    prepare_kexec
    line=$(echo "$line" | sed 's/crashkernel=[^ ]*/nr_cpus=1/')
    kexec-now -p /boot/kernel /tmp/initrd "$line" >/tmp/kexec ||
        say "$(cat /tmp/kexec)"
    say "panic=$(cat /sys/kernel/kexec_crash_loaded)"
    dd if=/dev/zero of=/dev/xvdb bs=64k oflag=direct 2>/dev/null &
    run_on $((CPUS - 1))
    echo c >/proc/sysrq-trigger
}

# In the kernel after a panic: the dump of the one before can be read, all of it,
# or each XE_VMCORE-th MiB.
step_vmcore() {
    say "vmcore-magic=$(head -c 4 /proc/vmcore | tail -c 3)"
    size=$(stat -c %s /proc/vmcore)
    say "vmcore-read=$size $(for at in $(
        seq 0 "$XE_VMCORE" $(((size - 1) >> 20))); do
            dd if=/proc/vmcore bs=1M skip="$at" count=1 2>/dev/null
        done | wc -c)"
}

# Boots that end in the middle of writes to ext4: the host resets the machine,
# the guest reboots, the kernel panics (and reboots).  What was synced before is
# there at the next boot.
step_resets() {
    wait_for /dev/xvdc || return
    mount -t ext4 /dev/xvdc /mnt || say "error=mount"
    set -- /mnt/round*
    round=$#
    [ -e "$1" ] || round=0
    say "boot=$round"
    if [ "$round" -gt 0 ]; then
        dmesg | grep -q 'xvdc.*recovery complete' && say "recovered=$round"
        last=$(cat /mnt/last)
        [ -n "$last" ] || say "error=nothing had been synced"
        for n in $(seq "${last:-0}"); do
            [ "$(sort -u "/mnt/file$n")" = "$XE_NONCE $((round - 1)) $n" ] ||
                say "error=file $n after boot $round"
        done
    fi
    # shellcheck disable=SC3060,SC2086 # busybox replaces; several words
    set -- ${XE_RESETS//,/ }
    if [ "$round" -lt $# ]; then
        rm -f /mnt/last /mnt/file*
        mkdir "/mnt/round$round"
        sync
        shift "$round"
        write_files "$1"
    fi
    umount /mnt
}

# Does not return.
write_files() {
    for n in $(seq 1000); do
        yes "$XE_NONCE $round $n" | head -n 2000 >"/mnt/file$n"
        sync
        # In a file of its own, so that it is old or new but never half.
        echo "$n" >/mnt/last.new
        mv /mnt/last.new /mnt/last
        sync
        [ "$n" = 3 ] || continue
        case "$1" in
        host) say "reset=wanted" ;;
        guest) (sleep 1; reboot -f) & ;;
        panic) (sleep 1; echo c >/proc/sysrq-trigger) & ;;
        esac
    done
    say "error=no reset by $1 came"
}

# The host takes away a disk that is open.
step_remove() {
    wait_for /dev/xvdb || return
    exec 4</dev/xvdb
    say "remove=wanted"
    for _ in $(seq 300); do
        [ -e /sys/block/xvdb ] || break
        usleep 100000
    done
    [ -e /sys/block/xvdb ] && say "error=the disk is still there"
    exec 4<&-
    say "removed=xvdb"
}

# system_powerdown: without a driver for the power button the kernel is asked by
# control/shutdown, and calls this program.
step_powerdown() {
    mkdir -p /sbin
    printf '#!/bin/sh\necho >/tmp/asked\n' >/sbin/poweroff
    chmod +x /sbin/poweroff
    say "powerdown=wanted"
    for _ in $(seq 600); do
        [ -e /tmp/asked ] && say "asked=poweroff" && break
        usleep 100000
    done
}
