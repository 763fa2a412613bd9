/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * system_powerdown by control/shutdown, as Xen's toolstack asks a guest
 *
 * The ACPI power button is the machine's way, and QEMU presses it.  A guest that
 * has not enabled that button would never hear of it; if it says that it takes
 * requests by xenstore, it is asked there.
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
#include "system/runstate.h"
#include "trace.h"

/*
 * From the first request on.  Not persistent: a guest that starts after a reset
 * must not find a request that was for the one before.
 */
static XenstoreConn *conn;

/* NULL where the machine has no ACPI. */
static const ACPIREGS *acpi_registers(void)
{
    Object *obj = object_resolve_path_type("", TYPE_PIIX4_PM, NULL);

    if (obj) {
        return &PIIX4_PM(obj)->ar;
    }
    obj = object_resolve_path_type("", TYPE_ICH9_LPC_DEVICE, NULL);
    return obj ? &ICH9_LPC_DEVICE(obj)->pm.acpi_regs : NULL;
}

static bool has_power_button(void)
{
    const ACPIREGS *regs = acpi_registers();

    return regs && regs->pm1.evt.en & ACPI_BITMASK_POWER_BUTTON_ENABLE;
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

static void powerdown(Notifier *n, void *data)
{
    static const char request[] = "poweroff";
    g_autofree char *path = control("shutdown");
    bool by_store;
    int ret;

    assert(bql_locked());
    QEMU_LOCK_GUARD(&xen_xenstore_mutex);
    if (!conn) {
        conn = xenstore_connect(xen_xenstore, 0, false, NULL, NULL);
    }
    by_store = !has_power_button() && takes_requests();
    trace_xen_emu_powerdown(by_store);
    if (by_store) {
        ret = xenstore_write(conn, 0, path, request, strlen(request));
        /* A valid path of a client without limits. */
        assert(!ret);
    }
}

static Notifier powerdown_notifier = { .notify = powerdown };

void xen_powerdown_init(void)
{
    qemu_register_powerdown_notifier(&powerdown_notifier);
}
