/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest in a qtest: what it does at random
 *
 * The guest is a XenVbd's (libxen-blk.h), whose RAM is shared with the test, with
 * further PV devices.  A step is one thing that a guest, or its user, may do: mostly
 * as a front end does it, with one part that is wrong.  No step asserts what QEMU
 * answers, and none waits for long.
 *
 * A second process, the changer, changes words of the guest's pages all the time, so
 * that QEMU reads a different value each time that it looks.  It cannot reach the
 * pages that Xen owns: shared_info, the grant table, the rings of xenstore and of the
 * first console.  Steps change these, between what QEMU's main loop does.
 *
 * All choices of the steps follow from one seed; when the changer changes what does
 * not.
 */
#ifndef TESTS_QTEST_LIBXEN_HOSTILE_H
#define TESTS_QTEST_LIBXEN_HOSTILE_H

#include "libxen-blk.h"

/* Pages of the guest for rings, arguments and areas; contiguous. */
#define XEN_HOSTILE_PAGES   48
#define XEN_HOSTILE_DEVICES 5

typedef struct XenChanger XenChanger;

typedef struct XenHostile {
    XenVbd *v;
    GRand *rand;
    uint64_t pages;             /* address of the first of them */
    uint32_t port[XEN_HOSTILE_DEVICES]; /* the last that each was offered */
    XenChanger *changer;
    bool moves;                 /* it may be migrated */
    const char *options;        /* of QEMU, for a target of that */
} XenHostile;

/*
 * QEMU's options for what the steps use: three disks, xvdb in an I/O thread with the
 * file @image, two networks with one hub, two consoles; with @twins, an emulated disk
 * and NIC, too.
 */
char *xen_hostile_options(const char *image, bool twins);

/* @v: new, its guest set up.  Starts the changer. */
XenHostile *xen_hostile_new(XenVbd *v, uint32_t seed);
/* Ends the changer; not the VM. */
void xen_hostile_free(XenHostile *h);

/* One step; its name, for a log. */
const char *xen_hostile_step(XenHostile *h);

/* ------------------------------------------------------------ the changer -- */

/* Changes @size bytes at @words from now on, in a process of its own. */
XenChanger *xen_changer_new(uint8_t *words, size_t size, uint32_t seed);
/* When it returns, nothing changes until xen_changer_continue(). */
void xen_changer_pause(XenChanger *c);
void xen_changer_continue(XenChanger *c);
void xen_changer_free(XenChanger *c);

#endif
