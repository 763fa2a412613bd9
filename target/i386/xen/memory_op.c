/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_memory_op: dispatch, and the size of the guest
 *
 * The machine defines the RAM (see memory_map.c).  A guest can map Xen's pages
 * into it (physmap.c), and give pages back temporarily (reservation.c).
 */
#include "qemu/osdep.h"
#include "hw/i386/e820_memory_layout.h"
#include "hw/xen/emu/domain.h"
#include "system/kvm_xen.h"
#include "compat.h"
#include "internal.h"
#include "memory_op.h"

#include "hw/xen/interface/memory.h"

/* The public header defines these for toolstacks only. */
enum {
    TOOLS_get_sharing_freed_pages = 18,
    TOOLS_get_sharing_shared_pages = 19,
    TOOLS_paging_op = 20,
    TOOLS_access_op = 21,
    TOOLS_sharing_op = 22,
    TOOLS_claim_pages = 24,
    TOOLS_reserved_device_memory_map = 27,
};
/* reserved_device_memory_map: all devices, not one. */
#define TOOLS_RDM_ALL   1

/* The progress of a preempted batch is above the command, as in Xen. */
#define CMD_BITS        6
#define CMD_MASK        ((1u << CMD_BITS) - 1)

static int add_to_physmap(XenHypercall *hc, uint64_t gva)
{
    xen_add_to_physmap_t op;

    if (XEN_GET_ARG(hc, &op, gva, &xen_arg_add_to_physmap)) {
        return -EFAULT;
    }
    /* Only the batch has a field for the foreign domain. */
    if (op.space == XENMAPSPACE_gmfn_foreign) {
        return -ENOSYS;
    }
    if (!xen_domid_is_self(op.domid)) {
        return -ESRCH;
    }
    return xen_memory_map_page(op.space, op.idx, op.gpfn);
}

static int add_to_physmap_batch(XenHypercall *hc, uint64_t gva, uint32_t start)
{
    xen_add_to_physmap_batch_t op;
    uint64_t idxs, gpfns, errs;

    if (XEN_GET_ARG(hc, &op, gva, &xen_arg_add_to_physmap_batch)) {
        return -EFAULT;
    }
    idxs = (uintptr_t)op.idxs.p;
    gpfns = (uintptr_t)op.gpfns.p;
    errs = (uintptr_t)op.errs.p;

    if (op.space == XENMAPSPACE_gmfn_range) {
        return -EOPNOTSUPP;
    }
    if (!xen_domid_is_self(op.domid)) {
        return -ESRCH;
    }
    if (op.space == XENMAPSPACE_dev_mmio) {
        return -EACCES;
    }
    if (start > op.size) {
        return -EILSEQ;
    }

    for (uint32_t i = start; i < op.size; i++) {
        uint64_t idx, gpfn;
        int32_t err;

        if (xen_hypercall_preempt(hc, i - start)) {
            hc->arg[0] = XENMEM_add_to_physmap_batch | i << CMD_BITS;
            hc->restart = true;
            return 0;
        }
        if (xen_get_long(hc, &idx, idxs, i) ||
            xen_get_long(hc, &gpfn, gpfns, i)) {
            return -EFAULT;
        }
        err = xen_memory_map_page(op.space, idx, gpfn);
        if (xen_copy_to_guest(hc, errs + i * sizeof(err), &err,
                              sizeof(err))) {
            return -EFAULT;
        }
    }
    return 0;
}

/* The end of RAM as the guest sees it, in frames. */
static uint64_t ram_end_gfn(uint64_t *ram_frames)
{
    uint64_t end = 0, bytes = 0;
    uint64_t start, len;

    for (int i = 0; i < e820_get_table(NULL); i++) {
        if (e820_get_entry(i, E820_RAM, &start, &len)) {
            end = MAX(end, start + len);
            bytes += len;
        }
    }
    *ram_frames = bytes >> XEN_EMU_PAGE_SHIFT;
    return end >> XEN_EMU_PAGE_SHIFT;
}

/* XENMEM_current_reservation, _maximum_reservation, _maximum_gpfn. */
static int64_t domain_size(XenHypercall *hc, uint32_t cmd, uint64_t gva)
{
    uint64_t end, frames;
    domid_t domid;

    if (XEN_GET(hc, &domid, gva)) {
        return -EFAULT;
    }
    if (!xen_domid_is_self(domid)) {
        return domid == DOMID_QEMU ? -EPERM : -ESRCH;
    }
    end = ram_end_gfn(&frames);
    return cmd == XENMEM_maximum_gpfn ? end - 1 : frames;
}

static int64_t maximum_ram_page(uint64_t gva)
{
    uint64_t frames;

    /* It takes no argument. */
    return gva ? -EINVAL : ram_end_gfn(&frames);
}

/* There is no memory that devices need identity-mapped. */
static int reserved_device_memory_map(XenHypercall *hc, uint64_t gva)
{
    struct {
        uint32_t flags;
        uint32_t nr_entries;
    } op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (op.flags & ~TOOLS_RDM_ALL) {
        return -EINVAL;
    }
    op.nr_entries = 0;
    return XEN_PUT(hc, gva, &op);
}

/* Operations on another domain, which could only be QEMU's. */
static int for_other_domain(XenHypercall *hc, uint64_t gva)
{
    domid_t domid;

    if (XEN_GET(hc, &domid, gva)) {
        return -EFAULT;
    }
    return xen_domid_is_self(domid) || domid == DOMID_QEMU ? -EPERM : -ESRCH;
}

static int get_vnumainfo(XenHypercall *hc, uint64_t gva)
{
    uint16_t op[2];     /* domain, padding */

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (op[1]) {
        return -EINVAL;
    }
    /* ACPI describes NUMA. */
    return xen_domid_is_self(op[0]) ? -EOPNOTSUPP : -ESRCH;
}

int64_t xen_hcall_memory_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0] & CMD_MASK;
    uint32_t start = (uint32_t)hc->arg[0] >> CMD_BITS;
    uint64_t gva = hc->arg[1];

    switch (cmd) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return xen_memory_reservation(hc, cmd, start);
    case XENMEM_remove_from_physmap:
        return xen_memory_remove(hc, gva);
    case XENMEM_maximum_ram_page:
        return maximum_ram_page(gva);
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return domain_size(hc, cmd, gva);
    case XENMEM_add_to_physmap:
        return start ? -EDOM : add_to_physmap(hc, gva);
    case XENMEM_add_to_physmap_batch:
        return add_to_physmap_batch(hc, gva, start);
    case XENMEM_memory_map:
        return xen_memory_map(hc, gva);
    case TOOLS_reserved_device_memory_map:
        return start ? -EINVAL : reserved_device_memory_map(hc, gva);
    case XENMEM_acquire_resource:
        return for_other_domain(hc, gva);
    case XENMEM_get_vnumainfo:
        return get_vnumainfo(hc, gva);
    case XENMEM_exchange:
        /* For guests that know machine frames. */
        return -EOPNOTSUPP;
    case XENMEM_set_memory_map:
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
    case TOOLS_claim_pages:
        return -EPERM;
    case XENMEM_machphys_mfn_list:
    case XENMEM_machphys_compat_mfn_list:
    case XENMEM_machphys_mapping:
    case XENMEM_machine_memory_map:
    case TOOLS_get_sharing_freed_pages:
    case TOOLS_get_sharing_shared_pages:
    case TOOLS_paging_op:
    case TOOLS_access_op:
    case TOOLS_sharing_op:
        return -ENOSYS;
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
