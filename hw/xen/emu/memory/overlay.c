/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Overlay pages: mapping Xen's own pages into guest physical memory
 */
#include "qemu/osdep.h"
#include "system/address-spaces.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/memory/overlay.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "cpu.h"

/*
 * Pages written without dirty tracking.  All have been added by the end of the
 * machine's first reset.
 */
static GPtrArray *written_pages;

void xen_overlay_note_page(MemoryRegion *page)
{
    if (!written_pages) {
        written_pages = g_ptr_array_new();
    }
    /*
     * Aliases are the grant table's, where QEMU only writes flags, and only for
     * devices that do not migrate.
     */
    if (!page->alias && !g_ptr_array_find(written_pages, page, NULL)) {
        g_ptr_array_add(written_pages, page);
    }
}

void xen_overlay_set_dirty(void)
{
    for (guint i = 0; written_pages && i < written_pages->len; i++) {
        memory_region_set_dirty(g_ptr_array_index(written_pages, i), 0,
                                XEN_EMU_PAGE_SIZE);
    }
}

bool xen_overlay_frame_is_valid(uint64_t gfn)
{
    const XenAccelOps *accel = xen_emu_accel();
    unsigned bits = X86_CPU(first_cpu)->phys_bits;

    if (accel->cpu.phys_bits) {
        bits = MIN(bits, accel->cpu.phys_bits());
    }
    return !(gfn >> (bits - XEN_EMU_PAGE_SHIFT));
}

bool xen_overlay_place_is_valid(uint64_t gpa)
{
    return !(gpa & (XEN_EMU_PAGE_SIZE - 1)) &&
           xen_overlay_frame_is_valid(gpa >> XEN_EMU_PAGE_SHIFT);
}

/*
 * A page is mapped in at most one place: a second one would have to be migrated
 * too, and no guest needs it.
 */
void xen_overlay_do_map_page(MemoryRegion *page, uint64_t gpa)
{
    bool mapped = memory_region_is_mapped(page);

    xen_overlay_note_page(page);
    /*
     * INVALID_GFN << XEN_EMU_PAGE_SHIFT is not XEN_GPA_NONE; and the address
     * may be from an incoming migration stream.
     */
    if (!xen_overlay_place_is_valid(gpa)) {
        if (mapped) {
            memory_region_del_subregion(get_system_memory(), page);
        }
        return;
    }
    if (mapped) {
        memory_region_set_address(page, gpa);
        return;
    }
    memory_region_add_subregion_overlap(get_system_memory(), gpa, page,
                                        XEN_OVERLAY_PRIORITY);
}
