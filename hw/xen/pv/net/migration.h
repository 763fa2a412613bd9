/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: what is in a migration stream
 *
 * Whether the front end broke the protocol, and its multicast list, in a
 * subsection if there is one: everything else is in the rings and in xenstore
 * (xen-net.h).  The bus compares what the guest was told.
 */
#ifndef HW_XEN_PV_NET_MIGRATION_H
#define HW_XEN_PV_NET_MIGRATION_H

#include "hw/xen/pv/bus.h"
#include "migration/vmstate.h"

#include "xen-net.h"

extern const VMStateDescription xen_net_vmstate;
extern const XenPvRule xen_net_rules[];

/* What was loaded is in use, or no longer of use. */
void xen_net_forget_loaded(XenNetDev *net);

#endif
