/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_sched_op: yield, block, poll, shutdown
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "hw/xen/emu/device/reset.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/vcpu/timer-calc.h"
#include "system/cpus.h"
#include "system/kvm_xen.h"
#include "system/runstate.h"
#include "system/runstate-action.h"
#include "system/watchdog.h"
#include "cpu.h"
#include "compat.h"
#include "internal.h"
#include "trace.h"
#include "watchdog.h"

#include "hw/xen/interface/sched.h"

QEMU_BUILD_BUG_ON(sizeof(sched_shutdown_t) != 4);
QEMU_BUILD_BUG_ON(sizeof(sched_remote_shutdown_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(sched_watchdog_t) != 8);

/*
 * While event delivery is offloaded, the kernel handles polls too.  A poll that
 * comes here was inside a multicall, and QEMU will not be notified of the
 * event.  So it ends after this time, and the guest polls again.
 */
#define UNNOTIFIED_POLL_NS (10 * SCALE_MS)

/*
 * Halts the vCPU until one of @ports or an upcall is pending, or until Xen's
 * system time is @timeout_ns (0: no timeout; negative: it has passed).  The call
 * may also return 0 spuriously, so the guest has to check for itself.
 */
static int wait_for_events(XenHypercall *hc, const uint32_t *ports,
                            unsigned nr_ports, uint64_t timeout_ns)
{
    const XenAccelOps *accel = xen_emu_accel();
    unsigned vcpu = hc->cs->cpu_index;
    int64_t wait_ns = -1;
    int ret;

    /* An interrupt, or a reset, may have ended the last poll. */
    xen_evtchn_poll_end(xen_emu_evtchn(), vcpu);
    ret = xen_evtchn_poll_begin(xen_emu_evtchn(), vcpu, ports, nr_ports);
    if (ret < 0) {
        return ret;
    }
    if (ret == 0) {
        if (timeout_ns) {
            uint64_t now = xen_emu_system_time();

            wait_ns = xen_timer_is_due(timeout_ns, now) ? 0 : timeout_ns - now;
        }
        if (nr_ports && xen_emu_delivery_is_offloaded() &&
            (wait_ns < 0 || wait_ns > UNNOTIFIED_POLL_NS)) {
            wait_ns = UNNOTIFIED_POLL_NS;
        }
        if (accel->cpu.halt && wait_ns) {
            accel->cpu.halt(xen_vcpu_get(vcpu), wait_ns);
            return 0;
        }
        g_thread_yield();
    }
    xen_evtchn_poll_end(xen_emu_evtchn(), vcpu);
    return 0;
}

static int poll_ports(XenHypercall *hc, uint64_t gva)
{
    uint32_t ports[XEN_EVTCHN_MAX_POLL];
    sched_poll_t op;
    int ret;

    if (XEN_GET_ARG(hc, &op, gva, &xen_arg_sched_poll)) {
        return -EFAULT;
    }
    if (op.nr_ports > XEN_EVTCHN_MAX_POLL) {
        return -EINVAL;
    }
    if (xen_copy_from_guest(hc, ports, (uintptr_t)op.ports.p,
                            op.nr_ports * sizeof(*ports))) {
        return -EFAULT;
    }
    ret = wait_for_events(hc, ports, op.nr_ports, op.timeout);
    trace_xen_poll(hc->cs->cpu_index, op.nr_ports, op.timeout, ret);
    return ret;
}

/*
 * With "panic=none" the guest goes on, and may crash again and again.  A monitor keeps
 * the events that its client does not read, without a bound, so there is one a second.
 */
#define CRASH_INTERVAL_MS   1000

/* BQL. */
static void crash(void)
{
    static int64_t next_ms;
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    if (panic_action == PANIC_ACTION_NONE && now < next_ms) {
        return;
    }
    next_ms = now + CRASH_INTERVAL_MS;
    qemu_system_guest_panicked(NULL);
}

/*
 * On Xen all vCPUs stop immediately, and the call does not return.  QEMU's main
 * loop stops them a little later.  The current vCPU stops here, because the
 * guest would take a return for a failure.
 */
static int shut_down(CPUState *cs, uint32_t reason)
{
    BQL_LOCK_GUARD();
    trace_xen_shutdown(reason);

    switch (reason) {
    case SHUTDOWN_reboot:
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case SHUTDOWN_suspend:
        /*
         * The user may save the VM, and then resumes it.  Migration keeps all
         * that the guest would have to set up again after a suspend on Xen, so
         * the call returns 1, which means that the suspend was cancelled.
         */
        qemu_system_vmstop_request_prepare();
        qemu_system_vmstop_request(RUN_STATE_PAUSED);
        cpu_stop_current();
        return 1;
    case SHUTDOWN_crash:
        crash();
        return 0;
    case SHUTDOWN_watchdog:
        watchdog_perform_action();
        break;
    case SHUTDOWN_soft_reset:
        /* Then the guest continues, and starts a new kernel. */
        return xen_emu_request_soft_reset(cs);
    default:
        /* Xen accepts any reason; its toolstack destroys the domain. */
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        break;
    }
    cpu_stop_current();
    return 0;
}

static int shutdown_op(XenHypercall *hc, uint64_t gva)
{
    sched_shutdown_t op;

    return XEN_GET(hc, &op, gva) ? -EFAULT : shut_down(hc->cs,
                                                      (uint8_t)op.reason);
}

static int remote_shutdown(XenHypercall *hc, uint64_t gva)
{
    sched_remote_shutdown_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    /* For toolstacks, which refer to domains by number only. */
    return op.domain_id == xen_domid || op.domain_id == DOMID_QEMU ?
           -EPERM : -ESRCH;
}

static int watchdog_op(XenHypercall *hc, uint64_t gva)
{
    sched_watchdog_t op;

    return XEN_GET(hc, &op, gva) ? -EFAULT : xen_watchdog_set(op.id,
                                                              op.timeout);
}

int64_t xen_hcall_sched_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    uint64_t gva = hc->arg[1];

    switch (cmd) {
    case SCHEDOP_yield:
        g_thread_yield();
        return 0;
    case SCHEDOP_block:
        return wait_for_events(hc, NULL, 0, 0);
    case SCHEDOP_shutdown:
        return shutdown_op(hc, gva);
    case SCHEDOP_poll:
        return poll_ports(hc, gva);
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(hc, gva);
    case SCHEDOP_watchdog:
        return watchdog_op(hc, gva);
    case SCHEDOP_pin_override:
        return -EPERM;
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
