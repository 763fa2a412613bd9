/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grant table's entries, and who uses them
 *
 * A hold is one use of an entry.  The guest sees by GTF_reading and GTF_writing
 * that there is one; how many is known here.  Works without QEMU, on a table
 * that the guest writes at any moment.
 *
 * Threads: any.  One lock of its own, held for a few instructions, and taken
 * with any other lock held.  xen_grant_entries_reset() sleeps.
 */
#ifndef HW_XEN_EMU_GRANT_ENTRIES_H
#define HW_XEN_EMU_GRANT_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/grant_table.h"

/*
 * How often a hold is tried while the guest changes the entry.  A guest changes
 * GTF_readonly of an entry in use once, at most; Xen gives up after five.
 */
#define XEN_GRANT_MAX_TRIES     5

typedef struct XenGrantEntries XenGrantEntries;

typedef struct XenGrantHold {
    uint32_t ref;
    uint32_t generation;        /* of the domain: resets so far */
    uint32_t gfn;               /* what is granted */
    bool write;
    bool brief;                 /* reset waits for its end */
} XenGrantHold;

/*
 * Of a table of @max entries at @table, of which none counts as existing yet.
 * Both live as long as QEMU.
 */
XenGrantEntries *xen_grant_entries_new(grant_entry_v1_t *table, uint32_t max);
/* For tests: no hold may exist. */
void xen_grant_entries_free(XenGrantEntries *e);

/* Entries 0 to @nr - 1 exist. */
void xen_grant_entries_set_count(XenGrantEntries *e, uint32_t nr);

/*
 * Takes a hold on entry @ref for @domid, for writing too if @write.  A @brief
 * one ends in the function that took it.  Returns GNTST_okay, or
 * GNTST_bad_gntref or GNTST_general_error and *@hold is not to be used.
 */
int16_t xen_grant_hold(XenGrantEntries *e, uint32_t ref, domid_t domid,
                       bool write, bool brief, XenGrantHold *hold);
/* Ends it; one of an earlier generation has ended already. */
void xen_grant_release(XenGrantEntries *e, const XenGrantHold *hold);
/* The domain that gave it exists still. */
bool xen_grant_hold_is_current(XenGrantEntries *e, const XenGrantHold *hold);

/*
 * Another domain: all holds end, and no brief one is left when this returns.
 * The table is all zeroes then, and none of its entries exists.
 */
void xen_grant_entries_reset(XenGrantEntries *e);

/*
 * Flags of an entry in the 512 from @first have changed since the last call:
 * the page is dirty.
 */
bool xen_grant_entries_test_and_clear_touched(XenGrantEntries *e,
                                              uint32_t first);

#endif
