/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCHEDOP_watchdog: two timers that a guest must restart before they expire
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "hw/xen/emu/domain.h"
#include "migration/vmstate.h"
#include "system/watchdog.h"
#include "trace.h"
#include "watchdog.h"

#define NR_WATCHDOGS    2

/* BQL. */
static struct {
    bool in_use[NR_WATCHDOGS];
    QEMUTimer *timer[NR_WATCHDOGS];
} dogs;

static void expired(void *opaque)
{
    trace_xen_watchdog_expired((QEMUTimer **)opaque - dogs.timer);
    watchdog_perform_action();
}

static void set_timer(unsigned i, uint32_t timeout_s)
{
    timer_mod(dogs.timer[i], qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
              (int64_t)timeout_s * NANOSECONDS_PER_SECOND);
}

int xen_watchdog_set(uint32_t id, uint32_t timeout_s)
{
    unsigned i;

    if (id > NR_WATCHDOGS) {
        return -EINVAL;
    }
    BQL_LOCK_GUARD();
    trace_xen_watchdog_set(id, timeout_s);

    if (id == 0) {
        for (i = 0; i < NR_WATCHDOGS; i++) {
            if (!dogs.in_use[i]) {
                dogs.in_use[i] = true;
                set_timer(i, timeout_s);
                return i + 1;
            }
        }
        return -ENOSPC;
    }

    i = id - 1;
    if (!dogs.in_use[i]) {
        return -EINVAL;
    }
    if (timeout_s) {
        set_timer(i, timeout_s);
    } else {
        timer_del(dogs.timer[i]);
        dogs.in_use[i] = false;
    }
    return 0;
}

static void reset(Notifier *n, void *phase)
{
    if (*(XenResetPhase *)phase != XEN_RESET_MACHINE) {
        return;
    }
    for (unsigned i = 0; i < NR_WATCHDOGS; i++) {
        timer_del(dogs.timer[i]);
        dogs.in_use[i] = false;
    }
}

/* Without watchdogs the stream is the same as upstream's. */
static bool needed(void *opaque)
{
    return dogs.in_use[0] || dogs.in_use[1];
}

static const VMStateDescription vmstate_xen_watchdog = {
    .name = "xen-watchdog",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = needed,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL_ARRAY(in_use, typeof(dogs), NR_WATCHDOGS),
        VMSTATE_TIMER_PTR_ARRAY(timer, typeof(dogs), NR_WATCHDOGS),
        VMSTATE_END_OF_LIST()
    },
};

static Notifier reset_notifier = { .notify = reset };

void xen_watchdog_init(void)
{
    for (unsigned i = 0; i < NR_WATCHDOGS; i++) {
        dogs.timer[i] = timer_new_ns(QEMU_CLOCK_VIRTUAL, expired,
                                     &dogs.timer[i]);
    }
    xen_emu_add_reset_notifier(&reset_notifier);
    vmstate_register(NULL, 0, &vmstate_xen_watchdog, &dogs);
}
