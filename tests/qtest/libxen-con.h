/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's end of a PV console: its rings and event channel
 *
 * QEMU transfers bytes in its main loop.  Functions that wait for it poll the
 * ring or the reader's end as long as it takes.
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

/* The primary console, from the HVM parameters; unmasks its port. */
XenCon xen_con_primary(XenVm *vm);
/*
 * Connects console @idx of device/console: grants a page, allocates a port, and
 * waits until the back end is connected.  @ref: the grant reference; maps the
 * first frame of the grant table for it.
 */
XenCon xen_con_connect(XenVm *vm, XenStore *s, unsigned idx, uint32_t ref);
/* Writes the nodes ring-ref and port. */
void xen_con_offer(XenStore *s, unsigned idx, uint32_t ref, uint32_t port);
/* Writes the front end's state; waits until the back end's is @be_state. */
void xen_con_set_state(XenStore *s, unsigned idx, unsigned state,
                       unsigned be_state);
/* Waits until the back end's state is @be_state. */
void xen_con_wait_state(XenStore *s, unsigned idx, unsigned be_state);

/* The number of bytes of output in the ring. */
uint32_t xen_con_unread(const XenCon *con);
/*
 * Writes as many of @len bytes to the output ring as there is room for, and
 * sends an event.  Returns their number.
 */
size_t xen_con_put(const XenCon *con, const void *buf, size_t len);
/* Writes all bytes to an empty ring, without an event. */
void xen_con_put_without_event(const XenCon *con, const char *text, size_t len);
/* Writes all bytes, waiting for room. */
void xen_con_write(const XenCon *con, const void *buf, size_t len);
/* Waits until the main loop has nothing left to do. */
void xen_con_settle(const XenCon *con);
/* Reads up to @len bytes of input to @buf, and sends an event. */
size_t xen_con_get(const XenCon *con, void *buf, size_t len);

/*
 * A text of @len bytes in which any lost, duplicated or changed byte is
 * visible: lines numbered from @first.  To be freed.
 */
char *xen_con_text(size_t len, unsigned first);

#endif
