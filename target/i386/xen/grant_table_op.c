/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_grant_table_op
 *
 * The guest grants pages to QEMU's back ends in its table, without a hypercall.
 * No domain grants pages to the guest, so there is nothing to map or to copy:
 * each element of such a request gets the status that Xen would return.
 */
#include "qemu/osdep.h"
#include "hw/i386/kvm/xen_gnttab.h"
#include "system/kvm_xen.h"
#include "compat.h"
#include "internal.h"

#include "hw/xen/interface/grant_table.h"

QEMU_BUILD_BUG_ON(sizeof(gnttab_set_version_t) != 4);
QEMU_BUILD_BUG_ON(sizeof(gnttab_get_version_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(gnttab_query_size_t) != 16);
QEMU_BUILD_BUG_ON(sizeof(gnttab_map_grant_ref_t) != 32);
QEMU_BUILD_BUG_ON(sizeof(gnttab_unmap_grant_ref_t) != 24);
QEMU_BUILD_BUG_ON(sizeof(gnttab_swap_grant_ref_t) != 12);

/* As in Xen, the table is never empty. */
#define INITIAL_NR_FRAMES   1

/* GNTST_okay for the guest's own domain, or Xen's status for another one. */
static int16_t domain_status(domid_t domid)
{
    if (xen_domid_is_self(domid)) {
        return GNTST_okay;
    }
    return domid == DOMID_QEMU ? GNTST_permission_denied : GNTST_bad_domain;
}

static int set_version(XenHypercall *hc, uint64_t gva)
{
    gnttab_set_version_t op;
    int ret;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    ret = xen_gnttab_set_version_op(&op);
    /* The current version is returned even if the request failed. */
    return XEN_PUT(hc, gva, &op) ? -EFAULT : ret;
}

static int get_version(XenHypercall *hc, uint64_t gva)
{
    gnttab_get_version_t op;
    int ret;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    ret = op.dom == DOMID_QEMU ? -EPERM : xen_gnttab_get_version_op(&op);
    return !ret && XEN_PUT(hc, gva, &op) ? -EFAULT : ret;
}

static int query_size(XenHypercall *hc, uint64_t gva)
{
    gnttab_query_size_t op;
    int ret = 0;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    op.status = domain_status(op.dom);
    if (op.status == GNTST_okay) {
        ret = xen_gnttab_query_size_op(&op);
        op.nr_frames = MAX(op.nr_frames, INITIAL_NR_FRAMES);
    }
    return !ret && XEN_PUT(hc, gva, &op) ? -EFAULT : ret;
}

/*
 * For PV guests it returns the frames of the table; an HVM guest maps them by
 * XENMEM_add_to_physmap.
 */
static int setup_table(XenHypercall *hc, uint64_t gva)
{
    XenCompatSetupTable op;     /* the same up to the frame list */

    if (xen_copy_from_guest(hc, &op, gva, endof(XenCompatSetupTable, status))) {
        return -EFAULT;
    }
    op.status = domain_status(op.dom);
    if (op.status == GNTST_okay && op.nr_frames) {
        op.status = GNTST_general_error;
    }
    return xen_copy_to_guest(hc, gva, &op,
                             endof(XenCompatSetupTable, status));
}

static int map_one(XenHypercall *hc, uint64_t gva)
{
    gnttab_map_grant_ref_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (op.dom == DOMID_QEMU) {
        op.status = GNTST_bad_gntref;
    } else if (xen_domid_is_self(op.dom)) {
        op.status = GNTST_general_error;
    } else {
        op.status = GNTST_bad_domain;
    }
    return XEN_PUT(hc, gva, &op);
}

static int unmap_one(XenHypercall *hc, uint64_t gva)
{
    gnttab_unmap_grant_ref_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    op.status = GNTST_bad_handle;
    return XEN_PUT(hc, gva, &op);
}

static int swap_one(XenHypercall *hc, uint64_t gva)
{
    gnttab_swap_grant_ref_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    op.status = GNTST_general_error;
    return XEN_PUT(hc, gva, &op);
}

/* A request to copy has frame numbers in it, hence two layouts. */
#define COPY_SIZE64     sizeof(gnttab_copy_t)
#define COPY_SIZE32     24
#define COPY_STATUS64   offsetof(gnttab_copy_t, status)
#define COPY_STATUS32   20
QEMU_BUILD_BUG_ON(COPY_SIZE64 != 40);

static int copy_one(XenHypercall *hc, uint64_t gva)
{
    int16_t status = GNTST_bad_gntref;

    return XEN_PUT(hc, gva + (hc->long_mode ? COPY_STATUS64 : COPY_STATUS32),
                   &status);
}

/* Calls @one for each element, of @size bytes, of an array. */
static int for_each(XenHypercall *hc, size_t size,
                    int (*one)(XenHypercall *hc, uint64_t gva))
{
    uint64_t gva = hc->arg[1];
    uint32_t nr = hc->arg[2];

    for (uint32_t i = 0; i < nr; i++) {
        if (xen_hypercall_preempt(hc, i)) {
            hc->arg[1] = gva + i * size;
            hc->arg[2] = nr - i;
            hc->restart = true;
            return 0;
        }
        if (one(hc, gva + i * size)) {
            return -EFAULT;
        }
    }
    return 0;
}

int64_t xen_hcall_grant_table_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    uint64_t gva = hc->arg[1];
    uint32_t nr = hc->arg[2];

    /* Xen counts with a signed integer. */
    if (nr > INT32_MAX) {
        return -EINVAL;
    }

    switch (cmd) {
    case GNTTABOP_query_size:
        return nr == 1 ? query_size(hc, gva) : -EINVAL;
    case GNTTABOP_setup_table:
        return nr == 1 ? setup_table(hc, gva) : -EINVAL;
    case GNTTABOP_set_version:
        return set_version(hc, gva);
    case GNTTABOP_get_version:
        return get_version(hc, gva);
    case GNTTABOP_map_grant_ref:
        return for_each(hc, sizeof(gnttab_map_grant_ref_t), map_one);
    case GNTTABOP_unmap_grant_ref:
        return for_each(hc, sizeof(gnttab_unmap_grant_ref_t), unmap_one);
    case GNTTABOP_swap_grant_ref:
        return for_each(hc, sizeof(gnttab_swap_grant_ref_t), swap_one);
    case GNTTABOP_copy:
        return for_each(hc, hc->long_mode ? COPY_SIZE64 : COPY_SIZE32,
                        copy_one);
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
