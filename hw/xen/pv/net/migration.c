/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: what is in a migration stream; see migration.h
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "hw/xen/emu/qemu-compat.h"
#include "migration.h"
#include "xen-net.h"
#include "trace.h"

const XenPvRule xen_net_rules[] = {
    { "mac", XEN_PV_SAME, "mac" },
    { "mtu", XEN_PV_SAME, "host_mtu" },
    { "multi-queue-max-queues", XEN_PV_AT_LEAST, "queues" },
    /* The peer cuts segments, or the guest may not send any. */
    { "feature-gso-tcpv4", XEN_PV_AT_LEAST, "the netdev's vnet header" },
    { "feature-gso-tcpv6", XEN_PV_AT_LEAST, "the netdev's vnet header" },
    { "feature-sg", XEN_PV_AT_LEAST, "scatter-gather" },
    { "feature-ipv6-csum-offload", XEN_PV_AT_LEAST, "IPv6 checksums" },
    { "feature-split-event-channels", XEN_PV_AT_LEAST,
      "split event channels" },
    { "feature-multicast-control", XEN_PV_AT_LEAST, "multicast control" },
    { "feature-dynamic-multicast-control", XEN_PV_AT_LEAST,
      "multicast control" },
    { }
};

void xen_net_forget_loaded(XenNetDev *net)
{
    net->loaded = false;
    net->nr_saved_mcast = 0;
}

static int net_pre_save(void *opaque)
{
    XenNetDev *net = opaque;

    if (net->loaded) {
        /* The VM has not run since: the list is still the one that was loaded. */
        return 0;
    }
    QEMU_LOCK_GUARD(&net->mcast_lock);
    net->nr_saved_mcast = net->nr_mcast;
    memcpy(net->saved_mcast, net->mcast, 6 * net->nr_mcast);
    return 0;
}

/* What was noted for a save is no list to restore. */
static void forget_collected(void *opaque)
{
    XenNetDev *net = opaque;

    if (!net->loaded) {
        net->nr_saved_mcast = 0;
    }
}

XEN_POST_SAVE(net_post_save, forget_collected)

static int net_pre_load(void *opaque)
{
    xen_net_forget_loaded(opaque);
    return 0;
}

static int net_post_load(void *opaque, int version_id)
{
    XenNetDev *net = opaque;

    trace_xen_net_load(net->dev, net->nr_saved_mcast);
    net->loaded = true;
    return 0;
}

static bool mcast_needed(void *opaque)
{
    XenNetDev *net = opaque;

    return net->nr_saved_mcast;
}

static bool nr_mcast_is_valid(void *opaque, int version_id)
{
    XenNetDev *net = opaque;

    return net->nr_saved_mcast <= XEN_NET_MAX_MCAST;
}

static const VMStateDescription mcast_vmstate = {
    .name = "xen-net-device/mcast",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = mcast_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(nr_saved_mcast, XenNetDev),
        VMSTATE_VALIDATE("number of addresses", nr_mcast_is_valid),
        VMSTATE_UINT8_ARRAY(saved_mcast, XenNetDev, XEN_NET_MAX_MCAST * 6),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription xen_net_vmstate = {
    .name = "xen-net-device",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = net_pre_save,
    .post_save = net_post_save,
    .pre_load = net_pre_load,
    .post_load = net_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(broken, XenNetDev),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &mcast_vmstate,
        NULL
    },
};
