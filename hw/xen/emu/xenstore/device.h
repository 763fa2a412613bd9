/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the device of xenstore's ring starts; see instance.h. */
#ifndef HW_XEN_EMU_XENSTORE_DEVICE_H
#define HW_XEN_EMU_XENSTORE_DEVICE_H

#include "hw/xen/emu/xenstore/instance.h"

/* Sets xen_xenstore_ops. */
void xen_xenstore_backend_register(void);

/*
 * Writes the domain's nodes, at the start: @c is persistent.  Then follows hot
 * plug of vCPUs and the balloon's target.  BQL.
 */
void xen_xenstore_domain_create(XenstoreConn *c);
/*
 * The domain was loaded: the balloon's target is what its nodes say, also for a new
 * domain after it.  BQL.
 */
void xen_xenstore_domain_loaded(void);
/* The ring's @port and @gfn, of a new domain.  BQL. */
void xen_xenstore_domain_set_ring(uint32_t port, uint64_t gfn);

#endif
