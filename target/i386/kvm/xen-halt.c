/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: a vCPU that is halted in SCHEDOP_poll or SCHEDOP_block
 *
 * The vCPU halts in the kernel, as for HLT: its MP state is set to "halted"
 * before its thread enters the kernel again.  So an interrupt that the kernel
 * injects ends the halt, and a kick (pause, work for the vCPU, INIT, NMI) works
 * as usual.  QEMU only has to end the halt for an event or for the timeout.  It
 * queues work for the vCPU for that, which cannot run before the vCPU has
 * halted.
 *
 * Only the kernel knows when an interrupt has ended a halt.  A later wake must
 * not end another halt, by HLT.  The two are distinguished by the address at
 * which the vCPU halted.
 */
#include "qemu/osdep.h"
#include <linux/kvm.h>

#include "qemu/timer.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/evtchn.h"
#include "cpu.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"
#include "xen-ioctl.h"

static bool is_halted_at(CPUState *cs, uint64_t rip)
{
    struct kvm_mp_state mp;
    struct kvm_regs regs;

    return !KVM_XEN_VCPU_IOCTL(cs, KVM_GET_MP_STATE, &mp) &&
           mp.mp_state == KVM_MP_STATE_HALTED &&
           !KVM_XEN_VCPU_IOCTL(cs, KVM_GET_REGS, &regs) && regs.rip == rip;
}

void kvm_xen_end_halt(XenVcpu *v)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);
    struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
    CPUState *cs = v->cs;
    bool halted;

    if (!kv->halt.halted) {
        return;
    }
    kv->halt.halted = false;
    timer_del(kv->halt.timer);
    xen_evtchn_poll_end(xen_emu_evtchn(), v->id);

    halted = is_halted_at(cs, kv->halt.rip);
    if (halted) {
        KVM_XEN_VCPU_IOCTL(cs, KVM_SET_MP_STATE, &runnable);
        /* QEMU's copy of the vCPU's state may be about to be saved. */
        X86_CPU(cs)->env.mp_state = KVM_MP_STATE_RUNNABLE;
        cs->halted = 0;
    }
    trace_xen_kvm_wake(v->id, halted);
}

static void wake_work(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);

    if (v) {
        qatomic_set_mb(&kvm_xen_vcpu(v)->halt.wake_queued, false);
        kvm_xen_end_halt(v);
    }
}

void kvm_xen_wake(XenVcpu *v)
{
    if (!qatomic_xchg(&kvm_xen_vcpu(v)->halt.wake_queued, true) &&
        kvm_xen_kick_begin(v)) {
        async_run_on_cpu(v->cs, wake_work, RUN_ON_CPU_NULL);
        kvm_xen_kick_end(v);
    }
}

/* QEMUTimers use another clock than the guest and may be a little early. */
static void timed_out(void *opaque)
{
    XenVcpu *v = opaque;
    KvmXenVcpu *kv = kvm_xen_vcpu(v);
    uint64_t deadline = qatomic_read(&kv->halt.deadline_ns);
    uint64_t now = kvm_xen_system_time();

    if (now < deadline) {
        timer_mod(kv->halt.timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                                  deadline - now);
    } else {
        kvm_xen_wake(v);
    }
}

void kvm_xen_halt(XenVcpu *v, int64_t timeout_ns)
{
    KvmXenVcpu *kv = kvm_xen_vcpu(v);
    struct kvm_mp_state halted = { .mp_state = KVM_MP_STATE_HALTED };
    struct kvm_regs regs;
    int ret = KVM_XEN_VCPU_IOCTL(v->cs, KVM_GET_REGS, &regs);

    if (!ret) {
        ret = KVM_XEN_VCPU_IOCTL(v->cs, KVM_SET_MP_STATE, &halted);
    }
    trace_xen_kvm_halt(v->id, timeout_ns, ret);
    if (ret) {
        return;     /* the guest resumes immediately, and polls again */
    }

    kv->halt.halted = true;
    kv->halt.rip = regs.rip + kvm_xen_hypercall_length();
    if (timeout_ns < 0) {
        timer_del(kv->halt.timer);
    } else {
        int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

        timeout_ns = MIN(timeout_ns, INT64_MAX - now);
        qatomic_set(&kv->halt.deadline_ns, kvm_xen_system_time() + timeout_ns);
        timer_mod(kv->halt.timer, now + timeout_ns);
    }
}

/*
 * Pollers are not in a migration stream, so the poll of a guest that is saved
 * ends spuriously, in the source VM too.
 */
void kvm_xen_end_all_halts(void)
{
    XEN_FOREACH_VCPU(v) {
        kvm_xen_end_halt(v);
    }
}

void kvm_xen_halt_init_vcpu(XenVcpu *v)
{
    kvm_xen_vcpu(v)->halt.timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, timed_out, v);
}

void kvm_xen_halt_free_vcpu(XenVcpu *v)
{
    timer_free(kvm_xen_vcpu(v)->halt.timer);
}
