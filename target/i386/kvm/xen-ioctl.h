/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: the ioctls, by name
 *
 * All ioctls of KVM's Xen support, and those used together with them, go
 * through these functions.  So an error message can name what the kernel
 * refused, and a test can make it fail (x-kvm-xen-fail).
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst, KVM_XEN_*.
 */
#ifndef TARGET_I386_KVM_XEN_IOCTL_H
#define TARGET_I386_KVM_XEN_IOCTL_H

#include <linux/kvm.h>

#include "hw/xen/emu/accel.h"

/* As kvm_vm_ioctl() and kvm_vcpu_ioctl(); use the macros, which add @name. */
int kvm_xen_vm_ioctl(const char *name, unsigned long type, void *arg);
int kvm_xen_vcpu_ioctl(const char *name, CPUState *cs, unsigned long type,
                       void *arg);
#define KVM_XEN_VM_IOCTL(type, arg) \
    kvm_xen_vm_ioctl(#type, type, arg)
#define KVM_XEN_VCPU_IOCTL(cs, type, arg) \
    kvm_xen_vcpu_ioctl(#type, cs, type, arg)
/* KVM_XEN_HVM_SET_ATTR and KVM_XEN_VCPU_SET_ATTR.  0 or negative errno. */
int kvm_xen_set_hvm_attr(struct kvm_xen_hvm_attr *attr);
int kvm_xen_set_vcpu_attr(CPUState *cs, struct kvm_xen_vcpu_attr *attr);

/*
 * Reports that ioctl or attribute @name failed with @ret, and which capability
 * and option of the kernel provide it.  Returns @ret.  Any thread.
 */
int kvm_xen_ioctl_failed(const char *name, int ret);

/*
 * Checks that the kernel does what its capability bits promise, for everything
 * that has no fallback: 0, or an error with the reason reported.  probe_vm:
 * once, with ops->caps known.  probe_vcpu: in the thread of @cs, before it
 * runs.
 */
int kvm_xen_probe_vm(const XenAccelOps *ops);
int kvm_xen_probe_vcpu(const XenAccelOps *ops, CPUState *cs);

/*
 * x-kvm-xen-fail=@what, "NAME" or "NAME:running": the ioctl or attribute fails
 * with -EIO from now on, or while the guest runs.  0, or -EINVAL with the
 * reason reported.  Once, before the first of them.
 */
int kvm_xen_arm_fault(const char *what);

#endif
