#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# First process of the L1 VM of l1.py: Linux with KVM, with a file system on its disk
# that has libvirt and the test, and the command that runs it.

/bin/busybox --install -s /bin 2>/dev/null
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev 2>/dev/null
dmesg -n 1

for module in /lib/modules/*.ko; do
    insmod "$module" || echo "XENEMU: error=insmod $module"
done
if [ -c /dev/kvm ]; then
    chmod 666 /dev/kvm
else
    echo "XENEMU: error=no /dev/kvm: $(dmesg | grep -i kvm | tail -n 1)"
fi
echo "XENEMU: begin=$(uname -r)"
mount -t ext4 /dev/vda /mnt
for folder in proc sys dev; do
    mount -o move /$folder /mnt/$folder
done
# shellcheck disable=SC2016 # for the inner shell
exec switch_root /mnt /bin/sh -c '
    export PATH=/usr/sbin:/usr/bin HOME=/root
    mount -t tmpfs tmpfs /tmp
    mount -t tmpfs tmpfs /run
    mkdir /dev/pts
    mount -t devpts devpts /dev/pts
    ip link set lo up
    sh /command 2>&1
    sync
    echo o >/proc/sysrq-trigger
    sleep 60'
