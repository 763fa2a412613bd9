/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Overlay pages: memory of QEMU's that covers guest RAM where the guest asks
 *
 * The shared-info page, grant frames and the xenstore and console rings are
 * pages of QEMU's which XENMEM_add_to_physmap and HVM parameters place over
 * the guest's RAM.  This module owns shared info and places all of them;
 * xenstore, console and grant table own theirs.
 */
#ifndef QEMU_XEN_OVERLAY_H
#define QEMU_XEN_OVERLAY_H

#include "system/memory.h"

/* Creates the xen-overlay device.  Once, while the machine is built. */
void xen_overlay_create(void);

/*
 * A page can be at frame @gfn: the guest's physical addresses go so far, and
 * the accelerator's memory slots too.  After vCPU 0 is realized; any thread.
 */
bool xen_overlay_frame_is_valid(uint64_t gfn);

/* Of a page of Xen's in the machine's memory: that of RAM, which it covers. */
#define XEN_OVERLAY_PRIORITY    0

/*
 * Shows @page (one page of RAM) to the guest at @gpa instead of where it was;
 * where no page can be (see above): nowhere.  BQL.
 */
void xen_overlay_do_map_page(MemoryRegion *page, uint64_t gpa);

/*
 * Pages of Xen's that QEMU, or the kernel, has written at any time: to be sent
 * again by a migration.  Any thread, once the machine exists.
 */
void xen_overlay_set_dirty(void);

/* Shared info to @gpa, or nowhere; 0, -EINVAL (not a page) or -ENOENT. BQL. */
int xen_overlay_map_shinfo_page(uint64_t gpa);
/* The shared-info page; NULL where there is no Xen.  Any thread. */
void *xen_overlay_get_shinfo_ptr(void);
/* A hot-added vCPU has its place in shared info, if that is mapped.  BQL. */
void xen_overlay_vcpu_added(unsigned vcpu);
/* The machine starts anew: shared info is empty and nowhere.  BQL. */
int xen_overlay_clear(void);

/*
 * The guest's layout, 64-bit or 32-bit: latch it; set that of a guest whose
 * shared info is loaded; and take over what the accelerator latched by itself.
 * 0 or negative errno.  BQL.
 */
int xen_set_long_mode(bool long_mode);
int xen_restore_long_mode(bool long_mode);
int xen_sync_long_mode(void);

#endif
