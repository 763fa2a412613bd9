/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypercall layer's inside: one function a hypercall, one file a function
 *
 * Each gets the command and the guest address of its argument and returns what
 * the guest gets.  They run in the vCPU's thread without the BQL and take it
 * where they change the machine.  Under qtest the caller holds it already.
 */
#ifndef TARGET_I386_XEN_INTERNAL_H
#define TARGET_I386_XEN_INTERNAL_H

#include "hw/xen/emu/hypercall.h"
#include "hw/xen/xen.h"

#include "hw/xen/interface/xen.h"

/* Copies a whole structure whose layout is the same for all guests. */
#define XEN_GET(hc, op, gva) xen_copy_from_guest(hc, op, gva, sizeof(*(op)))
#define XEN_PUT(hc, gva, op) xen_copy_to_guest(hc, gva, op, sizeof(*(op)))

/* @domid is the guest's own, by number or as "self". */
static inline bool xen_domid_is_self(uint16_t domid)
{
    return domid == DOMID_SELF || domid == xen_domid;
}

/*
 * @nr of the guest's addresses or longs, each 4 or 8 bytes by its mode: where
 * element @index of an array at @gva lies, and reading or writing it.
 */
static inline size_t xen_long_size(const XenHypercall *hc)
{
    return hc->long_mode ? sizeof(uint64_t) : sizeof(uint32_t);
}

static inline int xen_get_long(XenHypercall *hc, uint64_t *val, uint64_t gva,
                               uint64_t index)
{
    size_t size = xen_long_size(hc);

    *val = 0;
    return xen_copy_from_guest(hc, val, gva + index * size, size);
}

static inline int xen_put_long(XenHypercall *hc, uint64_t gva, uint64_t index,
                               uint64_t val)
{
    size_t size = xen_long_size(hc);

    return xen_copy_to_guest(hc, gva + index * size, &val, size);
}

/*
 * An operation on a guest's array has done @done elements of it.  True: leave
 * now, something waits for this vCPU.  The operation then sets arg[] to what
 * remains, and hc->restart, and the guest's instruction runs again.  Never true
 * for a call that cannot be run again.
 */
bool xen_hypercall_preempt(XenHypercall *hc, uint64_t done);

/* The operation is unknown, or one that this emulation does not do. */
int64_t xen_hypercall_unimplemented(XenHypercall *hc);

/* One hypercall of a guest at CPL 0. */
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

/* Hypercalls that only a privileged domain or a toolstack may make. */
int64_t xen_hcall_privileged(XenHypercall *hc);

/*
 * SCHEDOP_watchdog: @id 0 starts one of two watchdogs and returns its number,
 * another sets that one anew, or stops it where @timeout_s is 0.  -EINVAL: not
 * running, -ENOSPC: both are.
 */
int xen_watchdog_set(uint32_t id, uint32_t timeout_s);

#endif
