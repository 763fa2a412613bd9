/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PV twins of emulated devices: what disks and NICs have in common */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/xen/xen-bus.h"
#include "hw/xen/pv/twin.h"
#include "bus-internal.h"

#define CHILD "xen-twin"

DeviceState *xen_twin_of(DeviceState *emulated)
{
    return (DeviceState *)object_resolve_path_component(OBJECT(emulated),
                                                        CHILD);
}

void xen_twin_begin_load(DeviceState *twin)
{
    XEN_DEVICE(twin)->life->loading = true;
}

bool xen_twin_realize(DeviceState *twin, DeviceState *emulated, Error **errp)
{
    BusState *bus = (BusState *)object_resolve_path_type("", TYPE_XEN_BUS,
                                                         NULL);

    if (!bus) {
        error_setg(errp, "there is no Xen bus");
        object_unref(OBJECT(twin));
        return false;
    }
    object_property_add_child(OBJECT(emulated), CHILD, OBJECT(twin));
    object_unref(OBJECT(twin));
    if (!qdev_realize(twin, bus, errp)) {
        object_unparent(OBJECT(twin));
        return false;
    }
    return true;
}
