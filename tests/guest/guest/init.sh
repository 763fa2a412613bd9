#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# First process of a test guest. It does what XE_STEPS lists, reports each fact
# as a line "XENEMU: key=value" on the console, and powers off. The variables
# XE_* come from the kernel's command line:
#   XE_STEPS    comma-separated names of functions step_* below
#   XE_NONCE    a word of this run, so that no old output can pass for new
#   XE_URL      a file that the host offers over HTTP
#   XE_SLEEPS   how many 10 ms sleeps each vCPU does
#   XE_CHANNELS how many event channels step_channels binds
#   XE_LINES    how many lines step_lines writes, and how many it echoes
#   XE_EVENTS   how many events step_rate sends
#   XE_TCP      the arguments of tcp-load, with commas
#   XE_THEN     the steps of the kernel that step_kexec starts
#   XE_LATENESS what step_lateness measures, in each of XE_TURNS

/bin/busybox --install -s /bin 2>/dev/null
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev 2>/dev/null
# From here only our lines go to the console, whole ones.
dmesg -n 1

say() { echo "XENEMU: $*"; }

# Monotonic time in nanoseconds, of the CPU that this runs on.
now() {
    while read -r a b c _; do
        if [ "$a $b" = "now at" ]; then
            echo "$c"
            return
        fi
    done < /proc/timer_list
}

# nproc counts only where this shell may run, and steps change that.
CPUS=$(nproc)
all_cpus() { seq 0 $((CPUS - 1)); }
run_on() { taskset -pc "$1" $$ >/dev/null; }

# Adds up, over all vCPUs, the lines of /proc/interrupts that match $1.
count_irqs() {
    awk -v pattern="$1" '$0 ~ pattern {
        for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i
    } END { print sum + 0 }' /proc/interrupts
}

wait_for() {
    for _ in $(seq 100); do
        [ -e "$1" ] && return 0
        usleep 20000
    done
    say "error=$1 did not appear"
    return 1
}

step_facts() {
    say "wallclock=$(date +%s)"
    say "kernel=$(uname -r)"
    say "cpus=$CPUS"
    v=/sys/hypervisor/version
    say "hypervisor=$(cat /sys/hypervisor/type 2>&1)"
    say "xen=$(cat $v/major).$(cat $v/minor)"
    dmesg | grep -q 'Hypervisor detected: Xen HVM' && say detected=xen-hvm
    if dmesg | grep -q 'Using FIFO-based ABI'; then
        say abi=fifo
    elif dmesg | grep -q 'Using 2-level ABI'; then
        say abi=2level
    fi
    c=/sys/devices/system/clocksource/clocksource0
    say "clocksource=$(cat $c/current_clocksource)"
    say "clocksources=$(cat $c/available_clocksource)"
    for cpu in $(all_cpus); do
        e=/sys/devices/system/clockevents/clockevent$cpu/current_device
        say "clockevent=$(cat "$e")"
    done
}

step_modules() {
    for module in /lib/modules/*.ko; do
        insmod "$module" || say "error=insmod $module"
    done
}

step_disk() {
    wait_for /dev/xvda || return
    say "disk-size=$(blockdev --getsize64 /dev/xvda)"
    sum=$(dd if=/dev/xvda bs=256k iflag=direct 2>/dev/null | sha256sum)
    say "disk-sha256=${sum%% *}"
}

# The host knows the nonce and so what the second disk must hold afterwards.
step_write() {
    wait_for /dev/xvdb || return
    blocks=$(($(blockdev --getsize64 /dev/xvdb) / 4096))
    yes "$XE_NONCE" | dd of=/dev/xvdb bs=4k count=$blocks iflag=fullblock \
        oflag=direct conv=fsync 2>/dev/null && say "disk-written=$blocks"
}

step_net() {
    wait_for /sys/class/net/eth0 || return
    ifconfig lo 127.0.0.1
    ifconfig eth0 up
    udhcpc -f -q -n -t 20 -T 1 -i eth0 -s /etc/udhcpc.sh >/tmp/dhcp 2>&1 ||
        say "error=DHCP: $(tail -n 1 /tmp/dhcp)"
    say "net-driver=$(basename "$(readlink /sys/class/net/eth0/device/driver)")"
    timeout 30 wget -O /tmp/fetched "$XE_URL" 2>/tmp/wget ||
        say "error=wget: $(tail -n 1 /tmp/wget)"
    sum=$(sha256sum < /tmp/fetched)
    say "net-size=$(wc -c < /tmp/fetched)"
    say "net-sha256=${sum%% *}"
    rm -f /tmp/fetched
}

# A host that is busy for some seconds is not to look like a lost frame: nothing
# is sent again sooner than 10 s after it was sent (Linux 6.11 and later).
step_tcp() {
    t=/proc/sys/net/ipv4
    echo 0 >$t/tcp_early_retrans
    echo 10000000 >$t/tcp_rto_min_us || say "error=no tcp_rto_min_us"
    IFS=,
    # shellcheck disable=SC2086 # IFS splits it
    tcp-load $XE_TCP >/tmp/tcp 2>&1 || say "error=tcp-load failed"
    unset IFS
    while read -r line; do
        say "$line"
    done </tmp/tcp
}

# Something out, something in; the host answers with a word of its own.
step_console() {
    wait_for /dev/hvc0 || return
    stty -F /dev/hvc0 raw -echo
    exec 3<>/dev/hvc0
    echo "hvc0 of $XE_NONCE speaks" >&3
    # shellcheck disable=SC3045 # busybox has -t
    if read -r -t 20 answer <&3; then
        say "hvc-answer=$answer"
    else
        say "error=no answer on hvc0"
    fi
    exec 3<&-
}

# Out as fast as it goes, while the host reads slowly; then what the host sends
# comes back, a line at a time.
step_lines() {
    wait_for /dev/hvc0 || return
    # Open first: the last close puts a terminal's settings back.
    exec 3<>/dev/hvc0
    stty raw -echo <&3
    out=${XE_LINES%,*} echoed=0
    seq "$out" | sed "s/^/out $XE_NONCE /" >&3
    echo "in of $XE_NONCE wanted" >&3
    while [ "$echoed" -lt "${XE_LINES#*,}" ]; do
        # shellcheck disable=SC3045 # busybox has -t
        read -r -t 60 line <&3 || break
        echo "echo $line" >&3
        echoed=$((echoed + 1))
    done
    echo "all of $XE_NONCE written" >&3
    say "lines-echoed=$echoed"
    exec 3<&-
}

step_sleep() {
    before=$(count_irqs 'timer[0-9]+$')
    for cpu in $(all_cpus); do
        run_on "$cpu"
        start=$(now)
        for _ in $(seq "${XE_SLEEPS:-20}"); do
            usleep 10000
        done
        say "sleep-ns=$(($(now) - start))"
    done
    run_on 0-$((CPUS - 1))
    say "sleep-timer-irqs=$(($(count_irqs 'timer[0-9]+$') - before))"
}

# No vCPU's clock may be behind what another has shown before.
step_clock() {
    last=0 backwards=0 reads=0
    for _ in $(seq 10); do
        for cpu in $(all_cpus); do
            run_on "$cpu"
            t=$(now)
            [ "$t" -ge "$last" ] || backwards=$((backwards + 1))
            last=$t reads=$((reads + 1))
        done
    done
    run_on 0-$((CPUS - 1))
    say "clock-reads=$reads"
    say "clock-backwards=$backwards"
}

# A hypercall that nobody else makes (XENVER_extraversion): a mark for the
# harness that counts exits, at an exact place in this vCPU's stream.
# Read by the shell itself: cat would look twice.
step_mark() { read -r _ < /sys/hypervisor/version/extra; }

step_channels() {
    wait_for /dev/xen/evtchn || return
    {
        many-channels "$XE_CHANNELS" 2>&1 ||
            echo "error=many-channels ended with status $?"
    } | while read -r line; do
        say "$line"
    done
}

step_rate() {
    wait_for /dev/xen/evtchn || return
    event-rate "$XE_EVENTS" >/tmp/rate || say "error=event-rate failed"
    while read -r line; do
        say "$line"
    done </tmp/rate
}

# The same kernel and the same files again, without the machine's being reset.
step_kexec() {
    cd / && {
        printf '%s\n' proc sys tmp dev dev/console
        find init bin boot etc lib
    } | cpio -o -H newc >/tmp/initrd 2>/dev/null
    line=$(sed "s/XE_STEPS=[^ ]*/XE_STEPS=$XE_THEN/" /proc/cmdline)
    say "kexec=$(uname -r)"
    say "$(kexec-now /boot/kernel /tmp/initrd "$line")"
}

# A second vCPU comes, and takes part from then on.
step_hotadd() {
    cpu=/sys/devices/system/cpu/cpu1
    say "monitor=wanted with $CPUS vCPU"
    wait_for $cpu || return
    echo 1 >$cpu/online || say "error=the new vCPU does not come online"
    CPUS=$(nproc)
}

# Measures by turns with QEMU at rest and kept busy; the host hears of each turn
# and has two seconds.  XE_LATENESS: the program's arguments, with commas.
step_lateness() {
    # shellcheck disable=SC3060 # busybox replaces
    for turn in ${XE_TURNS//,/ }; do
        say "turn=$turn"
        sleep 2
        IFS=,
        # shellcheck disable=SC2086 # several arguments
        lateness $XE_LATENESS >/tmp/lateness 2>&1 ||
            say "error=lateness: $(tail -n 1 /tmp/lateness)"
        unset IFS
        while read -r line; do
            say "$turn-$line"
        done </tmp/lateness
    done
}

step_interrupts() {
    awk '{ gsub(/ +/, " "); print "XENEMU: interrupts=" $0 }' /proc/interrupts
}

step_shell() {
    stty -F /dev/hvc0 sane
    echo "You are in the guest; exit powers it off, Ctrl-a x ends QEMU." \
        >/dev/hvc0
    # A session of its own, so that Ctrl-c and job control work.
    TERM=linux PS1='guest# ' setsid sh -c 'exec sh </dev/hvc0 >/dev/hvc0 2>&1'
}

say "begin=$XE_NONCE"
say "uptime=$(cut -d' ' -f1 /proc/uptime)"
IFS=,
for step in $XE_STEPS; do
    unset IFS
    "step_$step"
done
trouble='WARNING:|\bBUG\b|Oops|soft lockup|hung_task|rcu.*stall|Kernel panic'
trouble="$trouble|clocksource.*unstable|I/O error|nobody cared|Call Trace"
# A parameter of the kernel's is no trouble (see nested_table.py).
dmesg | grep -v 'rcu_cpu_stall_' | grep -E "$trouble" |
    while read -r line; do
        say "problem=$line"
    done
say "end=$XE_NONCE"
poweroff -f
