/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-console: the device, and what it does at changes of the front end
 */
#include "qemu/osdep.h"
#include "console.h"
#include "hw/i386/kvm/xen_primary_console.h"
#include "hw/core/qdev-properties.h"
#include "hw/core/qdev-properties-system.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/xen-bus-helper.h"
#include "qapi/error.h"
#include "trace.h"

/* -------------------------------------------------------------- front end */

/* What the front end offers; false: not yet, or not a number. */
static bool read_offer(XenConsole *con, Error **errp)
{
    XenDevice *xendev = XEN_DEVICE(con);
    unsigned ring_ref, port;

    if (!con->idx) {
        con->port = xen_primary_console_get_port();
        return true;
    }
    if (xen_device_frontend_scanf(xendev, "ring-ref", "%u", &ring_ref) != 1 ||
        xen_device_frontend_scanf(xendev, "port", "%u", &port) != 1) {
        error_setg(errp, "ring-ref or port is missing");
        return false;
    }
    con->ring_ref = ring_ref;
    con->port = port;
    return true;
}

static void offered(XenConsole *con)
{
    XenDevice *xendev = XEN_DEVICE(con);
    Error *local_err = NULL;

    if (xen_device_backend_get_state(xendev) == XenbusStateClosing) {
        /* The guest has to close, and to begin again. */
        return;
    }
    if (xen_device_backend_get_state(xendev) == XenbusStateConnected &&
        con->connected) {
        return;
    }
    xen_console_disconnect(con);
    if (read_offer(con, &local_err) && xen_console_connect(con, &local_err)) {
        xen_device_backend_set_state(xendev, XenbusStateConnected);
    } else {
        /* Not to the bus, which would log each. */
        xen_console_warn(con, local_err);
        xen_device_backend_set_state(xendev, XenbusStateClosing);
    }
}

static void frontend_changed(XenDevice *xendev, enum xenbus_state state,
                             Error **errp)
{
    XenConsole *con = XEN_CONSOLE(xendev);

    switch (state) {
    case XenbusStateInitialising:
        /* It begins anew without having closed its end. */
        if (con->connected && con->idx) {
            xen_console_disconnect(con);
            xen_device_backend_set_state(xendev, XenbusStateInitWait);
        }
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        offered(con);
        break;
    case XenbusStateClosing:
        xen_device_backend_set_state(xendev, XenbusStateClosing);
        break;
    case XenbusStateUnknown:
    case XenbusStateClosed:
        xen_console_disconnect(con);
        xen_device_backend_set_state(xendev, XenbusStateClosed);
        break;
    default:
        break;
    }
}

/* ---------------------------------------------------------- name and index */

static char *get_frontend_path(XenDevice *xendev, Error **errp)
{
    XenConsole *con = XEN_CONSOLE(xendev);

    if (!con->idx) {
        return g_strdup_printf("/local/domain/%u/console",
                               xendev->frontend_id);
    }
    return g_strdup_printf("/local/domain/%u/device/console/%d",
                           xendev->frontend_id, con->idx);
}

/* Another console has @idx.  Its name is there once it has. */
static bool is_taken(XenConsole *con, int idx)
{
    BusState *bus = qdev_get_parent_bus(DEVICE(con));
    BusChild *child;

    QTAILQ_FOREACH(child, &bus->children, sibling) {
        XenConsole *other = (XenConsole *)
            object_dynamic_cast(OBJECT(child->child), TYPE_XEN_CONSOLE);

        if (other && other != con && XEN_DEVICE(other)->name &&
            other->idx == idx) {
            return true;
        }
    }
    return false;
}

static char *get_name(XenDevice *xendev, Error **errp)
{
    XenConsole *con = XEN_CONSOLE(xendev);

    if (con->idx == -1) {
        /* The primary one is there from the start or not at all. */
        con->idx = DEVICE(con)->hotplugged ? 1 : 0;
        while (is_taken(con, con->idx)) {
            con->idx++;
        }
    } else if (con->idx < 0) {
        error_setg(errp, "idx=%d: a console's index is 0 or more", con->idx);
        return NULL;
    } else if (is_taken(con, con->idx)) {
        error_setg(errp, "idx=%d: there is a console with that index",
                   con->idx);
        return NULL;
    }
    return g_strdup_printf("%d", con->idx);
}

/* ----------------------------------------------------------------- device */

static bool check(XenConsole *con, Error **errp)
{
    if (xen_mode != XEN_EMULATE) {
        error_setg(errp, TYPE_XEN_CONSOLE " is for emulated Xen only");
        return false;
    }
    if (!qemu_chr_fe_backend_connected(&con->chr)) {
        error_setg(errp, "no backing character device: chardev=ID is missing");
        return false;
    }
    if (con->limit > XEN_CONSOLE_LIMIT_MAX) {
        error_setg(errp, "limit=%" PRIu64 " is more than %" PRIu64 " bytes",
                   con->limit, (uint64_t)XEN_CONSOLE_LIMIT_MAX);
        return false;
    }
    if (!con->idx && DEVICE(con)->hotplugged) {
        error_setg(errp, "idx=0: the primary console cannot be added to a "
                   "running guest");
        return false;
    }
    return true;
}

static void console_realize(XenDevice *xendev, Error **errp)
{
    XenConsole *con = XEN_CONSOLE(xendev);

    if (!check(con, errp)) {
        return;
    }
    if (!con->idx) {
        xen_primary_console_create();
        xen_primary_console_set_backend(con);
        error_setg(&con->unplug_blocker, "the primary console (idx=0) cannot be "
                   "removed from a running guest");
        qdev_add_unplug_blocker(DEVICE(con), con->unplug_blocker);
    }
    trace_xen_pv_console_realize(con->idx,
                                 object_get_typename(OBJECT(con->chr.chr)));
    xen_console_publish(con);
    xen_console_start(con);
}

static void console_unrealize(XenDevice *xendev)
{
    XenConsole *con = XEN_CONSOLE(xendev);

    if (con->running) {
        trace_xen_pv_console_unrealize(con->idx);
        xen_console_disconnect(con);
        xen_console_stop(con);
        if (!con->idx) {
            qdev_del_unplug_blocker(DEVICE(con), con->unplug_blocker);
            g_clear_pointer(&con->unplug_blocker, error_free);
            xen_primary_console_set_backend(NULL);
        }
    }
    qemu_chr_fe_deinit(&con->chr, false);
}

static const Property properties[] = {
    DEFINE_PROP_CHR("chardev", XenConsole, chr),
    DEFINE_PROP_INT32("idx", XenConsole, idx, -1),
    DEFINE_PROP_SIZE("limit", XenConsole, limit, XEN_CONSOLE_LIMIT_MAX),
};

static void class_init(ObjectClass *oc, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    XenDeviceClass *xdc = XEN_DEVICE_CLASS(oc);

    xdc->backend = "console";
    xdc->device = "console";
    xdc->get_name = get_name;
    xdc->get_frontend_path = get_frontend_path;
    xdc->realize = console_realize;
    xdc->unrealize = console_unrealize;
    xdc->frontend_changed = frontend_changed;
    dc->vmsd = &xen_console_vmstate;
    dc->desc = "Xen PV console";
    set_bit(DEVICE_CATEGORY_INPUT, dc->categories);
    device_class_set_props(dc, properties);
    object_class_property_set_description(oc, "idx",
        "Number of the console: 0 is hvc0 (default: the first free one)");
    object_class_property_set_description(oc, "limit",
        "Bytes of output to keep while nobody reads; at most 1M, the default");
}

static const TypeInfo console_info = {
    .name = TYPE_XEN_CONSOLE,
    .parent = TYPE_XEN_DEVICE,
    .instance_size = sizeof(XenConsole),
    .class_init = class_init,
};

static void register_types(void)
{
    type_register_static(&console_info);
}

type_init(register_types)
