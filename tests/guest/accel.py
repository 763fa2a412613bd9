# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accelerator can run Xen guests on this host."""
import fcntl
import os

# linux/kvm.h: KVM_CHECK_EXTENSION is _IO(0xAE, 3).
KVM_CHECK_EXTENSION = 0xAE03
KVM_CAP_XEN_HVM = 38

KVM = 'kvm'
TCG = 'tcg'


def best(device='/dev/kvm'):
    """Returns (accelerator, reason in words)."""
    try:
        fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as e:
        return TCG, '%s: %s' % (device, e.strerror)
    try:
        if fcntl.ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_XEN_HVM) > 0:
            return KVM, 'KVM has Xen support'
        return TCG, 'KVM has no Xen support (CONFIG_KVM_XEN)'
    except OSError as e:
        return TCG, '%s is no KVM: %s' % (device, e.strerror)
    finally:
        os.close(fd)
