#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# First process of the L1 VM: Linux with KVM, which runs Xen guests with the QEMU
# under test. The first disk is a tar archive with a folder for each guest, which
# has a shell script "command" with QEMU's command line. Results are written as a
# tar archive to the second disk: the console, QEMU's messages and exit status,
# and the counts of KVM's trace points.

/bin/busybox --install -s /bin 2>/dev/null
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev 2>/dev/null
mount -t tracefs none /sys/kernel/tracing
dmesg -n 1

T=/sys/kernel/tracing
EXITS=$T/events/kvm/kvm_userspace_exit
CALLS=$T/events/kvm/kvm_xen_hypercall
# KVM_EXIT_IO in include/uapi/linux/kvm.h: the serial console has many.
EXIT_IO=2

# The counters of a QEMU that was built for coverage (scripts/coverage).
export GCOV_PREFIX=/results/coverage

say() { echo "XENEMU: $*"; }

# Exits are frequent, so they are counted by reason in the kernel; hypercalls, the
# exits that they cause and rare ones are recorded one by one, to be matched later.
count_from_here() {
    echo 0 > $T/tracing_on
    echo '!hist:keys=reason' > $EXITS/trigger 2>/dev/null
    echo 'hist:keys=reason:size=256' > $EXITS/trigger
    echo "reason != $EXIT_IO" > $EXITS/filter
    echo 1 > $EXITS/enable
    # Only with CONFIG_KVM_XEN.
    [ ! -e $CALLS ] || echo 1 > $CALLS/enable
    echo > $T/trace
    echo 1 > $T/tracing_on
}

# Answers lines on the guest's console, as the host does without nesting.
answer_console() {
    while read -r line; do
        case $line in
        *"of $(cat nonce) speaks"*) cat answer > hvc.in ;;
        esac
    done < hvc.out
}

# Sends the next command to QEMU's monitor each time that the guest requests it.
serve_monitor() {
    requests=0
    while read -r command <&3; do
        requests=$((requests + 1))
        until [ "$(grep -Ec 'XENEMU: (monitor|reset)=' console.log)" -ge $requests ]; do
            usleep 100000
        done
        echo "$command" > monitor.in
    done 2>/dev/null 3< monitor
}

# Wakes the guest up whenever it sleeps in S3, with an event of vCPU 0's timer
# pending, as if that had expired just before: its port is the third.
wake_up() {
    while sleep 1; do
        echo info status > monitor.in
        usleep 200000
        case $(grep 'VM status' monitor.log | tail -n 1) in
        *suspended*)
            echo xen-event-inject 3 > monitor.in
            echo system_wakeup > monitor.in
            ;;
        esac
    done
}

# Ends the guest's processes, those of group $1, when its time is over.  Before that,
# QEMU tells where the guest hangs.
end_in_time() {
    sleep "$(cat limit)"
    # Blocks if no QEMU has the monitor, or if it does not serve it.
    cat /etc/hang > hang.in &
    sleep 10
    kill -KILL "-$1"
}

run_guest() {
    cd "/plan/$1" || return
    mkfifo hvc.in hvc.out monitor.in monitor.out hang.in hang.out
    answer_console &
    helpers=$!
    cat hang.out > hang.log &
    helpers="$helpers $!"
    if [ -e monitor ] || [ -e sleeper ]; then
        cat monitor.out > monitor.log &
        helpers="$helpers $!"
    fi
    if [ -e monitor ]; then
        serve_monitor &
        helpers="$helpers $!"
    fi
    if [ -e sleeper ]; then
        wake_up &
        helpers="$helpers $!"
    fi
    # Tracing takes time, which must not be measured by a benchmark.
    [ -e untraced ] || count_from_here
    began=$(date +%s)
    setsid sh ./command > qemu.log 2>&1 &
    guest=$!
    end_in_time $guest &
    helpers="$helpers $!"
    wait $guest
    status=$?
    echo 0 > $T/tracing_on
    # shellcheck disable=SC2086 # a list
    kill $helpers 2>/dev/null
    mkdir -p "/results/$1"
    echo "$status $began $(date +%s)" > "/results/$1/status"
    # shellcheck disable=SC2046 # a list
    for file in console.log qemu.log hang.log monitor.log written.img $(
        cat returned 2>/dev/null); do
        [ ! -e "$file" ] || cp "$file" "/results/$1"
    done
    cat $EXITS/hist > "/results/$1/exits"
    cat $T/trace > "/results/$1/trace"
    cat $T/per_cpu/cpu*/stats > "/results/$1/trace-stats"
    say "ran=$1 status=$status"
}

for module in /lib/modules/*.ko; do
    insmod "$module" || say "error=insmod $module"
done
[ -c /dev/kvm ] || say "error=no /dev/kvm: $(dmesg | grep -i kvm | tail -n 1)"
ifconfig lo 127.0.0.1
mkdir -p /plan /results
tar x -f /dev/vda -C /plan || say "error=no plan on the first disk"
httpd -p 127.0.0.1:8000 -h /plan
tcp-peer 8001 &
echo 16384 > $T/buffer_size_kb
say "begin=$(uname -r)"
for guest in /plan/*; do
    run_guest "${guest##*/}"
done
cp /proc/cpuinfo /results
dmesg > /results/dmesg
tar c -f /dev/vdb -C /results . && sync
set -- /results/*
say "end=$#"
poweroff -f
