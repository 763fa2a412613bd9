/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal header of the hypercall layer: one function and one file per
 * hypercall
 *
 * Each takes the call with its registers and returns the result for the guest.
 * They run in the thread of the vCPU without the BQL, and take it if they
 * change the machine.  Under qtest the caller holds it already.
 */
#ifndef TARGET_I386_XEN_INTERNAL_H
#define TARGET_I386_XEN_INTERNAL_H

#include "hw/xen/emu/hypercall.h"
#include "hw/xen/xen.h"
#include "guest_access.h"

#include "hw/xen/interface/xen.h"

/* @domid is the guest's own, by number or as "self". */
static inline bool xen_domid_is_self(uint16_t domid)
{
    return domid == DOMID_SELF || domid == xen_domid;
}

/* Logs (LOG_UNIMP) an operation that is unknown or not implemented: -ENOSYS. */
int64_t xen_hypercall_unimplemented(XenHypercall *hc);

/* One hypercall, from CPL 0; with arg[] and nr set. */
int64_t xen_hypercall_dispatch(XenHypercall *hc);

int64_t xen_hcall_event_channel_op(XenHypercall *hc);
int64_t xen_hcall_grant_table_op(XenHypercall *hc);
int64_t xen_hcall_hvm_op(XenHypercall *hc);
int64_t xen_hcall_memory_op(XenHypercall *hc);
int64_t xen_hcall_multicall(XenHypercall *hc);
int64_t xen_hcall_physdev_op(XenHypercall *hc);
int64_t xen_hcall_sched_op(XenHypercall *hc);
int64_t xen_hcall_set_timer_op(XenHypercall *hc);
int64_t xen_hcall_vcpu_op(XenHypercall *hc);
int64_t xen_hcall_vm_assist(XenHypercall *hc);
int64_t xen_hcall_xen_version(XenHypercall *hc);

/* All others: those of privileged domains and toolstacks, and unknown ones. */
int64_t xen_hcall_privileged(XenHypercall *hc);

#endif
