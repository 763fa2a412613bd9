/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults on purpose: so that a test comes to where only bad luck leads
 *
 * (KVM's ioctls have a switch of their own, x-kvm-xen-fail: most of them are
 * made before a test could send a command.  target/i386/kvm/xen-ioctl.c)
 *
 * A place that can fail asks here first whether it shall.  These are slow
 * paths, and what they ask is one word in memory that is 0, so the switch is
 * in every build: what is tested is what users have.  Only a command of the
 * qtest protocol arms it; without "-qtest" nobody can.
 *
 * There is none for memory that runs out: GLib ends the process then, and what
 * a guest can make QEMU allocate is bounded.
 */
#ifndef HW_XEN_EMU_DEBUG_FAULT_INJECT_H
#define HW_XEN_EMU_DEBUG_FAULT_INJECT_H

#include "qemu/atomic.h"

typedef enum XenFault {
    XEN_FAULT_PIN,          /* a guest page has no RAM when it is looked up */
    XEN_FAULT_COPY,         /* a hypercall's argument is not mapped */
    XEN_FAULT__MAX,
} XenFault;

/*
 * @what works @after times more, fails @times times and works again.  0 times:
 * no fault any more.  Returns how many of those last armed did not happen.  BQL.
 */
unsigned xen_fault_arm(XenFault what, unsigned after, unsigned times);

/* Private to the next function: faults that are armed, by 1 << XenFault. */
extern unsigned xen_faults_armed;
bool xen_fault_count(XenFault what);

/* @what shall fail now.  Any thread. */
static inline bool xen_fault(XenFault what)
{
    return unlikely(qatomic_read(&xen_faults_armed) & 1u << what) &&
           xen_fault_count(what);
}

#endif
