/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ballooning: XENMEM_decrease_reservation, _populate_physmap and friends
 *
 * RAM stays part of the machine.  A page that the guest releases is discarded
 * on the host, and reads as zeroes if the guest still accesses it.  Getting it
 * back needs no action.  So there is no state to count or to migrate.
 */
#include "qemu/osdep.h"
#include "system/address-spaces.h"
#include "system/ramblock.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "hw/xen/emu/domain.h"
#include "migration/misc.h"
#include "qemu/main-loop.h"
#include "system/hostmem.h"
#include "system/kvm_xen.h"
#include "compat.h"
#include "internal.h"
#include "memory_op.h"

#include "hw/xen/interface/memory.h"

#define CMD_BITS            6
/* The limit of Xen for unprivileged domains: 2 MiB. */
#define MAX_EXTENT_ORDER    9

/*
 * The guest RAM with frame @gfn, with a reference, or .mr NULL.  Guest RAM
 * belongs to memory back ends; Xen's pages and ROMs do not.
 */
static MemoryRegionSection find_ram(uint64_t gfn)
{
    MemoryRegionSection section = { };

    if (gfn > UINT64_MAX >> XEN_EMU_PAGE_SHIFT) {
        return section;
    }
    section = memory_region_find(get_system_memory(),
                                 gfn << XEN_EMU_PAGE_SHIFT, XEN_EMU_PAGE_SIZE);
    if (section.mr && (!memory_region_is_ram(section.mr) ||
                       !object_dynamic_cast(section.mr->owner,
                                            TYPE_MEMORY_BACKEND) ||
                       int128_get64(section.size) < XEN_EMU_PAGE_SIZE)) {
        memory_region_unref(section.mr);
        section.mr = NULL;
    }
    return section;
}

static bool is_guest_ram(uint64_t gfn)
{
    MemoryRegionSection section = find_ram(gfn);

    if (section.mr) {
        memory_region_unref(section.mr);
    }
    return section.mr;
}

/*
 * A device of the host may have the page; or migration may have it, or not be
 * able to get it again.  The BQL keeps it so until the page is discarded.
 */
static bool discard_is_inhibited(void)
{
    return ram_block_discard_is_disabled() ||
           migration_in_incoming_postcopy() || migration_in_bg_snapshot();
}

/* Addresses in QEMU of RAMBlocks of which a page could not be discarded.  BQL. */
static GHashTable *failed;

/* Another block may get its address. */
static void block_removed(RAMBlockNotifier *n, void *host, size_t size,
                          size_t max_size)
{
    g_hash_table_remove(failed, host);
}

static void note_failed(void *host)
{
    static RAMBlockNotifier notifier = { .ram_block_removed = block_removed };

    if (!failed) {
        failed = g_hash_table_new(NULL, NULL);
        ram_block_notifier_add(&notifier);
    }
    g_hash_table_add(failed, host);
}

/*
 * QEMU reports each failure.  What fails once (a file without holes, or opened
 * for reading) fails for all pages of the block, and the guest can repeat it at
 * will.  So no more than one line is logged for each RAMBlock.  BQL.
 */
static void discard(RAMBlock *rb, uint64_t offset)
{
    void *host = qemu_ram_get_host_addr(rb);

    if (failed && g_hash_table_contains(failed, host)) {
        return;
    }
    if (ram_block_discard_range(rb, offset, XEN_EMU_PAGE_SIZE)) {
        note_failed(host);
    }
}

bool xen_memory_give_back(uint64_t gfn)
{
    MemoryRegionSection section = find_ram(gfn);

    assert(bql_locked());
    if (!section.mr) {
        return false;
    }
    /* The page stays if it cannot be discarded. */
    if (!discard_is_inhibited() &&
        qemu_ram_pagesize(section.mr->ram_block) == XEN_EMU_PAGE_SIZE) {
        discard(section.mr->ram_block, section.offset_within_region);
    }
    memory_region_unref(section.mr);
    return true;
}

/* At most 512 pages, by MAX_EXTENT_ORDER, under the BQL. */
static bool do_extent(uint32_t cmd, uint64_t gfn, uint32_t order)
{
    BQL_LOCK_GUARD();
    for (uint64_t i = 0; i < 1ull << order; i++) {
        if (cmd == XENMEM_decrease_reservation ? !xen_memory_give_back(gfn + i)
                                               : !is_guest_ram(gfn + i)) {
            return false;
        }
    }
    return true;
}

int64_t xen_memory_reservation(XenHypercall *hc, uint32_t cmd, uint32_t start)
{
    xen_memory_reservation_t op;
    uint64_t extents;

    if (XEN_GET_ARG(hc, &op, hc->arg[1], &xen_arg_memory_reservation)) {
        return start;
    }
    extents = (uintptr_t)op.extent_start.p;

    /* The count must fit above the command, for a preempted call. */
    if (op.nr_extents > UINT32_MAX >> CMD_BITS || start >= op.nr_extents ||
        op.extent_order > MAX_EXTENT_ORDER || !xen_domid_is_self(op.domid)) {
        return start;
    }
    if (cmd == XENMEM_increase_reservation) {
        return start;       /* RAM without a frame number: not for HVM guests */
    }

    for (uint32_t i = start; i < op.nr_extents; i++) {
        uint64_t gfn;

        if (xen_hypercall_preempt(hc, i - start)) {
            hc->arg[0] = cmd | i << CMD_BITS;
            hc->restart = true;
            return 0;
        }
        if (xen_get_long(hc, &gfn, extents, i) ||
            !do_extent(cmd, gfn, op.extent_order)) {
            return i;
        }
    }
    return op.nr_extents;
}
