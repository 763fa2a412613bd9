/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault injection, for tests of error paths
 *
 * xen_fault() is called where a fault can be injected.  These are slow paths
 * and it reads a single word, so it is in every build.  Faults are armed by a
 * command of the qtest protocol only.
 *
 * KVM's ioctls have a separate property, x-kvm-xen-fail, because most of them
 * are called before a test can send a command (target/i386/kvm/xen-ioctl.c).
 *
 * Allocations are not covered: GLib aborts if memory runs out, and what a guest
 * can make QEMU allocate is bounded.
 */
#ifndef HW_XEN_EMU_DEBUG_FAULT_INJECT_H
#define HW_XEN_EMU_DEBUG_FAULT_INJECT_H

#include "qemu/atomic.h"

typedef enum XenFault {
    XEN_FAULT_PIN,          /* a lookup of a guest page finds no RAM */
    XEN_FAULT_COPY,         /* a hypercall's argument is not mapped */
    XEN_FAULT__MAX,
} XenFault;

/*
 * @what succeeds @after times, then fails @times times, then succeeds again;
 * @times 0 disarms.  Returns how many of the faults last armed have not been
 * injected.  BQL.
 */
unsigned xen_fault_arm(XenFault what, unsigned after, unsigned times);

/* Private to xen_fault(): bitmap of armed faults, by XenFault. */
extern unsigned xen_faults_armed;
bool xen_fault_count(XenFault what);

/* Returns whether @what should fail now.  Any thread. */
static inline bool xen_fault(XenFault what)
{
    return unlikely(qatomic_read(&xen_faults_armed) & 1u << what) &&
           xen_fault_count(what);
}

#endif
