/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV bus: what is logged of what a guest does, within limits
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/lockable.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "hw/xen/pv/bus.h"
#include "bus-internal.h"

void xen_pv_report_init(XenDevice *xendev)
{
    struct XenDeviceLife *life = xendev->life;

    qemu_mutex_init(&life->log_lock);
    life->log_lines = XEN_PV_LOG_LINES;
    life->log_refilled = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
}

void xen_pv_report_cleanup(XenDevice *xendev)
{
    qemu_mutex_destroy(&xendev->life->log_lock);
}

/* May one more line be logged?  *@lost: how many were not, before. */
static bool may_log(struct XenDeviceLife *life, unsigned *lost)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    int64_t more;

    QEMU_LOCK_GUARD(&life->log_lock);
    more = (now - life->log_refilled) / XEN_PV_LOG_REFILL_NS;
    if (more > 0) {
        life->log_lines = MIN(life->log_lines + more, XEN_PV_LOG_LINES);
        life->log_refilled += more * XEN_PV_LOG_REFILL_NS;
    }
    if (!life->log_lines) {
        life->log_lost++;
        return false;
    }
    life->log_lines--;
    *lost = life->log_lost;
    life->log_lost = 0;
    return true;
}

static void report(XenDevice *xendev, const char *text)
{
    const char *type = object_get_typename(OBJECT(xendev));
    unsigned lost;

    if (!may_log(xendev->life, &lost)) {
        return;
    }
    if (lost) {
        error_report("%s '%s': %s (%u messages before this one were not "
                     "logged)", type, xendev->name, text, lost);
    } else {
        error_report("%s '%s': %s", type, xendev->name, text);
    }
}

void xen_pv_report_err(XenDevice *xendev, Error *err)
{
    report(xendev, error_get_pretty(err));
    error_free(err);
}

void xen_pv_report(XenDevice *xendev, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    report(xendev, text);
}
