/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that are no Linux: what the drivers of another system do, in its order
 *
 * The VM has what a toolstack gives to an HVM guest: an IDE disk and a NIC, both
 * with PV twins, and a console.  A test makes a system's calls and accesses one
 * by one.  Functions here are what the systems have in common.
 *
 * Nothing here polls for what an event tells: the guest sleeps until a vCPU gets
 * its upcall vector, then handles the events of that vCPU, and only then looks
 * at rings and nodes.  So a test hangs if an event or a watch does not come.
 * (Where QEMU and the guest write the same words, vCPUs have atomic
 * instructions.  This does, too, in RAM, or takes care not to need them.)
 */
#ifndef TESTS_QTEST_LIBXEN_FRONT_H
#define TESTS_QTEST_LIBXEN_FRONT_H

#include "libxen.h"
#include "libxen-blk.h"
#include "libxen-con.h"
#include "libxen-net.h"
#include "libxen-store.h"

#define XEN_FRONT_MAX_PORT  1024
#define XEN_FRONT_MAC       "52:54:00:0a:0b:0c"
/* Where the emulated NIC is. */
#define XEN_FRONT_NIC_SLOT  8
/* The disk's number (xvda) and size. */
#define XEN_FRONT_DISK      51712
#define XEN_FRONT_DISK_SIZE (4u << 20)

typedef struct XenFrontSystem {
    const char *accel;          /* replaces XEN_VM_ACCEL; or NULL */
    unsigned nr_vcpus;
    uint8_t vector;             /* of upcalls, on all vCPUs; 0: the callback's */
    unsigned gsi;               /* of the callback, which is never used */
    bool masks;                 /* a port until its event has been handled */
    /*
     * Its xenstore requests have numbers and go out in one piece, or all have
     * number 0 and each part of them is notified.
     */
    bool numbered;
} XenFrontSystem;

typedef struct XenFront {
    const XenFrontSystem *system;
    XenVm *vm;
    XenVif *vif;
    XenVbd vbd;                 /* only its rings and data pages */
    XenCon con;
    XenStore store;
    int reader;                 /* the console's, on the host */
    char *image;                /* the disk's file */
    bool cold;                  /* looks at xenstore's ring again and again */
    bool fired[XEN_FRONT_MAX_PORT], masked[XEN_FRONT_MAX_PORT];
    GQueue *watches;            /* tokens of those that have fired */
    GArray *refs;               /* free grant references */
    uint64_t table;             /* the grant table */
} XenFront;

XenFront *xen_front_start(const XenFrontSystem *system, bool long_mode);
void xen_front_stop(XenFront *f);
/* The machine was reset, or the system starts anew: it remembers nothing. */
void xen_front_forget(XenFront *f);
/* Makes hypercall SHUTDOWN_reboot, and waits for the reset. */
void xen_front_reboot(XenFront *f);
/* SHUTDOWN_suspend: the VM pauses; the user continues it. */
void xen_front_suspend(XenFront *f);
/* A node as the user writes it, in the guest's home. */
void xen_front_host_write(XenFront *f, const char *path, const char *value);

/* ----------------------------------------------------------------- events */

/* Sleeps until @port's event has been handled, unless it has been already. */
void xen_front_wait(XenFront *f, uint32_t port);
/* Sets all mask bits of shared_info; clears one. */
void xen_front_mask_all(XenFront *f);
void xen_front_clear_mask(XenFront *f, uint32_t port);
/* No pending bit of shared_info is set. */
void xen_front_expect_no_event(XenFront *f);
/* A port for the back end, which notifies @vcpu.  Not unmasked. */
uint32_t xen_front_new_port(XenFront *f, unsigned vcpu);

/* --------------------------------------------------------------- xenstore */

/* Page and port are those of f->store, which the caller has found and unmasked. */

/* Finds them by the HVM parameters, the port first; does not unmask it. */
void xen_front_find_store(XenFront *f);

/* The value, or NULL if there is no such node. */
char *xen_front_read(XenFront *f, uint32_t tx, const char *path, ...)
    G_GNUC_PRINTF(3, 4);
/* It must be there. */
unsigned xen_front_read_uint(XenFront *f, const char *path, ...)
    G_GNUC_PRINTF(2, 3);
void xen_front_expect(XenFront *f, const char *path, const char *value);
/* The names below @path, with a blank behind each. */
char *xen_front_list(XenFront *f, const char *path);
void xen_front_write(XenFront *f, uint32_t tx, const char *folder,
                     const char *name, const char *format, ...)
    G_GNUC_PRINTF(5, 6);
void xen_front_remove(XenFront *f, uint32_t tx, const char *path);
void xen_front_watch(XenFront *f, const char *path, const char *token);
void xen_front_unwatch(XenFront *f, const char *path, const char *token);
/* Takes one event of the watch. */
void xen_front_wait_watch(XenFront *f, const char *token);
/* @second: the value, token or so that follows the path; or NULL. */
void xen_front_expect_error(XenFront *f, uint32_t tx, uint32_t type,
                            const char *path, const char *second,
                            const char *error);
uint32_t xen_front_begin(XenFront *f);
/* False: it has to be tried again. */
bool xen_front_commit(XenFront *f, uint32_t tx);

/* ---------------------------------------------------------------- devices */

typedef struct XenFrontDevice {
    XenFront *f;
    char *path, *backend;       /* folders */
    char *token;                /* of the watch on the back end's state, or NULL */
    enum xenbus_state seen;     /* of the back end */
} XenFrontDevice;

/* device/@type/@id, whose back end it reads. */
XenFrontDevice xen_front_device(XenFront *f, const char *type, unsigned id);
void xen_front_device_clear(XenFrontDevice *d);
void xen_front_set_state(XenFrontDevice *d, enum xenbus_state state);
/* A watch that stays; its first event comes at once. */
void xen_front_watch_state(XenFrontDevice *d, const char *token);
void xen_front_unwatch_state(XenFrontDevice *d);
/*
 * By such a watch: waits until the back end's state is another one.  Unknown:
 * there is no such node any more.
 */
enum xenbus_state xen_front_next_state(XenFrontDevice *d);
/* It is this one. */
void xen_front_expect_state(XenFrontDevice *d, enum xenbus_state state);

/* ----------------------------------------------------------------- grants */

/* By GNTTABOP_query_size. */
unsigned xen_front_max_frames(XenFront *f);
/* The table is mapped: @nr_frames of it. */
void xen_front_use_grants(XenFront *f, uint64_t table, unsigned nr_frames);
/* Maps that much of it, the lowest frame first, and uses it. */
void xen_front_map_grants(XenFront *f, unsigned nr_frames);
uint32_t xen_front_grant(XenFront *f, uint64_t gpa, bool read_only);
/* The back end does not use it any more. */
void xen_front_revoke(XenFront *f, uint32_t ref);
/* A grant's page, as the table has it. */
uint64_t xen_front_granted(XenFront *f, uint32_t ref);

/* ------------------------------------------------------------------- disk */

/* An empty ring, its pages granted: the references. */
void xen_front_disk_ring(XenFront *f, unsigned queue, unsigned order,
                         uint32_t port, uint32_t *ref);
/*
 * One request of @nr pages and its answer; indirect if there are more than 11.
 * A grant for each page, taken back afterwards.  The status.
 */
int16_t xen_front_disk_request(XenFront *f, unsigned queue, uint8_t op,
                               uint64_t sector, unsigned page, unsigned nr);
/*
 * Several writes at once, a flush, and reads: each of @nr pages, with content
 * that depends on @mark.  What is read, and what is in the file, is what was
 * written.
 */
void xen_front_check_disk(XenFront *f, unsigned queue, unsigned nr,
                          uint8_t mark);

/* ---------------------------------------------------------------- network */

/* The same for the two rings of a queue. */
void xen_front_net_rings(XenFront *f, unsigned queue, uint32_t tx_port,
                         uint32_t rx_port, uint32_t *tx_ref, uint32_t *rx_ref);
/*
 * Frames in both directions, of one slot and, with @sg, of several.  The guest
 * has offered buffers.
 */
void xen_front_check_net(XenFront *f, unsigned queue, bool sg, uint8_t mark);

/* ---------------------------------------------------------------- console */

/* Lines in both directions. */
void xen_front_check_console(XenFront *f, uint8_t mark);

#endif
