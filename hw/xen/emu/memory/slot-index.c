/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An index of guest RAM by frame
 *
 * Each slot's first frame is also in an array of its own, the only memory that
 * a search touches: for thousands of slots it fits the cache.
 */
#include <glib.h>
#include "hw/xen/emu/memory/slot-index.h"

#define MAX_GFN     (UINT64_C(1) << 52)

struct XenSlots {
    GArray *gfns;       /* of uint64_t: gfns[i] is slots[i].gfn */
    GArray *slots;      /* of XenSlot */
};

static const XenSlot *slot_at(const XenSlots *slots, size_t i)
{
    return &g_array_index(slots->slots, XenSlot, i);
}

static XenSlots *new_with_room(size_t nr)
{
    XenSlots *slots = g_new(XenSlots, 1);

    slots->gfns = g_array_sized_new(FALSE, FALSE, sizeof(uint64_t), nr);
    slots->slots = g_array_sized_new(FALSE, FALSE, sizeof(XenSlot), nr);
    return slots;
}

XenSlots *xen_slots_new(void)
{
    return new_with_room(0);
}

XenSlots *xen_slots_copy(const XenSlots *slots, size_t nr_more)
{
    size_t nr = xen_slots_count(slots);
    XenSlots *copy = new_with_room(nr + nr_more);

    if (nr) {
        g_array_append_vals(copy->gfns, slots->gfns->data, nr);
        g_array_append_vals(copy->slots, slots->slots->data, nr);
    }
    return copy;
}

void xen_slots_free(XenSlots *slots)
{
    g_array_free(slots->gfns, TRUE);
    g_array_free(slots->slots, TRUE);
    g_free(slots);
}

size_t xen_slots_count(const XenSlots *slots)
{
    return slots->gfns->len;
}

/*
 * The number of slots that start at or before @gfn.  A binary search without a
 * branch on the data, which would be mispredicted every other time.
 */
static size_t count_starting_up_to(const XenSlots *slots, uint64_t gfn)
{
    const uint64_t *first = (const uint64_t *)slots->gfns->data;
    const uint64_t *p = first;
    size_t rest = slots->gfns->len;

    if (rest == 0) {
        return 0;
    }
    while (rest > 1) {
        size_t half = rest / 2;

        p += p[half] <= gfn ? half : 0;
        rest -= half;
    }
    return p - first + (*p <= gfn);
}

static bool holds(const XenSlot *slot, uint64_t gfn)
{
    return gfn - slot->gfn < slot->nr_frames;
}

const XenSlot *xen_slots_find(const XenSlots *slots, uint64_t gfn)
{
    size_t nr = count_starting_up_to(slots, gfn);
    const XenSlot *last = nr ? slot_at(slots, nr - 1) : NULL;

    return last && holds(last, gfn) ? last : NULL;
}

/* The slot at index @i if it exists and starts in [gfn, gfn + nr_frames). */
static const XenSlot *slot_starting_in(const XenSlots *slots, size_t i,
                                       uint64_t gfn, uint64_t nr_frames)
{
    const XenSlot *slot = i < xen_slots_count(slots) ? slot_at(slots, i) : NULL;

    return slot && slot->gfn - gfn < nr_frames ? slot : NULL;
}

const XenSlot *xen_slots_first_overlapping(const XenSlots *slots, uint64_t gfn,
                                           uint64_t nr_frames)
{
    size_t nr = count_starting_up_to(slots, gfn);

    if (nr_frames && nr && holds(slot_at(slots, nr - 1), gfn)) {
        return slot_at(slots, nr - 1);
    }
    return slot_starting_in(slots, nr, gfn, nr_frames);
}

const XenSlot *xen_slots_next_overlapping(const XenSlots *slots,
                                          const XenSlot *slot, uint64_t gfn,
                                          uint64_t nr_frames)
{
    return slot_starting_in(slots, slot - slot_at(slots, 0) + 1, gfn,
                            nr_frames);
}

bool xen_slots_add(XenSlots *slots, const XenSlot *slot)
{
    size_t i = count_starting_up_to(slots, slot->gfn);

    if (slot->nr_frames == 0 || slot->gfn >= MAX_GFN ||
        slot->nr_frames > MAX_GFN - slot->gfn ||
        xen_slots_first_overlapping(slots, slot->gfn, slot->nr_frames)) {
        return false;
    }
    g_array_insert_val(slots->gfns, i, slot->gfn);
    g_array_insert_vals(slots->slots, i, slot, 1);
    return true;
}

bool xen_slots_remove(XenSlots *slots, uint64_t gfn, uint64_t nr_frames,
                      XenSlot *removed)
{
    const XenSlot *slot = xen_slots_find(slots, gfn);
    size_t i;

    if (!slot || slot->gfn != gfn || slot->nr_frames != nr_frames) {
        return false;
    }
    i = slot - slot_at(slots, 0);
    *removed = *slot;
    g_array_remove_index(slots->gfns, i);
    g_array_remove_index(slots->slots, i);
    return true;
}
