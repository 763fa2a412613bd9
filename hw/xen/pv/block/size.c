/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV disk's size: see size.h
 */
#include "qemu/osdep.h"
#include "hw/xen/xen-bus-helper.h"
#include "size.h"
#include "trace.h"

/* Whole logical blocks of the medium, in sectors. */
static uint64_t medium_sectors(XenBlockDevice *dev)
{
    uint32_t block = dev->conf.logical_block_size / XEN_BLK_SECTOR_SIZE;
    int64_t bytes = blk_is_inserted(dev->owner.blk) ?
                    blk_getlength(dev->owner.blk) : 0;

    return bytes < 0 ? 0 : bytes / XEN_BLK_SECTOR_SIZE / block * block;
}

void xen_block_read_size(XenBlockDevice *dev)
{
    qatomic_set(&dev->owner.disk.sectors, medium_sectors(dev));
}

void xen_block_read_limits(XenBlockDevice *dev)
{
    BlockBackend *blk = dev->owner.blk;

    /* Without a medium there are no requests. */
    if (blk_bs(blk)) {
        qatomic_set(&dev->owner.max_transfer, blk_get_max_transfer(blk));
        qatomic_set(&dev->owner.max_iov, blk_get_max_iov(blk));
    }
}

void xen_block_publish_new_size(XenBlockDevice *dev)
{
    uint64_t sectors = medium_sectors(dev), known;

    xen_block_read_limits(dev);
    qatomic_set(&dev->owner.disk.sectors, sectors);
    if (xs_node_scanf(dev->xendev.xsh, XBT_NULL, dev->xendev.backend_path,
                      "sectors", NULL, "%" SCNu64, &known) != 1 ||
        known != sectors / dev->owner.disk.unit) {
        xen_block_publish_size(dev);
    }
}

void xen_block_publish_size(XenBlockDevice *dev)
{
    XenDevice *xendev = &dev->xendev;
    uint64_t sectors = medium_sectors(dev);

    trace_xen_vbd_size(xendev->name, sectors);
    xen_block_read_limits(dev);
    qatomic_set(&dev->owner.disk.sectors, sectors);
    xen_device_backend_printf(xendev, "sectors", "%" PRIu64,
                              sectors / dev->owner.disk.unit);
    if (xen_device_backend_get_state(xendev) == XenbusStateConnected) {
        /* What front ends look at again when it is written, even unchanged. */
        xen_device_backend_printf(xendev, "state", "%u",
                                  XenbusStateConnected);
    }
}
