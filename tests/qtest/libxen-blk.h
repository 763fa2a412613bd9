/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk's front end in a qtest
 *
 * The guest's RAM is memory that QEMU shares with the test, so that rings and
 * data are read and written at any time, beside the back end; only hypercalls
 * go through the qtest protocol.
 *
 * The front end follows the protocol to the letter where a test does not ask
 * for something else: it sends an event only where req_event asks for one, and
 * waits without end for its answers.  Its requests have the layout of the
 * VM's, 64-bit or 32-bit, and are written byte by byte from the ABI.
 */
#ifndef TESTS_QTEST_LIBXEN_BLK_H
#define TESTS_QTEST_LIBXEN_BLK_H

#include "libxen.h"
#include "libxen-store.h"

#include "hw/xen/interface/io/blkif.h"
#include "hw/xen/interface/io/xenbus.h"

#define XEN_VBD_MAX_QUEUES      4
#define XEN_VBD_MAX_ORDER       4
/* Pages of data, one after the other in memory, all granted. */
#define XEN_VBD_DATA_PAGES      1024
/* Behind them as many as a queue has requests: their indirect segments. */
#define XEN_VBD_INDIRECT_PAGES  512
#define XEN_VBD_SECTOR          512u
#define XEN_VBD_MAX_SEGMENTS    256

typedef struct XenVbdQueue {
    uint64_t gpa;               /* of its ring's pages */
    uint32_t port;
    uint32_t size;
    uint32_t prod, cons;        /* requests put, answers taken */
} XenVbdQueue;

typedef struct XenVbd {
    XenVm *vm;
    XenStore store;
    uint8_t *ram;
    char *ram_path;
    unsigned number;            /* the disk's: 51712 is xvda */
    uint64_t table, rings, data;
    unsigned nr_queues, order;
    XenVbdQueue queue[XEN_VBD_MAX_QUEUES];
} XenVbd;

/* A request as a test writes it. */
typedef struct XenVbdRequest {
    uint8_t op;
    bool indirect;              /* op by BLKIF_OP_INDIRECT */
    uint64_t id, sector;
    uint64_t nr_sectors;        /* to discard */
    unsigned page;              /* of the data, for the first segment */
    unsigned nr;                /* segments, each on the next page */
    uint8_t first, last;        /* of each */
    const uint32_t *ref;        /* other grants, or NULL */
} XenVbdRequest;

typedef struct XenVbdAnswer {
    uint64_t id;
    uint8_t op;
    int16_t status;
} XenVbdAnswer;

/*
 * Adds disk "x", xvda, of 64 MiB of zeroes, that does one request a second of
 * QEMU's clock: the others wait until the test steps it.  With @in_iothread in
 * "io", which the VM must have.  A throttle group on the command line would not
 * do: it is made before the accelerator, and follows the host's clock.
 */
void xen_vm_add_slow_disk(XenVm *vm, bool in_iothread);

/* @options: QEMU's, with the disk; not connected yet. */
XenVbd *xen_vbd_start(bool long_mode, const char *options);
/* For QEMU that has ended, too. */
void xen_vbd_stop(XenVbd *v);
/* A QMP command in JSON, which must succeed. */
void xen_vbd_qmp(XenVbd *v, const char *command);
/* One of query-blockstats, of the first disk. */
uint64_t xen_vbd_counter(XenVbd *v, const char *name);
/* A migration's target, which waits for a state of @v's VM. */
XenVbd *xen_vbd_start_target(const XenVbd *v, const char *options);
/*
 * The same guest in another QEMU with @options, by way of a file.  @v and its
 * QEMU have ended.
 */
XenVbd *xen_vbd_move(XenVbd *v, const char *options);
/* The same of a VM that is stopped, and stays so. */
XenVbd *xen_vbd_move_stopped(XenVbd *v, const char *options);
/* After a reset: the guest's first steps once more. */
void xen_vbd_set_up(XenVbd *v);
/* Choose the disk with this number. */
void xen_vbd_use(XenVbd *v, unsigned number);

void xen_vbd_write(XenVbd *v, const char *key, const char *value);
/* A node of the back end's, or NULL.  Freed by the caller. */
char *xen_vbd_read(XenVbd *v, const char *key);
uint64_t xen_vbd_read_uint(XenVbd *v, const char *key);
void xen_vbd_set_state(XenVbd *v, enum xenbus_state state);
enum xenbus_state xen_vbd_state(XenVbd *v);
void xen_vbd_wait_state(XenVbd *v, enum xenbus_state state);

/*
 * Writes the nodes for rings of 1 << @order pages and goes to state 4, without
 * waiting.
 */
void xen_vbd_offer(XenVbd *v, unsigned nr_queues, unsigned order);
/* The same, and the back end connects. */
void xen_vbd_connect(XenVbd *v, unsigned nr_queues, unsigned order);
/* To state 6, and waits for the back end's. */
void xen_vbd_close(XenVbd *v);
/* Closes, and comes back to what it was before. */
void xen_vbd_disconnect(XenVbd *v);

static inline uint8_t *xen_vbd_page(XenVbd *v, unsigned page)
{
    return v->ram + v->data + page * XEN_PAGE_SIZE;
}
uint32_t xen_vbd_ref(unsigned page);
/* Flags of its grant: GTF_*. */
void xen_vbd_set_grant(XenVbd *v, unsigned page, uint16_t flags);

/* An index of a ring: offsets as io/ring.h has them. */
#define XEN_VBD_INDEX(v, q, field) \
    ((uint32_t *)((v)->ram + (v)->queue[q].gpa + \
                  offsetof(blkif_sring_t, field)))

/* Writes it; not to be seen before the push. */
void xen_vbd_put(XenVbd *v, unsigned queue, const XenVbdRequest *r);
/* Bytes of the request that was put last. */
uint8_t *xen_vbd_last_entry(XenVbd *v, unsigned queue, unsigned offset);
void xen_vbd_push(XenVbd *v, unsigned queue);
/* False: none is there now. */
bool xen_vbd_poll(XenVbd *v, unsigned queue, XenVbdAnswer *a);
void xen_vbd_get(XenVbd *v, unsigned queue, XenVbdAnswer *a);
/*
 * Requests with ids 0 to @nr - 1 are answered, each once, and nothing else is. All
 * are OK, but @bad (-1: none) is an error.
 */
void xen_vbd_get_each_once(XenVbd *v, unsigned queue, unsigned nr, int bad);
/* Puts, pushes, waits; no other must be under way.  The status. */
int16_t xen_vbd_do(XenVbd *v, unsigned queue, const XenVbdRequest *r);
/* @op on whole pages, indirect where it takes more than 11. */
int16_t xen_vbd_do_pages(XenVbd *v, unsigned queue, uint8_t op,
                         uint64_t sector, unsigned page, unsigned nr);

void xen_vbd_fill_page(XenVbd *v, unsigned page, uint8_t byte);
/* The disk writes and reads, and its events arrive. */
void xen_vbd_check_works(XenVbd *v, unsigned queue);

#endif
