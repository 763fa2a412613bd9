/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: a vCPU that sleeps in SCHEDOP_poll or SCHEDOP_block
 *
 * The kernel does the sleeping, as for HLT: the vCPU's state is set to "halted"
 * before its thread goes back into the kernel.  So an interrupt that the kernel
 * injects ends the sleep, a kick (pause, work for the vCPU, INIT, NMI) finds
 * the thread where it always does, and nobody spends CPU time.  What is left
 * for QEMU is to end it for an event or for its time-out: work that is queued
 * for the vCPU, and so runs after the vCPU has gone to sleep, never before.
 *
 * Only the kernel knows when an interrupt has ended a sleep.  A wake that comes
 * later must not end another halt, by HLT; what it is told apart by is the
 * address at which the vCPU halted.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "system/runstate.h"
#include "cpu.h"
#include "trace/trace-target_i386_xen.h"
#include "xen-internal.h"

#include <linux/kvm.h>

typedef struct Sleep {
    bool wake_queued;       /* atomic */
    uint64_t deadline_ns;   /* of system time; atomic */
    QEMUTimer *timer;
    /* The rest is the vCPU thread's, or anybody's while the VM is stopped. */
    bool asleep;            /* since its last hypercall, as far as we know */
    uint64_t rip;           /* where the guest goes on */
} Sleep;

static Sleep sleeps[XEN_EVTCHN_MAX_VCPUS];

static bool is_halted_at(CPUState *cs, uint64_t rip)
{
    struct kvm_mp_state mp;
    struct kvm_regs regs;

    return !KVM_XEN_VCPU_IOCTL(cs, KVM_GET_MP_STATE, &mp) &&
           mp.mp_state == KVM_MP_STATE_HALTED &&
           !KVM_XEN_VCPU_IOCTL(cs, KVM_GET_REGS, &regs) && regs.rip == rip;
}

void kvm_xen_end_sleep(CPUState *cs)
{
    Sleep *s = &sleeps[cs->cpu_index];
    struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
    bool halted;

    if (!s->asleep) {
        return;
    }
    s->asleep = false;
    timer_del(s->timer);
    xen_evtchn_poll_end(xen_emu_evtchn(), cs->cpu_index);

    halted = is_halted_at(cs, s->rip);
    if (halted) {
        KVM_XEN_VCPU_IOCTL(cs, KVM_SET_MP_STATE, &runnable);
        /* What QEMU has read of the vCPU may be about to be saved. */
        X86_CPU(cs)->env.mp_state = KVM_MP_STATE_RUNNABLE;
        cs->halted = 0;
    }
    trace_xen_kvm_wake(cs->cpu_index, halted);
}

static void wake_work(CPUState *cs, run_on_cpu_data data)
{
    qatomic_set_mb(&sleeps[cs->cpu_index].wake_queued, false);
    kvm_xen_end_sleep(cs);
}

void kvm_xen_wake(CPUState *cs)
{
    if (!qatomic_xchg(&sleeps[cs->cpu_index].wake_queued, true)) {
        async_run_on_cpu(cs, wake_work, RUN_ON_CPU_NULL);
    }
}

/* A QEMUTimer's clock is not the guest's: it may be early by a little. */
static void time_is_over(void *opaque)
{
    Sleep *s = opaque;
    XenVcpu *v = xen_vcpu_get(s - sleeps);
    uint64_t deadline = qatomic_read(&s->deadline_ns);
    uint64_t now = xen_emu_accel()->system_time();

    if (now < deadline) {
        timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                            deadline - now);
    } else if (v) {
        kvm_xen_wake(v->cs);
    }
}

void kvm_xen_halt(CPUState *cs, int64_t timeout_ns)
{
    Sleep *s = &sleeps[cs->cpu_index];
    struct kvm_mp_state halted = { .mp_state = KVM_MP_STATE_HALTED };
    struct kvm_regs regs;
    int ret = KVM_XEN_VCPU_IOCTL(cs, KVM_GET_REGS, &regs);

    if (!ret) {
        ret = KVM_XEN_VCPU_IOCTL(cs, KVM_SET_MP_STATE, &halted);
    }
    trace_xen_kvm_halt(cs->cpu_index, timeout_ns, ret);
    if (ret) {
        return;     /* it goes on at once, and asks again */
    }

    s->asleep = true;
    s->rip = regs.rip + KVM_XEN_HYPERCALL_LENGTH;
    if (timeout_ns < 0) {
        timer_del(s->timer);
    } else {
        int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

        timeout_ns = MIN(timeout_ns, INT64_MAX - now);
        qatomic_set(&s->deadline_ns,
                    xen_emu_accel()->system_time() + timeout_ns);
        timer_mod(s->timer, now + timeout_ns);
    }
}

/*
 * Who polls for what is not in a migration stream.  The guest's poll is over
 * where it was saved, which is a reason as good as any.
 */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    CPUState *cs;

    if (running) {
        return;
    }
    CPU_FOREACH(cs) {
        kvm_xen_end_sleep(cs);
    }
}

void kvm_xen_sleep_init_vcpu(CPUState *cs)
{
    static bool watching;
    Sleep *s = &sleeps[cs->cpu_index];

    if (!watching) {
        qemu_add_vm_change_state_handler(vm_state_changed, NULL);
        watching = true;
    }
    if (!s->timer) {
        s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, time_is_over, s);
    }
    timer_del(s->timer);
    s->asleep = false;
    qatomic_set(&s->wake_queued, false);
}
