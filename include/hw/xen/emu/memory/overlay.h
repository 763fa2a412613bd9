/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Overlay pages: mapping Xen's own pages into guest physical memory
 *
 * The rest of the interface is in upstream's hw/i386/kvm/xen_overlay.h:
 * xen_overlay_do_map_page(), xen_overlay_frame_is_valid() and
 * xen_overlay_set_dirty().
 */
#ifndef HW_XEN_EMU_MEMORY_OVERLAY_H
#define HW_XEN_EMU_MEMORY_OVERLAY_H

#include "system/memory.h"

/*
 * QEMU or KVM writes to @page by its host address, without dirty tracking:
 * xen_overlay_set_dirty() must cover it.  Also called by
 * xen_overlay_do_map_page().  Before the machine runs; BQL.
 */
void xen_overlay_note_page(MemoryRegion *page);

/* A page can be mapped at @gpa.  After vCPU 0 is realized; any thread. */
bool xen_overlay_place_is_valid(uint64_t gpa);

#endif
