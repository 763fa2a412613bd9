/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rings of a PV console
 *
 * Front end and back end share a page: struct xencons_interface, two rings of
 * bytes with a producer's and a consumer's index each.  Indices run freely
 * through 32 bits; the ring's size is a power of two, so a position is the
 * index modulo the size.  "out" (2048 bytes) carries the guest's output, "in"
 * (1024) its input.  All fields are little endian, and the same for 32-bit and
 * 64-bit guests.
 *
 * This is the back end's side: consumer of "out", producer of "in".  It keeps
 * no index of its own.  Both ends of a ring are read from the page each time,
 * once, and checked against each other, so the page alone is the console's
 * state over reset and migration.  A guest that changes the back end's index
 * changes only which of its own bytes are seen.
 *
 * Compiles without QEMU.  Errors are negative errno.  No locks: one thread at a
 * time for a page, on this side.  The guest may write to all of it meanwhile.
 *
 * Source of the ABI: Xen's public io/console.h and docs/misc/console.txt.
 */
#ifndef HW_XEN_PV_CONSOLE_RING_H
#define HW_XEN_PV_CONSOLE_RING_H

#include <stddef.h>
#include <stdint.h>

#include "hw/xen/interface/io/console.h"

#define XEN_CONSOLE_OUT_SIZE    sizeof(((struct xencons_interface *)0)->out)
#define XEN_CONSOLE_IN_SIZE     sizeof(((struct xencons_interface *)0)->in)

/* What the guest has written and nobody has taken yet. */
typedef struct XenConsoleOutput {
    uint32_t cons;              /* index of the first byte */
    uint32_t len;               /* in bytes, at most XEN_CONSOLE_OUT_SIZE */
} XenConsoleOutput;

/*
 * Looks at the guest's output.  0, or -EPROTO: the indices are further apart
 * than the ring is long, and @output is empty.
 */
int xen_console_output(const struct xencons_interface *page,
                       XenConsoleOutput *output);

/* Copies the first @len bytes of @output to @buf; @len <= output->len. */
void xen_console_output_copy(const struct xencons_interface *page,
                             const XenConsoleOutput *output, void *buf,
                             size_t len);

/* The first @len bytes of @output are free for the guest to overwrite. */
void xen_console_output_consume(struct xencons_interface *page,
                                const XenConsoleOutput *output, size_t len);

/* Bytes that the input ring has room for, or -EPROTO as above. */
int xen_console_input_room(const struct xencons_interface *page);

/*
 * Puts @len bytes of @buf into the input ring, or as many as it has room for.
 * Their number, or -EPROTO as above.
 */
int xen_console_input_put(struct xencons_interface *page, const void *buf,
                          size_t len);

#endif
