/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: the twin of an emulated NIC
 *
 * Both are the same NICState to QEMU's network layer.  Who has the network is who
 * is called for the NIC's clients: "info", "opaque" and "reentrancy_guard" change
 * hands together, when no frame waits on either side.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/xen/pv/twin.h"
#include "standard-headers/linux/virtio_net.h"
#include "../bus-internal.h"
#include "xen-net.h"
#include "trace.h"

static XenNetTwin *twin_of_client(NetClientState *nc)
{
    NetClientInfo *info = nc->info;
    XenNetTwin *given = container_of(info, XenNetTwin, given);
    XenNetTwin *taken = container_of(info, XenNetTwin, taken);

    return info->receive == xen_net_receive ? taken : given;
}

/* NetClientInfo.cleanup of both: the emulated NIC goes. */
static void nic_goes(NetClientState *nc)
{
    XenNetTwin *twin = twin_of_client(nc);
    NetClientInfo *emulated = twin->emulated;

    object_unparent(OBJECT(twin->vif));
    if (emulated->cleanup) {
        emulated->cleanup(nc);
    }
}

/*
 * Frames that wait are lost, on both sides: to whom should they be reported as
 * sent?  Then nobody waits any more.
 */
static void purge(XenNetDev *net)
{
    for (unsigned i = 0; i < net->nr_clients; i++) {
        NetClientState *nc = qemu_get_subqueue(net->nic, i);

        qemu_purge_queued_packets(nc);
        if (nc->peer) {
            qemu_purge_queued_packets(nc->peer);
        }
    }
}

static void set_owner(XenNetDev *net, bool owner)
{
    XenNetTwin *twin = net->twin;

    purge(net);
    twin->owner = owner;
    net->nic->opaque = owner ? net : twin->opaque;
    net->nic->reentrancy_guard = owner ? &DEVICE(net)->mem_reentrancy_guard :
                                         twin->guard;
    for (unsigned i = 0; i < net->nr_clients; i++) {
        NetClientState *nc = qemu_get_subqueue(net->nic, i);

        nc->info = owner ? &twin->taken : &twin->given;
        /* Only an emulated NIC has a minimum for frames. */
        nc->do_not_pad = owner;
        /* The last owner may have had no room for a frame. */
        qemu_flush_queued_packets(nc);
    }
}

void xen_net_begin_twin(XenNetDev *net, const NetClientInfo *info)
{
    XenNetTwin *twin = net->twin;
    NetClientState *nc = qemu_get_queue(twin->nic);

    /* By which the network layer finds a NIC from its client. */
    assert(info->size == nc->info->size);
    net->nic = twin->nic;
    net->vnet_hdr = nc->peer && nc->peer->vnet_hdr_len;
    twin->vif = net;
    twin->emulated = nc->info;
    twin->opaque = net->nic->opaque;
    twin->guard = net->nic->reentrancy_guard;
    twin->given = *nc->info;
    twin->given.cleanup = nic_goes;
    twin->taken = *info;
    twin->taken.cleanup = nic_goes;
    for (unsigned i = 0; i < net->nr_clients; i++) {
        qemu_get_subqueue(net->nic, i)->info = &twin->given;
    }
}

void xen_net_end_twin(XenNetDev *net)
{
    xen_twin_nic_give_back(DEVICE(net));
    for (unsigned i = 0; i < net->nr_clients; i++) {
        qemu_get_subqueue(net->nic, i)->info = net->twin->emulated;
    }
}

void xen_twin_nic_take(DeviceState *dev)
{
    XenNetDev *net = XEN_NET_DEVICE(dev);

    if (!net->twin->owner) {
        trace_xen_net_take(net->dev);
        set_owner(net, true);
        xen_net_set_offloads(net, true);
        xen_net_announce_carrier(net);
    }
}

void xen_twin_nic_give_back(DeviceState *dev)
{
    XenNetDev *net = XEN_NET_DEVICE(dev);

    if (net->twin->owner) {
        trace_xen_net_give_back(net->dev);
        xen_net_set_offloads(net, false);
        set_owner(net, false);
        for (unsigned i = 0; i < net->nr_clients; i++) {
            xen_net_out_unblock(net, i);
        }
        xen_net_announce_carrier(net);
    }
}

/* What precedes a frame is what the emulated NIC has chosen. */
static bool check_headers(NICState *nic, Error **errp)
{
    for (int i = 0; i < MAX(nic->conf->peers.queues, 1); i++) {
        NetClientState *peer = qemu_get_subqueue(nic, i)->peer;

        if (peer && peer->vnet_hdr_len &&
            peer->vnet_hdr_len != sizeof(struct virtio_net_hdr)) {
            error_setg(errp, "its frames have a header of %d bytes",
                       peer->vnet_hdr_len);
            return false;
        }
    }
    return true;
}

uint32_t xen_twin_nic_number(DeviceState *twin)
{
    return XEN_NET_DEVICE(twin)->dev;
}

DeviceState *xen_twin_new_nic(DeviceState *emulated, NICState *nic, int number,
                              Error **errp)
{
    DeviceState *dev;
    XenNetDev *net;

    if (!check_headers(nic, errp)) {
        return NULL;
    }
    dev = qdev_new(TYPE_XEN_NET_DEVICE);
    net = XEN_NET_DEVICE(dev);
    net->twin = g_new0(XenNetTwin, 1);
    net->twin->nic = nic;
    net->dev = number;
    net->conf.macaddr = nic->conf->macaddr;
    net->conf.peers.queues = nic->conf->peers.queues;
    return xen_twin_realize(dev, emulated, errp) ? dev : NULL;
}
