/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An index of guest RAM by frame
 *
 * Finds in O(log n) the slot of RAM that contains a frame, and the slots that
 * overlap a range of frames.
 *
 *     rcu_read_lock();
 *     XEN_FOREACH_SLOT_OVERLAPPING(slot, xen_ram_slots(), gfn, nr_frames) {
 *         ...
 *     }
 *     rcu_read_unlock();
 *
 * Invariant of XenSlots: slots are sorted by gfn; none is empty; no two
 * overlap, so of two slots the one that starts first also ends first.  Hence at
 * most one slot contains a frame, it is the last one that starts at or before
 * the frame, and the slots that overlap a range are adjacent.
 *
 * Compiles without QEMU (C11, GLib).  Not thread-safe; ram-index.h publishes
 * immutable versions to concurrent readers.
 */
#ifndef HW_XEN_EMU_MEMORY_SLOT_INDEX_H
#define HW_XEN_EMU_MEMORY_SLOT_INDEX_H

#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>

struct MemoryRegion;

typedef struct XenSlot {
    uint64_t gfn;               /* first frame */
    uint64_t nr_frames;         /* at least 1; gfn + nr_frames <= 2^52 */
    struct MemoryRegion *mr;    /* the RAM */
    uint64_t mr_offset;         /* bytes from the start of mr to frame gfn */
    bool writable;              /* by the guest */
} XenSlot;

typedef struct XenSlots XenSlots;

XenSlots *xen_slots_new(void);
/* Reserves space for @nr_more additions. */
XenSlots *xen_slots_copy(const XenSlots *slots, size_t nr_more);
void xen_slots_free(XenSlots *slots);

/* O(n).  False if it is empty, overlaps or is out of range. */
bool xen_slots_add(XenSlots *slots, const XenSlot *slot);
/* O(n).  Removes exactly [gfn, gfn + nr_frames); false if there is no such. */
bool xen_slots_remove(XenSlots *slots, uint64_t gfn, uint64_t nr_frames,
                      XenSlot *removed);

size_t xen_slots_count(const XenSlots *slots);
/* The slot that contains frame @gfn, or NULL.  O(log n). */
const XenSlot *xen_slots_find(const XenSlots *slots, uint64_t gfn);

/* Used by the iterator below: O(log n) and O(1). */
const XenSlot *xen_slots_first_overlapping(const XenSlots *slots, uint64_t gfn,
                                           uint64_t nr_frames);
const XenSlot *xen_slots_next_overlapping(const XenSlots *slots,
                                          const XenSlot *slot, uint64_t gfn,
                                          uint64_t nr_frames);

/*
 * Runs the statement with @slot (declared here) for each slot of @slots that
 * shares a frame with [gfn, gfn + nr_frames), in ascending order.
 */
#define XEN_FOREACH_SLOT_OVERLAPPING(slot, slots, gfn, nr_frames) \
    for (const XenSlot *slot = \
             xen_slots_first_overlapping(slots, gfn, nr_frames); \
         slot; \
         slot = xen_slots_next_overlapping(slots, slot, gfn, nr_frames))

#endif
