#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# First process of a test guest. It does what XE_STEPS lists, reports each fact
# as a line "XENEMU: key=value" on the console, and powers off. The variables
# XE_* come from the kernel's command line:
#   XE_STEPS    comma-separated names of functions step_* below
#   XE_NONCE    a random word, to distinguish this run's output from old output
#   XE_URL      a file that the host offers over HTTP
#   XE_SLEEPS   number of 10 ms sleeps on each vCPU
#   XE_SUSPENDS number of times that step_s3 suspends
#   XE_CHANNELS number of event channels that step_channels binds
#   XE_LINES    numbers of lines that step_lines writes and echoes
#   XE_EVENTS   number of events that step_rate sends
#   XE_TCP      the arguments of tcp-load, with commas
#   XE_FS       how long and by how many processes step_fs uses xvdc
#   XE_FLOOD    the arguments of udp-flood, with commas
#   XE_LONGEST  seconds that step_travel waits for the host's word
#   XE_THEN     the steps of the kernel that step_kexec or step_panic starts
#   XE_HVC      the PV console that the host answers on, if not hvc0
#   XE_VMCORE   which parts of the dump step_vmcore reads
#   XE_RESETS   how the boots in step_resets end, with commas
#   XE_TWINS    how those in step_twins end
#   XE_SCP      MiB of the file in step_scp
#   XE_LATENESS what step_lateness measures, in each of XE_TURNS

/bin/busybox --install -s /bin 2>/dev/null
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev 2>/dev/null
# Keep kernel messages out of the lines written to the console.
dmesg -n 1
# Debian's default, CoDel, drops what has waited for long, as it does on a busy host.
echo pfifo_fast >/proc/sys/net/core/default_qdisc

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

# nproc would only count the CPUs of this shell's affinity, which steps change.
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
    say "guest-type=$(cat /sys/hypervisor/guest_type)"
    say "detected=$(dmesg | sed -n 's/.*Hypervisor detected: //p')"
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

# Before step_write, which writes all of this disk.
step_code() {
    wait_for /dev/xvdb || return
    code-read /dev/xvdb 200 >/tmp/code 2>&1 ||
        say "error=code-read failed: $(cat /tmp/code)"
    say "$(cat /tmp/code)"
}

# The host checks the second disk, whose contents are a function of the nonce.
step_write() {
    wait_for /dev/xvdb || return
    blocks=$(($(blockdev --getsize64 /dev/xvdb) / 4096))
    yes "$XE_NONCE" | dd of=/dev/xvdb bs=4k count=$blocks iflag=fullblock \
        oflag=direct conv=fsync 2>/dev/null && say "disk-written=$blocks"
}

# Fetches the host's file.
fetch() {
    timeout 30 wget -O /tmp/fetched "$XE_URL" 2>/tmp/wget ||
        say "error=wget: $(tail -n 1 /tmp/wget)"
    sum=$(sha256sum < /tmp/fetched)
    say "net-size=$(wc -c < /tmp/fetched)"
    say "net-sha256=${sum%% *}"
    rm -f /tmp/fetched
}

step_net() {
    wait_for /sys/class/net/eth0 || return
    ifconfig lo 127.0.0.1
    ifconfig eth0 up
    udhcpc -f -q -n -t 20 -T 1 -i eth0 -s /etc/udhcpc.sh >/tmp/dhcp 2>&1 ||
        say "error=DHCP: $(tail -n 1 /tmp/dhcp)"
    say "net-driver=$(basename "$(readlink /sys/class/net/eth0/device/driver)")"
    fetch
}

# A busy host must not look like a lost frame: no tail loss probes. tcp-load sets the
# minimum of the retransmission timeout.
step_tcp() {
    echo 0 >/proc/sys/net/ipv4/tcp_early_retrans
    IFS=,
    # shellcheck disable=SC2086 # IFS splits it
    tcp-load $XE_TCP >/tmp/tcp 2>&1 || say "error=tcp-load failed"
    unset IFS
    while read -r line; do
        say "$line"
    done </tmp/tcp
}

# Disk and network at the same time.
step_busy() {
    wait_for /dev/xvdb || return
    mkfifo /tmp/until
    disk-load /dev/xvdb 4 </tmp/until >/tmp/disk-load &
    exec 4>/tmp/until
    step_tcp
    exec 4>&-
    wait $! || say "error=disk-load failed"
    while read -r line; do
        say "$line"
    done </tmp/disk-load
}

# The host has made a file system on xvdc.
step_fs() {
    wait_for /dev/xvdc || return
    mount -t ext4 /dev/xvdc /mnt || say "error=no ext4 on xvdc"
    fs-load /mnt "${XE_FS%,*}" "${XE_FS#*,}" >/tmp/fs 2>&1 ||
        say "error=fs-load failed"
    while read -r line; do
        say "$line"
    done </tmp/fs
    umount /mnt || say "error=umount"
}

# Open first: the last close would reset the terminal's settings.  With echo, what
# the host types would mix with the lines that it waits for.
open_hvc() {
    wait_for "/dev/${XE_HVC:=hvc0}" || return
    exec 3<>"/dev/$XE_HVC"
    stty raw -echo <&3
}

wait_for_word() {
    # shellcheck disable=SC3045 # busybox has -t
    read -r -t 240 word <&3
    [ "$word" = "$1" ] || say "error=the host said '$word', not '$1'"
    exec 3<&-
}

step_flood() {
    open_hvc || return
    mkfifo /tmp/until
    udp-flood "${XE_FLOOD%,*}" "${XE_FLOOD#*,}" </tmp/until |
        while read -r line; do
            say "$line"
        done &
    exec 4>/tmp/until
    wait_for_word enough
    exec 4>&-
    wait
}

# Between the hosts 10.1.0.2 and 10.2.0.2.
step_forward() {
    open_hvc || return
    echo 1 >/proc/sys/net/ipv4/ip_forward
    for number in 0 1; do
        wait_for /sys/class/net/eth$number || return
        ifconfig eth$number 10.$((number + 1)).0.1 netmask 255.255.255.0
    done
    say forward=ready
    wait_for_word enough
    for number in 0 1; do
        cd /sys/class/net/eth$number/statistics || return
        say "eth$number-dropped=$(($(cat tx_dropped) + $(cat rx_dropped)))"
        say "eth$number-errors=$(($(cat tx_errors) + $(cat rx_errors)))"
    done
    cd /
}

# All but the two that each guest has, and that of step_resize.
step_disks() {
    for device in /sys/block/xvd*; do
        name=$(basename "$device")
        case $name in
        xvda | xvdb | xvdzz) continue ;;
        esac
        wait_for "/dev/$name" || continue
        say "disk=$name $(blockdev --getsize64 "/dev/$name") $(
            head -n 1 "/dev/$name" | cut -c1-100)"
    done
}

# The host changes the size each time that it hears of the last change.
step_resize() {
    wait_for /dev/xvdzz || return
    size=0
    for _ in 1 2 3; do
        for _ in $(seq 1000); do
            now=$(cat /sys/block/xvdzz/size)
            [ "$now" = "$size" ] || break
            usleep 20000
        done
        size=$now
        sum=$(dd if=/dev/xvdzz bs=64k iflag=direct 2>/dev/null | sha256sum)
        say "resized=$((size * 512)) ${sum%% *}"
    done
}

write_lines() {
    stty raw -echo
    seq "${XE_LINES%,*}" | sed "s/^/$1 $XE_NONCE /"
    echo "console $1 ends"
}

# On the second the host types a line when all are written; the third it does not
# read at first.
step_consoles() {
    for number in 1 2 3; do
        wait_for /dev/hvc$number || return
    done
    write_lines 1 <>/dev/hvc1 >&0 &
    (
        write_lines 2
        # shellcheck disable=SC3045 # busybox has -t
        read -r -t 60 line
        say "consoles-typed=$line" >/dev/console
    ) <>/dev/hvc2 >&0 &
    wait
    say consoles=written
    write_lines 3 <>/dev/hvc3 >&0
}

# Writes a line and reads the host's answer.
step_console() {
    open_hvc || return
    echo "$XE_HVC of $XE_NONCE speaks" >&3
    # shellcheck disable=SC3045 # busybox has -t
    if read -r -t 20 answer <&3; then
        say "hvc-answer=$answer"
    else
        say "error=no answer on $XE_HVC"
    fi
    exec 3<&-
}

# Writes lines as fast as possible, while the host reads slowly; then echoes the
# host's lines one at a time.
step_lines() {
    open_hvc || return
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

# Load on xvdb until the host, which moves the guest meanwhile, says on hvc0 that
# it is enough.
step_moved() {
    wait_for /dev/xvdb && open_hvc || return
    say moves=wanted
    disk-load /dev/xvdb 4 <&3 >/tmp/disk-load ||
        say "error=disk-load failed"
    while read -r line; do
        say "$line"
    done </tmp/disk-load
    # shellcheck disable=SC3045 # busybox has -t
    read -r -t 60 word <&3
    say "moves-word=$word"
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

# No vCPU's clock may be behind a time already read on another.
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

# A hypercall that is not used otherwise (XENVER_extraversion): a mark in the
# trace for the harness that counts exits.  The shell reads the file itself,
# because cat would read it twice.
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

# This kernel's command line with the steps of the next one, and its initrd.
prepare_kexec() {
    cd / && {
        printf '%s\n' proc sys tmp dev dev/console
        find init bin boot etc lib
    } | cpio -o -H newc >/tmp/initrd 2>/dev/null
    line=$(sed "s/XE_STEPS=[^ ]*/XE_STEPS=$XE_THEN/" /proc/cmdline)
}

# Boots the same kernel and files again by kexec, without a machine reset.
step_kexec() {
    prepare_kexec
    say "kexec=$(uname -r)"
    say "$(kexec-now /boot/kernel /tmp/initrd "$line")"
}

# Waits for a second vCPU to be plugged, and brings it online.
step_hotadd() {
    cpu=/sys/devices/system/cpu/cpu1
    say "monitor=plug vCPU 1, there are $CPUS"
    wait_for $cpu || return
    echo 1 >$cpu/online || say "error=the new vCPU does not come online"
    CPUS=$(nproc)
}

# That vCPU is unplugged, and plugged again.
step_replug() {
    for _ in 1 2; do
        say "monitor=unplug vCPU 1"
        for _ in $(seq 500); do
            [ -e "$cpu" ] || break
            usleep 20000
        done
        [ -e "$cpu" ] && say "error=vCPU 1 is still there"
        CPUS=$(nproc)
        step_hotadd
    done
}

# Debian's tools for xenstore; each line of output is a fact.
step_store() {
    tell() {
        "$@" >/tmp/out 2>&1
        status=$?
        say "store=$* = $(tr '\n' '|' </tmp/out)$status"
    }
    tell xenstore-read domid
    tell xenstore-read name
    tell xenstore-read vm
    tell xenstore-exists data/none
    tell xenstore-read data/none
    tell xenstore-write data/a 1 data/b 2
    tell xenstore-list data
    tell xenstore-ls data
    tell xenstore-ls -fp data
    tell xenstore-chmod data/a n1 r0
    tell xenstore-ls -fp data/a
    tell xenstore-exists data/a
    tell xenstore-write domid 7
    tell xenstore-write /local/domain/0/name x
    tell xenstore-list /local/domain/0/backend
    tell xenstore-list device
    tell xenstore-read memory/target
    xenstore-watch -n 3 data/w >/tmp/watch 2>&1 &
    watcher=$!
    for _ in $(seq 100); do
        [ -s /tmp/watch ] && break
        usleep 50000
    done
    tell xenstore-write data/w/x 1
    tell xenstore-rm data/w/x
    wait $watcher
    tell cat /tmp/watch
    tell xenstore-rm data/b
    tell xenstore-rm data/b
    tell xenstore-rm data/none/none
    tell xenstore-list data
    h=/sys/hypervisor
    for f in type uuid version/major version/minor version/extra \
             compilation/compiler compilation/compiled_by \
             properties/capabilities properties/changeset properties/pagesize; do
        tell cat $h/$f
    done
}

# Measures alternately with QEMU idle and busy.  The guest reports each turn, and
# waits for two seconds.  XE_LATENESS: the program's arguments, with commas.
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

# What the host asks for on the serial line, one after the other: "net MAC
# ADDRESS", "end", or arguments of pv-load.
step_load() {
    exec 4</dev/ttyS0
    stty -echo <&4
    say "load-ready=$CPUS"
    while read -r line <&4; do
        case $line in
        end) break ;;
        net*) load_net "${line#net }" ;;
        *)
            # shellcheck disable=SC2086 # several arguments
            say "load-done=$(pv-load $line 2>&1)" ;;
        esac
    done
    exec 4<&-
}

load_net() {
    for interface in /sys/class/net/*; do
        if [ "$(cat "$interface/address")" = "${1% *}" ]; then
            ifconfig "$(basename "$interface")" "${1#* }" \
                netmask 255.255.255.0 up && say "load-done=net"
            return
        fi
    done
    say "load-done=error=no interface ${1% *}"
}

step_interrupts() {
    awk '{ gsub(/ +/, " "); print "XENEMU: interrupts=" $0 }' /proc/interrupts
}

# After the PCI device has interrupted once more than at its probe.
step_upcalls() {
    wait_for /dev/vda || return
    dd if=/dev/vda of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null ||
        say "error=/dev/vda cannot be read"
    step_interrupts
}

# The hypervisors that CPUID names, in its leaves 0x40000000 and 0x40000100.
step_hypervisors() {
    wait_for /dev/cpu/0/cpuid || return
    for leaf in 1073741824 1073742080; do
        say "leaf=$(dd if=/dev/cpu/0/cpuid bs=16 count=1 iflag=skip_bytes \
            skip=$leaf 2>/dev/null | tail -c 12)"
    done
}

step_shell() {
    stty -F /dev/hvc0 sane
    echo "You are in the guest; exit powers it off, Ctrl-a x ends QEMU." \
        >/dev/hvc0
    # A session of its own, so that Ctrl-c and job control work.
    TERM=linux PS1='guest# ' setsid sh -c 'exec sh </dev/hvc0 >/dev/hvc0 2>&1'
}

# shellcheck source=tests/guest/guest/power.sh
. /etc/power.sh
# shellcheck source=tests/guest/guest/twins.sh
. /etc/twins.sh
# shellcheck source=tests/guest/guest/serve.sh
. /etc/serve.sh
# shellcheck source=tests/guest/guest/scp.sh
. /etc/scp.sh
# shellcheck source=tests/guest/guest/travel.sh
. /etc/travel.sh

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
dmesg | grep -v 'rcu_cpu_stall_' | grep -E "$trouble" >/tmp/trouble
while read -r line; do
    say "problem=$line"
done </tmp/trouble
# With what the kernel says about the first, so that its cause can be found.
if read -r line </tmp/trouble; then
    dmesg | grep -F -A 45 -e "$line" | head -n 46 | sed 's/^/XENEMU: log=/'
fi
say "end=$XE_NONCE"
# Wait until it is sent: the kernel's last message would come into the middle of it.
stty opost <&1
poweroff -f
