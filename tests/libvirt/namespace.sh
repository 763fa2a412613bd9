#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# namespace.sh NAME FOLDER SHARED EMULATOR ADDRESS UUID TYPE [LIBVIRT]
#
# First process of a host for tests of libvirt, in namespaces of its own that
# daemon.py makes.  What libvirtd writes is in FOLDER or a tmpfs; nothing of the
# system's is changed.  SHARED is at the same path on all hosts; ADDRESS is that
# of the bridge br0; TYPE that of the domains, qemu or kvm.  LIBVIRT is a folder with
# a libvirt to be used in place of the installed one.
#
# Prints its process id as the caller sees it and "ready".  The host ends, with all
# its processes, when standard input does.
set -eu

exec 3<&0 </dev/null

# libvirt enters the namespaces of its QEMUs by setns(2), which leaves a changed root:
# it would make its devices in the real /dev.
[ "$(stat -c %d:%i /)" = \
    "$(nsenter --mount=/proc/self/ns/mnt stat -c %d:%i / 2>&1)" ] || {
    echo "libvirt cannot be tested in a changed root (chroot)" >&2
    exit 1
}

name=$1 folder=$2 shared=$3 emulator=$4 address=$5 uuid=$6
type=$7 libvirt=${8-}

# The caller's /proc is still mounted.
read -r outer _ </proc/self/stat

echo "$name" >/proc/sys/kernel/hostname

# All is bound before /run and /var are covered, where the sources may be.
root=$folder/root
mkdir -p "$root" "$folder/lib" "$folder/log"
mount -t tmpfs -o mode=755 tmpfs "$root"
cp -a /etc "$root/etc"
if [ -n "$libvirt" ]; then
    cp -a "$libvirt/etc/." "$root/etc"
    mount -t overlay -o "lowerdir=$libvirt/usr:/usr" overlay /usr
    # Without the drivers of the installed one.
    drivers=/usr/lib/x86_64-linux-gnu/libvirt
    mount --bind "$libvirt$drivers" $drivers
fi
mkdir -p "$root/run/lock" "$root/run/guests" "$root/run/emulator" \
    "$root/run/ports" "$root/var/lib/libvirt" "$root/var/log/libvirt" \
    "$root/var/cache/libvirt" "$root/var/tmp"
ln -s /run "$root/var/run"
ln -s /run/lock "$root/var/lock"
chmod 1777 "$root/run/ports" "$root/var/tmp"
: >"$root/run/emulator/qemu-system-x86_64"
mount --bind "$emulator" "$root/run/emulator/qemu-system-x86_64"
mount --bind "$shared" "$root/run/guests"
mount --bind "$folder/lib" "$root/var/lib/libvirt"
mount --bind "$folder/log" "$root/var/log/libvirt"
mount --bind "$root/etc" /etc

# Without /dev/kvm on TCG: where it cannot be used, libvirtd probes QEMU again and
# again.
devices='null zero full random urandom tty net/tun'
[ "$type" = qemu ] || devices="$devices kvm"
mkdir -p "$root/dev/net" "$root/dev/pts" "$root/dev/shm"
for device in $devices; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
chmod 1777 "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

# Each hides the next ones' sources at their old places, but not in the tmpfs.
exec 4<"$root"
mount --rbind /proc/self/fd/4/var /var
mount --rbind /proc/self/fd/4/run /run
# libvirtd would find what is mounted below the old ones in the list of mounts;
# that has control groups, too, which are the system's.
umount -R -l /dev
umount -R -l /sys
mount --rbind /proc/self/fd/4/dev /dev
exec 4<&-

mount -t proc proc /proc
# This network's.
mount -t sysfs sysfs /sys

# libvirt-daemon-system would add these.
for file in passwd group; do
    grep -q '^libvirt-qemu:' /etc/$file || case $file in
    passwd) echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false' ;;
    group) echo 'libvirt-qemu:x:64055:' ;;
    esac >>/etc/$file
done
# libvirtd asks for its host's name, and no name server is here to answer.
printf '127.0.0.1 localhost\n%s %s\n' "$address" "$name" >/etc/hosts
mkdir -p /etc/libvirt
cat >/etc/libvirt/libvirtd.conf <<END
auth_unix_rw = "none"
host_uuid = "$uuid"
log_outputs = "1:file:/var/log/libvirt/libvirtd.log"
END
cat >/etc/libvirt/qemu.conf <<END
stdio_handler = "file"
remember_owner = 0
END

ip link set lo up
# With an address of its own.  Otherwise it is the lowest of the ports', and where that
# is a domain's tap, the host that the domain migrates from has the same one.
ip link add br0 address "$(printf '52:54:00:07:00:%02x' "${address##*.}")" type bridge
ip address add "$address/24" dev br0
ip link set br0 up

/usr/sbin/libvirtd >/var/log/libvirt/libvirtd.out 2>&1 &

echo "$outer ready"
# QEMU processes are orphans; the shell reaps them while it waits.
cat <&3 >/dev/null &
wait $!
