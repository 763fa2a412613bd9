/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NICs that are plugged in or out after an unplug: see nic-hotplug.h */
#include "qemu/osdep.h"
#include "qemu/aio.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "hw/core/boards.h"
#include "hw/core/hotplug.h"
#include "hw/pci/pci_device.h"
#include "hw/core/qdev.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/pv/twin.h"
#include "emulated.h"
#include "nic-hotplug.h"

#define TYPE_XEN_NIC_HOTPLUG "xen-nic-hotplug"

static XenUnplug *unplug;
/* Hidden NICs that go when their twins have gone: DeviceState *. */
static GHashTable *leaving;

static HotplugHandler *handler;
static HotplugHandler *(*parent_get_handler)(MachineState *ms,
                                             DeviceState *dev);

/* -------------------------------------------------------------- device_add -- */

static void hide_new(void *opaque)
{
    DeviceState *dev = opaque;

    if (dev->realized && unplug && xen_twin_of(dev)) {
        xen_unplug_new(unplug, PCI_DEVICE(dev));
    }
    object_unref(OBJECT(dev));
}

static bool is_nic(DeviceState *dev)
{
    PCIDevice *pci = (PCIDevice *)object_dynamic_cast(OBJECT(dev),
                                                      TYPE_PCI_DEVICE);

    return pci && xen_emulated_kind(pci) == XEN_EMULATED_NIC;
}

/*
 * Not in the main context, which every drain polls: no device may be hidden or
 * go in the midst of a reset.
 */
static void do_later(QEMUBHFunc *fn, DeviceState *dev)
{
    object_ref(OBJECT(dev));
    aio_bh_schedule_oneshot(iohandler_get_aio_context(), fn, dev);
}

/* The device is not complete yet, and its bus must see it come first. */
static void device_realized(DeviceListener *listener, DeviceState *dev)
{
    if (dev->hotplugged && is_nic(dev)) {
        do_later(hide_new, dev);
    }
}

/* -------------------------------------------------------------- device_del -- */

static void delete_device(void *opaque)
{
    DeviceState *dev = opaque;
    Error *err = NULL;

    if (dev->realized) {
        hotplug_handler_unplug(qdev_get_bus_hotplug_handler(dev), dev, &err);
        if (err) {
            error_report_err(err);
        } else {
            object_unparent(OBJECT(dev));
        }
    }
    object_unref(OBJECT(dev));
}

static HotplugHandler *get_handler(MachineState *ms, DeviceState *dev)
{
    /* Most are not even realized. */
    if (unplug && xen_unplug_has_hidden(unplug, dev)) {
        return handler;
    }
    return parent_get_handler ? parent_get_handler(ms, dev) : NULL;
}

static void unplug_request(HotplugHandler *plug_handler, DeviceState *dev,
                           Error **errp)
{
    DeviceState *twin = xen_twin_of(dev);
    Error *err = NULL;

    if (!twin) {
        /* The guest has let go of it already. */
        do_later(delete_device, dev);
        return;
    }
    g_hash_table_add(leaving, dev);
    qdev_unplug(twin, &err);
    if (err) {
        /* The twin may go later, by itself; then the NIC stays. */
        g_hash_table_remove(leaving, dev);
        error_propagate(errp, err);
    }
}

/*
 * A device_del from before the unplug: what the guest answers is for a device that it
 * does not find any more, and is ignored.
 */
static void request_again(void *opaque)
{
    DeviceState *dev = opaque;
    Error *err = NULL;

    if (dev->realized && unplug && xen_unplug_has_hidden(unplug, dev)) {
        unplug_request(handler, dev, &err);
        if (err) {
            error_report_err(err);
        }
    }
    object_unref(OBJECT(dev));
}

void xen_nic_hotplug_hidden(void)
{
    for (unsigned i = 0; unplug->hidden && i < unplug->hidden->len; i++) {
        DeviceState *dev = g_ptr_array_index(unplug->hidden, i);

        if (dev->pending_deleted_event && !g_hash_table_contains(leaving, dev)) {
            dev->pending_deleted_event = false;
            do_later(request_again, dev);
        }
    }
}

static void device_unrealized(DeviceListener *listener, DeviceState *dev)
{
    DeviceState *parent = (DeviceState *)
        object_dynamic_cast(OBJECT(dev)->parent, TYPE_DEVICE);

    g_hash_table_remove(leaving, dev);
    if (unplug) {
        xen_unplug_forget(unplug, dev);
    }
    if (parent && g_hash_table_remove(leaving, parent)) {
        /* The twin is about to leave its parent. */
        do_later(delete_device, parent);
    }
}

/* --------------------------------------------------------------- migration -- */

bool xen_nic_hotplug_is_leaving(void)
{
    return leaving && g_hash_table_size(leaving);
}

char *xen_nic_hotplug_save(void)
{
    GString *places = g_string_new(NULL);
    GHashTableIter iter;
    gpointer dev;

    g_hash_table_iter_init(&iter, leaving);
    while (g_hash_table_iter_next(&iter, &dev, NULL)) {
        g_autofree char *place = xen_emulated_place(dev);

        g_string_append_printf(places, "%s\n", place);
    }
    return g_string_free(places, false);
}

void xen_nic_hotplug_forget(void)
{
    g_hash_table_remove_all(leaving);
}

static DeviceState *find_hidden_nic(const char *place)
{
    for (unsigned i = 0; unplug->hidden && i < unplug->hidden->len; i++) {
        DeviceState *dev = g_ptr_array_index(unplug->hidden, i);
        g_autofree char *other = dev->realized ? xen_emulated_place(dev) : NULL;

        if (!g_strcmp0(place, other) && is_nic(dev) && xen_twin_of(dev)) {
            return dev;
        }
    }
    return NULL;
}

bool xen_nic_hotplug_load(const char *places, Error **errp)
{
    g_auto(GStrv) lines = g_strsplit(places, "\n", 0);

    for (char **line = lines; *line; line++) {
        DeviceState *dev = **line ? find_hidden_nic(*line) : NULL;

        if (dev) {
            g_hash_table_add(leaving, dev);
        } else if (**line) {
            error_setg(errp, "the guest was asked to let go of the NIC at %s, "
                       "which this machine does not have", *line);
            return false;
        }
    }
    return true;
}

static void class_init(ObjectClass *oc, XenClassData *data)
{
    HOTPLUG_HANDLER_CLASS(oc)->unplug_request = unplug_request;
}

static const TypeInfo types[] = {
    {
        .name = TYPE_XEN_NIC_HOTPLUG,
        .parent = TYPE_OBJECT,
        .class_init = class_init,
        .interfaces = (InterfaceInfo[]) { { TYPE_HOTPLUG_HANDLER }, { } },
    },
};

DEFINE_TYPES(types)

void xen_nic_hotplug_init(XenUnplug *new)
{
    static DeviceListener listener = {
        .realize = device_realized,
        .unrealize = device_unrealized,
    };
    MachineClass *mc = MACHINE_GET_CLASS(current_machine);

    unplug = new;
    if (new && !handler) {
        leaving = g_hash_table_new(NULL, NULL);
        handler = HOTPLUG_HANDLER(object_new(TYPE_XEN_NIC_HOTPLUG));
        parent_get_handler = mc->get_hotplug_handler;
        mc->get_hotplug_handler = get_handler;
        device_listener_register(&listener);
    }
}
