/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV bus: a device's grants
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "bus-internal.h"

QEMU_BUILD_BUG_ON(sizeof(XenDeviceGrantCopySegment) !=
                  sizeof(XenGrantCopySegment));

void xen_device_set_max_grant_refs(XenDevice *xendev, unsigned int nr_refs,
                                   Error **errp)
{
    int ret = qemu_xen_gnttab_set_max_grants(xendev->xgth, nr_refs);

    if (ret) {
        error_setg(errp, "cannot map %u grants", nr_refs);
    }
}

void *xen_device_map_grant_refs(XenDevice *xendev, uint32_t *refs,
                                unsigned int nr_refs, int prot, Error **errp)
{
    void *address = qemu_xen_gnttab_map_refs(xendev->xgth, nr_refs,
                                             xendev->frontend_id, refs, prot);

    if (!address) {
        error_setg(errp, "cannot map grant %" PRIu32 " (of %u)", refs[0],
                   nr_refs);
    }
    return address;
}

void xen_device_unmap_grant_refs(XenDevice *xendev, void *map, uint32_t *refs,
                                 unsigned int nr_refs, Error **errp)
{
    int ret = qemu_xen_gnttab_unmap(xendev->xgth, map, refs, nr_refs);

    if (ret) {
        error_setg(errp, "grant %" PRIu32 " (of %u) is not mapped there",
                   refs[0], nr_refs);
    }
}

void xen_device_copy_grant_refs(XenDevice *xendev, bool to_domain,
                                XenDeviceGrantCopySegment *segs,
                                unsigned int nr, Error **errp)
{
    XenGrantCopySegment *same = (XenGrantCopySegment *)segs;

    qemu_xen_gnttab_grant_copy(xendev->xgth, to_domain, xendev->frontend_id,
                               same, nr, errp);
}
