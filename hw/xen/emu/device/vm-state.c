/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handler of VM state changes: stop and resume
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/device/vm-state.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/memory/shared-info.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/vcpu/areas.h"
#include "hw/xen/emu/vcpu/time.h"
#include "hw/xen/emu/vcpu/timer.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "trace.h"

static void accel_vm_state(bool running)
{
    if (xen_emu_accel()->vm_state) {
        xen_emu_accel()->vm_state(running);
    }
}

static void set_timers_running(bool running)
{
    XEN_FOREACH_VCPU(v) {
        xen_vcpu_timer_set_running(v->timer, running);
    }
}

static void stop(void)
{
    xen_timer_offload_stop();
    set_timers_running(false);
    accel_vm_state(false);
    xen_vcpu_pre_save_all();
}

static void resume(RunState state)
{
    if (state == RUN_STATE_SUSPENDED) {
        /* It was loaded like that. */
        xen_emu_set_asleep(true);
    }
    accel_vm_state(true);
    xen_vcpu_run_post_load();
    set_timers_running(true);
    xen_timer_offload_resume();
    xen_emu_notify_resume();
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    if (running) {
        resume(state);
    } else {
        stop();
    }
}

static void set_wallclock(void)
{
    if (xen_shared_info_page.gpa != XEN_GPA_NONE &&
        !XEN_ACCEL_HAS(xen_emu_accel(), SHARED_INFO)) {
        xen_time_write_wallclock(xen_shared_info());
    }
}

static void suspended(Notifier *n, void *data)
{
    xen_emu_set_asleep(true);
}

static Notifier suspend_notifier = { .notify = suspended };

static void woken_up(Notifier *n, void *reason)
{
    trace_xen_emu_woken_up();
    XEN_FOREACH_VCPU(v) {
        xen_vcpu_woken_up(v);
    }
    set_wallclock();
    xen_delivery_withhold();
}

static Notifier wakeup_notifier = { .notify = woken_up };

static bool withheld_needed(void *opaque)
{
    return xen_upcall_is_withheld();
}

/* The section says it all: it is there only while upcalls are withheld. */
static int withheld_post_load(void *opaque, int version_id)
{
    xen_delivery_withhold();
    xen_emu_set_asleep(true);
    return 0;
}

static const VMStateDescription withheld_vmstate = {
    .name = "xen_withheld_upcalls",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = withheld_needed,
    .post_load = withheld_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_END_OF_LIST()
    }
};

void xen_vm_state_init(void)
{
    /*
     * With the highest priority it is called last when the VM resumes, after
     * KVM has set its clock, and first when it stops, before KVM reads it.
     */
    qemu_add_vm_change_state_handler_prio(vm_state_changed, NULL, INT_MAX);
    qemu_register_suspend_notifier(&suspend_notifier);
    qemu_register_wakeup_notifier(&wakeup_notifier);
    vmstate_register(NULL, 0, &withheld_vmstate, NULL);
}
