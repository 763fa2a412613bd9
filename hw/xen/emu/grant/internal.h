/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the grant table
 *
 * The manual is include/hw/xen/emu/grant.h.  Which file does what:
 *
 *   entries.c      the guest's entries: checked, marked as used, counted
 *   ram.c          the guest's RAM behind a frame number
 *   copy.c, map.c  what back ends call
 *   backend-ops.c  the same for QEMU's gnttab_backend_ops
 *   table.c        the device: frames of the table, migration, reset
 *
 * Lock order: maps_lock (map.c), the entries' lock.
 */
#ifndef HW_XEN_EMU_GRANT_INTERNAL_H
#define HW_XEN_EMU_GRANT_INTERNAL_H

#include "system/memory.h"
#include "hw/xen/emu/grant.h"
#include "entries.h"

/* The table's, in entries.c; NULL until there is one. */
extern XenGrantEntries *xen_grant_entries;

/* ------------------------------------------------------------------- ram.c */

typedef struct XenGrantRam {
    MemoryRegion *mr;
    void *hva;                  /* XEN_GRANT_PAGE_SIZE bytes */
} XenGrantRam;

/*
 * The RAM that the guest sees and may write at frame @gfn, with a reference.
 * False: there is none.  Any thread.
 */
bool xen_grant_ram_find(uint32_t gfn, XenGrantRam *ram);
/* Bytes of it have been written: dirty, and no code was translated from it. */
void xen_grant_ram_written(const XenGrantRam *ram, unsigned offset,
                           unsigned len);
void xen_grant_ram_unref(XenGrantRam *ram);

/* ------------------------------------------------------------------- map.c */

/* Before the first mapping; once, BQL. */
void xen_grant_map_init(void);
/*
 * Revokes the domain's mappings and resets the entries, after which no copy of
 * the domain is running.  BQL; sleeps while copies run.
 */
void xen_grant_end_domain(void);
/* What is mapped for writing is dirty, now. */
void xen_grant_map_set_dirty(void);

#endif
