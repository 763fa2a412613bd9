/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PV twins of the machine's emulated disks and NICs: see twins.h */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "hw/core/boards.h"
#include "hw/i386/pc.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/core/qdev-properties.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/xen.h"
#include "hw/xen/pv/twin.h"
#include "net/net.h"
#include "system/system.h"
#include "hw/xen/xen-bus.h"
#include "emulated.h"
#include "trace.h"
#include "twins.h"

/* Sectors that 28 bits of an IDE address can count. */
#define LBA28_MAX   ((1u << 28) - 1)

static bool enabled;
/* The user has set it. */
static bool chosen;
/* The machine is complete. */
static bool ready;
/* PV devices have come or gone since. */
static bool changed;

static void no_twin(DeviceState *dev, Error *err)
{
    g_autofree char *place = xen_emulated_place(dev);

    warn_reportf_err(err, "the emulated device at %s has no PV twin: ", place);
}

/* ----------------------------------------------------------------- disks -- */

/*
 * In place of IDE's own callback, which is private to it: a hidden disk gets its
 * size when it comes back, and a disk that the guest has not identified yet,
 * then.  Identify data are the guest's settings as well, and stay.
 */
static void ide_resized(void *opaque)
{
    IDEState *s = xen_emulated_disk_state(opaque);
    uint64_t sectors;

    if (!s->blk) {
        return;
    }
    blk_get_geometry(s->blk, &sectors);
    s->nb_sectors = sectors;
    if (s->identify_set) {
        stl_le_p(s->identify_data + 2 * 60, MIN(sectors, LBA28_MAX));
        stq_le_p(s->identify_data + 2 * 100, sectors);
    }
}

static const BlockDevOps ide_ops = {
    .resize_cb = ide_resized,
};

static DeviceState *new_disk(IDEDevice *disk, uint32_t number, Error **errp)
{
    XenTwinDisk twin = {
        .blk = disk->conf.blk,
        .conf = &disk->conf,
        .ops = &ide_ops,
        .opaque = disk,
        .number = number,
    };

    return xen_twin_new_disk(DEVICE(disk), &twin, errp);
}

static unsigned unit_of(IDEDevice *disk)
{
    IDEBus *bus = IDE_BUS(qdev_get_parent_bus(DEVICE(disk)));

    return bus->bus_id * bus->max_units + (disk == bus->slave);
}

static int add_disk(DeviceState *dev, void *disks)
{
    IDEDevice *disk = xen_emulated_disk(dev);

    if (disk) {
        g_ptr_array_add(disks, disk);
    }
    return 0;
}

static int by_unit(gconstpointer a, gconstpointer b)
{
    return (int)unit_of(*(IDEDevice **)a) - (int)unit_of(*(IDEDevice **)b);
}

/* Of a controller, in the order of their units. */
static GPtrArray *find_disks(PCIDevice *controller)
{
    GPtrArray *disks = g_ptr_array_new();

    qdev_walk_children(DEVICE(controller), NULL, NULL, add_disk, NULL, disks);
    g_ptr_array_sort(disks, by_unit);
    return disks;
}

static void new_disks(PCIDevice *controller)
{
    g_autoptr(GPtrArray) disks = find_disks(controller);

    for (unsigned i = 0; i < disks->len; i++) {
        IDEDevice *disk = g_ptr_array_index(disks, i);
        Error *err = NULL;

        if (!xen_twin_of(DEVICE(disk)) &&
            !new_disk(disk, unit_of(disk), &err)) {
            no_twin(DEVICE(disk), err);
        }
    }
}

/* ------------------------------------------------------------------ NICs -- */

typedef struct Search {
    const MACAddr *mac;         /* of the device's configuration */
    NICState *nic;
} Search;

static void look_for_nic(NICState *nic, void *opaque)
{
    Search *s = opaque;

    if (&nic->conf->macaddr == s->mac) {
        s->nic = nic;
    }
}

/* All NICs have the property "mac", a field of theirs. */
static NICState *find_nic(PCIDevice *pci)
{
    ObjectProperty *prop = object_property_find(OBJECT(pci), "mac");
    Search s = { };

    if (prop) {
        s.mac = object_field_prop_ptr(OBJECT(pci), prop->opaque);
        qemu_foreach_nic(look_for_nic, &s);
    }
    return s.nic;
}

static void new_nic(PCIDevice *pci)
{
    NICState *nic = find_nic(pci);
    Error *err = NULL;

    if (nic && !xen_twin_of(DEVICE(pci)) &&
        !xen_twin_new_nic(DEVICE(pci), nic, XEN_TWIN_NIC_ANY, &err)) {
        no_twin(DEVICE(pci), err);
    }
}

void xen_twins_device_hidden(DeviceState *emulated)
{
    DeviceState *twin = xen_twin_of(emulated);

    if (twin && !xen_emulated_disk(emulated)) {
        xen_twin_nic_take(twin);
    }
}

void xen_twins_device_restored(DeviceState *emulated)
{
    DeviceState *twin = xen_twin_of(emulated);

    if (twin && !xen_emulated_disk(emulated)) {
        xen_twin_nic_give_back(twin);
    }
}

/* ---------------------------------------------------------------- machine -- */

static void new_twins(PCIBus *bus, PCIDevice *pci, void *opaque)
{
    switch (xen_emulated_kind(pci)) {
    case XEN_EMULATED_DISKS:
        new_disks(pci);
        break;
    case XEN_EMULATED_NIC:
        new_nic(pci);
        break;
    default:
        break;
    }
}

static void new_twins_on_bus(PCIBus *bus, void *opaque)
{
    pci_for_each_device_under_bus(bus, new_twins, opaque);
}

static void machine_done(Notifier *notifier, void *data)
{
    ready = true;
    pci_for_each_bus(PC_MACHINE(current_machine)->pcibus, new_twins_on_bus,
                     NULL);
    changed = false;
}

bool xen_twins_have_changed(void)
{
    return changed;
}

static void add_twin(DeviceState *emulated, GPtrArray *devices)
{
    if (xen_twin_of(emulated)) {
        g_ptr_array_add(devices, emulated);
    }
}

static void find_twins(PCIBus *bus, PCIDevice *pci, void *devices)
{
    if (xen_emulated_kind(pci) == XEN_EMULATED_DISKS) {
        g_autoptr(GPtrArray) disks = find_disks(pci);

        for (unsigned i = 0; i < disks->len; i++) {
            add_twin(g_ptr_array_index(disks, i), devices);
        }
    } else {
        add_twin(DEVICE(pci), devices);
    }
}

static void find_twins_on_bus(PCIBus *bus, void *devices)
{
    pci_for_each_device_under_bus(bus, find_twins, devices);
}

GPtrArray *xen_twins_find(void)
{
    GPtrArray *devices = g_ptr_array_new();

    pci_for_each_bus(PC_MACHINE(current_machine)->pcibus, find_twins_on_bus,
                     devices);
    return devices;
}

uint32_t xen_twins_number(DeviceState *emulated)
{
    DeviceState *twin = xen_twin_of(emulated);

    return xen_emulated_disk(emulated) ? xen_twin_disk_number(twin) :
                                         xen_twin_nic_number(twin);
}

DeviceState *xen_twins_make_again(DeviceState *emulated, int64_t number,
                                  Error **errp)
{
    IDEDevice *disk = xen_emulated_disk(emulated);
    NICState *nic;

    if (disk) {
        return new_disk(disk, number == XEN_TWINS_ANY ? unit_of(disk) : number,
                        errp);
    }
    nic = find_nic(PCI_DEVICE(emulated));
    assert(nic);
    return xen_twin_new_nic(emulated, nic,
                            number == XEN_TWINS_ANY ? XEN_TWIN_NIC_ANY : number,
                            errp);
}

static void note_change(DeviceState *dev)
{
    if (object_dynamic_cast(OBJECT(dev), TYPE_XEN_DEVICE)) {
        changed = true;
    }
}

static void device_realized(DeviceListener *listener, DeviceState *dev)
{
    PCIDevice *pci = (PCIDevice *)object_dynamic_cast(OBJECT(dev),
                                                      TYPE_PCI_DEVICE);

    if (ready && pci) {
        new_twins(pci_get_bus(pci), pci, NULL);
    }
    note_change(dev);
}

/* A NIC's twin is gone by now. */
static void device_unrealized(DeviceListener *listener, DeviceState *dev)
{
    DeviceState *twin = xen_twin_of(dev);

    if (twin) {
        object_unparent(OBJECT(twin));
    }
    note_change(dev);
}

void xen_twins_init(void)
{
    static DeviceListener listener = {
        .realize = device_realized,
        .unrealize = device_unrealized,
    };
    static Notifier done = { .notify = machine_done };

    static bool listening;

    if (enabled && !listening) {
        device_listener_register(&listener);
        qemu_add_machine_init_done_notifier(&done);
        listening = true;
    }
}

/* --------------------------------------------------------------- property -- */

static bool get_twins(Object *obj, Error **errp)
{
    return enabled;
}

static void check_xen(Notifier *notifier, void *data)
{
    if (enabled && xen_mode != XEN_EMULATE) {
        error_report("xen-pv-twins=on has no effect without xen-version");
        error_printf(XEN_EMU_HINT);
        exit(1);
    }
}

static void set_twins(Object *obj, bool value, Error **errp)
{
    static Notifier done = { .notify = check_xen };
    static bool checking;

    enabled = value;
    chosen = true;
    if (!checking) {
        qemu_add_machine_init_done_notifier(&done);
        checking = true;
    }
}

bool xen_twins_enabled(void)
{
    return enabled;
}

void xen_twins_set_default(bool on)
{
    if (!chosen) {
        enabled = on;
    }
}

static void add_property(void)
{
    ObjectClass *oc = object_class_by_name(TYPE_PC_MACHINE);

    object_class_property_add_bool(oc, "xen-pv-twins", get_twins, set_twins);
    object_class_property_set_description(oc, "xen-pv-twins",
        "Give each emulated disk and NIC a PV twin");
}

/* Classes can have no property before all types are registered. */
migration_init(add_property);
