/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's provider of guest pages: see page.h
 *
 * Pinning finds RAM in the system address space and keeps its MemoryRegion
 * alive.  Pinned pages count as dirty at any time: events are written there at
 * any moment, by QEMU and by the kernel, without passing dirty tracking.
 */
#ifndef HW_XEN_EMU_MEMORY_GUEST_PAGE_H
#define HW_XEN_EMU_MEMORY_GUEST_PAGE_H

#include "hw/xen/emu/page.h"

extern const XenGuestPageOps xen_guest_page_ops;

/* A migration shall send all pinned pages again.  Any thread. */
void xen_guest_pages_set_dirty(void);

#endif
