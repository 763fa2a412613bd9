/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HVM parameters: HVMOP_set_param and HVMOP_get_param
 *
 * Numbers that guest and toolstack keep with the domain.  A guest may set eight
 * of them and read eleven, as on Xen; the rest is -EPERM.  Those that tell
 * nothing to Xen (the port by which the next kernel finds xenstore, where
 * firmware put its generation ID) keep what the guest wrote until the machine
 * is reset.
 *
 * Source of the ABI: include/hw/xen/interface/hvm/params.h, and Xen's
 * behaviour.
 */
#ifndef TARGET_I386_XEN_HVM_PARAM_H
#define TARGET_I386_XEN_HVM_PARAM_H

#include "hw/xen/emu/hypercall.h"

/*
 * @gva: struct xen_hvm_param.  -EFAULT; -EINVAL a parameter that does not exist
 * (any more), a value that it cannot have, or QEMU's domain, which is no HVM
 * guest; -ESRCH no such domain; -EPERM not a guest's to set or read.
 */
int xen_hvm_set_param(XenHypercall *hc, uint64_t gva);
int xen_hvm_get_param(XenHypercall *hc, uint64_t gva);

/*
 * SHUTDOWN_soft_reset: the ports of xenstore and console are those that were
 * opened anew; the rest stays.  BQL.
 */
void xen_hvm_param_soft_reset(void);
/* Once: reset with the machine, and migration. */
void xen_hvm_param_init(void);

#endif
