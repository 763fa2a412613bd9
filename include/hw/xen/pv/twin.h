/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV twins: the same disk or network as an emulated device, for a guest with PV
 * drivers
 *
 * Xen gives a guest each disk and each NIC twice, emulated and PV.  Firmware and
 * boot loader use the first; the kernel unplugs it and goes on with the second.
 * A twin here is a "xen-disk" or "xen-net-device" without a back end of its own:
 *
 *   disk   uses the emulated disk's BlockBackend, which stays attached to that
 *          one.  So statistics, throttling, error events and all commands by the
 *          emulated device's id are for both.  Both can be used at any time; a
 *          guest that uses both at the same time gets what it asks for.
 *   NIC    uses the emulated NIC's place in QEMU's network layer, with its name,
 *          link state and filters.  Only one of them can: at first the emulated
 *          one, and the twin without carrier; then the twin, when it has taken
 *          over.  Frames that wait at this moment are lost.
 *
 * To the guest a twin is a device like any other, with its nodes in xenstore from
 * the start.  A twin is a child of the emulated device.  It must go first; a NIC's
 * does so by itself.  A twin can also be removed alone, which leaves the network to
 * the emulated NIC.
 *
 * The block layer has one set of callbacks a BlockBackend.  While there is a twin
 * they are the twin's, who passes on what the emulated disk must know; afterwards
 * they are what XenTwinDisk.ops says.
 *
 * All functions: main loop's thread, BQL held.
 */
#ifndef HW_XEN_PV_TWIN_H
#define HW_XEN_PV_TWIN_H

#include "hw/block/block.h"
#include "net/net.h"
#include "system/block-backend.h"

typedef struct XenTwinDisk {
    BlockBackend *blk;
    /* The emulated disk's, after its realize: block sizes. */
    const BlockConf *conf;
    /* The emulated disk's callbacks; @ops has no drained_*(). */
    const BlockDevOps *ops;
    void *opaque;
    /* 0 for xvda; if there is such a disk, it is the first that is free. */
    uint32_t number;
} XenTwinDisk;

/* A NIC's twin: the first number that is free. */
#define XEN_TWIN_NIC_ANY    (-1)

/*
 * Both: NULL with @errp set, or a realized child of @emulated.  @number: that of
 * the vif, which must be free; or XEN_TWIN_NIC_ANY.
 */
DeviceState *xen_twin_new_disk(DeviceState *emulated, const XenTwinDisk *disk,
                               Error **errp);
DeviceState *xen_twin_new_nic(DeviceState *emulated, NICState *nic, int number,
                              Error **errp);
/* That of XenTwinDisk, and that of the vif. */
uint32_t xen_twin_disk_number(DeviceState *twin);
uint32_t xen_twin_nic_number(DeviceState *twin);
/*
 * A twin that was made in the middle of a load is part of the guest that is being
 * loaded; others notice the load's begin.
 */
void xen_twin_begin_load(DeviceState *twin);
/* NULL: none, or no longer. */
DeviceState *xen_twin_of(DeviceState *emulated);

/* The network is for the twin of a NIC, or for the NIC.  May be called twice. */
void xen_twin_nic_take(DeviceState *twin);
void xen_twin_nic_give_back(DeviceState *twin);
#endif
