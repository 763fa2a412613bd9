/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV disk's link with its front end: see connect.h
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "qemu/aio-wait.h"
#include "hw/xen/interface/io/protocols.h"
#include "hw/xen/pv/bus.h"
#include "connect.h"
#include "device.h"
#include "size.h"
#include "trace.h"

/* What happened in another thread, or while the device was busy. */
enum {
    EVENT_BROKEN = 1,
    EVENT_IDLE = 2,
    EVENT_RESIZED = 4,
    EVENT_FRONTEND = 8,
};

static void post_event(XenBlockDevice *dev, unsigned event)
{
    qatomic_or(&dev->events, event);
    qemu_bh_schedule(dev->bh);
}

/* -------------------------------------------------------------- failures -- */

static void begin_close(XenBlockDevice *dev);

static void fail(XenBlockDevice *dev, const char *why)
{
    XenDevice *xendev = &dev->xendev;

    xen_pv_report(xendev, "front end lost: %s", why);
    dev->broken = true;
    xen_device_backend_printf(xendev, "error", "%s", why);
    xen_device_backend_set_state(xendev, XenbusStateClosing);
    begin_close(dev);
}

/* ----------------------------------------------------------------- going -- */

static bool all_idle(XenBlockDevice *dev)
{
    for (unsigned i = 0; i < dev->owner.nr_queues; i++) {
        if (!xen_blk_queue_is_idle(dev->queue[i])) {
            return false;
        }
    }
    return true;
}

/* Queues are idle, or were never started. */
static void free_queues(XenBlockDevice *dev)
{
    for (unsigned i = 0; i < dev->owner.nr_queues; i++) {
        if (dev->queue[i]) {
            xen_blk_queue_free(dev->queue[i]);
            dev->queue[i] = NULL;
        }
    }
    dev->owner.nr_queues = 0;
    dev->link = XEN_BLOCK_DOWN;
    trace_xen_vbd_closed(dev->xendev.name);
}

/* Lets the queues go on to their end; end_close() is called after the last. */
static void begin_close(XenBlockDevice *dev)
{
    if (dev->link != XEN_BLOCK_UP) {
        return;
    }
    trace_xen_vbd_close(dev->xendev.name);
    dev->link = XEN_BLOCK_CLOSING;
    for (unsigned i = 0; i < dev->owner.nr_queues; i++) {
        xen_blk_queue_stop(dev->queue[i]);
    }
}

void xen_block_disconnect_now(XenBlockDevice *dev)
{
    bool was_busy = dev->busy;

    /* What runs while this waits may unplug the device. */
    object_ref(dev);
    dev->busy = true;
    /* An iothread may be taking some, and stops a queue some time later. */
    qatomic_inc(&dev->owner.drained);
    begin_close(dev);
    for (unsigned i = 0; dev->link == XEN_BLOCK_CLOSING &&
         i < dev->owner.nr_queues; i++) {
        xen_blk_queue_sync(dev->queue[i]);
    }
    if (dev->link == XEN_BLOCK_CLOSING) {
        /*
         * Requests that are throttled go on at once.  A request that is taken
         * after this would not, and the main loop would wait for it.
         */
        blk_drain(dev->owner.blk);
        AIO_WAIT_WHILE_UNLOCKED(NULL, !all_idle(dev));
        if (dev->link == XEN_BLOCK_CLOSING) {
            free_queues(dev);
        }
    }
    qatomic_dec(&dev->owner.drained);
    dev->broken = false;
    dev->busy = was_busy;
    qatomic_and(&dev->events, ~EVENT_BROKEN);
    if (dev->bh && qatomic_read(&dev->events)) {
        qemu_bh_schedule(dev->bh);
    }
    object_unref(dev);
}

void xen_block_forget_saved(XenBlockDevice *dev)
{
    g_clear_pointer(&dev->saved, g_free);
    dev->nr_saved = 0;
    dev->saved_up = false;
    dev->loaded = false;
}

/* ---------------------------------------------------------------- coming -- */

typedef struct XenBlockOffer {
    unsigned nr_queues, nr_pages;
    XenBlkAbi abi;
    bool large_sectors;
} XenBlockOffer;

static unsigned read_uint(XenBlockDevice *dev, const char *key,
                          unsigned otherwise)
{
    unsigned value;

    return xen_device_frontend_scanf(&dev->xendev, key, "%u", &value) == 1 ?
           value : otherwise;
}

static XenBlkAbi read_abi(XenBlockDevice *dev)
{
    char *name = xen_device_frontend_read(&dev->xendev, "protocol");
    /* Front ends of old that do not say so are of 32 bits. */
    bool is_32 = !name || !strcmp(name, XEN_IO_PROTO_ABI_X86_32);

    free(name);
    return is_32 ? XEN_BLK_ABI_X86_32 : XEN_BLK_ABI_X86_64;
}

static bool read_offer(XenBlockDevice *dev, XenBlockOffer *offer, Error **errp)
{
    unsigned order = read_uint(dev, "ring-page-order", 0);
    unsigned queues = read_uint(dev, "multi-queue-num-queues", 1);

    if (order > dev->max_ring_page_order) {
        error_setg(errp, "ring-page-order is %u, at most %u is offered",
                   order, dev->max_ring_page_order);
        return false;
    }
    if (!queues || queues > dev->num_queues) {
        error_setg(errp, "multi-queue-num-queues is %u, 1 to %u are offered",
                   queues, dev->num_queues);
        return false;
    }
    *offer = (XenBlockOffer) {
        .nr_queues = queues,
        .nr_pages = 1u << order,
        .abi = read_abi(dev),
        .large_sectors = read_uint(dev, "feature-large-sector-size", 0) == 1,
    };
    return true;
}

/* @key of queue @i: by itself when there is one queue only. */
static bool read_queue_uint(XenBlockDevice *dev, const XenBlockOffer *offer,
                            unsigned i, const char *key, unsigned *value)
{
    g_autofree char *path = offer->nr_queues == 1 ? g_strdup(key) :
                            g_strdup_printf("queue-%u/%s", i, key);

    return xen_device_frontend_scanf(&dev->xendev, path, "%u", value) == 1;
}

static bool read_refs(XenBlockDevice *dev, const XenBlockOffer *offer,
                      unsigned i, uint32_t *ref, Error **errp)
{
    /* Its ring-ref0 may be what an earlier front end has left. */
    if (offer->nr_pages == 1 &&
        read_queue_uint(dev, offer, i, "ring-ref", &ref[0])) {
        return true;
    }
    for (unsigned page = 0; page < offer->nr_pages; page++) {
        g_autofree char *key = g_strdup_printf("ring-ref%u", page);

        if (!read_queue_uint(dev, offer, i, key, &ref[page])) {
            error_setg(errp, "no grant of page %u of queue %u's ring", page,
                       i);
            return false;
        }
    }
    return true;
}

static bool make_queue(XenBlockDevice *dev, const XenBlockOffer *offer,
                       unsigned i, Error **errp)
{
    uint32_t ref[XEN_BLK_MAX_RING_PAGES];
    unsigned port;

    if (!read_refs(dev, offer, i, ref, errp)) {
        return false;
    }
    if (!read_queue_uint(dev, offer, i, "event-channel", &port)) {
        error_setg(errp, "no event channel of queue %u", i);
        return false;
    }
    dev->queue[i] = xen_blk_queue_new(&dev->owner, dev->threads.ctx[i],
                                      offer->abi, ref, offer->nr_pages, port,
                                      errp);
    if (!dev->queue[i]) {
        error_prepend(errp, "queue %u: ", i);
    }
    return dev->queue[i];
}

/* What the front end's last back end had taken and not answered. */
static bool restore_requests(XenBlockDevice *dev, Error **errp)
{
    for (int32_t i = 0; i < dev->nr_saved; i++) {
        const XenBlockSaved *saved = &dev->saved[i];

        if (saved->queue >= dev->owner.nr_queues ||
            !xen_blk_queue_restore(dev->queue[saved->queue], &saved->req,
                                   saved->held)) {
            error_setg(errp, "a request that was migrated is not in its ring");
            return false;
        }
    }
    return true;
}

static bool connect_queues(XenBlockDevice *dev, Error **errp)
{
    XenBlkQueueOwner *owner = &dev->owner;
    uint32_t block = dev->conf.logical_block_size / XEN_BLK_SECTOR_SIZE;
    XenBlockOffer offer;

    if (!read_offer(dev, &offer, errp)) {
        return false;
    }
    owner->disk.unit = offer.large_sectors ? block : 1;
    owner->nr_queues = offer.nr_queues;
    for (unsigned i = 0; i < offer.nr_queues; i++) {
        if (!make_queue(dev, &offer, i, errp)) {
            free_queues(dev);
            return false;
        }
    }
    if (!restore_requests(dev, errp)) {
        free_queues(dev);
        return false;
    }
    trace_xen_vbd_connect(dev->xendev.name, offer.nr_queues,
                            offer.nr_pages);
    return true;
}

/*
 * The front end was loaded, and its last back end was connected to it: it is to notice
 * nothing.
 */
static bool takes_over(const XenBlockDevice *dev)
{
    return dev->saved_up ||
           xen_device_backend_get_state((XenDevice *)&dev->xendev) ==
           XenbusStateConnected;
}

static void connect_frontend(XenBlockDevice *dev)
{
    bool take_over = takes_over(dev);
    Error *err = NULL;

    if (!connect_queues(dev, &err)) {
        fail(dev, error_get_pretty(err));
        error_free(err);
        return;
    }
    dev->link = XEN_BLOCK_UP;
    if (take_over) {
        xen_block_publish_new_size(dev);
    } else {
        xen_block_publish_size(dev);
        xen_device_backend_set_state(&dev->xendev, XenbusStateConnected);
    }
    for (unsigned i = 0; i < dev->owner.nr_queues; i++) {
        xen_blk_queue_start(dev->queue[i]);
    }
}

/* ---------------------------------------------------------------- states -- */

static void frontend_closed(XenBlockDevice *dev)
{
    begin_close(dev);
    if (dev->link == XEN_BLOCK_DOWN) {
        dev->broken = false;
        xen_device_backend_set_state(&dev->xendev, XenbusStateClosed);
    }
}

/* Does what the front end's state asks for. */
static void follow_frontend(XenBlockDevice *dev)
{
    XenDevice *xendev = &dev->xendev;
    enum xenbus_state own = xen_device_backend_get_state(xendev);

    switch (xendev->frontend_state) {
    case XenbusStateInitialising:
        /* One that begins anew without having closed its end; else a no-op. */
        begin_close(dev);
        /* While closing it was too early for the bus to see this. */
        if (dev->link == XEN_BLOCK_DOWN && own == XenbusStateClosed &&
            xendev->backend_online) {
            xen_device_backend_set_state(xendev, XenbusStateInitWait);
        }
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        if (dev->link == XEN_BLOCK_DOWN && !dev->broken &&
            (dev->saved_up || (own != XenbusStateClosing &&
                               xendev->backend_online))) {
            connect_frontend(dev);
        }
        break;
    case XenbusStateClosing:
        /* Its requests are answered until it is closed. */
        if (dev->link == XEN_BLOCK_DOWN && takes_over(dev)) {
            connect_frontend(dev);
        }
        if (own != XenbusStateClosed) {
            xen_device_backend_set_state(xendev, XenbusStateClosing);
        }
        break;
    case XenbusStateClosed:
    case XenbusStateUnknown:
        frontend_closed(dev);
        break;
    default:
        break;
    }
}

/* The last request has ended. */
static void end_close(XenBlockDevice *dev)
{
    if (dev->link != XEN_BLOCK_CLOSING || !all_idle(dev)) {
        return;
    }
    free_queues(dev);
    if (!dev->broken) {
        /* What begin_close() was called for. */
        xen_device_backend_set_state(&dev->xendev, XenbusStateClosed);
    }
    follow_frontend(dev);
}

static void handle_events(void *opaque)
{
    XenBlockDevice *dev = opaque;
    unsigned events;

    if (dev->busy) {
        /* Whoever is busy schedules this when it is done. */
        return;
    }
    dev->busy = true;
    events = qatomic_xchg(&dev->events, 0);
    if (events & EVENT_BROKEN && dev->link == XEN_BLOCK_UP) {
        fail(dev, "the ring's indices are impossible");
    }
    if (events & EVENT_IDLE) {
        end_close(dev);
    }
    if (events & EVENT_RESIZED) {
        xen_block_publish_size(dev);
    }
    if (events & EVENT_FRONTEND) {
        follow_frontend(dev);
        xen_block_forget_saved(dev);
    }
    dev->busy = false;
    if (qatomic_read(&dev->events)) {
        qemu_bh_schedule(dev->bh);
    }
}

void xen_block_frontend_changed(XenDevice *xendev, enum xenbus_state state,
                                Error **errp)
{
    XenBlockDevice *dev = XEN_BLOCK_DEVICE(xendev);

    /* The bus calls this before realize() and after unrealize(), too. */
    if (dev->bh) {
        qatomic_or(&dev->events, EVENT_FRONTEND);
        handle_events(dev);
    }
}

static void queue_broken(XenBlkQueueOwner *owner)
{
    post_event(container_of(owner, XenBlockDevice, owner), EVENT_BROKEN);
}

static void queue_idle(XenBlkQueueOwner *owner)
{
    post_event(container_of(owner, XenBlockDevice, owner), EVENT_IDLE);
}

void xen_block_resized(void *opaque)
{
    XenBlockDevice *dev = opaque;

    /* At once: requests that go on after this may be beyond the new end. */
    xen_block_read_size(dev);
    post_event(dev, EVENT_RESIZED);
}

void xen_block_kick(XenBlockDevice *dev)
{
    if (dev->link == XEN_BLOCK_UP) {
        for (unsigned i = 0; i < dev->owner.nr_queues; i++) {
            xen_blk_queue_kick(dev->queue[i]);
        }
    }
}

void xen_block_connect_init(XenBlockDevice *dev)
{
    dev->owner.xendev = &dev->xendev;
    dev->owner.broken = queue_broken;
    dev->owner.idle = queue_idle;
    dev->bh = qemu_bh_new(handle_events, dev);
}

void xen_block_connect_exit(XenBlockDevice *dev)
{
    if (dev->bh) {
        dev->busy = true;
        xen_block_disconnect_now(dev);
        qemu_bh_delete(dev->bh);
        dev->bh = NULL;
        dev->busy = false;
    }
    xen_block_forget_saved(dev);
}
