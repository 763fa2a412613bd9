/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PV disk devices: see device.h
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "hw/core/boards.h"
#include "hw/core/qdev-properties.h"
#include "hw/core/qdev-properties-system.h"
#include "hw/xen/interface/io/blkif.h"
#include "system/runstate.h"
#include "hw/xen/pv/bus.h"
#include "hw/xen/pv/twin.h"
#include "connect.h"
#include "device.h"
#include "migration.h"
#include "size.h"
#include "twin.h"
#include "trace.h"

/* ------------------------------------------------------------------ vdev -- */

static void get_vdev(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    XenVdev *vdev = object_field_prop_ptr(obj, opaque);
    g_autofree char *value = vdev->type == XEN_VDEV_NONE ? g_strdup("") :
                             xen_vdev_name(vdev);

    visit_type_str(v, name, &value, errp);
}

static void set_vdev(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    XenVdev *vdev = object_field_prop_ptr(obj, opaque);
    g_autofree char *value = NULL;

    if (!visit_type_str(v, name, &value, errp)) {
        return;
    }
    if (!xen_vdev_parse(vdev, value)) {
        error_setg(errp, "'%s' is not the name of a virtual disk", value);
        error_append_hint(errp, "Valid values are xvda to xvdz, xvdaa and so "
                          "on, hda to hdd, sda to sdp, each with or without the "
                          "number of a partition (xvda1), and dDpP, such as d0p0.\n");
    }
}

static const PropertyInfo vdev_property = {
    .type = "str",
    .description = "Name of the virtual disk: xvda, hda, sda, d0p0 and on "
                   "(default: the first free xvdX)",
    .get = get_vdev,
    .set = set_vdev,
};

/* Another disk of the same front end; @fn says which. */
static XenBlockDevice *find_disk(XenBlockDevice *dev,
                                 bool (*fn)(const XenVdev *other,
                                            uint32_t value), uint32_t value)
{
    BusChild *child;

    QTAILQ_FOREACH(child, &qdev_get_parent_bus(DEVICE(dev))->children,
                   sibling) {
        XenBlockDevice *other = (XenBlockDevice *)
            object_dynamic_cast(OBJECT(child->child), TYPE_XEN_BLOCK_DEVICE);

        if (other && other != dev && other->xendev.name &&
            other->xendev.frontend_id == dev->xendev.frontend_id &&
            fn(&other->vdev, value)) {
            return other;
        }
    }
    return NULL;
}

static bool has_number(const XenVdev *vdev, uint32_t number)
{
    return vdev->number == number;
}

static bool has_disk(const XenVdev *vdev, uint32_t disk)
{
    return vdev->disk == disk;
}

/*
 * The first of xvda and so on of which the guest has no other part and which is
 * not there as hda or sda either.  There are not more disks than numbers.
 */
static void choose_vdev(XenBlockDevice *dev)
{
    uint32_t disk = dev->twin ? dev->twin->number : 0;

    for (uint32_t i = 0; find_disk(dev, has_disk, disk); i++) {
        disk = i;
    }
    xen_vdev_set_xvd(&dev->vdev, disk);
}

static char *get_name(XenDevice *xendev, Error **errp)
{
    XenBlockDevice *dev = XEN_BLOCK_DEVICE(xendev);

    if (dev->vdev.type == XEN_VDEV_NONE) {
        choose_vdev(dev);
    } else {
        XenBlockDevice *other = find_disk(dev, has_number, dev->vdev.number);

        if (other) {
            g_autofree char *name = xen_vdev_short_name(&dev->vdev);
            const char *id = DEVICE(other)->id;

            error_setg(errp, "vdev %s (number %u) is in use by another "
                       "disk%s%s", name, dev->vdev.number,
                       id ? ", id " : "", id ?: "");
            return NULL;
        }
    }
    return g_strdup_printf("%u", dev->vdev.number);
}

/* ------------------------------------------------------- block back end -- */

static void change_medium(void *opaque, bool load, Error **errp)
{
    xen_block_resized(opaque);
}

static void drained_begin(void *opaque)
{
    XenBlockDevice *dev = opaque;

    qatomic_inc(&dev->owner.drained);
}

static void drained_end(void *opaque)
{
    XenBlockDevice *dev = opaque;

    /* The node below may be another one since. */
    xen_block_read_limits(dev);
    qatomic_dec(&dev->owner.drained);
    xen_block_kick(dev);
}

static const BlockDevOps disk_ops = {
    .resize_cb = xen_block_resized,
    .drained_begin = drained_begin,
    .drained_end = drained_end,
};

/* No tray: a guest cannot know of one. */
static const BlockDevOps cdrom_ops = {
    .change_media_cb = change_medium,
    .resize_cb = xen_block_resized,
    .drained_begin = drained_begin,
    .drained_end = drained_end,
};

/* The callbacks are those of two devices. */
static void twin_resized(void *opaque)
{
    XenBlockDevice *dev = opaque;

    dev->twin->ops->resize_cb(dev->twin->opaque);
    xen_block_resized(dev);
}

static const BlockDevOps twin_ops = {
    .resize_cb = twin_resized,
    .drained_begin = drained_begin,
    .drained_end = drained_end,
};

static void set_running(XenBlockDevice *dev, bool running)
{
    qatomic_set(&dev->owner.paused, !running);
    if (running) {
        qatomic_inc(&dev->owner.resumes);
        xen_block_kick(dev);
        return;
    }
    /* Before QEMU drains: what is taken later would be in flight after it. */
    for (unsigned i = 0; dev->link == XEN_BLOCK_UP &&
                         i < dev->owner.nr_queues; i++) {
        xen_blk_queue_sync(dev->queue[i]);
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    set_running(opaque, xen_pv_may_run(running, state));
}

/* The guest suspends, or has woken up. */
static void sleep_changed(Notifier *n, void *data)
{
    XenBlockDevice *dev = container_of(n, XenBlockDevice, sleep);

    set_running(dev, xen_pv_may_run_now());
    if (xen_emu_is_asleep()) {
        /* What is in flight would be read into RAM that firmware uses. */
        blk_drain(dev->owner.blk);
    }
}

/* --------------------------------------------------------------- realize -- */

static bool apply_properties(XenBlockDevice *dev, Error **errp)
{
    if (dev->max_ring_page_order > XEN_BLK_MAX_RING_ORDER) {
        error_setg(errp, "max-ring-page-order must be at most %u",
                   XEN_BLK_MAX_RING_ORDER);
        return false;
    }
    if (dev->num_queues > XEN_BLOCK_MAX_QUEUES) {
        error_setg(errp, "num-queues must be at most %u",
                   XEN_BLOCK_MAX_QUEUES);
        return false;
    }
    if (!dev->num_queues) {
        dev->num_queues = MIN(current_machine->smp.max_cpus,
                              XEN_BLOCK_MAX_AUTO_QUEUES);
    }
    return xen_pv_threads_init(&dev->threads, dev->iothread,
                               dev->iothread_vq_mapping, dev->num_queues,
                               errp);
}

/* A CD-ROM without a "drive" has an empty one. */
static bool get_blk(XenBlockDevice *dev, bool cdrom, Error **errp)
{
    BlockBackend *blk;

    if (dev->conf.blk || !cdrom) {
        if (!dev->conf.blk) {
            error_setg(errp, "no drive: drive=ID is missing");
        } else if (!cdrom && !blk_is_inserted(dev->conf.blk)) {
            error_setg(errp, "the drive has no medium, which a xen-disk "
                       "needs");
        } else {
            return true;
        }
        return false;
    }
    blk = blk_new(qemu_get_aio_context(), 0, BLK_PERM_ALL);
    if (blk_attach_dev(blk, DEVICE(dev)) < 0) {
        g_assert_not_reached();
    }
    dev->conf.blk = blk;
    /* The device's reference, which the property "drive" gives up, is left. */
    blk_unref(blk);
    return true;
}

static bool configure_blk(XenBlockDevice *dev, bool cdrom, bool readonly,
                          Error **errp)
{
    BlockConf *conf = &dev->conf;

    if (!blkconf_apply_backend_options(conf, readonly, true, errp) ||
        (!cdrom && !blkconf_geometry(conf, NULL, 65535, 255, 255, errp)) ||
        !blkconf_blocksizes(conf, errp)) {
        return false;
    }
    if (conf->logical_block_size > XEN_BLK_PAGE_SIZE) {
        error_setg(errp, "logical_block_size must be at most %u",
                   XEN_BLK_PAGE_SIZE);
        return false;
    }
    if (conf->discard_granularity == -1) {
        conf->discard_granularity = conf->physical_block_size;
    }
    return true;
}

static void publish_features(XenBlockDevice *dev, unsigned info)
{
    XenDevice *xendev = &dev->xendev;
    const BlockConf *conf = &dev->conf;
    g_autofree char *name = xen_vdev_short_name(&dev->vdev);

    /* GRUB on Xen calls the disk by it: (xen/xvda), else (xenid/51712). */
    xen_device_backend_printf(xendev, "dev", "%s", name);
    /* As libxl has it for QEMU's: without one, OpenBSD takes no disk. */
    xen_device_backend_printf(xendev, "type", "qdisk");
    xen_device_backend_printf(xendev, "feature-flush-cache", "1");
    xen_device_backend_printf(xendev, "feature-barrier", "1");
    xen_device_backend_printf(xendev, "feature-max-indirect-segments", "%u",
                              XEN_BLK_MAX_SEGMENTS);
    xen_device_backend_printf(xendev, "max-ring-page-order", "%u",
                              dev->max_ring_page_order);
    xen_device_backend_printf(xendev, "multi-queue-max-queues", "%u",
                              dev->num_queues);
    if (dev->owner.disk.discard) {
        xen_device_backend_printf(xendev, "feature-discard", "1");
        xen_device_backend_printf(xendev, "discard-granularity", "%u",
                                  conf->discard_granularity);
        xen_device_backend_printf(xendev, "discard-alignment", "0");
    }
    xen_device_backend_printf(xendev, "info", "%u", info);
    xen_device_backend_printf(xendev, "mode", "%s",
                              info & VDISK_READONLY ? "r" : "w");
    xen_device_backend_printf(xendev, "sector-size", "%u",
                              conf->logical_block_size);
    xen_device_backend_printf(xendev, "physical-sector-size", "%u",
                              conf->physical_block_size);
}

static void block_realize(XenDevice *xendev, Error **errp)
{
    XenBlockDevice *dev = XEN_BLOCK_DEVICE(xendev);
    XenBlockDeviceClass *class = XEN_BLOCK_DEVICE_GET_CLASS(dev);
    XenBlkDisk *disk = &dev->owner.disk;
    BlockBackend *blk;
    bool readonly;

    if (!apply_properties(dev, errp) ||
        (!dev->twin && !get_blk(dev, class->cdrom, errp))) {
        return;
    }
    blk = dev->twin ? dev->twin->blk : dev->conf.blk;
    readonly = class->cdrom || !blk_supports_write_perm(blk);
    /* That of a twin is configured as the emulated disk's. */
    if (!dev->twin && !configure_blk(dev, class->cdrom, readonly, errp)) {
        return;
    }
    trace_xen_vbd_realize(object_get_typename(OBJECT(dev)), xendev->name);

    dev->owner.blk = blk;
    disk->block = dev->conf.logical_block_size / XEN_BLK_SECTOR_SIZE;
    disk->unit = 1;
    disk->writable = !readonly;
    disk->discard = !readonly && blk_get_flags(blk) & BDRV_O_UNMAP;
    dev->owner.paused = !xen_pv_may_run_now();
    xen_block_connect_init(dev);
    xen_pv_set_rules(xendev, xen_block_rules(class->cdrom));

    publish_features(dev, (readonly ? VDISK_READONLY : 0) |
                     (class->cdrom ? VDISK_CDROM : 0));
    xen_device_frontend_printf(xendev, "virtual-device", "%u",
                               dev->vdev.number);
    xen_device_frontend_printf(xendev, "device-type", "%s",
                               class->device_type);
    xen_block_publish_size(dev);

    blk_iostatus_enable(blk);
    blk_set_dev_ops(blk, dev->twin ? &twin_ops :
                         class->cdrom ? &cdrom_ops : &disk_ops, dev);
    dev->vm_state = xen_add_vm_state_handler(DEVICE(dev), vm_state_changed, dev);
    dev->sleep.notify = sleep_changed;
    xen_emu_add_sleep_notifier(&dev->sleep);
}

static void block_unrealize(XenDevice *xendev)
{
    XenBlockDevice *dev = XEN_BLOCK_DEVICE(xendev);

    if (dev->bh) {
        trace_xen_vbd_unrealize(object_get_typename(OBJECT(dev)),
                                xendev->name);
        qemu_del_vm_change_state_handler(dev->vm_state);
        notifier_remove(&dev->sleep);
        xen_block_connect_exit(dev);
        if (dev->twin) {
            blk_set_dev_ops(dev->owner.blk, dev->twin->ops, dev->twin->opaque);
        } else {
            blk_set_dev_ops(dev->owner.blk, NULL, NULL);
        }
    }
    xen_pv_threads_cleanup(&dev->threads);
}

static void block_finalize(Object *obj)
{
    xen_block_free_twin(XEN_BLOCK_DEVICE(obj));
}

/* ------------------------------------------------------------------ life -- */

static void block_disconnect(XenDevice *xendev)
{
    XenBlockDevice *dev = XEN_BLOCK_DEVICE(xendev);

    if (dev->bh) {
        xen_block_disconnect_now(dev);
    }
}

/* A new guest finds a device without errors. */
static void block_reset(XenDevice *xendev)
{
    XenBlockDevice *dev = XEN_BLOCK_DEVICE(xendev);

    xen_block_forget_saved(dev);
    blk_iostatus_reset(dev->owner.blk);
    /* The old one may have counted in larger sectors. */
    dev->owner.disk.unit = 1;
    xen_block_publish_size(dev);
}

/* ----------------------------------------------------------------- types -- */

static const Property block_properties[] = {
    DEFINE_PROP("vdev", XenBlockDevice, vdev, vdev_property, XenVdev),
    DEFINE_BLOCK_PROPERTIES(XenBlockDevice, conf),
    DEFINE_BLOCK_ERROR_PROPERTIES(XenBlockDevice, conf),
    DEFINE_PROP_UINT32("max-ring-page-order", XenBlockDevice,
                       max_ring_page_order, XEN_BLK_MAX_RING_ORDER),
    /* 0: as many as the machine has vCPUs, up to a bound. */
    DEFINE_PROP_UINT16("num-queues", XenBlockDevice, num_queues, 0),
    DEFINE_PROP_LINK("iothread", XenBlockDevice, iothread, TYPE_IOTHREAD,
                     IOThread *),
    DEFINE_PROP_IOTHREAD_VQ_MAPPING_LIST("iothread-vq-mapping", XenBlockDevice,
                                         iothread_vq_mapping),
};

static void block_class_init(ObjectClass *oc, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    XenDeviceClass *xc = XEN_DEVICE_CLASS(oc);

    xc->backend = "qdisk";
    xc->device = "vbd";
    xc->get_name = get_name;
    xc->realize = block_realize;
    xc->frontend_changed = xen_block_frontend_changed;
    xc->unrealize = block_unrealize;
    xc->disconnect = block_disconnect;
    xc->reset = block_reset;
    dc->vmsd = &xen_block_vmstate;
    device_class_set_props(dc, block_properties);
    object_class_property_set_description(oc, "num-queues",
        "Maximum number of queues, 1 to 32; 0 (default): one per vCPU, up to 8");
    object_class_property_set_description(oc, "max-ring-page-order",
        "A ring has up to 2^N pages; N is 0 to 4, the default");
    object_class_property_set_description(oc, "iothread",
        "IOThread that handles the requests");
    set_bit(DEVICE_CATEGORY_STORAGE, dc->categories);
}

static void disk_class_init(ObjectClass *oc, XenClassData *data)
{
    DEVICE_CLASS(oc)->desc = "Xen PV disk";
    XEN_BLOCK_DEVICE_CLASS(oc)->device_type = "disk";
}

static void cdrom_class_init(ObjectClass *oc, XenClassData *data)
{
    DEVICE_CLASS(oc)->desc = "Xen PV CD-ROM";
    XEN_BLOCK_DEVICE_CLASS(oc)->device_type = "cdrom";
    XEN_BLOCK_DEVICE_CLASS(oc)->cdrom = true;
}

static const TypeInfo block_types[] = {
    {
        .name = TYPE_XEN_BLOCK_DEVICE,
        .parent = TYPE_XEN_DEVICE,
        .abstract = true,
        .instance_size = sizeof(XenBlockDevice),
        .instance_finalize = block_finalize,
        .class_size = sizeof(XenBlockDeviceClass),
        .class_init = block_class_init,
    }, {
        .name = TYPE_XEN_DISK_DEVICE,
        .parent = TYPE_XEN_BLOCK_DEVICE,
        .class_init = disk_class_init,
    }, {
        .name = TYPE_XEN_CDROM_DEVICE,
        .parent = TYPE_XEN_BLOCK_DEVICE,
        .class_init = cdrom_class_init,
    },
};

DEFINE_TYPES(block_types)
