/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV bus: event channels
 *
 * A channel is unbound by the main loop while its handler runs, or is about to
 * run, in an iothread.  Two things make that safe:
 *  - The handler runs with the channel's lock held, and only in the context
 *    that the channel has then.  Whatever takes the context away waits for it.
 *  - A context that has lost the channel may still come with its address.  So a
 *    reference goes with each context, and is dropped by a bottom half there:
 *    after all that the context's thread had begun.
 *
 * Lock order: BQL, channel.  The handler has the second and must not take the
 * first.
 */
#include "qemu/osdep.h"
#include "qemu/aio.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"
#include "qapi/error.h"
#include "bus-internal.h"
#include "trace.h"

struct XenEventChannel {
    QLIST_ENTRY(XenEventChannel) list;
    xenevtchn_handle *xeh;
    evtchn_port_t port;         /* QEMU's end */
    XenEventHandler handler;
    void *opaque;
    QemuRecMutex lock;          /* recursive: a handler may unbind */
    AioContext *ctx;            /* NULL: stopped.  Lock */
    unsigned refs;              /* owner and contexts; atomic */
};

static void channel_unref(void *opaque)
{
    XenEventChannel *c = opaque;

    assert(bql_locked());
    if (qatomic_fetch_dec(&c->refs) == 1) {
        qemu_xen_evtchn_close(c->xeh);
        qemu_rec_mutex_destroy(&c->lock);
        g_free(c);
    }
}

/* In a context that no longer has the channel. */
static void context_is_done(void *opaque)
{
    aio_bh_schedule_oneshot(qemu_get_aio_context(), channel_unref, opaque);
}

static void channel_event(void *opaque)
{
    XenEventChannel *c = opaque;
    int port;

    QEMU_LOCK_GUARD(&c->lock);
    if (c->ctx != qemu_get_current_aio_context()) {
        return;                 /* stopped or moved: the event stays */
    }
    port = qemu_xen_evtchn_pending(c->xeh);
    if (port < 0 || port != c->port) {
        return;
    }
    c->handler(c->opaque);
    if (c->ctx) {
        qemu_xen_evtchn_unmask(c->xeh, port);
    }
}

static void set_handler(XenEventChannel *c, IOHandler *handler)
{
    aio_set_fd_handler(c->ctx, qemu_xen_evtchn_fd(c->xeh), handler, NULL, NULL,
                       NULL, c);
}

/* The lock is held: the context and its handler change together. */
static void stop_locked(XenEventChannel *c)
{
    AioContext *ctx = c->ctx;

    if (ctx) {
        set_handler(c, NULL);
        c->ctx = NULL;
        aio_bh_schedule_oneshot(ctx, context_is_done, c);
    }
}

static void channel_start(XenEventChannel *c, AioContext *ctx)
{
    QEMU_LOCK_GUARD(&c->lock);
    stop_locked(c);
    qatomic_inc(&c->refs);
    c->ctx = ctx;
    set_handler(c, channel_event);
}

void xen_pv_channel_stop(XenEventChannel *c)
{
    QEMU_LOCK_GUARD(&c->lock);
    stop_locked(c);
}

void xen_pv_channels_stop(XenDevice *xendev)
{
    XenEventChannel *c;

    QLIST_FOREACH(c, &xendev->event_channels, list) {
        xen_pv_channel_stop(c);
    }
}

void xen_pv_channels_unbind(XenDevice *xendev)
{
    while (!QLIST_EMPTY(&xendev->event_channels)) {
        xen_device_unbind_event_channel(
            xendev, QLIST_FIRST(&xendev->event_channels), NULL);
    }
}

XenEventChannel *
xen_device_bind_event_channel(XenDevice *xendev, unsigned int port,
                              XenEventHandler handler, void *opaque,
                              Error **errp)
{
    xenevtchn_handle *xeh = qemu_xen_evtchn_open();
    XenEventChannel *c;
    int local;

    assert(bql_locked());
    if (!xeh) {
        error_setg_errno(errp, errno, "cannot open event channels");
        return NULL;
    }
    local = qemu_xen_evtchn_bind_interdomain(xeh, xendev->frontend_id, port);
    if (local < 0) {
        error_setg_errno(errp, -local, "cannot bind to event channel %u", port);
        qemu_xen_evtchn_close(xeh);
        return NULL;
    }
    trace_xen_pv_channel_bind(xendev->name, port, local);

    c = g_new0(XenEventChannel, 1);
    c->xeh = xeh;
    c->port = local;
    c->handler = handler;
    c->opaque = opaque;
    c->refs = 1;
    qemu_rec_mutex_init(&c->lock);
    QLIST_INSERT_HEAD(&xendev->event_channels, c, list);
    channel_start(c, qemu_get_aio_context());
    return c;
}

void xen_device_set_event_channel_context(XenDevice *xendev,
                                          XenEventChannel *channel,
                                          AioContext *ctx, Error **errp)
{
    if (!channel) {
        error_setg(errp, "no event channel");
        return;
    }
    if (ctx) {
        channel_start(channel, ctx);
    } else {
        xen_pv_channel_stop(channel);
    }
}

void xen_device_unbind_event_channel(XenDevice *xendev,
                                     XenEventChannel *channel, Error **errp)
{
    int ret;

    if (!channel) {
        error_setg(errp, "no event channel");
        return;
    }
    xen_pv_channel_stop(channel);
    QLIST_REMOVE(channel, list);
    ret = qemu_xen_evtchn_unbind(channel->xeh, channel->port);
    trace_xen_pv_channel_unbind(xendev->name, channel->port, ret);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "cannot unbind event channel %u",
                         channel->port);
    }
    channel_unref(channel);
}

void xen_device_notify_event_channel(XenDevice *xendev,
                                     XenEventChannel *channel, Error **errp)
{
    int ret;

    if (!channel) {
        error_setg(errp, "no event channel");
        return;
    }
    ret = qemu_xen_evtchn_notify(channel->xeh, channel->port);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "cannot notify event channel %u",
                         channel->port);
    }
}

unsigned int xen_event_channel_get_local_port(XenEventChannel *channel)
{
    return channel->port;
}
