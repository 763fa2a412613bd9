/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single-shot timers in the kernel: handing them over and taking them back
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/device/evtchn-dev.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "system/runstate.h"
#include "cpu.h"
#include "trace.h"

#include "hw/xen/interface/xen.h"

/* As far as the handler below has heard.  BQL. */
static bool vm_running;

/* The event is pending, by the bit that the kernel sets when a timer fires. */
static bool has_fired(uint32_t port)
{
    uint32_t *word = xen_overlay_get_shinfo_ptr() +
                     xen_emu_layout()->evtchn_pending;

    return qatomic_read(&word[port / 32]) & 1u << (port % 32);
}

/*
 * @v is out of the guest.  Nobody may be waited for: who has a lock may wait for
 * the kernel, which is on hold.  The timer goes on until it is stopped, so it
 * may fire when its deadline has been read.
 */
static void take_back(XenVcpu *v)
{
    uint32_t port = v->kernel_timer_port;
    bool fired_before = has_fired(port);
    uint64_t deadline = 0;

    assert(bql_locked());
    if (xen_emu_accel()->get_timer(v->cs, &deadline)) {
        /* Early is better than never: the guest looks at its clock. */
        deadline = 1;
    }
    xen_emu_accel()->set_timer(v->cs, 0, 0);
    v->kernel_timer_port = 0;
    if (deadline && !fired_before && has_fired(port)) {
        deadline = 0;
    }
    trace_xen_timer_kernel_take_back(v->cs->cpu_index, port, deadline);
    if (deadline) {
        xen_vcpu_timer_put_singleshot(v->timer, deadline);
    }
}

void xen_timer_kernel_take_back(XenVcpu *v)
{
    if (v->kernel_timer_port) {
        xen_emu_accel()->hold_vcpus();
        take_back(v);
        xen_emu_accel()->release_vcpus();
    }
}

void xen_timer_kernel_take_back_all(void)
{
    bool held = false;
    CPUState *cs;

    CPU_FOREACH(cs) {
        XenVcpu *v = xen_vcpu_get(cs->cpu_index);

        if (v && v->kernel_timer_port) {
            if (!held) {
                xen_emu_accel()->hold_vcpus();
                held = true;
            }
            take_back(v);
        }
    }
    if (held) {
        xen_emu_accel()->release_vcpus();
    }
}

void xen_timer_kernel_take_back_port(uint32_t port)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        XenVcpu *v = xen_vcpu_get(cs->cpu_index);

        if (v && v->kernel_timer_port == port) {
            xen_timer_kernel_take_back(v);
        }
    }
}

static void hand_over(CPUState *cs, run_on_cpu_data data)
{
    XenVcpu *v = xen_vcpu_get(cs->cpu_index);
    uint64_t deadline;
    uint32_t port;
    int ret;

    assert(bql_locked());
    if (!v) {
        return;
    }
    port = xen_evtchn_dev_timer_port(cs->cpu_index);
    if (!vm_running) {
        qatomic_set(&v->timer_stays, true);
    }
    if (port == v->kernel_timer_port) {
        return;
    }
    xen_timer_kernel_take_back(v);
    if (!port || v->timer_stays) {
        return;
    }
    deadline = xen_vcpu_timer_take_singleshot(v->timer);
    ret = xen_emu_accel()->set_timer(cs, port, deadline);
    trace_xen_timer_kernel_hand_over(cs->cpu_index, port, deadline, ret);
    if (!ret) {
        v->kernel_timer_port = port;
    } else if (deadline) {
        xen_vcpu_timer_put_singleshot(v->timer, deadline);
    }
}

void xen_timer_kernel_update(XenVcpu *v)
{
    if (xen_emu_accel()->set_timer && v->cs->created) {
        /* Not at once, even if it is ourselves: the engine may be locked. */
        async_run_on_cpu(v->cs, hand_over, RUN_ON_CPU_NULL);
    }
}

void xen_timer_kernel_offer(XenVcpu *v)
{
    if (qatomic_read(&v->timer_stays)) {
        BQL_LOCK_GUARD();
        qatomic_set(&v->timer_stays, false);
        hand_over(v->cs, RUN_ON_CPU_NULL);
    }
}

void xen_timer_kernel_loaded(XenVcpu *v)
{
    assert(!v->kernel_timer_port);
    qatomic_set(&v->timer_stays, xen_emu_accel()->set_timer &&
                                 cpu_env(v->cs)->xen_virq[VIRQ_TIMER]);
}

int xen_timer_kernel_deadline(XenVcpu *v, uint64_t *deadline_ns)
{
    *deadline_ns = 0;
    return v->kernel_timer_port ?
        xen_emu_accel()->get_timer(v->cs, deadline_ns) : 0;
}

void xen_timer_kernel_started(XenVcpu *v)
{
    if (xen_emu_accel()->set_timer) {
        xen_emu_accel()->set_timer(v->cs, 0, 0);
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    CPUState *cs;

    vm_running = running;
    if (running) {
        return;
    }
    CPU_FOREACH(cs) {
        XenVcpu *v = xen_vcpu_get(cs->cpu_index);

        if (v && v->kernel_timer_port) {
            qatomic_set(&v->timer_stays, true);
        }
    }
    xen_timer_kernel_take_back_all();
}

void xen_timer_kernel_init(void)
{
    if (xen_emu_accel()->set_timer) {
        /* Before KVM's clock is read, which then stands still. */
        qemu_add_vm_change_state_handler_prio(vm_state_changed, NULL, INT_MAX);
    }
}
