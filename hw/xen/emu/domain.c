/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data of the Xen domain that this machine emulates
 */
#include "qemu/osdep.h"
#include "qemu/aio.h"
#include "qemu/main-loop.h"
#include "hw/xen/emu/domain.h"
#include "system/kvm_xen.h"
#include "system/runstate.h"

XenEmu *xen_emu;

/* By vCPU number. */
static XenVcpu *vcpus[XEN_EMU_MAX_VCPUS];

/* One past the highest number that was ever in use; only grows. */
static unsigned vcpus_end;

XenVcpu *xen_vcpu_get(unsigned id)
{
    return id < XEN_EMU_MAX_VCPUS ? qatomic_rcu_read(&vcpus[id]) : NULL;
}

XenVcpu *xen_vcpu_next(unsigned id)
{
    unsigned end = qatomic_read(&vcpus_end);

    for (; id < end; id++) {
        XenVcpu *v = xen_vcpu_get(id);

        if (v) {
            return v;
        }
    }
    return NULL;
}

void xen_vcpu_set(unsigned id, XenVcpu *v)
{
    assert(bql_locked() && id < XEN_EMU_MAX_VCPUS);
    /* A reader that misses the new end misses the new vCPU, too. */
    qatomic_rcu_set(&vcpus[id], v);
    qatomic_set(&vcpus_end, MAX(vcpus_end, id + 1));
}

static NotifierList reset_notifiers =
    NOTIFIER_LIST_INITIALIZER(reset_notifiers);

void xen_emu_add_reset_notifier(Notifier *n)
{
    notifier_list_add(&reset_notifiers, n);
}

void xen_emu_notify_reset(XenResetPhase phase)
{
    assert(bql_locked());
    if (phase == XEN_RESET_MACHINE) {
        qatomic_set(&xen_emu->was_called, false);
    }
    notifier_list_notify(&reset_notifiers, &phase);
}

static NotifierList resume_notifiers =
    NOTIFIER_LIST_INITIALIZER(resume_notifiers);

void xen_emu_add_resume_notifier(Notifier *n)
{
    notifier_list_add(&resume_notifiers, n);
}

void xen_emu_notify_resume(void)
{
    assert(bql_locked());
    notifier_list_notify(&resume_notifiers, NULL);
}

static NotifierList sleep_notifiers =
    NOTIFIER_LIST_INITIALIZER(sleep_notifiers);

static bool asleep;             /* atomic */

bool xen_emu_is_asleep(void)
{
    return qatomic_read(&asleep);
}

void xen_emu_add_sleep_notifier(Notifier *n)
{
    notifier_list_add(&sleep_notifiers, n);
}

static void notify_sleep(void *opaque)
{
    notifier_list_notify(&sleep_notifiers, NULL);
}

void xen_emu_set_asleep(bool now)
{
    assert(bql_locked());
    if (now == asleep) {
        return;
    }
    qatomic_set(&asleep, now);
    if (!now) {
        /* From a vCPU's thread, in its hypercall. */
        aio_bh_schedule_oneshot(qemu_get_aio_context(), notify_sleep, NULL);
    } else if (runstate_is_running()) {
        /*
         * Else the VM has stopped, and so have back ends.  A state is being loaded, for
         * example, in a coroutine: nothing may drain there.
         */
        notify_sleep(NULL);
    }
}

uint16_t kvm_xen_get_gnttab_max_frames(void)
{
    return xen_emu_config()->gnttab_max_frames;
}

uint16_t kvm_xen_get_evtchn_max_pirq(void)
{
    return xen_emu_config()->evtchn_max_pirq;
}
