/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * system_powerdown by control/shutdown, as Xen's toolstack asks a guest
 *
 * The ACPI power button is the machine's way, and QEMU presses it.  A guest that
 * has not enabled that button would never hear of it; if it says that it takes
 * requests by xenstore, it is asked there.
 *
 * After S3 the button is enabled even if nothing handles it: ACPICA, the ACPI code
 * of Linux and other systems, always does that when it wakes up.  At the first press
 * it notices, and disables it again; then, too, the guest is asked by xenstore.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/notify.h"
#include "hw/acpi/acpi.h"
#include "hw/acpi/piix4.h"
#include "hw/southbridge/ich9.h"
#include "hw/xen/emu/device/powerdown.h"
#include "hw/xen/emu/xenstore/instance.h"
#include "qom/object.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "trace.h"

/*
 * From the first request on.  Not persistent: a guest that starts after a reset
 * must not find a request that was for the one before.
 */
static XenstoreConn *conn;

/*
 * The button was pressed, and what the guest does next with its registers will
 * tell whether it has a handler for it.
 */
static enum {
    NOT_PRESSED,
    PRESSED,
    ACKNOWLEDGED,               /* the status is cleared */
} press;

static acpi_update_sci_fn parent_update_sci;

/* NULL where the machine has no ACPI. */
static ACPIREGS *acpi_registers(void)
{
    Object *obj = object_resolve_path_type("", TYPE_PIIX4_PM, NULL);

    if (obj) {
        return &PIIX4_PM(obj)->ar;
    }
    obj = object_resolve_path_type("", TYPE_ICH9_LPC_DEVICE, NULL);
    return obj ? &ICH9_LPC_DEVICE(obj)->pm.acpi_regs : NULL;
}

static bool has_power_button(const ACPIREGS *regs)
{
    return regs->pm1.evt.en & ACPI_BITMASK_POWER_BUTTON_ENABLE;
}

static char *control(const char *node)
{
    return g_strdup_printf("%s/control/%s", xenstore_guest_home(xen_xenstore),
                           node);
}

/* The guest owns the node, so its value may be anything. */
static bool takes_requests(void)
{
    g_autofree char *path = control("feature-poweroff");
    g_autoptr(GBytes) value = NULL;

    return !xenstore_read(conn, 0, path, &value) &&
           g_bytes_get_size(value) == 1 &&
           *(const char *)g_bytes_get_data(value, NULL) == '1';
}

/* True if the guest was asked by control/shutdown. */
static bool ask_by_store(void)
{
    static const char request[] = "poweroff";
    g_autofree char *path = control("shutdown");
    int ret;

    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    if (!conn) {
        conn = xenstore_connect(xen_xenstore, 0, false, NULL, NULL);
    }
    if (!takes_requests()) {
        return false;
    }
    ret = xenstore_write(conn, 0, path, request, strlen(request));
    /* A valid path of a client without limits. */
    assert(!ret);
    return true;
}

/*
 * The guest has written PM1 status or enable.  ACPICA answers an event without a
 * handler by clearing its status and, with the next write, disabling it; with a
 * handler the button stays enabled.  In between lies no migration to speak of, so
 * the state is not saved: the user would have to ask again.
 */
static void pm1_written(ACPIREGS *regs)
{
    parent_update_sci(regs);
    if (press == NOT_PRESSED) {
        return;
    }
    if (!has_power_button(regs)) {
        press = NOT_PRESSED;
        trace_xen_emu_powerdown(ask_by_store());
    } else if (press == ACKNOWLEDGED) {
        press = NOT_PRESSED;
    } else if (!(regs->pm1.evt.sts & ACPI_BITMASK_POWER_BUTTON_STATUS)) {
        press = ACKNOWLEDGED;
    }
}

static void powerdown(Notifier *n, void *data)
{
    ACPIREGS *regs = acpi_registers();

    assert(bql_locked());
    if (!regs || !has_power_button(regs)) {
        trace_xen_emu_powerdown(ask_by_store());
        return;
    }
    trace_xen_emu_powerdown(false);
    if (regs->pm1.evt.update_sci != pm1_written) {
        parent_update_sci = regs->pm1.evt.update_sci;
        regs->pm1.evt.update_sci = pm1_written;
    }
    press = PRESSED;
}

/* Also at a wake-up from S3: the registers forget the press. */
static void reset(void *opaque)
{
    press = NOT_PRESSED;
}

static Notifier powerdown_notifier = { .notify = powerdown };

void xen_powerdown_init(void)
{
    qemu_register_powerdown_notifier(&powerdown_notifier);
    qemu_register_reset(reset, NULL);
}
