/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access to the caller of a hypercall: memory and preemption
 *
 * Guest addresses are virtual, in the address space that the vCPU of the
 * hypercall is in.  All functions are for the thread of that vCPU (under qtest
 * the main thread), with the BQL or without it.
 *
 * Source of the ABI: include/hw/xen/interface/.
 */
#ifndef TARGET_I386_XEN_GUEST_ACCESS_H
#define TARGET_I386_XEN_GUEST_ACCESS_H

#include "hw/xen/emu/hypercall.h"

/*
 * Copy @len bytes between guest memory at @gva and host memory.  0, or -EFAULT
 * if part of it is not mapped (to guest: writable) or is not RAM; a part may
 * have been copied then.
 */
int xen_copy_from_guest(XenHypercall *hc, void *dst, uint64_t gva, size_t len);
int xen_copy_to_guest(XenHypercall *hc, uint64_t gva, const void *src,
                      size_t len);

/* Copy a whole structure whose layout is the same for all guests. */
#define XEN_GET(hc, op, gva) xen_copy_from_guest(hc, op, gva, sizeof(*(op)))
#define XEN_PUT(hc, gva, op) xen_copy_to_guest(hc, gva, op, sizeof(*(op)))

/*
 * Arrays of longs (addresses, frame numbers), each 4 or 8 bytes by the mode of
 * the caller: the size of an element, and access to element @index of the array
 * at @gva.  0 or -EFAULT.
 */
size_t xen_long_size(const XenHypercall *hc);
int xen_get_long(XenHypercall *hc, uint64_t *val, uint64_t gva, uint64_t index);
int xen_put_long(XenHypercall *hc, uint64_t gva, uint64_t index, uint64_t val);

/*
 * The argument of an operation that is a single structure, with the same layout
 * for all guests: its size, and whether it is copied back on success.  Size 0:
 * there is no such operation.
 */
typedef struct XenOpArg {
    uint8_t size;
    bool out;
} XenOpArg;

/*
 * Copies an argument in from @gva, calls @run with @cmd and @op, and copies @op
 * back if that returned 0 and @arg says so.  @op has room for the argument;
 * what is not copied in stays as it was.  Returns what @run does, or -EFAULT.
 */
int xen_run_op(XenHypercall *hc, uint32_t cmd, uint64_t gva,
               const XenOpArg *arg, void *op,
               int (*run)(uint32_t cmd, void *op));

/*
 * The operation has processed @done elements of a guest's array.  True if it
 * has to stop there because there is other work for this vCPU: it then sets
 * arg[] to what remains, and hc->restart, and the guest executes the
 * instruction again.  Always false for a call that cannot be restarted.
 */
bool xen_hypercall_preempt(XenHypercall *hc, uint64_t done);

#endif
