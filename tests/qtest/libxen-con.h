/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's end of a PV console: its rings and event channel
 *
 * QEMU moves bytes from its main loop, when that comes to it: functions that
 * wait do so by looking at the ring or at the reader's end, however long it
 * takes.
 */
#ifndef TESTS_QTEST_LIBXEN_CON_H
#define TESTS_QTEST_LIBXEN_CON_H

#include "libxen.h"
#include "libxen-store.h"

#include "hw/xen/interface/io/console.h"

#define XEN_CON_OUT_SIZE    sizeof_field(struct xencons_interface, out)
#define XEN_CON_IN_SIZE     sizeof_field(struct xencons_interface, in)

typedef struct XenCon {
    XenVm *vm;
    unsigned idx;
    uint64_t page;              /* address of struct xencons_interface */
    uint32_t port;
} XenCon;

#define XEN_CON_FIELD(con, name) \
    ((con)->page + offsetof(struct xencons_interface, name))

/* The primary console, where the HVM parameters say; its port is unmasked. */
XenCon xen_con_primary(XenVm *vm);
/*
 * Connects console @idx of device/console: grants a page, opens a port, and
 * waits until the back end is connected.  @ref: the entry of the grant table,
 * whose first frame is mapped for it.
 */
XenCon xen_con_connect(XenVm *vm, XenStore *s, unsigned idx, uint32_t ref);
/* Writes ring-ref and port. */
void xen_con_offer(XenStore *s, unsigned idx, uint32_t ref, uint32_t port);
/* Writes the front end's state; waits until the back end's is @be_state. */
void xen_con_set_state(XenStore *s, unsigned idx, unsigned state,
                       unsigned be_state);
/* Waits until the back end's state is @be_state. */
void xen_con_wait_state(XenStore *s, unsigned idx, unsigned be_state);

/* Bytes of output that are in the ring, and those that have room. */
uint32_t xen_con_unread(const XenCon *con);
/*
 * Puts as many of @len bytes into the output ring as have room and sends an
 * event; their number.
 */
size_t xen_con_put(const XenCon *con, const void *buf, size_t len);
/* The same into an empty ring, all of it, and sends no event. */
void xen_con_put_without_event(const XenCon *con, const char *text, size_t len);
/* Puts all of them, waiting for room.  */
void xen_con_write(const XenCon *con, const void *buf, size_t len);
/* The main loop has seen to all that there was to do. */
void xen_con_settle(const XenCon *con);
/* Bytes of input that wait, up to @len, to @buf; the guest sends an event. */
size_t xen_con_get(const XenCon *con, void *buf, size_t len);

/*
 * A text of @len bytes that shows a loss, a repetition or a change anywhere:
 * numbered from @first, to be freed.
 */
char *xen_con_text(size_t len, unsigned first);

#endif
