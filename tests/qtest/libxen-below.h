/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A MiB in pieces, as Linux's front end cuts it, and what goes below for them
 *
 * A piece is a request of 128 KiB that begins where the piece before it ends,
 * on the disk and in the data pages.  What a front end pushes at once is taken
 * in one turn.  What goes below is read from QEMU's trace.
 */
#ifndef TESTS_QTEST_LIBXEN_BELOW_H
#define TESTS_QTEST_LIBXEN_BELOW_H

#include "qemu/units.h"
#include "libxen-blk.h"

#define XEN_PIECES          8
#define XEN_PIECE_PAGES     32
#define XEN_PIECE_SECTORS   (XEN_PIECE_PAGES * 8)
#define XEN_PIECE_BYTES     (XEN_PIECE_PAGES * XEN_PAGE_SIZE)
#define XEN_BELOW_MAX       256

/* A request of the block layer, in bytes. */
typedef struct XenBelow {
    bool is_write;
    uint64_t offset, bytes;
} XenBelow;

typedef struct XenBelowTrace {
    unsigned nr;
    XenBelow below[XEN_BELOW_MAX];
    unsigned pushes, events;        /* of answers, to the guest */
} XenBelowTrace;

/* Devices for node "n", id "x": in the main loop and in iothread "io". */
extern const char *const xen_below_devices[2];

#define FOR_EACH_DEVICE(d) \
    for (size_t d = 0; d < ARRAY_SIZE(xen_below_devices); d++)

/* One at a time is traced; its QEMU may be replaced. */
XenVbd *xen_below_start(const void *long_mode, const char *disk,
                        const char *device);
void xen_below_stop(XenVbd *v);
/* What QEMU has read by itself until then does not count. */
void xen_below_connect(XenVbd *v, unsigned queues);
/* What came so far since xen_below_forget(). */
void xen_below_look(XenBelowTrace *t);
void xen_below_forget(void);
/* It must be these @nr, in this order; then they are forgotten. */
void xen_below_expect(const XenBelow *expected, unsigned nr);

/* Options for node "n" with this image, and @more. */
char *xen_below_image(const char *path, const char *more);

/* Piece number @id; not pushed yet. */
void xen_piece_put(XenVbd *v, unsigned queue, uint8_t op, unsigned id);
/* Pieces 0 to @nr - 1, all at once. */
void xen_pieces_push(XenVbd *v, unsigned queue, uint8_t op, unsigned nr);
/* Data of pieces @from to @to - 1: in guest memory, */
void xen_pieces_fill(XenVbd *v, unsigned from, unsigned to, uint32_t round);
void xen_pieces_check(const uint8_t *data, unsigned from, unsigned to,
                      uint32_t round);
/* and on the disk. */
void xen_pieces_check_image(const char *path, unsigned from, unsigned to,
                            uint32_t round);

#endif
