/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PV disk devices: "xen-disk" and "xen-cdrom", both a "xen-block"
 *
 * Their state, which these files share: what a user sets and a guest reads in
 * xenstore is device.c; connecting to a front end and leaving it is connect.c;
 * the disk's size is size.c; what is in a migration stream is migration.c; a disk
 * that shares the back end of an emulated one is twin.c.
 *
 * The link with a front end:
 *
 *   down      no queue
 *   up        queues, with the front end in state Initialised or Connected
 *   closing   queues are stopped; when the last request has ended below, they
 *             are freed, and the state becomes Closed
 *
 * "Closed" is the front end's leave to use its pages for something else: it is
 * written when nothing can touch them any more, and not before.  Closing does
 * not wait in the main loop, since a disk may take long; a reset and unplugging
 * do, as for QEMU's other disks.
 *
 * A front end that breaks the protocol (the ring's indices, or what it writes
 * to xenstore) loses the device: state Closing, the reason in the back end's
 * node "error" and in QEMU's log, until it closes and starts anew.
 *
 * Main loop's thread and BQL held, where nothing else is said.
 */
#ifndef HW_XEN_PV_BLOCK_DEVICE_H
#define HW_XEN_PV_BLOCK_DEVICE_H

#include "hw/block/block.h"
#include "hw/xen/pv/threads.h"
#include "hw/xen/pv/bus.h"
#include "queue.h"
#include "vdev.h"

#define TYPE_XEN_BLOCK_DEVICE   "xen-block"
#define TYPE_XEN_DISK_DEVICE    "xen-disk"
#define TYPE_XEN_CDROM_DEVICE   "xen-cdrom"

/* Queues that "num-queues" may ask for, and those of a disk without it. */
#define XEN_BLOCK_MAX_QUEUES        32
#define XEN_BLOCK_MAX_AUTO_QUEUES   8

typedef enum XenBlockLink {
    XEN_BLOCK_DOWN,
    XEN_BLOCK_UP,
    XEN_BLOCK_CLOSING,
} XenBlockLink;

/* A request that was taken and not answered; see queue.h. */
typedef struct XenBlockSaved {
    uint16_t queue;
    bool held;
    XenBlkRequest req;
} XenBlockSaved;

struct XenBlockDevice {
    XenDevice xendev;

    /* Properties */
    BlockConf conf;
    XenVdev vdev;
    uint32_t max_ring_page_order;
    uint16_t num_queues;
    IOThread *iothread;
    IOThreadVirtQueueMappingList *iothread_vq_mapping;

    /* hw/xen/pv/twin.h, with a reference to its back end; or NULL: "conf.blk" */
    struct XenTwinDisk *twin;
    XenBlkQueueOwner owner;
    XenBlkQueue *queue[XEN_BLOCK_MAX_QUEUES];
    XenPvThreads threads;       /* of the queues */
    XenBlockLink link;
    bool broken;                /* until the front end starts anew */
    /*
     * Leaving at once polls the main context, and the guest's next change of
     * state may arrive there: it is then looked at afterwards.
     */
    bool busy;
    unsigned events;            /* EVENT_*, atomic */
    QEMUBH *bh;
    VMChangeStateEntry *vm_state;
    Notifier sleep;

    /* What the stream holds, migration.c; until the front end is followed. */
    bool loaded;                /* these are of an incoming stream */
    uint64_t saved_sectors;
    bool saved_up;              /* the link was, in a state other than Connected */
    int32_t nr_saved;
    XenBlockSaved *saved;
};

struct XenBlockDeviceClass {
    XenDeviceClass parent_class;

    const char *device_type;    /* as the front end reads it */
    bool cdrom;
};

OBJECT_DECLARE_TYPE(XenBlockDevice, XenBlockDeviceClass, XEN_BLOCK_DEVICE)

#endif
