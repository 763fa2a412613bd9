/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls for privileged domains
 *
 * Xen's table for HVM guests contains these too, but they return an error to an
 * unprivileged guest.  The error code is part of the ABI: software uses it to
 * detect whether it runs in a control domain.
 */
#include "qemu/osdep.h"
#include "internal.h"
#include "system/kvm_xen.h"

/* dm_op and mmuext_op have the number of a domain as an argument. */
static int64_t refuse_for_domain(uint16_t domid, int64_t self_error)
{
    if (xen_domid_is_self(domid)) {
        return self_error;
    }
    return domid == DOMID_QEMU ? -EPERM : -ESRCH;
}

int64_t xen_hcall_privileged(XenHypercall *hc)
{
    switch (hc->nr) {
    case __HYPERVISOR_platform_op:
    case __HYPERVISOR_console_io:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_hypfs_op:
        return -EPERM;
    case __HYPERVISOR_dm_op:
        /* Xen checks the number of buffers, at most two, first. */
        if ((uint32_t)hc->arg[1] > 2) {
            return -E2BIG;
        }
        return refuse_for_domain(hc->arg[0], -EPERM);
    case __HYPERVISOR_mmuext_op:
        /* Not for HVM guests, which have page tables of their own. */
        return refuse_for_domain(hc->arg[3], -EINVAL);
    case __HYPERVISOR_xenpmu_op:
        /* Not for guests with a LAPIC, which have a virtual PMU. */
        return -EOPNOTSUPP;
    case __HYPERVISOR_xsm_op:
    case __HYPERVISOR_argo_op:
    case __HYPERVISOR_tmem_op:
        /* Not built into Xen, or disabled: no such hypercall. */
        return -ENOSYS;
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
