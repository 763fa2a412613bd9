/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HVM parameters: HVMOP_set_param and HVMOP_get_param
 *
 * Numbers that guest and toolstack store with the domain.  A guest may set
 * eight of them and read eleven, as on Xen; others return -EPERM.  Those
 * without a meaning for Xen (the port of xenstore for the next kernel, the
 * address of the firmware's generation ID) keep what the guest wrote until the
 * machine is reset.  A soft reset sets the ports of xenstore and console to those
 * that the back ends open again.
 *
 * Source of the ABI: include/hw/xen/interface/hvm/params.h, and Xen's
 * behaviour.
 */
#ifndef TARGET_I386_XEN_HVM_PARAM_H
#define TARGET_I386_XEN_HVM_PARAM_H

#include "hw/xen/emu/hypercall.h"

/*
 * HVMOP_set_param and HVMOP_get_param; @gva: struct xen_hvm_param.  0 or
 * -EFAULT; -EINVAL: no such parameter (any more), an invalid value, or QEMU's
 * domain, which is no HVM guest; -ESRCH: no such domain; -EPERM: not accessible
 * to a guest. The thread of the vCPU; they take the BQL.
 */
int xen_hvm_set_param(XenHypercall *hc, uint64_t gva);
int xen_hvm_get_param(XenHypercall *hc, uint64_t gva);

/* Registers reset and migration.  Once, with the BQL. */
void xen_hvm_param_init(void);

#endif
