/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "xen-net-device": the back end of a Xen guest's network device, a vif
 *
 * Files: netif.c knows the rings and frame.c knows frames, both without QEMU;
 * tx.c takes frames from the guest, out.c carries them to QEMU's network layer
 * and rx.c the other way, with queue.c and mcast.c below all; connect.c reads what the
 * front end wrote to xenstore and sets up its queues; monitor.c shows what they
 * did; device.c, on top, is the device with its properties and life.
 * migration.c has what is in a stream, and twin.c is about a vif that shares the
 * network with an emulated NIC.
 *
 * When the VM stops no request is half done: each frame that was taken from a
 * ring is answered in the same turn, so both rings go on where their answers
 * stand, and events that waited for their timer are sent.  Batches go to QEMU's
 * network layer.  A frame that it still keeps, in either direction, or that a batch does
 * because the network is slow, is one that the network loses if the guest goes on
 * elsewhere.
 *
 * Guest memory: the two ring pages of a queue stay mapped while it is
 * connected. All else is copied, through the grant table, at the moment at
 * which it is needed, and no other page stays mapped.
 *
 * Threads: QEMU's network layer (queues, filters, taps) needs the main thread
 * and the BQL.  Without an iothread all of this runs there.  With one the
 * transmit ring is the iothread's: it takes requests, copies, completes checksums,
 * answers and notifies, without the BQL, and hands frames over to the main loop
 * in batches (out.c).  The receive ring stays the main thread's: the network
 * layer brings one frame at a time, in a buffer that it uses again, so an
 * iothread would make it copy each frame once more than putting it into the
 * guest's pages takes.  A queue's "lock" is held by who works with its transmit
 * ring, which is how the main thread waits for the iothread.  Nobody who holds it
 * waits for the main loop.  Lock order: BQL, channel, queue, mcast_lock.
 *
 * What a guest can make it do is bounded: a turn of one queue's transmit ring
 * ends after XEN_NET_TURN_FRAMES frames or XEN_NET_TURN_BYTES bytes, and a
 * bottom half goes on after everything else that waits for that thread.  A batch
 * has no more than a turn, and the main loop sends one at a time.  One frame of a
 * queue at most, or with an iothread two batches, waits for a network that is
 * slow; no more are taken then.  Towards the guest, frames wait in QEMU's network
 * layer with its own limit, and the network is told to stop where it can be.
 */
#ifndef HW_XEN_PV_NET_XEN_NET_H
#define HW_XEN_PV_NET_XEN_NET_H

#include "hw/xen/pv/bus.h"
#include "hw/xen/pv/threads.h"
#include "net/net.h"
#include "qemu/main-loop.h"
#include "qemu/stats64.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "standard-headers/linux/virtio_net.h"
#include "frame.h"
#include "netif.h"

#define TYPE_XEN_NET_DEVICE "xen-net-device"
OBJECT_DECLARE_SIMPLE_TYPE(XenNetDev, XEN_NET_DEVICE)

/* What "queues=" may be.  Each costs the guest two pages and two events. */
#define XEN_NET_MAX_QUEUES      64

/*
 * What "host_mtu=" may be: from the least of IPv4, below which Windows' front end
 * does not start, to what a frame's size of 16 bits has room for besides its
 * header with a VLAN tag.
 */
#define XEN_NET_MIN_MTU         68
#define XEN_NET_MAX_MTU         (XEN_NETIF_MAX_TX_SIZE - 18)

/* One turn of a transmit ring; a frame may exceed it by its own size. */
#define XEN_NET_TURN_FRAMES     64
#define XEN_NET_TURN_BYTES      (256 * KiB)

/* Multicast addresses that a guest may ask for; as many as in netback. */
#define XEN_NET_MAX_MCAST       64

/*
 * Linux's front end puts a frame on the ring, sends the event and looks for
 * answers, all under one lock.  If the event for the answers finds them taken,
 * it counts as spurious, and the front end masks the channel for a tick, then
 * for longer; a TCP stream that waits for its frames to complete then sends one
 * a tick.  So answers can be seen immediately, but the event comes this much
 * later, and only if the front end has not taken them by then.  Measured with
 * 8 MiB out on a busy host: without it 8 to 14 s and 2,400 events, 1.5 to 3.6 s
 * and 700 events with it.
 */
#define XEN_NET_TX_EVENT_NS     (500 * SCALE_US)

/*
 * A front end without feature-rx-notify gives no event when it has put
 * requests on a receive ring that was empty.  While a frame waits the ring is
 * looked at this often.
 */
#define XEN_NET_RX_POLL_MS      10

/*
 * A guest that breaks the protocol over and over is worth a line this often.
 */
#define XEN_NET_LOG_INTERVAL_US (10 * G_USEC_PER_SEC)

/* Since the device was created, of one queue.  Any thread. */
typedef struct XenNetStats {
    Stat64 tx_frames, tx_bytes;
    Stat64 tx_errors;           /* malformed, or its pages were not granted */
    Stat64 tx_dropped;          /* well-formed, and not sent */
    Stat64 tx_waits;            /* the network had no room for the frame */
    Stat64 tx_turns;            /* that ended with the budget */
    Stat64 tx_batches;          /* handed over by an iothread */
    Stat64 rx_frames, rx_bytes;
    Stat64 rx_errors;           /* the guest's pages were not granted */
    Stat64 rx_dropped;          /* too large, or no front end was connected */
    Stat64 rx_filtered;         /* multicast that the guest did not ask for */
    Stat64 rx_waits;            /* the guest had too few requests */
    Stat64 events_in, events_out;
} XenNetStats;

typedef struct XenNetOut XenNetOut;

typedef struct XenNetQueue {
    XenNetDev *dev;
    unsigned index;
    AioContext *ctx;            /* of the transmit ring */
    XenNetStats stats;
    XenNetOut *out;             /* batches; NULL without an iothread */
    QEMUBH *rx_bh;              /* look at the receive ring, in the main loop */

    /* While connected: */
    XenNetifRing rx;
    void *rx_page;
    uint32_t rx_ref, tx_ref;
    XenEventChannel *tx_channel;
    XenEventChannel *rx_channel;        /* the same unless they are split */
    /* Requests the waiting frame needs; 0: none does.  Atomic. */
    unsigned rx_wanted;

    QemuRecMutex lock;          /* guards the rest */
    XenNetifRing tx;
    void *tx_page;              /* NULL: not connected */
    QEMUBH *tx_bh;
    QEMUTimer *tx_timer;                /* an event may have to be sent */
} XenNetQueue;

typedef struct XenNetFeatures {
    bool sg;                    /* frames in several slots */
    bool gso_v4, gso_v6;        /* frames larger than the MTU */
    bool csum_v4, csum_v6;      /* frames with a blank checksum */
    bool rx_notify;
} XenNetFeatures;

/* A vif that is the twin of an emulated NIC: include/hw/xen/pv/twin.h */
typedef struct XenNetTwin {
    XenNetDev *vif;             /* whose it is */
    NICState *nic;
    /* What the emulated NIC has in "nic" and in its clients. */
    NetClientInfo *emulated;
    void *opaque;
    MemReentrancyGuard *guard;
    /* Its clients': while it has the network, and while the twin has. */
    NetClientInfo given, taken;
    bool owner;                 /* the twin has it */
} XenNetTwin;

struct XenNetDev {
    XenDevice xendev;

    /* Properties */
    int dev;                    /* number of the vif; -1: the first free one */
    uint16_t max_queues;        /* 0: as many as the network has */
    uint16_t host_mtu;          /* 0: the guest is told nothing */
    NICConf conf;
    IOThread *iothread;
    IOThreadVirtQueueMappingList *iothread_vq_mapping;

    XenNetTwin *twin;           /* NULL if the NIC is this device's own */
    NICState *nic;
    unsigned nr_clients;        /* of the NIC's queues in QEMU's layer */
    unsigned *blocked;          /* per client: frames that wait for its peer */
    bool vnet_hdr;              /* peers take and give a virtio-net header */
    bool running;               /* the VM is; atomic */
    bool broken;                /* until the front end starts afresh; atomic */
    XenPvThreads threads;
    gint64 logged_at;
    VMChangeStateEntry *vm_state;
    Notifier sleep;
    QEMUBH *shut_bh;
    /* What it is to log. */
    unsigned shut_queue;
    const char *shut_ring, *shut_why;
    QEMUTimer *rx_timer;
    uint8_t *tx_frame;          /* of the main thread: for xen_net_out_place() */
    uint8_t *rx_frame;          /* a copy of one that has to be changed */

    XenNetQueue *queue;         /* max_queues of them */
    unsigned nr_queues;         /* the front end's; 0: not connected */
    XenNetFeatures features;    /* the front end's */
    struct qemu_xs_watch *mcast_watch;
    bool mcast_control;         /* the list below is in use */
    QemuMutex mcast_lock;       /* guards the two below */
    unsigned nr_mcast;
    uint8_t mcast[XEN_NET_MAX_MCAST][6];

    /* What was loaded, until the front end is followed; migration.c. */
    bool loaded;
    uint32_t nr_saved_mcast;
    uint8_t saved_mcast[XEN_NET_MAX_MCAST * 6];
};

/* --------------------------------------------------------------- queue.c */

/* Which of the NIC's clients a queue sends through. */
NetClientState *xen_net_client(const XenNetQueue *queue);
/* The event for what @ring was pushed. */
void xen_net_notify(XenNetQueue *queue, XenNetifRing *ring,
                    XenEventChannel *channel);
/*
 * The front end broke the protocol: nothing is done for it any more, and the
 * device is shut as soon as nothing of it is on the stack.
 */
void xen_net_shut(XenNetQueue *queue, const char *ring, const char *why);

/* --------------------------------------------------------------- mcast.c */

bool xen_net_mcast_wanted(XenNetDev *net, const uint8_t *address);
/* False: the list is full.  Any thread. */
bool xen_net_mcast_change(XenNetDev *net, const uint8_t *address, bool add);
void xen_net_mcast_clear(XenNetDev *net);
/* The list that was loaded becomes the device's. */
void xen_net_mcast_restore(XenNetDev *net);

/* ------------------------------------------------------------- connect.c */

/* False: the front end's nodes are not usable; nothing is set up then. */
bool xen_net_connect(XenNetDev *net, Error **errp);
/* Afterwards nothing of the guest is touched.  May be called twice. */
void xen_net_disconnect(XenNetDev *net);
/* Back end's nodes that say what it can do. */
void xen_net_announce(XenNetDev *net);
/* The one that says whether there is a network. */
void xen_net_announce_carrier(XenNetDev *net);
/* What the NIC's peers may send: what the front end can take, or plain frames. */
void xen_net_set_offloads(XenNetDev *net, bool on);

/* ----------------------------------------------------------------- out.c */

/* In front of a frame, whether the peers want it or not. */
#define XEN_NET_HEADER      sizeof(struct virtio_net_hdr)
/* The largest frame to gather, and a whole slot more than QEMU's layer has. */
#define XEN_NET_FRAME_ROOM  (XEN_NET_HEADER + NET_BUFSIZE)

/* Before a queue is connected for the first time, and after it was for the last. */
void xen_net_out_init(XenNetQueue *queue);
void xen_net_out_cleanup(XenNetQueue *queue);
/*
 * XEN_NET_FRAME_ROOM for the next frame and its header.  NULL: none can be sent
 * now, and tx_bh is scheduled when that has changed.  These three: with the
 * queue's lock, in its context.
 */
uint8_t *xen_net_out_place(XenNetQueue *queue);
/* What is there, a frame of @size bytes behind a header, is complete. */
void xen_net_out_add(XenNetQueue *queue, size_t size);
/* Frames that were added are sent soon: not before, with an iothread. */
void xen_net_out_hand_over(XenNetQueue *queue);
/*
 * What was handed over goes to the network layer, as far as the network takes it; the
 * rest follows when that takes more.  Main thread, BQL.
 */
void xen_net_out_flush(XenNetQueue *queue);
/*
 * The link of @client is down: nothing is waited for, as the peer may be gone
 * together with the frames that it had yet to take.  Main thread, BQL.
 */
void xen_net_out_unblock(XenNetDev *net, unsigned client);

/* ------------------------------------------------------------------ tx.c */

/* The transmit ring's event.  True: there was something to do. */
bool xen_net_tx_event(void *queue);
void xen_net_tx_bh(void *queue);
void xen_net_tx_timer(void *queue);
/*
 * The VM has stopped: returns when the queue heeds that.  Events that wait for
 * their timer are sent: who goes on with the ring, here or after a migration, does
 * not know of them.
 */
void xen_net_tx_stop(XenNetQueue *queue);

/* ------------------------------------------------------------------ rx.c */

bool xen_net_rx_event(void *queue);
/* A single channel for both rings; the queue's context. */
bool xen_net_event(void *queue);
void xen_net_rx_bh(void *queue);
/* NetClientInfo.receive */
ssize_t xen_net_receive(NetClientState *nc, const uint8_t *buf, size_t size);
void xen_net_rx_poll(void *net);
/* A waiting frame can go on, or is dropped if nobody is connected. */
void xen_net_rx_flush(XenNetDev *net);

/* ---------------------------------------------------------------- twin.c */

/* The network is the device's own, or a twin's at this time. */
static inline bool xen_net_owns_nic(const XenNetDev *net)
{
    return !net->twin || net->twin->owner;
}
/* From now on @net is told of the NIC's end.  @info: as for a NIC of its own. */
void xen_net_begin_twin(XenNetDev *net, const NetClientInfo *info);
/* The NIC is the emulated one's alone. */
void xen_net_end_twin(XenNetDev *net);

/* ------------------------------------------------------------- monitor.c */

/* The property "queue-stats". */
void xen_net_add_stats(ObjectClass *oc);
/* NetClientInfo.query_rx_filter */
RxFilterInfo *xen_net_query_rx_filter(NetClientState *nc);

#endif
