/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset of the whole Xen domain
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/error-report.h"
#include "qemu/aio.h"
#include "hw/core/cpu.h"
#include "hw/xen/emu/device/reset.h"
#include "hw/xen/emu/device/vcpu.h"
#include "hw/xen/emu/device/vcpu-unplugged.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/offload/delivery.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "hw/i386/kvm/xen_gnttab.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "hw/i386/kvm/xen_xenstore.h"
#include "system/cpus.h"
#include "system/kvm_xen.h"
#include "system/runstate.h"
#include "trace.h"

/*
 * NULL: the guest has not asked for a soft reset, or that has begun.  BQL.
 * The handler was added last, with the highest priority: when the VM stops it is
 * called before that of vm-state.c.
 */
static VMChangeStateEntry *soft_reset_request;

static int reset_domain(void)
{
    int ret;

    /* Ports first: events must not be raised while pages are reset. */
    ret = xen_evtchn_soft_reset();
    if (ret) {
        return ret;
    }
    xen_delivery_release();
    ret = xen_delivery_set_callback(0);
    if (ret) {
        return ret;
    }
    /* Ignore the error: if KVM does not support it, it was not set. */
    xen_runstate_set_update_flag(false);
    XEN_FOREACH_VCPU(v) {
        xen_vcpu_soft_reset(v);
    }
    xen_unplugged_forget_all();
    ret = xen_overlay_clear();
    if (ret) {
        return ret;
    }

    ret = xen_gnttab_reset();
    if (ret) {
        return ret;
    }
    xen_emu_notify_reset(XEN_RESET_RINGS);
    return xen_xenstore_reset();
}

static int reset_with_devices(void)
{
    int ret;

    assert(bql_locked());
    /* Back ends disconnect while all that they use still works. */
    xen_emu_notify_reset(XEN_RESET_BEGIN);
    ret = reset_domain();
    xen_emu_notify_reset(XEN_RESET_END);
    return ret;
}

static int soft_reset(void)
{
    trace_xen_emu_soft_reset();
    return reset_with_devices();
}

/*
 * A vCPU that runs could see, or change, what is half reset: ports that are closed
 * already beside grants that are not, pages under a back end that disconnects.
 */
static void assert_vcpus_are_stopped(void)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        /* Also one that was plugged into a VM that is stopped. */
        assert(cpu_is_stopped(cs));
    }
}

static void forget_request(void)
{
    g_clear_pointer(&soft_reset_request, qemu_del_vm_change_state_handler);
}

static void run_soft_reset(void)
{
    int ret;

    assert_vcpus_are_stopped();
    forget_request();
    ret = soft_reset();
    if (ret) {
        /* As Xen's toolstack does with a domain that it cannot reset. */
        error_report("xen: soft reset failed: %s", strerror(-ret));
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_ERROR);
    }
}

/* A VM that stops is reset before anything is saved. */
static void vm_state_changed(void *opaque, bool running, RunState state)
{
    if (!running) {
        run_soft_reset();
    }
}

static void soft_reset_bh(void *opaque)
{
    /* The VM may have stopped, or been reset, since the request. */
    if (soft_reset_request) {
        pause_all_vcpus();
        run_soft_reset();
        resume_all_vcpus();
    }
}

int xen_emu_request_soft_reset(CPUState *cs)
{
    assert(bql_locked());
    if (!qemu_cpu_is_self(cs)) {
        /* From qtest: no vCPU runs, and the test continues after the reset. */
        return soft_reset();
    }
    trace_xen_emu_soft_reset_requested(cs->cpu_index);
    if (!soft_reset_request) {
        soft_reset_request = qemu_add_vm_change_state_handler_prio(
            vm_state_changed, NULL, INT_MAX);
        /*
         * Not in the main context: something that polls that one, such as the
         * drain of a disk for a monitor command, would reset the domain inside
         * of itself.
         */
        aio_bh_schedule_oneshot(iohandler_get_aio_context(), soft_reset_bh,
                                NULL);
    }
    cpu_stop_current();
    return 0;
}

int xen_emu_machine_reset(void)
{
    assert_vcpus_are_stopped();
    forget_request();
    xen_emu_notify_reset(XEN_RESET_MACHINE);
    return reset_with_devices();
}
