/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Overlay pages: placing memory of Xen's in guest physical memory
 *
 * hw/i386/kvm/xen_overlay.h has the rest, under the names that QEMU's own code
 * uses: xen_overlay_do_map_page(), xen_overlay_frame_is_valid() and
 * xen_overlay_set_dirty().
 */
#ifndef HW_XEN_EMU_MEMORY_OVERLAY_H
#define HW_XEN_EMU_MEMORY_OVERLAY_H

#include "exec/memory.h"

/*
 * QEMU, or the kernel, writes to @page by its host address from now on: so it
 * is to be sent again by a migration.  Done by xen_overlay_do_map_page() too.
 * Before the machine runs; BQL.
 */
void xen_overlay_note_page(MemoryRegion *page);

/* @gpa is where a page can be placed.  After vCPU 0 is realized; any thread. */
bool xen_overlay_place_is_valid(uint64_t gpa);

#endif
