/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The platform device: unplug protocol, log port, and an INTx for upcalls
 *
 * Guests find it by its PCI ids, and then talk to it by I/O ports.  All of them
 * can also use the fixed ports from 0x10, long before they enumerate PCI:
 *
 *   port  size  read                        write
 *   0x10  8     flags                       flags; bit 0: video ROM is read-only
 *   0x10  16    0x49d2: the protocol exists unplug: XEN_UNPLUG_*
 *   0x10  32                                build number of the PV drivers
 *   0x12  8     1: protocol version         a character for the log
 *   0x12  16                                product number of the PV drivers
 *
 * BAR 0 has the flags at 0 and, at 4 and 8, the unplug requests of old SUSE
 * kernels.  BAR 1 is a range of 16 MiB in which guests place pages of their own
 * choice, such as grant tables.
 *
 * Sources of the ABI: Xen's docs/misc/hvm-emulated-unplug.pandoc, and the names,
 * ids and migration stream of QEMU's own device.  BQL.
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pci_ids.h"
#include "hw/core/resettable.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/xen.h"
#include "migration/vmstate.h"
#include "firmware-segment.h"
#include "nic-hotplug.h"
#include "platform.h"
#include "platform-slot.h"
#include "trace.h"
#include "twin-numbers.h"
#include "twins.h"
#include "unplug.h"

OBJECT_DECLARE_SIMPLE_TYPE(XenPlatform, XEN_PLATFORM)

#define FIXED_BASE      0x10
#define FIXED_SIZE      16
#define PORTS_SIZE      0x100
#define PAGES_SIZE      (16 * MiB)

#define MAGIC           0x49d2
#define VERSION         1
#define FLAG_ROM_LOCK   1

/* A line of the guest's log that is longer is traced in parts. */
#define LOG_LINE        256

/* A stream may name as much of hidden devices: some 1,000 of them. */
#define PLACES_MAX      (64 * KiB)

struct XenPlatform {
    PCIDevice parent_obj;

    MemoryRegion fixed, ports, pages;
    uint8_t flags;
    char log[LOG_LINE + 1];
    unsigned log_length;
    XenUnplug unplug;

    /* Only while a stream is saved or loaded. */
    uint8_t *places;
    uint32_t places_size;
};

static void log_character(XenPlatform *s, char c)
{
    if (c != '\n') {
        s->log[s->log_length++] = c;
    }
    if (s->log_length && (c == '\n' || s->log_length == LOG_LINE)) {
        s->log[s->log_length] = '\0';
        trace_xen_platform_guest_log(s->log);
        s->log_length = 0;
    }
}

static void unplug(XenPlatform *s, unsigned mask)
{
    xen_unplug(&s->unplug, pci_get_bus(PCI_DEVICE(s)), mask);
    xen_nic_hotplug_hidden();
}

/* --------------------------------------------------------- fixed ports -- */

static uint64_t fixed_read(void *opaque, hwaddr addr, unsigned size)
{
    XenPlatform *s = opaque;

    if (size == 2 && addr == 0) {
        return MAGIC;
    }
    if (size == 1 && addr == 0) {
        return s->flags;
    }
    if (size == 1 && addr == 2) {
        return VERSION;
    }
    return UINT64_MAX;
}

static void fixed_write(void *opaque, hwaddr addr, uint64_t value,
                        unsigned size)
{
    XenPlatform *s = opaque;

    if (size == 1 && addr == 0) {
        s->flags = value & FLAG_ROM_LOCK;
    } else if (size == 1 && addr == 2) {
        log_character(s, value);
    } else if (size == 2 && addr == 0) {
        unplug(s, value);
    } else if (size == 2 && addr == 2) {
        trace_xen_platform_product(value);
    } else if (size == 4 && addr == 0) {
        trace_xen_platform_build(value);
    }
}

static const MemoryRegionOps fixed_ops = {
    .read = fixed_read,
    .write = fixed_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.unaligned = true,
    .impl = { .min_access_size = 1, .max_access_size = 4, .unaligned = true },
};

/* ----------------------------------------------------------------- BARs -- */

static uint64_t ports_read(void *opaque, hwaddr addr, unsigned size)
{
    XenPlatform *s = opaque;

    return addr == 0 ? s->flags : UINT64_MAX;
}

static void ports_write(void *opaque, hwaddr addr, uint64_t value,
                        unsigned size)
{
    XenPlatform *s = opaque;

    switch (addr) {
    case 0:
        s->flags = value & FLAG_ROM_LOCK;
        break;
    case 4:
        if (value == 1) {
            unplug(s, XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS);
        }
        break;
    case 8:
        if (value == 1) {
            unplug(s, XEN_UNPLUG_DISKS);
        } else if (value == 2) {
            unplug(s, XEN_UNPLUG_NICS);
        } else {
            log_character(s, value);
        }
        break;
    }
}

static const MemoryRegionOps ports_ops = {
    .read = ports_read,
    .write = ports_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static uint64_t pages_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void pages_write(void *opaque, hwaddr addr, uint64_t value,
                        unsigned size)
{
}

static const MemoryRegionOps pages_ops = {
    .read = pages_read,
    .write = pages_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

/* ------------------------------------------------------------ migration -- */

static bool has_hidden(void *opaque)
{
    XenPlatform *s = opaque;

    return s->unplug.hidden;
}

static int hidden_pre_save(void *opaque)
{
    XenPlatform *s = opaque;

    s->places = (uint8_t *)xen_unplug_save(&s->unplug);
    s->places_size = strlen((char *)s->places);
    return 0;
}

static void forget_places(void *opaque)
{
    XenPlatform *s = opaque;

    g_clear_pointer(&s->places, g_free);
}

XEN_POST_SAVE(places_post_save, forget_places)

/* What was loaded, to be freed. */
static char *take_places(XenPlatform *s)
{
    /* Of no bytes there is no buffer. */
    char *places = g_strndup((char *)s->places ?: "", s->places_size);

    g_clear_pointer(&s->places, g_free);
    return places;
}

static int refuse_places(Error *err)
{
    error_prepend(&err, TYPE_XEN_PLATFORM ": ");
    error_report_err(err);
    return -EINVAL;
}

static int hidden_post_load(void *opaque, int version_id)
{
    XenPlatform *s = opaque;
    g_autofree char *places = take_places(s);
    Error *err = NULL;

    if (!xen_unplug_load(&s->unplug, pci_get_bus(PCI_DEVICE(s)), places,
                         &err)) {
        return refuse_places(err);
    }
    return 0;
}

static bool places_fit(void *opaque, int version_id)
{
    XenPlatform *s = opaque;

    return s->places_size <= PLACES_MAX;
}

static const VMStateField places_fields[] = {
    VMSTATE_UINT32(places_size, XenPlatform),
    VMSTATE_VALIDATE("names of hidden devices too long", places_fit),
    VMSTATE_VBUFFER_ALLOC_UINT32(places, XenPlatform, 0, NULL, places_size),
    VMSTATE_END_OF_LIST()
};

static const VMStateDescription vmstate_hidden = {
    .name = "platform/hidden",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = has_hidden,
    .pre_save = hidden_pre_save,
    .post_save = places_post_save,
    .post_load = hidden_post_load,
    .fields = places_fields,
};

/* NICs that go when the guest has let go of their twins: nic-hotplug.h. */
static bool has_leaving(void *opaque)
{
    return xen_nic_hotplug_is_leaving();
}

static int leaving_pre_save(void *opaque)
{
    XenPlatform *s = opaque;

    s->places = (uint8_t *)xen_nic_hotplug_save();
    s->places_size = strlen((char *)s->places);
    return 0;
}

static int leaving_post_load(void *opaque, int version_id)
{
    g_autofree char *places = take_places(opaque);
    Error *err = NULL;

    return xen_nic_hotplug_load(places, &err) ? 0 : refuse_places(err);
}

static const VMStateDescription vmstate_leaving = {
    .name = "platform/leaving",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = has_leaving,
    .pre_save = leaving_pre_save,
    .post_save = places_post_save,
    .post_load = leaving_post_load,
    .fields = places_fields,
};

static bool has_asked(void *opaque)
{
    XenPlatform *s = opaque;

    return s->unplug.asked;
}

static int asked_post_load(void *opaque, int version_id)
{
    XenPlatform *s = opaque;

    s->unplug.asked &= XEN_UNPLUG_ALL;
    return 0;
}

static const VMStateDescription vmstate_asked = {
    .name = "platform/asked",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = has_asked,
    .post_load = asked_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(unplug.asked, XenPlatform),
        VMSTATE_END_OF_LIST()
    },
};

static int platform_post_load(void *opaque, int version_id)
{
    XenPlatform *s = opaque;

    s->flags &= FLAG_ROM_LOCK;
    return 0;
}

static const VMStateDescription vmstate_platform = {
    .name = "platform",
    .version_id = 4,
    .minimum_version_id = 4,
    .post_load = platform_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj, XenPlatform),
        VMSTATE_UINT8(flags, XenPlatform),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &vmstate_hidden,
        &vmstate_asked,
        &vmstate_leaving,
        NULL
    },
};

/* ---------------------------------------------------------------- device -- */

static ResettablePhases parent_phases;

/*
 * All devices pass this phase before the reset of one takes effect, so that the
 * controllers' own reset finds their disks.  After S3 they stay hidden.
 */
static void platform_reset_enter(Object *obj, ResetType type)
{
    XenPlatform *s = XEN_PLATFORM(obj);

    if (parent_phases.enter) {
        parent_phases.enter(obj, type);
    }
    if (type != RESET_TYPE_WAKEUP) {
        xen_unplug_restore(&s->unplug);
    }
    if (type == RESET_TYPE_SNAPSHOT_LOAD) {
        xen_nic_hotplug_forget();
    }
    s->flags = 0;
    s->log_length = 0;
}

/* The reset of PCIe slots powers the devices in them on. */
static void platform_reset_exit(Object *obj, ResetType type)
{
    XenPlatform *s = XEN_PLATFORM(obj);

    if (parent_phases.exit) {
        parent_phases.exit(obj, type);
    }
    xen_unplug_renew(&s->unplug);
}

static void platform_realize(PCIDevice *dev, Error **errp)
{
    ERRP_GUARD();
    XenPlatform *s = XEN_PLATFORM(dev);
    bool another;

    if (xen_mode != XEN_EMULATE) {
        error_setg(errp, TYPE_XEN_PLATFORM " requires a Xen guest");
        error_append_hint(errp, XEN_EMU_HINT);
        return;
    }
    /* The fixed ports are one device's. */
    object_resolve_path_type("", TYPE_XEN_PLATFORM, &another);
    if (another) {
        error_setg(errp, "the machine has a " TYPE_XEN_PLATFORM " already");
        return;
    }
    pci_set_word(dev->config + PCI_COMMAND,
                 PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    pci_config_set_interrupt_pin(dev->config, 1);

    memory_region_init_io(&s->ports, OBJECT(s), &ports_ops, s, "xen-pci",
                          PORTS_SIZE);
    pci_register_bar(dev, 0, PCI_BASE_ADDRESS_SPACE_IO, &s->ports);
    memory_region_init_io(&s->pages, OBJECT(s), &pages_ops, s, "xen-mmio",
                          PAGES_SIZE);
    pci_register_bar(dev, 1, PCI_BASE_ADDRESS_MEM_PREFETCH, &s->pages);
    memory_region_init_io(&s->fixed, OBJECT(s), &fixed_ops, s, "xen-fixed",
                          FIXED_SIZE);
    memory_region_add_subregion(pci_address_space_io(dev), FIXED_BASE,
                                &s->fixed);
    xen_platform_make_room();
    xen_twins_init();
    xen_twin_numbers_init();
    xen_firmware_segment_init();
    xen_nic_hotplug_init(&s->unplug);
}

static void platform_exit(PCIDevice *dev)
{
    XenPlatform *s = XEN_PLATFORM(dev);

    memory_region_del_subregion(pci_address_space_io(dev), &s->fixed);
    xen_nic_hotplug_init(NULL);
    xen_unplug_restore(&s->unplug);
}

static void platform_class_init(ObjectClass *klass, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

    k->class_id = PCI_CLASS_OTHERS << 8 | 0x80;
    k->revision = 1;
    k->device_id = k->subsystem_id = PCI_DEVICE_ID_XEN_PLATFORM;
    k->vendor_id = k->subsystem_vendor_id = PCI_VENDOR_ID_XEN;
    k->realize = platform_realize;
    k->exit = platform_exit;
    dc->desc = "Xen platform device";
    dc->vmsd = &vmstate_platform;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    resettable_class_set_parent_phases(RESETTABLE_CLASS(klass),
                                       platform_reset_enter, NULL,
                                       platform_reset_exit, &parent_phases);
}

static const TypeInfo platform_type = {
    .name = TYPE_XEN_PLATFORM,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(XenPlatform),
    .class_init = platform_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_CONVENTIONAL_PCI_DEVICE },
        { },
    },
};

static void platform_register(void)
{
    type_register_static(&platform_type);
}

type_init(platform_register)
