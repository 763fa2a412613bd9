/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vif: the multicast addresses that the guest asked for
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "xen-net.h"
#include "trace.h"

static bool is_multicast(const uint8_t *address)
{
    static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };

    return address[0] & 1 && memcmp(address, broadcast, sizeof(broadcast));
}

static int find_mcast(const XenNetDev *net, const uint8_t *address)
{
    for (int i = 0; i < net->nr_mcast; i++) {
        if (!memcmp(net->mcast[i], address, sizeof(net->mcast[i]))) {
            return i;
        }
    }
    return -1;
}

bool xen_net_mcast_wanted(XenNetDev *net, const uint8_t *address)
{
    if (!net->mcast_control || !is_multicast(address)) {
        return true;
    }
    QEMU_LOCK_GUARD(&net->mcast_lock);
    return find_mcast(net, address) >= 0;
}

bool xen_net_mcast_change(XenNetDev *net, const uint8_t *address, bool add)
{
    int i;

    QEMU_LOCK_GUARD(&net->mcast_lock);
    i = find_mcast(net, address);
    trace_xen_net_mcast(net->dev, add, net->nr_mcast);
    if (add && i < 0) {
        if (net->nr_mcast == XEN_NET_MAX_MCAST) {
            return false;
        }
        memcpy(net->mcast[net->nr_mcast++], address, sizeof(net->mcast[0]));
    } else if (!add && i >= 0) {
        net->nr_mcast--;
        memmove(net->mcast[i], net->mcast[net->nr_mcast],
                sizeof(net->mcast[0]));
    }
    return true;
}

void xen_net_mcast_clear(XenNetDev *net)
{
    QEMU_LOCK_GUARD(&net->mcast_lock);
    net->nr_mcast = 0;
}

void xen_net_mcast_restore(XenNetDev *net)
{
    xen_net_mcast_clear(net);
    for (uint32_t i = 0; i < net->nr_saved_mcast; i++) {
        xen_net_mcast_change(net, net->saved_mcast + 6 * i, true);
    }
    net->nr_saved_mcast = 0;
}
