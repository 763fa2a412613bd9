/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XenGuestPageOps (page.h) for guest RAM
 *
 * Pinning looks up RAM in the system address space and holds a reference on its
 * MemoryRegion.  Pinned pages are always considered dirty, because QEMU and KVM
 * write events there without dirty tracking.
 */
#ifndef HW_XEN_EMU_MEMORY_GUEST_PAGE_H
#define HW_XEN_EMU_MEMORY_GUEST_PAGE_H

#include "hw/xen/emu/page.h"

extern const XenGuestPageOps xen_guest_page_ops;

/* Marks all pinned pages dirty, so that migration sends them.  Any thread. */
void xen_guest_pages_set_dirty(void);

#endif
