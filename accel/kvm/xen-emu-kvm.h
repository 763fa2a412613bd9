/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: what its files have in common
 */
#ifndef ACCEL_KVM_XEN_EMU_KVM_H
#define ACCEL_KVM_XEN_EMU_KVM_H

#include "hw/xen/emu/accel.h"
#include "system/kvm.h"

/*
 * Which capabilities this kernel has, @mask (x-kvm-xen-caps) lets through, and
 * are of use together: sets ops->caps and ops->caps_missing.  Returns the bits
 * of KVM_CAP_XEN_HVM that are left, or -ENOSYS, with the reason reported, where
 * no Xen guest can run at all.  Once, BQL.
 */
int kvm_xen_find_caps(KVMState *s, uint32_t mask, XenAccelOps *ops);

/*
 * Tells the user that ioctl @what failed with @ret, and which option of the
 * kernel brings it.  Returns @ret.  Any thread.
 */
int kvm_xen_ioctl_failed(const char *what, int ret);

/*
 * XenAccelOps.set_vcpu_info for a kernel that does not know Xen's areas: keeps
 * the time in there.  BQL.
 */
int kvm_xen_set_clock(CPUState *cs, uint64_t gpa, void *hva);

/*
 * Sleep in a hypercall: see XenAccelOps.halt and wake.  init_vcpu: before @cs
 * first runs, in its thread; also when it was unplugged and comes again.
 */
void kvm_xen_sleep_init_vcpu(CPUState *cs);
void kvm_xen_halt(CPUState *cs, int64_t timeout_ns);
void kvm_xen_wake(CPUState *cs);

#endif
