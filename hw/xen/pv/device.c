/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV bus: the type of all devices
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "hw/core/qdev-properties.h"
#include "hw/xen/xen.h"
#include "system/system.h"
#include "bus-internal.h"
#include "trace.h"

/*
 * At QEMU's end xenstore ends too, so nodes may stay; but threads that work for
 * the guest must not see what they use go away.
 */
static void device_exit(Notifier *n, void *data)
{
    XenDevice *xendev = container_of(n, XenDevice, exit);

    xen_pv_disconnect(xendev);
}

static void device_unrealize(DeviceState *dev)
{
    XenDevice *xendev = XEN_DEVICE(dev);
    XenDeviceClass *xdc = XEN_DEVICE_GET_CLASS(xendev);

    if (!xendev->name) {
        return;
    }
    trace_xen_pv_unrealize(object_get_typename(OBJECT(xendev)), xendev->name);
    if (xendev->exit.notify) {
        qemu_remove_exit_notifier(&xendev->exit);
        xendev->exit.notify = NULL;
    }
    if (xendev->life->realized) {
        xen_pv_disconnect(xendev);
    }
    xen_pv_migration_end(xendev);
    xen_pv_life_end(xendev);
    if (xdc->unrealize) {
        xdc->unrealize(xendev);
    }
    xen_pv_channels_unbind(xendev);
    if (xendev->xsh) {
        xen_pv_nodes_unwatch(xendev);
        xen_pv_nodes_destroy(xendev);
        qemu_xen_xs_close(xendev->xsh);
        xendev->xsh = NULL;
    }
    if (xendev->xgth) {
        qemu_xen_gnttab_close(xendev->xgth);
        xendev->xgth = NULL;
    }
    g_clear_pointer(&xendev->name, g_free);
}

static bool choose_name(XenDevice *xendev, Error **errp)
{
    if (xendev->frontend_id == DOMID_INVALID) {
        xendev->frontend_id = xen_domid;
    }
    if (xendev->frontend_id != xen_domid) {
        error_setg(errp, "frontend-id=%u: the only guest is domain %u",
                   xendev->frontend_id, xen_domid);
        return false;
    }
    xendev->name = XEN_DEVICE_GET_CLASS(xendev)->get_name(xendev, errp);
    return xendev->name;
}

static bool open_handles(XenDevice *xendev, Error **errp)
{
    xendev->xsh = qemu_xen_xs_open();
    xendev->xgth = qemu_xen_gnttab_open();
    if (!xendev->xsh || !xendev->xgth) {
        error_setg(errp, "no Xen to be a back end of");
        return false;
    }
    return true;
}

static bool realize_class(XenDevice *xendev, Error **errp)
{
    ERRP_GUARD();
    XenDeviceClass *xdc = XEN_DEVICE_GET_CLASS(xendev);

    if (xdc->realize) {
        xendev->life->recording = true;
        xdc->realize(xendev, errp);
        xendev->life->recording = false;
    }
    return !*errp;
}

static void frontend_written(void *opaque, const char *path)
{
    xen_pv_frontend_changed(opaque);
}

static void backend_written(void *opaque, const char *path)
{
    xen_pv_backend_changed(opaque);
}

static void device_realize(DeviceState *dev, Error **errp)
{
    XenDevice *xendev = XEN_DEVICE(dev);

    if (!choose_name(xendev, errp)) {
        return;
    }
    trace_xen_pv_realize(object_get_typename(OBJECT(xendev)), xendev->name);
    /*
     * The watches come before the class: a front end that is there already
     * (the primary console's) is looked at when they fire for the first time.
     */
    if (!open_handles(xendev, errp) ||
        !xen_pv_nodes_set_paths(xendev, errp) ||
        !xen_pv_nodes_create(xendev, errp) ||
        !xen_pv_nodes_watch(xendev, frontend_written, backend_written, errp) ||
        !realize_class(xendev, errp)) {
        device_unrealize(dev);
        return;
    }
    xen_pv_life_begin(xendev);
    xen_pv_migration_begin(xendev);
    xendev->exit.notify = device_exit;
    qemu_add_exit_notifier(&xendev->exit);
}

static void device_init(Object *obj)
{
    XenDevice *xendev = XEN_DEVICE(obj);

    xendev->life = g_new0(struct XenDeviceLife, 1);
    xendev->life->xendev = xendev;
    xendev->life->backend_nodes = g_hash_table_new_full(g_str_hash, g_str_equal,
                                                        g_free, g_free);
    xendev->life->frontend_nodes = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, g_free);
    xendev->life->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                               g_free);
    xen_pv_report_init(xendev);
}

static void device_finalize(Object *obj)
{
    XenDevice *xendev = XEN_DEVICE(obj);

    xen_pv_report_cleanup(xendev);
    g_hash_table_unref(xendev->life->backend_nodes);
    g_hash_table_unref(xendev->life->frontend_nodes);
    g_hash_table_unref(xendev->life->told);
    g_free(xendev->life);
}

static const Property device_properties[] = {
    DEFINE_PROP_UINT16("frontend-id", XenDevice, frontend_id, DOMID_INVALID),
};

static void device_class_init(ObjectClass *oc, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->bus_type = TYPE_XEN_BUS;
    dc->realize = device_realize;
    dc->unrealize = device_unrealize;
    device_class_set_props(dc, device_properties);
    object_class_property_set_description(oc, "frontend-id",
        "Domain of the guest; only the default is valid");
    RESETTABLE_CLASS(oc)->phases.enter = xen_pv_reset_enter;
}

static const TypeInfo device_types[] = {
    {
        .name = TYPE_XEN_DEVICE,
        .parent = TYPE_DEVICE,
        .abstract = true,
        .instance_size = sizeof(XenDevice),
        .instance_init = device_init,
        .instance_finalize = device_finalize,
        .class_size = sizeof(XenDeviceClass),
        .class_init = device_class_init,
    },
};
DEFINE_TYPES(device_types)
