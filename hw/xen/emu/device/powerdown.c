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
#include "hw/xen/xen.h"
#include "hw/xen/xen_backend_ops.h"
#include "qom/object.h"
#include "system/runstate.h"
#include "trace.h"

/* From the first request on. */
static struct qemu_xs_handle *store;

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

/* The guest owns the node, so its value may be anything. */
static bool takes_requests(void)
{
    g_autofree char *path = g_strdup_printf(
        "/local/domain/%u/control/feature-poweroff", xen_domid);
    unsigned len;
    char *value = qemu_xen_xs_read(store, XBT_NULL, path, &len);
    bool takes = value && len == 1 && value[0] == '1';

    free(value);
    return takes;
}

static void powerdown(Notifier *n, void *data)
{
    static const char request[] = "poweroff";
    g_autofree char *path = NULL;
    bool by_store;

    assert(bql_locked());
    if (!store) {
        store = qemu_xen_xs_open();
    }
    by_store = store && !has_power_button() && takes_requests();
    trace_xen_emu_powerdown(by_store);
    if (by_store) {
        path = g_strdup_printf("/local/domain/%u/control/shutdown", xen_domid);
        qemu_xen_xs_write(store, XBT_NULL, path, request, strlen(request));
    }
}

static Notifier powerdown_notifier = { .notify = powerdown };

void xen_powerdown_init(void)
{
    qemu_register_powerdown_notifier(&powerdown_notifier);
}
