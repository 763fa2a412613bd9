/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's xenstore, and its lock
 *
 * Who uses it:
 *
 *   device.c        the ring's device: events of the guest, reset, migration
 *   backend-ops.c   back ends of PV devices (hw/xen/xen_backend_ops.h)
 *   domain-nodes.c  the nodes that a toolstack writes for a domain
 *
 * and the monitor's commands, in hw/xen/emu/monitor/.
 *
 * The library is not locked; xen_xenstore_mutex is its lock.  It may be taken
 * with or without the BQL, and is never held while anything else is waited for:
 * callbacks of watches and events to the guest come from the main loop, out of
 * bottom halves, with the BQL and without this lock.  So an iothread may read
 * and write nodes, and whoever watches them hears of it a little later.
 */
#ifndef HW_XEN_EMU_XENSTORE_INSTANCE_H
#define HW_XEN_EMU_XENSTORE_INSTANCE_H

#include "qemu/lockable.h"
#include "qemu/thread.h"
#include "hw/xen/emu/xenstore/store.h"

/* NULL: this is no Xen machine, or it is not built yet. */
extern Xenstore *xen_xenstore;
extern QemuMutex xen_xenstore_mutex;

/* Makes it.  Once, BQL. */
void xen_xenstore_init(unsigned guest_domid);

#endif
