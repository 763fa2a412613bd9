/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PV disk that is the twin of an emulated one */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/xen/pv/twin.h"
#include "../bus-internal.h"
#include "twin.h"

DeviceState *xen_twin_new_disk(DeviceState *emulated, const XenTwinDisk *disk,
                               Error **errp)
{
    DeviceState *twin;
    XenBlockDevice *dev;

    if (disk->number >= XEN_VDEV_MAX_DISKS) {
        error_setg(errp, "there is no virtual disk %" PRIu32, disk->number);
        return NULL;
    }
    twin = qdev_new(TYPE_XEN_DISK_DEVICE);
    dev = XEN_BLOCK_DEVICE(twin);
    dev->twin = g_memdup2(disk, sizeof(*disk));
    blk_ref(disk->blk);
    dev->conf = *disk->conf;
    /* As the property "drive", which would detach it at the end. */
    dev->conf.blk = NULL;
    return xen_twin_realize(twin, emulated, errp) ? twin : NULL;
}

uint32_t xen_twin_disk_number(DeviceState *twin)
{
    return XEN_BLOCK_DEVICE(twin)->vdev.disk;
}

void xen_block_free_twin(XenBlockDevice *dev)
{
    if (dev->twin) {
        blk_unref(dev->twin->blk);
        g_clear_pointer(&dev->twin, g_free);
    }
}
