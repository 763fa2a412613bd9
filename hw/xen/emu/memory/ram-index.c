/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of the machine's RAM by frame, for lock-free readers
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "system/address-spaces.h"
#include "system/memory.h"
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/memory/ram-index.h"

/* A published version of the index, and the references freed with it. */
typedef struct RamIndex {
    struct rcu_head rcu;
    XenSlots *slots;
    GPtrArray *dropped;     /* MemoryRegions not in the next version */
} RamIndex;

typedef struct LostRange {
    uint64_t gpa, len;
} LostRange;

static RamIndex *ram_index;     /* written under the BQL, read under RCU */

/* Between begin and commit of the memory API; BQL. */
static RamIndex *next_index;
static GArray *lost_ranges;

static void (*notify_lost)(uint64_t gpa, uint64_t len);
static void (*notify_changed)(void);

const XenSlots *xen_ram_slots(void)
{
    return qatomic_rcu_read(&ram_index)->slots;
}

static RamIndex *ram_index_new(XenSlots *slots)
{
    RamIndex *index = g_new0(RamIndex, 1);

    index->slots = slots;
    index->dropped = g_ptr_array_new();
    return index;
}

static void reclaim_ram_index(RamIndex *index)
{
    for (guint i = 0; i < index->dropped->len; i++) {
        memory_region_unref(g_ptr_array_index(index->dropped, i));
    }
    g_ptr_array_free(index->dropped, TRUE);
    xen_slots_free(index->slots);
    g_free(index);
}

/* The first change of a transaction makes the copy. */
static XenSlots *slots_to_change(void)
{
    if (!next_index) {
        next_index = ram_index_new(xen_slots_copy(ram_index->slots, 1));
    }
    return next_index->slots;
}

/* Whole frames only: Xen shares nothing smaller. */
static bool slot_of(const MemoryRegionSection *section, XenSlot *slot)
{
    uint64_t start = section->offset_within_address_space;
    uint64_t gpa, end;

    if (!memory_region_is_ram(section->mr) ||
        memory_region_is_ram_device(section->mr)) {
        return false;
    }
    gpa = ROUND_UP(start, XEN_EMU_PAGE_SIZE);
    end = ROUND_DOWN(start + int128_get64(section->size), XEN_EMU_PAGE_SIZE);
    if (end <= gpa) {
        return false;
    }

    *slot = (XenSlot) {
        .gfn = gpa >> XEN_EMU_PAGE_SHIFT,
        .nr_frames = (end - gpa) >> XEN_EMU_PAGE_SHIFT,
        .mr = section->mr,
        .mr_offset = section->offset_within_region + (gpa - start),
        .writable = !section->readonly,
    };
    return true;
}

static void ram_region_add(MemoryListener *listener,
                           MemoryRegionSection *section)
{
    XenSlot slot;

    if (slot_of(section, &slot)) {
        bool added = xen_slots_add(slots_to_change(), &slot);

        /* Sections of a flat view do not overlap. */
        assert(added);
        memory_region_ref(slot.mr);
    }
}

static void ram_region_del(MemoryListener *listener,
                           MemoryRegionSection *section)
{
    XenSlot slot, removed;

    if (slot_of(section, &slot)) {
        LostRange lost = {
            .gpa = slot.gfn << XEN_EMU_PAGE_SHIFT,
            .len = slot.nr_frames << XEN_EMU_PAGE_SHIFT,
        };
        bool existed = xen_slots_remove(slots_to_change(), slot.gfn,
                                        slot.nr_frames, &removed);

        assert(existed && removed.mr == slot.mr);
        g_ptr_array_add(ram_index->dropped, removed.mr);
        g_array_append_val(lost_ranges, lost);
    }
}

static void ram_commit(MemoryListener *listener)
{
    RamIndex *old = ram_index;

    if (!next_index) {
        return;
    }
    qatomic_rcu_set(&ram_index, next_index);
    next_index = NULL;
    call_rcu(old, reclaim_ram_index, rcu);

    for (guint i = 0; i < lost_ranges->len; i++) {
        LostRange *lost = &g_array_index(lost_ranges, LostRange, i);

        notify_lost(lost->gpa, lost->len);
    }
    g_array_set_size(lost_ranges, 0);
    notify_changed();
}

static MemoryListener ram_listener = {
    .name = "xen-ram",
    /* The accelerator's listener must run before @lost and @changed do. */
    .priority = MEMORY_LISTENER_PRIORITY_DEV_BACKEND,
    .region_add = ram_region_add,
    .region_del = ram_region_del,
    .commit = ram_commit,
};

void xen_ram_listen(void (*lost)(uint64_t gpa, uint64_t len),
                    void (*changed)(void))
{
    assert(bql_locked() && !ram_index);
    ram_index = ram_index_new(xen_slots_new());
    lost_ranges = g_array_new(FALSE, FALSE, sizeof(LostRange));
    notify_lost = lost;
    notify_changed = changed;
    memory_listener_register(&ram_listener, &address_space_memory);
}
