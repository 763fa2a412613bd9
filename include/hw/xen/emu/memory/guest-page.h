/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's provider of guest pages (XenGuestPageOps) and their invalidation
 *
 * Pinning finds RAM in the system address space and keeps its MemoryRegion
 * alive.  A memory listener makes pages stale when what the guest sees at their
 * address changes, and tells migration that pinned pages are always dirty:
 * events are written there at any moment, by QEMU and by the kernel, without
 * passing dirty tracking.
 */
#ifndef HW_XEN_EMU_MEMORY_GUEST_PAGE_H
#define HW_XEN_EMU_MEMORY_GUEST_PAGE_H

#include "hw/xen/emu/page.h"

/* XenGuestPageOps; any thread, no BQL needed. */
void *xen_guest_page_pin(void *opaque, uint64_t gpa, uint32_t len, void **pin);
void xen_guest_page_unpin(void *opaque, uint64_t gpa, uint32_t len, void *pin);

/* Watch the system address space.  Once, when the engine exists.  BQL. */
void xen_guest_page_listen(void);

#endif
