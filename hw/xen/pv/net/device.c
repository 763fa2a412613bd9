/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: the device
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/qemu-compat.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "qemu/aio-wait.h"
#include "hw/core/qdev-properties.h"
#include "hw/xen/xen-bus-helper.h"
#include "qapi/error.h"
#include "system/runstate.h"
#include "migration.h"
#include "xen-net.h"
#include "trace.h"

/*
 * Numbers that are tried for a vif without "idx="; see also xenstore's quota.
 */
#define MAX_AUTO_INDEX  100

/* ---------------------------------------------------------- the NIC's ends */

static void link_status_changed(NetClientState *nc)
{
    XenNetDev *net = qemu_get_nic_opaque(nc);

    trace_xen_net_link(net->dev, nc->queue_index, !nc->link_down);
    if (!nc->queue_index) {
        xen_net_announce_carrier(net);
    }
    if (nc->link_down) {
        xen_net_out_unblock(net, nc->queue_index);
    }
}

static NetClientInfo client_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .receive = xen_net_receive,
    .link_status_changed = link_status_changed,
    .query_rx_filter = xen_net_query_rx_filter,
};

static void set_running(XenNetDev *net, bool running)
{
    qatomic_set(&net->running, running);
    for (unsigned i = 0; i < net->nr_queues; i++) {
        XenNetQueue *queue = &net->queue[i];

        if (running) {
            qemu_bh_schedule(queue->tx_bh);
        } else {
            xen_net_tx_stop(queue);
            xen_net_out_flush(queue);
        }
    }
    if (running) {
        xen_net_rx_flush(net);
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    set_running(opaque, xen_pv_may_run(running, state));
}

/*
 * The guest suspends, or has woken up.  QEMU's network layer holds back what comes
 * meanwhile, and does not read a tap any more.
 */
static void sleep_changed(Notifier *n, void *data)
{
    set_running(container_of(n, XenNetDev, sleep), xen_pv_may_run_now());
}

/* ----------------------------------------------------------- device's life */

/* A guest that breaks the protocol over and over is worth a line at times. */
static void log_shut(XenNetDev *net)
{
    gint64 now = g_get_monotonic_time();

    if (!net->logged_at || now - net->logged_at >= XEN_NET_LOG_INTERVAL_US) {
        net->logged_at = now;
        error_report("vif%d: guest broke the protocol, device is shut: "
                     "%s ring %u: %s", net->dev, net->shut_ring,
                     net->shut_queue, net->shut_why);
    }
}

/* What xen_net_shut() left to be done. */
static void shut(void *opaque)
{
    XenNetDev *net = opaque;

    log_shut(net);
    xen_net_disconnect(net);
    xen_device_backend_set_state(&net->xendev, XenbusStateClosing);
}

static void front_end_changed(XenDevice *xendev, enum xenbus_state state,
                              Error **errp)
{
    XenNetDev *net = XEN_NET_DEVICE(xendev);

    trace_xen_net_front_end(net->dev, state,
                            xen_device_backend_get_state(xendev));
    switch (state) {
    case XenbusStateConnected:
        /* After it broke the protocol it has to close its end first. */
        if (net->nr_queues || qatomic_read(&net->broken)) {
            break;
        }
        /* One that is asked to go stays so, also where it was loaded. */
        xen_device_backend_set_state(xendev, xen_net_connect(net, errp) &&
                                             xendev->backend_online ?
                                             XenbusStateConnected :
                                             XenbusStateClosing);
        break;

    case XenbusStateInitialising:
        /* A new kernel, without the old one's having closed its end. */
        if (net->nr_queues) {
            xen_net_disconnect(net);
            xen_device_backend_set_state(xendev, XenbusStateInitWait);
        }
        break;

    case XenbusStateClosing:
        xen_net_disconnect(net);
        xen_device_backend_set_state(xendev, XenbusStateClosing);
        break;

    case XenbusStateClosed:
    case XenbusStateUnknown:
        xen_net_disconnect(net);
        qatomic_set(&net->broken, false);
        qemu_bh_cancel(net->shut_bh);
        xen_device_backend_set_state(xendev, XenbusStateClosed);
        break;

    default:
        break;
    }
    xen_net_forget_loaded(net);
}

static bool number_is_taken(XenNetDev *net, int number)
{
    BusState *bus = qdev_get_parent_bus(DEVICE(net));
    BusChild *child;

    QTAILQ_FOREACH(child, &bus->children, sibling) {
        XenNetDev *other = (XenNetDev *)
            object_dynamic_cast(OBJECT(child->child), TYPE_XEN_NET_DEVICE);

        if (other && other != net && other->dev == number) {
            return true;
        }
    }
    return false;
}

/* The domain may have a vif that is somebody else's. */
static bool number_is_in_xenstore(XenNetDev *net, int number)
{
    XenBus *bus = XEN_BUS(qdev_get_parent_bus(DEVICE(net)));
    char *value = xs_node_read(bus->xsh, XBT_NULL, NULL, NULL,
                               "/local/domain/%u/device/vif/%d",
                               net->xendev.frontend_id, number);

    if (!value) {
        return errno != ENOENT;
    }
    free(value);
    return true;
}

static char *get_name(XenDevice *xendev, Error **errp)
{
    XenNetDev *net = XEN_NET_DEVICE(xendev);
    /* On Xen 0 is a toolstack's. */
    int number = xen_mode == XEN_EMULATE ? 0 : 1;

    if (net->dev < -1) {
        error_setg(errp, "idx must not be negative");
        return NULL;
    }
    if (net->dev >= 0) {
        if (number_is_taken(net, net->dev)) {
            error_setg(errp, "there is a vif %d already", net->dev);
            return NULL;
        }
        return g_strdup_printf("%d", net->dev);
    }
    for (; number < MAX_AUTO_INDEX; number++) {
        if (!number_is_taken(net, number) &&
            !number_is_in_xenstore(net, number)) {
            net->dev = number;
            return g_strdup_printf("%d", number);
        }
    }
    error_setg(errp, "no number is free for another vif");
    return NULL;
}

/* All peers must agree on what precedes a frame. */
static bool use_vnet_header(XenNetDev *net)
{
    for (unsigned i = 0; i < net->nr_clients; i++) {
        if (!qemu_has_vnet_hdr_len(qemu_get_subqueue(net->nic, i)->peer,
                                   sizeof(struct virtio_net_hdr))) {
            return false;
        }
    }
    for (unsigned i = 0; i < net->nr_clients; i++) {
        qemu_set_vnet_hdr_len(qemu_get_subqueue(net->nic, i)->peer,
                              sizeof(struct virtio_net_hdr));
    }
    return true;
}

static void create_nic(XenNetDev *net)
{
    DeviceState *dev = DEVICE(net);

    net->nic = qemu_new_nic(&client_info, &net->conf,
                            object_get_typename(OBJECT(net)), dev->id,
                            &dev->mem_reentrancy_guard, net);
    for (unsigned i = 0; i < net->nr_clients; i++) {
        /* Frames keep their length; a guest's front end needs no minimum. */
        qemu_get_subqueue(net->nic, i)->do_not_pad = true;
    }
    qemu_format_nic_info_str(qemu_get_queue(net->nic), net->conf.macaddr.a);
    net->vnet_hdr = use_vnet_header(net);
}

static void create_queues(XenNetDev *net)
{
    net->queue = g_new0(XenNetQueue, net->max_queues);
    for (unsigned i = 0; i < net->max_queues; i++) {
        XenNetQueue *queue = &net->queue[i];

        queue->dev = net;
        queue->index = i;
        queue->ctx = net->threads.ctx[i];
        queue->rx_bh = qemu_bh_new_guarded(xen_net_rx_bh, queue,
                                           &DEVICE(net)->mem_reentrancy_guard);
        qemu_rec_mutex_init(&queue->lock);
    }
}

static void nothing(void *opaque)
{
}

/* Nothing is connected any more. */
static void destroy_queues(XenNetDev *net)
{
    for (unsigned i = 0; i < net->max_queues; i++) {
        XenNetQueue *queue = &net->queue[i];

        if (queue->ctx != qemu_get_aio_context()) {
            /* A bottom half or timer was about to run; see disconnect_tx(). */
            aio_wait_bh_oneshot(queue->ctx, nothing, NULL);
        }
        xen_net_out_cleanup(queue);
        qemu_bh_delete(queue->rx_bh);
        qemu_rec_mutex_destroy(&queue->lock);
    }
    g_clear_pointer(&net->queue, g_free);
}

/*
 * Who it is, at both ends as libxl writes it: OpenBSD reads the address from the
 * back end, and Linux's front ends of Xen 3.0 do not start without a handle.
 */
static void announce_identity(XenNetDev *net)
{
    XenDevice *xendev = &net->xendev;
    g_autofree char *mac = qemu_mac_strdup_printf(net->conf.macaddr.a);

    xen_device_frontend_printf(xendev, "mac", "%s", mac);
    xen_device_backend_printf(xendev, "mac", "%s", mac);
    xen_device_frontend_printf(xendev, "handle", "%d", net->dev);
    xen_device_backend_printf(xendev, "handle", "%d", net->dev);
}

static void realize(XenDevice *xendev, Error **errp)
{
    XenNetDev *net = XEN_NET_DEVICE(xendev);
    DeviceState *dev = DEVICE(net);

    net->nr_clients = MAX(net->conf.peers.queues, 1);
    if (!net->max_queues) {
        net->max_queues = MIN(net->nr_clients, XEN_NET_MAX_QUEUES);
    }
    if (net->max_queues > XEN_NET_MAX_QUEUES) {
        error_setg(errp, "queues must be 1 to %u", XEN_NET_MAX_QUEUES);
        return;
    }
    if (net->host_mtu && (net->host_mtu < XEN_NET_MIN_MTU ||
                          net->host_mtu > XEN_NET_MAX_MTU)) {
        error_setg(errp, "host_mtu must be %u to %u", XEN_NET_MIN_MTU,
                   XEN_NET_MAX_MTU);
        return;
    }
    if (!xen_pv_threads_init(&net->threads, net->iothread,
                             net->iothread_vq_mapping, net->max_queues, errp)) {
        return;
    }
    create_queues(net);
    net->blocked = g_new0(unsigned, net->nr_clients);
    net->tx_frame = g_malloc(XEN_NET_FRAME_ROOM);
    net->rx_frame = g_malloc(XEN_NET_FRAME_ROOM);
    qemu_mutex_init(&net->mcast_lock);
    net->shut_bh = qemu_bh_new_guarded(shut, net, &dev->mem_reentrancy_guard);
    net->rx_timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, xen_net_rx_poll, net);
    net->running = xen_pv_may_run_now();
    net->vm_state = xen_add_vm_state_handler(dev, vm_state_changed, net);
    net->sleep.notify = sleep_changed;
    xen_emu_add_sleep_notifier(&net->sleep);

    if (net->twin) {
        xen_net_begin_twin(net, &client_info);
    } else {
        qemu_macaddr_default_if_unset(&net->conf.macaddr);
        create_nic(net);
    }
    announce_identity(net);
    xen_pv_set_rules(xendev, xen_net_rules);
    xen_net_announce(net);
    trace_xen_net_realize(net->dev, qemu_get_queue(net->nic)->info_str,
                          net->nr_clients, net->max_queues, net->vnet_hdr);
}

/* Of a device that may have been realized in part only. */
static void unrealize(XenDevice *xendev)
{
    XenNetDev *net = XEN_NET_DEVICE(xendev);

    if (!net->queue) {
        xen_pv_threads_cleanup(&net->threads);
        return;
    }
    trace_xen_net_unrealize(net->dev);
    xen_net_disconnect(net);
    qemu_del_vm_change_state_handler(net->vm_state);
    notifier_remove(&net->sleep);
    qemu_bh_delete(net->shut_bh);
    timer_free(net->rx_timer);
    if (net->twin) {
        xen_net_end_twin(net);
    } else {
        for (unsigned i = 0; i < net->nr_clients; i++) {
            qemu_purge_queued_packets(qemu_get_subqueue(net->nic, i));
        }
    }
    destroy_queues(net);
    if (!net->twin) {
        qemu_del_nic(net->nic);
    }
    xen_pv_threads_cleanup(&net->threads);
    qemu_mutex_destroy(&net->mcast_lock);
    g_free(net->tx_frame);
    g_free(net->rx_frame);
    g_free(net->blocked);
}

static void finalize(Object *obj)
{
    g_free(XEN_NET_DEVICE(obj)->twin);
}

static const Property properties[] = {
    DEFINE_NIC_PROPERTIES(XenNetDev, conf),
    DEFINE_PROP_INT32("idx", XenNetDev, dev, -1),
    DEFINE_PROP_UINT16("queues", XenNetDev, max_queues, 0),
    DEFINE_PROP_UINT16("host_mtu", XenNetDev, host_mtu, 0),
    DEFINE_PROP_LINK("iothread", XenNetDev, iothread, TYPE_IOTHREAD,
                     IOThread *),
    DEFINE_PROP_IOTHREAD_VQ_MAPPING_LIST("iothread-vq-mapping", XenNetDev,
                                         iothread_vq_mapping),
};

static void class_init(ObjectClass *oc, XenClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    XenDeviceClass *xdc = XEN_DEVICE_CLASS(oc);

    xdc->backend = "qnic";
    xdc->device = "vif";
    xdc->get_name = get_name;
    xdc->realize = realize;
    xdc->unrealize = unrealize;
    xdc->frontend_changed = front_end_changed;
    dc->vmsd = &xen_net_vmstate;
    dc->user_creatable = true;
    dc->desc = "Xen network device (vif)";
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
    device_class_set_props(dc, properties);
    object_class_property_set_description(oc, "idx",
        "Number of the vif (default: the first free one)");
    object_class_property_set_description(oc, "queues",
        "Maximum number of queues, 1 to 64; 0 (default): as the netdev has");
    object_class_property_set_description(oc, "host_mtu",
        "MTU to be written to xenstore, 68 to 65517; 0 (default): none");
    object_class_property_set_description(oc, "iothread",
        "IOThread that takes the guest's frames");
    xen_net_add_stats(oc);
}

static const TypeInfo types[] = {
    {
        .name = TYPE_XEN_NET_DEVICE,
        .parent = TYPE_XEN_DEVICE,
        .instance_size = sizeof(XenNetDev),
        .instance_finalize = finalize,
        .class_init = class_init,
    },
};

DEFINE_TYPES(types)
