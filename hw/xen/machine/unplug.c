/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unplug of emulated disks and NICs. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "system/block-backend.h"
#include "hw/xen/pv/twin.h"
#include "emulated.h"
#include "trace.h"
#include "twins.h"
#include "unplug.h"

/* ------------------------------------------------------------- one device -- */

static bool is_hidden(DeviceState *dev)
{
    IDEDevice *disk = xen_emulated_disk(dev);

    return disk ? !xen_emulated_disk_state(disk)->blk : !PCI_DEVICE(dev)->enabled;
}

/*
 * A request that has failed, with "werror=stop", is tried again when the user lets
 * the VM continue.  A hidden disk cannot, and a reset of the controller has ended it.
 */
static void drop_retry(IDEBus *bus)
{
    bus->error_status = 0;
}

static void hide_device(DeviceState *dev)
{
    IDEDevice *disk = xen_emulated_disk(dev);

    if (disk) {
        IDEState *s = xen_emulated_disk_state(disk);

        /* Without identify data, a change of size is nothing to the bus. */
        s->blk = NULL;
        s->identify_set = 0;
        drop_retry(s->bus);
    } else {
        /*
         * Without the flag, the guest could power the device on by the control
         * register of its PCIe slot.
         */
        PCI_DEVICE(dev)->partially_hotplugged = true;
        pci_set_enabled(PCI_DEVICE(dev), false);
        xen_twins_device_hidden(dev);
    }
}

static void restore_device(DeviceState *dev)
{
    IDEDevice *disk = xen_emulated_disk(dev);

    if (!dev->realized) {
        /* Deleted in the meantime. */
        return;
    }
    if (disk) {
        IDEState *s = xen_emulated_disk_state(disk);
        uint64_t sectors;

        s->blk = disk->conf.blk;
        blk_get_geometry(s->blk, &sectors);
        s->nb_sectors = sectors;
    } else {
        xen_twins_device_restored(dev);
        /* Without pci_set_enabled(), whose reset must not nest in another. */
        PCI_DEVICE(dev)->partially_hotplugged = false;
        PCI_DEVICE(dev)->enabled = true;
    }
}

static void add_hidden(XenUnplug *u, DeviceState *dev)
{
    g_autofree char *place = xen_emulated_place(dev);

    trace_xen_unplug_hide(place, dev->id ?: "");
    if (!u->hidden) {
        u->hidden = g_ptr_array_new_with_free_func(object_unref);
    }
    g_ptr_array_add(u->hidden, object_ref(OBJECT(dev)));
    hide_device(dev);
}

/*
 * The guest has a PV device in its place.  Without twins, that is for the user to
 * see to, as on Xen; with them, a device that has none is all that the guest has.
 */
static bool is_replaced(DeviceState *dev)
{
    return !xen_twins_enabled() || xen_twin_of(dev);
}

/* ------------------------------------------------- the guest's request -- */

typedef struct Request {
    XenUnplug *unplug;
    unsigned mask;
    bool disk_hidden;           /* on the controller at hand */
} Request;

static int unplug_disk(DeviceState *dev, void *opaque)
{
    IDEDevice *disk = xen_emulated_disk(dev);
    Request *r = opaque;
    IDEState *s;

    if (!disk || is_hidden(dev) || !is_replaced(dev)) {
        return 0;
    }
    s = xen_emulated_disk_state(disk);
    if (!(r->mask & XEN_UNPLUG_DISKS) && s == &s->bus->ifs[0] &&
        g_str_equal(BUS(s->bus)->name, "ide.0")) {
        /* The primary master is not auxiliary. */
        return 0;
    }
    blk_drain(s->blk);
    blk_flush(s->blk);
    add_hidden(r->unplug, dev);
    r->disk_hidden = true;
    return 0;
}

static void reset_controller(PCIDevice *d)
{
    BusState *bus;

    pci_device_reset(d);
    QLIST_FOREACH(bus, &DEVICE(d)->child_bus, sibling) {
        if (object_dynamic_cast(OBJECT(bus), TYPE_IDE_BUS)) {
            drop_retry(IDE_BUS(bus));
        }
    }
}

static void unplug_function(PCIBus *bus, PCIDevice *d, void *opaque)
{
    static const unsigned needed[] = {
        [XEN_EMULATED_SCSI] = XEN_UNPLUG_DISKS,
        [XEN_EMULATED_NVME] = XEN_UNPLUG_NVME,
        [XEN_EMULATED_NIC] = XEN_UNPLUG_NICS,
    };
    XenEmulatedKind kind = xen_emulated_kind(d);
    Request *r = opaque;

    if (!d->enabled) {
        return;
    }
    if (kind != XEN_EMULATED_DISKS) {
        if (r->mask & needed[kind] && is_replaced(DEVICE(d))) {
            add_hidden(r->unplug, DEVICE(d));
        }
    } else if (r->mask & (XEN_UNPLUG_DISKS | XEN_UNPLUG_AUX_DISKS)) {
        r->disk_hidden = false;
        qdev_walk_children(DEVICE(d), NULL, NULL, unplug_disk, NULL, r);
        if (r->disk_hidden) {
            reset_controller(d);
        }
    }
}

static void unplug_bus(PCIBus *bus, void *opaque)
{
    pci_for_each_device_under_bus(bus, unplug_function, opaque);
}

void xen_unplug(XenUnplug *u, PCIBus *root, unsigned mask)
{
    Request r = { .unplug = u, .mask = mask };

    u->asked |= mask & XEN_UNPLUG_ALL;
    pci_for_each_bus(root, unplug_bus, &r);
}

void xen_unplug_new(XenUnplug *u, PCIDevice *d)
{
    Request r = { .unplug = u, .mask = u->asked };

    unplug_function(pci_get_bus(d), d, &r);
}

void xen_unplug_forget(XenUnplug *u, DeviceState *dev)
{
    if (u->hidden && g_ptr_array_remove(u->hidden, dev) && !u->hidden->len) {
        g_clear_pointer(&u->hidden, g_ptr_array_unref);
    }
}

bool xen_unplug_has_hidden(const XenUnplug *u, DeviceState *dev)
{
    return u->hidden && g_ptr_array_find(u->hidden, dev, NULL);
}

/* ------------------------------------------------------- reset, S3 -- */

void xen_unplug_restore(XenUnplug *u)
{
    for (unsigned i = 0; u->hidden && i < u->hidden->len; i++) {
        DeviceState *dev = g_ptr_array_index(u->hidden, i);

        trace_xen_unplug_restore(dev->id ?: "");
        restore_device(dev);
    }
    g_clear_pointer(&u->hidden, g_ptr_array_unref);
    u->asked = 0;
}

void xen_unplug_renew(XenUnplug *u)
{
    for (unsigned i = 0; u->hidden && i < u->hidden->len; i++) {
        DeviceState *dev = g_ptr_array_index(u->hidden, i);

        if (dev->realized) {
            hide_device(dev);
        }
    }
}

/* --------------------------------------------------------- migration -- */

char *xen_unplug_save(const XenUnplug *u)
{
    GString *places = g_string_new(NULL);

    for (unsigned i = 0; u->hidden && i < u->hidden->len; i++) {
        DeviceState *dev = g_ptr_array_index(u->hidden, i);

        if (dev->realized) {
            g_autofree char *place = xen_emulated_place(dev);

            g_string_append_printf(places, "%s\n", place);
        }
    }
    return g_string_free(places, false);
}

/* Place -> DeviceState *, for all devices that can be hidden. */
static int index_disk(DeviceState *dev, void *opaque)
{
    if (xen_emulated_disk(dev)) {
        g_hash_table_insert(opaque, xen_emulated_place(dev), dev);
    }
    return 0;
}

static void index_function(PCIBus *bus, PCIDevice *d, void *opaque)
{
    XenEmulatedKind kind = xen_emulated_kind(d);

    if (kind == XEN_EMULATED_DISKS) {
        qdev_walk_children(DEVICE(d), NULL, NULL, index_disk, NULL, opaque);
    } else if (kind != XEN_EMULATED_NONE) {
        g_hash_table_insert(opaque, xen_emulated_place(DEVICE(d)), d);
    }
}

static void index_bus(PCIBus *bus, void *opaque)
{
    pci_for_each_device_under_bus(bus, index_function, opaque);
}

bool xen_unplug_load(XenUnplug *u, PCIBus *root, const char *places,
                     Error **errp)
{
    g_autoptr(GHashTable) index = g_hash_table_new_full(g_str_hash, g_str_equal,
                                                        g_free, NULL);
    g_auto(GStrv) lines = g_strsplit(places, "\n", 0);

    pci_for_each_bus(root, index_bus, index);
    for (char **line = lines; *line; line++) {
        if (**line && !g_hash_table_contains(index, *line)) {
            error_setg(errp, "the guest has unplugged the emulated device at "
                       "%s, which this machine does not have", *line);
            return false;
        }
    }
    for (char **line = lines; *line; line++) {
        DeviceState *dev = **line ? g_hash_table_lookup(index, *line) : NULL;

        if (dev && !is_hidden(dev)) {
            add_hidden(u, dev);
        }
    }
    return true;
}
