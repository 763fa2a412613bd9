/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's front end in a qtest, and the network at the other side of QEMU
 *
 * The guest's RAM is memory that QEMU shares with the test, so that the test
 * reads and writes rings and buffers as a guest does: at any time, beside the
 * back end.  Only hypercalls go through the qtest protocol.
 *
 * The network is one end of a socket pair for datagrams, each a frame; QEMU
 * has the other as "-netdev dgram".
 *
 * The front end follows the protocol to the letter: it sends an event only
 * where req_event asks for one, and waits without end for what the back end
 * owes it.
 */
#ifndef TESTS_QTEST_LIBXEN_NET_H
#define TESTS_QTEST_LIBXEN_NET_H

#include "libxen.h"
#include "libxen-store.h"

#include "hw/xen/interface/io/netif.h"
#include "hw/xen/interface/io/xenbus.h"

#define XEN_VIF_RING_SIZE   256u
#define XEN_VIF_MAX_QUEUES  4
/* Pages to send from and to receive in, one after the other in memory. */
#define XEN_VIF_TX_PAGES    512
#define XEN_VIF_RX_PAGES    (XEN_VIF_MAX_QUEUES * XEN_VIF_RING_SIZE)
#define XEN_VIF_MAX_FRAME   65535u

typedef struct XenVifQueue {
    uint64_t tx_gpa, rx_gpa;
    netif_tx_sring_t *tx;
    netif_rx_sring_t *rx;
    uint32_t tx_port, rx_port;
    uint32_t tx_prod, tx_cons;  /* put there, answers seen */
    uint32_t rx_prod, rx_cons;
} XenVifQueue;

typedef struct XenVif {
    XenVm *vm;
    XenStore store;
    int network;                /* our end of the socket pair, or -1 */
    bool twin;                  /* of an emulated NIC */
    uint8_t *ram;
    char *ram_path;
    char *backend;              /* its folder in xenstore */
    uint64_t table;             /* addresses of the grant table */
    uint64_t tx_data, rx_data;  /* and of the two arrays of pages */
    unsigned nr_queues;
    XenVifQueue queue[XEN_VIF_MAX_QUEUES];
} XenVif;

/* The nodes that every front end writes, for xen_vif_connect(). */
#define XEN_VIF_NODES   "request-rx-copy=1 feature-sg=1 feature-rx-notify=1"

/*
 * A VM with "xen-net-device" that has @properties beside netdev=, or NULL.
 * @netdev: NULL, or an option -netdev with id=net instead of the socket pair.
 */
XenVif *xen_vif_start(bool long_mode, const char *properties,
                      const char *netdev);
/*
 * The same with emulated NIC @device ("e1000,addr=8") in place of xen-net-device,
 * whose twin is the vif.  @options: further ones.
 */
XenVif *xen_vif_start_twin(bool long_mode, const char *device,
                           const char *options);
/*
 * The same without any hypercall: ports, grants and xenstore are not set up.
 * @accel: as for xen_vm_start_bare(), or NULL.
 */
XenVif *xen_vif_start_twin_bare(unsigned nr_vcpus, bool long_mode,
                                const char *accel, const char *device,
                                const char *options);
XenVif *xen_vif_start_twin_target(const XenVif *vif, const char *device,
                                  const char *options);
/* After a reset: the guest's first steps once more. */
void xen_vif_set_up(XenVif *vif);

/*
 * Adds @nr @tests as xen_add_tests() does, once more as "xen/@suite-iothread/..."
 * with the transmit rings of all vifs in an iothread.
 */
void xen_add_vif_tests(const char *suite, const XenTest *tests, size_t nr);
/* Where the vifs that are started from now on have theirs. */
extern bool xen_vif_iothread;

/* A migration's target, which waits for a state of @vif's VM. */
XenVif *xen_vif_start_target(const XenVif *vif, const char *properties,
                             const char *netdev);
void xen_vif_stop(XenVif *vif);

void xen_vif_write(XenVif *vif, const char *key, const char *value);
/* A node of the back end's, or NULL.  Freed by the caller. */
char *xen_vif_read_backend(XenVif *vif, const char *key);
/* Waits until the back end's state is @state. */
void xen_vif_wait_state(XenVif *vif, enum xenbus_state state);

/*
 * Sets up the rings of @nr_queues with @split channels or not, writes @nodes
 * ("key=value key=value...") and goes to state 4.  Waits until the back end
 * does something about it: returns its new state.
 */
enum xenbus_state xen_vif_connect(XenVif *vif, unsigned nr_queues, bool split,
                                  const char *nodes);
/* Closes the front end and comes back to what it was before. */
void xen_vif_disconnect(XenVif *vif);
/* One of the counters in "queue-stats", of all queues. */
uint64_t xen_vif_counter(XenVif *vif, const char *name);
/* Waits until it is @value, and not beyond. */
void xen_vif_wait_counter(XenVif *vif, const char *name, uint64_t value);

/* Grant references of the pages. */
uint32_t xen_vif_tx_ref(unsigned page);
uint32_t xen_vif_rx_ref(unsigned page);
static inline uint8_t *xen_vif_tx_page(XenVif *vif, unsigned page)
{
    return vif->ram + vif->tx_data + page * XEN_PAGE_SIZE;
}
static inline uint8_t *xen_vif_rx_page(XenVif *vif, unsigned page)
{
    return vif->ram + vif->rx_data + page * XEN_PAGE_SIZE;
}

/* -------------------------------------------------------------------- send */

/* Writes a request, its number for an id; not to be seen before the push. */
void xen_vif_put_tx(XenVif *vif, unsigned queue, uint32_t ref, uint16_t offset,
                    uint16_t flags, uint16_t size);
void xen_vif_put_extra(XenVif *vif, unsigned queue,
                       const netif_extra_info_t *extra);
/*
 * A frame from memory at @offset of the tx pages: a slot for each of its @nr
 * pieces, whose sizes are @piece, each on a page of its own from @page on.
 * @flags: of the first slot.  Returns the number of slots.
 */
unsigned xen_vif_put_frame(XenVif *vif, unsigned queue, unsigned page,
                           const uint8_t *frame, size_t size,
                           const size_t *piece, unsigned nr, uint16_t flags,
                           const netif_extra_info_t *extra);
void xen_vif_push_tx(XenVif *vif, unsigned queue);
/* Waits for the next answer; checks its id.  Its status. */
int xen_vif_answer(XenVif *vif, unsigned queue);
/* The same for all slots that were put. */
void xen_vif_expect_answers(XenVif *vif, unsigned queue, int status);

/* ----------------------------------------------------------------- receive */

/* Adds @nr requests for pages of this queue's. */
void xen_vif_post_rx(XenVif *vif, unsigned queue, unsigned nr);
/* An answer came on this queue. */
bool xen_vif_has_rx(XenVif *vif, unsigned queue);

typedef struct XenVifFrame {
    size_t size;
    unsigned nr_slots;
    uint16_t flags;             /* of the first slot */
    bool failed;                /* some slot says so */
    netif_extra_info_t extra;   /* type 0: none */
    uint8_t data[18 * XEN_PAGE_SIZE];
} XenVifFrame;

/* Waits for the next frame on the queue. */
void xen_vif_get_frame(XenVif *vif, unsigned queue, XenVifFrame *frame);

/* ----------------------------------------------------------------- network */

void xen_vif_network_send(XenVif *vif, const void *frame, size_t size);
/* Waits for a frame; its size. */
size_t xen_vif_network_get(XenVif *vif, void *buf, size_t room);
/* The next frame that comes out of QEMU is this one. */
void xen_vif_network_expect(XenVif *vif, const void *frame, size_t size);

/* ------------------------------------------------------------------- checks */

#define XEN_VIF_TEST_FRAME  100
/* A grant reference without a grant. */
#define XEN_VIF_BAD_REF     40

/* A broadcast, the rest of it @mark. */
void xen_vif_make_frame(uint8_t *frame, size_t size, uint8_t mark);
/* A frame from the guest arrives, with no other before it; one to the guest. */
void xen_vif_check_send(XenVif *vif, unsigned queue, uint8_t mark);
void xen_vif_check_receive(XenVif *vif, unsigned queue, uint8_t mark);
/* The monitor answers: QEMU's main loop turns. */
void xen_vif_check_alive(XenVif *vif);
void xen_vif_check_backend(XenVif *vif, const char *key, const char *value);

#endif
