/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "hw/xen/emu/xenstore/instance.h"

Xenstore *xen_xenstore;
QemuMutex xen_xenstore_mutex;

void xen_xenstore_init(unsigned guest_domid)
{
    assert(!xen_xenstore);
    qemu_mutex_init(&xen_xenstore_mutex);
    xen_xenstore = xenstore_new(guest_domid);
}
