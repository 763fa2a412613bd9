/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV bus: the bus, its bridge, hot plug
 *
 * Devices come by -device and device_add and go by device_del.  Nobody but QEMU
 * writes to the back ends' part of its xenstore, so there is no toolstack whose
 * nodes would have to be followed.
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "hw/core/sysbus.h"
#include "hw/xen/xen-legacy-backend.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "bus-internal.h"

#define TYPE_XEN_BRIDGE "xen-bridge"

static void bus_print_dev(Monitor *mon, DeviceState *dev, int indent)
{
    XenDevice *xendev = XEN_DEVICE(dev);

    monitor_printf(mon, "%*sname = '%s' frontend_id = %u backend %s, "
                   "frontend %s\n", indent, "", xendev->name,
                   xendev->frontend_id, xs_strstate(xendev->backend_state),
                   xs_strstate(xendev->frontend_state));
}

static char *bus_get_dev_path(DeviceState *dev)
{
    return g_strdup(XEN_DEVICE(dev)->backend_path);
}

static void bus_realize(BusState *bus, Error **errp)
{
    XenBus *xenbus = XEN_BUS(bus);

    xenbus->xsh = qemu_xen_xs_open();
    if (!xenbus->xsh) {
        error_setg(errp, "no xenstore for " TYPE_XEN_BUS);
        return;
    }
    xen_pv_nodes_init();
    /* QEMU's own domain. */
    xenbus->backend_id = 0;
    xen_be_init();
}

static void bus_unplug_request(HotplugHandler *handler, DeviceState *dev,
                               Error **errp)
{
    xen_pv_unplug(XEN_DEVICE(dev));
}

static void bus_class_init(ObjectClass *oc, XenClassData *data)
{
    BusClass *bc = BUS_CLASS(oc);

    bc->realize = bus_realize;
    bc->print_dev = bus_print_dev;
    bc->get_dev_path = bus_get_dev_path;
    HOTPLUG_HANDLER_CLASS(oc)->unplug_request = bus_unplug_request;
}

static const TypeInfo bus_types[] = {
    {
        .name = TYPE_XEN_BRIDGE,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(SysBusDevice),
    }, {
        .parent = TYPE_BUS,
        .name = TYPE_XEN_BUS,
        .class_init = bus_class_init,
        .class_size = sizeof(XenBusClass),
        .instance_size = sizeof(XenBus),
        .interfaces = (InterfaceInfo[]) { { TYPE_HOTPLUG_HANDLER }, { } },
    },
};
DEFINE_TYPES(bus_types)

void xen_bus_init(void)
{
    DeviceState *bridge = qdev_new(TYPE_XEN_BRIDGE);
    BusState *bus = qbus_new(TYPE_XEN_BUS, bridge, NULL);

    sysbus_realize_and_unref(SYS_BUS_DEVICE(bridge), &error_fatal);
    qbus_set_bus_hotplug_handler(bus);
    qemu_create_nic_bus_devices(bus, TYPE_XEN_DEVICE, "xen-net-device", "xen",
                                "xen-net-device");
}
