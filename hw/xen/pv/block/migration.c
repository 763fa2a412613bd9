/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV disk in a migration stream: see migration.h
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "hw/xen/emu/qemu-compat.h"
#include "connect.h"
#include "device.h"
#include "migration.h"
#include "trace.h"

/* All places of all rings. */
#define MAX_SAVED   (XEN_BLOCK_MAX_QUEUES * 512)

static const XenPvRule rules[] = {
    { "sectors", XEN_PV_AT_LEAST, "the size in sectors" },
    { "sector-size", XEN_PV_SAME, "logical_block_size" },
    { "mode", XEN_PV_SAME, "the access mode (r, read-only, or w)" },
    { "device-type", XEN_PV_SAME, "the type" },
    { "multi-queue-max-queues", XEN_PV_AT_LEAST, "num-queues" },
    { "max-ring-page-order", XEN_PV_AT_LEAST, "max-ring-page-order" },
    { "feature-discard", XEN_PV_AT_LEAST, "discard" },
    { "feature-max-indirect-segments", XEN_PV_AT_LEAST,
      "the number of segments in a request" },
    { }
};

/* A medium may be changed, so a CD-ROM's size may. */
const XenPvRule *xen_block_rules(bool cdrom)
{
    return cdrom ? &rules[1] : rules;
}

/* -------------------------------------------------------------------- save */

typedef struct Collect {
    GArray *saved;
    uint16_t queue;
} Collect;

static void collect(const XenBlkRequest *req, bool held, void *opaque)
{
    Collect *c = opaque;
    XenBlockSaved saved;

    /*
     * Not by an initializer: with -ftrivial-auto-var-init gcc 12 clears more of
     * it than the padding.
     */
    saved.queue = c->queue;
    saved.held = held;
    saved.req = *req;
    g_array_append_val(c->saved, saved);
}

static int block_pre_save(void *opaque)
{
    XenBlockDevice *dev = opaque;
    Collect c = { };

    if (dev->loaded) {
        /* The VM has not run since: the guest is still owed what it was. */
        return 0;
    }
    xen_block_forget_saved(dev);
    c.saved = g_array_new(false, false, sizeof(XenBlockSaved));
    dev->saved_sectors = qatomic_read(&dev->owner.disk.sectors);
    dev->saved_up = dev->link == XEN_BLOCK_UP &&
                    xen_device_backend_get_state(&dev->xendev) !=
                    XenbusStateConnected;
    for (; dev->link == XEN_BLOCK_UP && c.queue < dev->owner.nr_queues;
         c.queue++) {
        xen_blk_queue_for_each_unanswered(dev->queue[c.queue], collect, &c);
    }
    dev->nr_saved = c.saved->len;
    dev->saved = (XenBlockSaved *)g_array_free(c.saved, false);
    return 0;
}

static void forget_collected(void *opaque)
{
    XenBlockDevice *dev = opaque;

    if (!dev->loaded) {
        xen_block_forget_saved(dev);
    }
}

XEN_POST_SAVE(block_post_save, forget_collected)

/* -------------------------------------------------------------------- load */

static int block_pre_load(void *opaque)
{
    xen_block_forget_saved(opaque);
    return 0;
}

static int block_post_load(void *opaque, int version_id)
{
    XenBlockDevice *dev = opaque;
    const char *type = object_get_typename(OBJECT(dev));
    uint64_t sectors = qatomic_read(&dev->owner.disk.sectors);

    trace_xen_vbd_load(dev->xendev.name, dev->saved_sectors, dev->nr_saved);
    if (!XEN_BLOCK_DEVICE_GET_CLASS(dev)->cdrom &&
        dev->saved_sectors > sectors) {
        error_report("%s '%s': the disk has %" PRIu64 " sectors, but must have "
                     "%" PRIu64 " for the incoming guest", type,
                     dev->xendev.name, sectors, dev->saved_sectors);
        return -EINVAL;
    }
    for (int32_t i = 0; i < dev->nr_saved; i++) {
        if (!xen_blk_is_checked(&dev->saved[i].req, &dev->owner.disk)) {
            error_report("%s '%s': request %" PRId32 " of the incoming state "
                         "is not a valid one", type, dev->xendev.name, i);
            return -EINVAL;
        }
    }
    dev->loaded = true;
    return 0;
}

static bool nr_saved_is_valid(void *opaque, int version_id)
{
    XenBlockDevice *dev = opaque;

    return dev->nr_saved >= 0 && dev->nr_saved <= MAX_SAVED;
}

static bool nr_segments_is_valid(void *opaque, int version_id)
{
    XenBlockSaved *saved = opaque;

    return saved->req.nr_segments <= XEN_BLK_MAX_SEGMENTS;
}

static bool requests_needed(void *opaque)
{
    XenBlockDevice *dev = opaque;

    return dev->nr_saved > 0;
}

static const VMStateDescription segment_vmstate = {
    .name = "xen-block/segment",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(gref, XenBlkSegment),
        VMSTATE_UINT8(first, XenBlkSegment),
        VMSTATE_UINT8(last, XenBlkSegment),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription request_vmstate = {
    .name = "xen-block/request",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(queue, XenBlockSaved),
        VMSTATE_BOOL(held, XenBlockSaved),
        VMSTATE_UINT64(req.id, XenBlockSaved),
        VMSTATE_UINT8(req.op, XenBlockSaved),
        VMSTATE_UINT8(req.action, XenBlockSaved),
        VMSTATE_UINT64(req.sector, XenBlockSaved),
        VMSTATE_UINT64(req.nr_sectors, XenBlockSaved),
        VMSTATE_UINT32(req.nr_segments, XenBlockSaved),
        VMSTATE_VALIDATE("number of segments", nr_segments_is_valid),
        VMSTATE_STRUCT_VARRAY_UINT32(req.seg, XenBlockSaved, req.nr_segments,
                                     1, segment_vmstate, XenBlkSegment),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription requests_vmstate = {
    .name = "xen-block/requests",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = requests_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_INT32(nr_saved, XenBlockDevice),
        VMSTATE_VALIDATE("number of requests", nr_saved_is_valid),
        VMSTATE_STRUCT_VARRAY_ALLOC(saved, XenBlockDevice, nr_saved, 1,
                                    request_vmstate, XenBlockSaved),
        VMSTATE_END_OF_LIST()
    }
};

static bool link_needed(void *opaque)
{
    XenBlockDevice *dev = opaque;

    return dev->saved_up;
}

static const VMStateDescription link_vmstate = {
    .name = "xen-block/link",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = link_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(saved_up, XenBlockDevice),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription xen_block_vmstate = {
    .name = "xen-block",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = block_pre_save,
    .post_save = block_post_save,
    .pre_load = block_pre_load,
    .post_load = block_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(saved_sectors, XenBlockDevice),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &requests_vmstate,
        &link_vmstate,
        NULL
    },
};
