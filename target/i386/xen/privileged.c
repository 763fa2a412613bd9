/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls that a guest without privileges gets refused
 *
 * Xen's table for HVM guests holds these too; what they answer such a guest is
 * an error, and which one is part of the ABI: software tells by it whether it
 * runs in a control domain.
 */
#include "qemu/osdep.h"
#include "internal.h"
#include "system/kvm_xen.h"

/* dm_op and mmuext_op name the domain that they are about. */
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
        /* Two buffers is what Xen has room for, whoever asks. */
        if ((uint32_t)hc->arg[1] > 2) {
            return -E2BIG;
        }
        return refuse_for_domain(hc->arg[0], -EPERM);
    case __HYPERVISOR_mmuext_op:
        /* Page tables of an HVM guest are its own business. */
        return refuse_for_domain(hc->arg[3], -EINVAL);
    case __HYPERVISOR_xenpmu_op:
        /* A guest with a LAPIC has the PMU's own interface. */
        return -EOPNOTSUPP;
    case __HYPERVISOR_xsm_op:
    case __HYPERVISOR_argo_op:
    case __HYPERVISOR_tmem_op:
        /* Compiled out of Xen, or switched off: no such hypercall. */
        return -ENOSYS;
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
