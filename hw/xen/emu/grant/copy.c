/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants: copying
 */
#include "qemu/osdep.h"
#include "hw/xen/xen.h"
#include "hw/xen/interface/xen.h"
#include "system/kvm_xen.h"
#include "internal.h"
#include "trace.h"

static int16_t copy_held(const XenGrantSeg *seg, const XenGrantHold *hold)
{
    XenGrantRam ram;

    if (!xen_grant_ram_find(hold->gfn, &ram)) {
        return GNTST_bad_page;
    }
    if (seg->to_guest) {
        memcpy(ram.hva + seg->offset, seg->data, seg->len);
        xen_grant_ram_written(&ram, seg->offset, seg->len);
    } else {
        memcpy(seg->data, ram.hva + seg->offset, seg->len);
    }
    xen_grant_ram_unref(&ram);
    return GNTST_okay;
}

static int16_t copy_one(const XenGrantSeg *seg)
{
    XenGrantHold hold;
    int16_t status;

    if (seg->offset + seg->len > XEN_GRANT_PAGE_SIZE) {
        return GNTST_bad_copy_arg;
    }
    status = xen_grant_hold(xen_grant_entries, seg->ref, DOMID_QEMU,
                            seg->to_guest, true, &hold);
    if (status == GNTST_okay) {
        status = copy_held(seg, &hold);
        xen_grant_release(xen_grant_entries, &hold);
    }
    return status;
}

int16_t xen_grant_copy(unsigned domid, XenGrantSeg *segs, unsigned nr)
{
    int16_t first = GNTST_okay;

    trace_xen_grant_copy(nr);
    for (unsigned i = 0; i < nr; i++) {
        XenGrantSeg *seg = &segs[i];

        seg->status = domid == xen_domid && xen_grant_entries ?
            copy_one(seg) : GNTST_bad_domain;
        if (seg->status != GNTST_okay) {
            trace_xen_grant_copy_failed(seg->ref, seg->to_guest, seg->status);
            if (first == GNTST_okay) {
                first = seg->status;
            }
        }
    }
    return first;
}

const char *xen_grant_strstatus(int16_t status)
{
    static const char *const names[] = {
        [-GNTST_okay] = "GNTST_okay",
        [-GNTST_general_error] = "GNTST_general_error",
        [-GNTST_bad_domain] = "GNTST_bad_domain",
        [-GNTST_bad_gntref] = "GNTST_bad_gntref",
        [-GNTST_bad_page] = "GNTST_bad_page",
        [-GNTST_bad_copy_arg] = "GNTST_bad_copy_arg",
    };
    int i = -status;

    return i >= 0 && i < ARRAY_SIZE(names) && names[i] ? names[i]
                                                        : "unknown status";
}
