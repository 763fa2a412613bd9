/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of the shared-info page
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/memory/overlay.h"
#include "hw/xen/emu/memory/shared-info.h"

#include "hw/xen/interface/xen.h"

XenSharedInfo xen_shared_info_page = { .gpa = XEN_GPA_NONE };

void *xen_shared_info_vcpu(unsigned vcpu)
{
    assert(vcpu < XEN_LEGACY_MAX_VCPUS);
    return xen_shared_info() + vcpu * XEN_VCPU_INFO_SIZE;
}

bool xen_shared_info_init(Object *owner, Error **errp)
{
    XenSharedInfo *s = &xen_shared_info_page;

    if (!memory_region_init_ram(&s->mem, owner, "xen:shared_info",
                                XEN_EMU_PAGE_SIZE, errp)) {
        return false;
    }
    s->hva = memory_region_get_ram_ptr(&s->mem);
    /* It has pending events even before the guest maps it. */
    xen_overlay_note_page(&s->mem);
    return true;
}
