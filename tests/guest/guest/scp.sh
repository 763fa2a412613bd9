#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# A step of init.sh, for which it is sourced: OpenSSH's scp between two vifs of this
# guest. eth0 is the client's, and eth1 that of a server in a network namespace of
# its own. The host's part is in scp.py.

# A key that the server takes, for scp's child dbclient.
make_key() {
    export HOME=/tmp/home
    mkdir -p $HOME/.ssh /etc/dropbear /dev/pts
    chmod 700 $HOME $HOME/.ssh
    mount -t devpts devpts /dev/pts
    echo "root:x:0:0:root:$HOME:/bin/sh" >/etc/passwd
    echo /bin/sh >/etc/shells
    dropbearkey -t ed25519 -f $HOME/.ssh/id_dropbear >/tmp/key 2>&1 ||
        say "error=dropbearkey: $(tail -n 1 /tmp/key)"
    grep ^ssh- /tmp/key >$HOME/.ssh/authorized_keys
    chmod 600 $HOME/.ssh/authorized_keys
}

# Starts the server with eth1 in a namespace; its process is $server then.
serve_ssh() {
    unshare -n sh -c 'ifconfig lo 127.0.0.1
        until ifconfig eth1 10.1.0.2 netmask 255.255.255.0; do usleep 20000; done
        exec dropbear -F -E -s -R -p 10.1.0.2:22' 2>/tmp/dropbear &
    server=$!
    usleep 200000
    ip link set eth1 netns $server || say "error=eth1 stays"
    for _ in $(seq 500); do
        # What it says when it listens.
        grep -q 'Not backgrounding' /tmp/dropbear && return
        usleep 20000
    done
    say "error=no server: $(tail -n 1 /tmp/dropbear)"
}

# Of an interface, in the namespace of process $1.
dropped() {
    # shellcheck disable=SC2016 # awk's
    nsenter -t "$1" -n awk -v name="$2:" '$1 == name { print $4 + $5 + $12 + $13 }' \
        /proc/net/dev
}

retransmitted() {
    # shellcheck disable=SC2016 # awk's
    nsenter -t "$1" -n awk '$1 == "Tcp:" && $13 != "RetransSegs" { print $13 }' \
        /proc/net/snmp
}

# XE_SCP is the size in MiB.  The file goes there and comes back.
step_scp() {
    wait_for /sys/class/net/eth0 && wait_for /sys/class/net/eth1 || return
    open_hvc || return
    mount -t tmpfs -o size=80% tmpfs /mnt
    ifconfig lo 127.0.0.1
    ifconfig eth0 10.1.0.1 netmask 255.255.255.0
    make_key
    serve_ssh
    dd if=/dev/urandom of=/mnt/sent bs=1M count="$XE_SCP" 2>/dev/null
    say "scp-sent=$(sha256sum </mnt/sent)"
    for way in '/mnt/sent root@10.1.0.2:/mnt/there' 'root@10.1.0.2:/mnt/there /mnt/back'; do
        # shellcheck disable=SC2086 # two words
        scp -q -O -S /bin/dbclient -o StrictHostKeyChecking=no $way >/tmp/scp 2>&1 ||
            say "error=scp $way: $(tail -n 1 /tmp/scp)"
    done
    say "scp-there=$(sha256sum </mnt/there)"
    say "scp-back=$(sha256sum </mnt/back)"
    say "scp-dropped=$(dropped 1 eth0) $(dropped "$server" eth1)"
    say "scp-retransmitted=$(retransmitted 1) $(retransmitted "$server")"
    # While the host looks at its ends of the vifs.
    wait_for_word enough
    kill "$server"
    umount /mnt
}
