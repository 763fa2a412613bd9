/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: definitions shared by its files
 */
#ifndef TARGET_I386_KVM_XEN_INTERNAL_H
#define TARGET_I386_KVM_XEN_INTERNAL_H

#include <time.h>
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/hypercall.h"
#include "system/kvm.h"

#define KVM_XEN_SINTS   2

/* Data of a vCPU, in XenVcpu.accel_data. */
typedef struct KvmXenVcpu {
    struct {                    /* xen-kick.c */
        QemuMutex lock;         /* from the check of gone to the kick */
        bool gone;              /* the thread may be joined now */
        bool works;             /* the signal and the timer are set up */
        bool signalled;         /* by a thread, not handled yet; atomic */
        timer_t timer;
    } kick;
    struct {                    /* xen-halt.c */
        bool wake_queued;       /* atomic */
        uint64_t deadline_ns;   /* of system time; atomic */
        QEMUTimer *timer;
        /* The rest: [vcpu] */
        bool halted;            /* by its last hypercall, as far as is known */
        uint64_t rip;           /* where the guest resumes */
    } halt;
    struct {                    /* xen-synic.c */
        uint8_t vector;         /* the callback vector; 0: none.  Atomic */
        /* The rest: [vcpu] */
        uint8_t sint[KVM_XEN_SINTS];    /* vector; 0: masked */
        bool last;              /* index of the one that was written last */
    } synic;
    struct {                    /* xen-retry.c */
        QEMUTimer *timer;
        bool armed;             /* atomic */
        int64_t wait_ns;        /* BQL */
    } retry;
    /* xen-hypercall.c: the preempted call, which will be restarted.  [vcpu] */
    XenHypercall restart;
} KvmXenVcpu;

static inline KvmXenVcpu *kvm_xen_vcpu(XenVcpu *v)
{
    return v->accel_data;
}

/*
 * Sets ops->caps and ops->caps_missing: capabilities count if this kernel has
 * them, they are in x-kvm-xen-caps, and what they depend on counts too.
 * Also sets ops->hypercall_port, by what @config asks for.  Returns
 * KVM_CAP_XEN_HVM & @config->kvm_caps_mask, or -ENOSYS, with the reason reported,
 * if no Xen guest can run.  Once, BQL.
 */
int kvm_xen_find_caps(KVMState *s, const XenEmuConfig *config,
                      XenAccelOps *ops);

/*
 * XenAccelClockOps.set_vcpu_info, for a kernel without SHARED_INFO.  BQL.
 */
int kvm_xen_set_clock(CPUState *cs, uint64_t gpa);

/*
 * XenAccelClockOps.system_time.  init: once, BQL; the VM exists, no vCPU runs.
 */
void kvm_xen_time_init(void);
/* XenAccelOps.vm_state: the clock may be set while the VM is stopped. */
void kvm_xen_time_vm_state(bool running);
uint64_t kvm_xen_system_time(void);

/*
 * Halting in a hypercall: see XenAccelCpuOps.halt and wake.  init_vcpu: before
 * @v first runs, in its thread.  free_vcpu: BQL.
 */
void kvm_xen_halt_init_vcpu(XenVcpu *v);
void kvm_xen_halt_free_vcpu(XenVcpu *v);
void kvm_xen_halt(XenVcpu *v, int64_t timeout_ns);
void kvm_xen_wake(XenVcpu *v);
/* Ends such a halt of @v, if it is in one.  [vcpu] */
void kvm_xen_end_halt(XenVcpu *v);
/* The same for all vCPUs, when the VM has stopped. */
void kvm_xen_end_all_halts(void);

#define KVM_XEN_VMCALL_LENGTH   3       /* VMCALL and VMMCALL */
#define KVM_XEN_OUT_LENGTH      2       /* see xen-page.h */

/* The length in bytes of the instruction that makes a hypercall. */
static inline unsigned kvm_xen_hypercall_length(void)
{
    return xen_emu_accel()->hypercall_port ? KVM_XEN_OUT_LENGTH :
                                             KVM_XEN_VMCALL_LENGTH;
}

/*
 * @v was notified by an interrupt through the LAPIC: notifies it again, until it
 * has cleared evtchn_upcall_pending.  [fast]  new_vcpu, free_vcpu: BQL.
 */
void kvm_xen_retry(XenVcpu *v);
void kvm_xen_retry_new_vcpu(XenVcpu *v);
void kvm_xen_retry_free_vcpu(XenVcpu *v);

/*
 * Kicks that are handled without the BQL: the vCPU leaves the kernel, checks
 * its timer and vcpu_info, and enters the kernel again.  init_vcpu, free_vcpu:
 * as above.  kick: @v enters the guest again after this call. [fast]  kick_in:
 * XenAccelCpuOps.timer_in.
 */
void kvm_xen_kick_init_vcpu(XenVcpu *v);
void kvm_xen_kick_free_vcpu(XenVcpu *v);
void kvm_xen_kick(XenVcpu *v);
/*
 * Between a begin that returned true and its end, the thread of @v exists, so it
 * can be signalled.  False: it is being unplugged.  The lock that is held in
 * between is only contended for the time of a signal.  Do not wait.  [fast]
 */
bool kvm_xen_kick_begin(XenVcpu *v);
void kvm_xen_kick_end(XenVcpu *v);
/* XenAccelCpuOps.vcpu_leaving, vcpu_new. */
void kvm_xen_kick_vcpu_leaving(XenVcpu *v);
void kvm_xen_kick_new_vcpu(XenVcpu *v);
bool kvm_xen_kick_in(XenVcpu *v, int64_t wait_ns);

#endif
