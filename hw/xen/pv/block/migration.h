/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV disk in a migration stream
 *
 * Its section has what neither the rings nor xenstore have: requests that were
 * taken and not answered, in a subsection if there are any (queue.h says which
 * these are), the exact size, which the guest may know in larger units, and in another
 * subsection that the link was up where the back end's state does not say so: the guest
 * was asked to close, or is about to.  The bus compares the rest before.
 */
#ifndef HW_XEN_PV_BLOCK_MIGRATION_H
#define HW_XEN_PV_BLOCK_MIGRATION_H

#include "hw/xen/pv/bus.h"
#include "migration/vmstate.h"

extern const VMStateDescription xen_block_vmstate;

/* What must be the same where a guest is loaded. */
const XenPvRule *xen_block_rules(bool cdrom);

#endif
