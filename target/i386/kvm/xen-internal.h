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
 * The ioctls of KVM's Xen support and those that go with it; as kvm_vm_ioctl()
 * and kvm_vcpu_ioctl(), from where these may be called.
 */
int kvm_xen_vm_ioctl(const char *name, unsigned long type, void *arg);
int kvm_xen_vcpu_ioctl(const char *name, CPUState *cs, unsigned long type,
                       void *arg);
#define KVM_XEN_VM_IOCTL(type, arg) \
    kvm_xen_vm_ioctl(#type, type, arg)
#define KVM_XEN_VCPU_IOCTL(cs, type, arg) \
    kvm_xen_vcpu_ioctl(#type, cs, type, arg)
int kvm_xen_set_hvm_attr(struct kvm_xen_hvm_attr *attr);
int kvm_xen_set_vcpu_attr(CPUState *cs, struct kvm_xen_vcpu_attr *attr);

/*
 * Tells the user that ioctl or attribute @name failed with @ret, and which
 * capability and option of the kernel bring it.  Returns @ret.  Any thread.
 */
int kvm_xen_ioctl_failed(const char *name, int ret);

/*
 * Whether the kernel does what its capability bits promise, as far as nothing
 * could replace it: 0, or an error with the reason reported.  probe_vm: once,
 * with ops->caps known.  probe_vcpu: in the thread of @cs, before it runs.
 */
int kvm_xen_probe_vm(const XenAccelOps *ops);
int kvm_xen_probe_vcpu(const XenAccelOps *ops, CPUState *cs);

/*
 * x-kvm-xen-fail=@what, "NAME" or "NAME:running": the ioctl or attribute fails
 * with -EIO from now on, or while the guest runs.  0, or -EINVAL with the
 * reason reported.  Once, before the first of them.
 */
int kvm_xen_arm_fault(const char *what);

/*
 * XenAccelOps.set_vcpu_info for a kernel that does not know Xen's areas: keeps
 * the time in there.  BQL.
 */
int kvm_xen_set_clock(CPUState *cs, uint64_t gpa, void *hva);

/*
 * XenAccelOps.system_time.  init: once, BQL; the VM exists, no vCPU runs.
 */
void kvm_xen_time_init(void);
uint64_t kvm_xen_system_time(void);

/*
 * Sleep in a hypercall: see XenAccelOps.halt and wake.  init_vcpu: before @cs
 * first runs, in its thread; also when it was unplugged and comes again.
 */
void kvm_xen_sleep_init_vcpu(CPUState *cs);
void kvm_xen_halt(CPUState *cs, int64_t timeout_ns);
void kvm_xen_wake(CPUState *cs);
/* Now, if it sleeps.  [vcpu] */
void kvm_xen_end_sleep(CPUState *cs);

#define KVM_XEN_HYPERCALL_LENGTH    3       /* VMCALL and VMMCALL */

/*
 * Have vCPUs leave the kernel, look, and go on, without the BQL.  init_vcpu: as
 * above.  look: @cs enters the guest anew after this call. [fast]  look_in: is
 * XenAccelOps.timer_in.
 */
void kvm_xen_look_init_vcpu(CPUState *cs);
void kvm_xen_look(CPUState *cs);
bool kvm_xen_look_in(unsigned vcpu, int64_t wait_ns);

#endif
