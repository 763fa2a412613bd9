/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen's pages in the guest's memory: XENMEM_add_to_physmap and
 * XENMEM_remove_from_physmap
 *
 * A page of Xen's hides the RAM at its frame; when it moves, the RAM is
 * accessible again, unchanged.  (On Xen that RAM is lost.)  A page is at one
 * frame at most, and a frame has one such page at most.
 */
#include "qemu/osdep.h"
#include "system/address-spaces.h"
#include "hw/i386/kvm/xen_gnttab.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "hw/xen/emu/domain.h"
#include "qemu/main-loop.h"
#include "system/kvm_xen.h"
#include "compat.h"
#include "internal.h"
#include "memory_op.h"
#include "trace.h"

#include "hw/xen/interface/memory.h"

/* The type of the grant table device, which owns the frames. */
#define TYPE_XEN_GNTTAB     "xen-gnttab"

/* Not a valid frame: it contains address XEN_GPA_NONE. */
#define GFN_NONE            (UINT64_MAX >> XEN_EMU_PAGE_SHIFT)

typedef struct XenPage {
    uint32_t space;             /* XENMAPSPACE_* */
    uint64_t idx;
} XenPage;

/* Finds the page of Xen's at frame @gfn that a guest may move; false: none. */
static bool find_page(uint64_t gfn, XenPage *page)
{
    MemoryRegionSection section;
    bool found = false;

    if (gfn >= GFN_NONE) {
        return false;
    }
    section = memory_region_find(get_system_memory(),
                                 gfn << XEN_EMU_PAGE_SHIFT, XEN_EMU_PAGE_SIZE);
    if (!section.mr) {
        return false;
    }
    if (memory_region_is_ram(section.mr)) {
        if (memory_region_get_ram_ptr(section.mr) ==
            xen_overlay_get_shinfo_ptr()) {
            *page = (XenPage) { XENMAPSPACE_shared_info, 0 };
            found = true;
        } else if (object_dynamic_cast(section.mr->owner, TYPE_XEN_GNTTAB)) {
            *page = (XenPage) {
                XENMAPSPACE_grant_table,
                section.offset_within_region >> XEN_EMU_PAGE_SHIFT,
            };
            found = true;
        }
    }
    memory_region_unref(section.mr);
    return found;
}

/* Moves @page to @gfn; GFN_NONE: unmaps it. */
static int place_page(const XenPage *page, uint64_t gfn)
{
    if (page->space == XENMAPSPACE_grant_table) {
        return xen_gnttab_map_page(page->idx, gfn);
    }
    return xen_overlay_map_shinfo_page(gfn == GFN_NONE ? XEN_GPA_NONE :
                                       gfn << XEN_EMU_PAGE_SHIFT);
}

/*
 * ROM or flash.  A page of Xen's stays where it is over a sleep in S3, so a guest
 * could lay one of its own contents over the reset vector, and firmware would
 * begin there, before it has locked what it protects from the guest (SMRAM, and
 * flash with the variables of Secure Boot).
 */
static bool is_firmware(uint64_t gfn)
{
    MemoryRegionSection section =
        memory_region_find(get_system_memory(), gfn << XEN_EMU_PAGE_SHIFT,
                           XEN_EMU_PAGE_SIZE);
    bool is;

    if (!section.mr) {
        return false;
    }
    is = section.mr->rom_device || memory_region_is_rom(section.mr);
    memory_region_unref(section.mr);
    return is;
}

/*
 * Something is in front of what is mapped at @gfn: closed SMRAM, for example.  The
 * guest would not see the page.  But firmware that wakes up from S3 would, in the
 * place of SMRAM, before it has closed that again.
 */
static bool is_covered(uint64_t gfn)
{
    uint64_t gpa = gfn << XEN_EMU_PAGE_SHIFT;
    MemoryRegion *mr;

    QTAILQ_FOREACH(mr, &get_system_memory()->subregions, subregions_link) {
        if (mr->priority > XEN_OVERLAY_PRIORITY && mr->enabled &&
            (mr->addr > gpa ? mr->addr - gpa < XEN_EMU_PAGE_SIZE :
             int128_lt(int128_make64(gpa - mr->addr), mr->size))) {
            return true;
        }
    }
    return false;
}

static int map_page(const XenPage *page, uint64_t gfn)
{
    XenPage old;

    BQL_LOCK_GUARD();
    if (is_firmware(gfn) || is_covered(gfn)) {
        return -EINVAL;
    }
    if (find_page(gfn, &old) &&
        (old.space != page->space || old.idx != page->idx)) {
        /* As in Xen, it is unmapped, and not mapped again later. */
        int ret = place_page(&old, GFN_NONE);

        if (ret) {
            return ret;
        }
    }
    return place_page(page, gfn);
}

int xen_memory_map_page(uint32_t space, uint64_t idx, uint64_t gfn)
{
    const XenPage page = { space, idx };
    int ret = -EINVAL;

    switch (space) {
    case XENMAPSPACE_shared_info:
        if (xen_overlay_frame_is_valid(gfn) && idx == 0) {
            ret = map_page(&page, gfn);
        }
        break;
    case XENMAPSPACE_grant_table:
        if (xen_overlay_frame_is_valid(gfn) &&
            idx < kvm_xen_get_gnttab_max_frames()) {
            ret = map_page(&page, gfn);
        }
        break;
    case XENMAPSPACE_gmfn:
    case XENMAPSPACE_gmfn_range:
        /* Moving RAM is not supported. */
        ret = -EOPNOTSUPP;
        break;
    case XENMAPSPACE_gmfn_foreign:
        ret = -EPERM;
        break;
    }
    trace_xen_add_to_physmap(space, idx, gfn, ret);
    return ret;
}

int xen_memory_remove(XenHypercall *hc, uint64_t gva)
{
    xen_remove_from_physmap_t op;
    XenPage page;

    if (XEN_GET_ARG(hc, &op, gva, &xen_arg_remove_from_physmap)) {
        return -EFAULT;
    }
    if (!xen_domid_is_self(op.domid)) {
        return op.domid == DOMID_QEMU ? -EPERM : -ESRCH;
    }

    BQL_LOCK_GUARD();
    if (find_page(op.gpfn, &page)) {
        return place_page(&page, GFN_NONE);
    }
    return xen_memory_give_back(op.gpfn) ? 0 : -ENOENT;
}
