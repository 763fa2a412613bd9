/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-console: the back end of a PV console
 *
 * Console 0, the primary one, has a page and an event channel that the machine
 * provides before the guest runs (primary.c); the guest finds them by
 * HVM_PARAM_CONSOLE_PFN and HVM_PARAM_CONSOLE_EVTCHN.  Any other has a front
 * end in xenstore, device/console/N, which grants a page and opens a channel.
 *
 *     guest -- ring.c -- data.c -- chardev        bytes, both ways
 *                          |
 *                      connect.c                  connect, disconnect
 *                          |
 *                     migration.c
 *                          |
 *     xenstore -- device.c + primary.c            front end, reset
 *
 * nodes.c writes to xenstore what a guest and its tools want to know.
 *
 * Output.  A reader who is slow paces the guest: what the chardev does not take
 * stays in the guest's ring, and the guest waits.  When the chardev can be
 * written to again, QEMU continues without another event from the guest.  A
 * reader who is not there (a socket without a client, a pty that nobody has
 * open) must not stop the guest: its output is kept in the backlog, the newest
 * "limit" bytes of it, as xenconsoled does, and goes out first when a reader
 * comes.  Output that a guest leaves behind at reset, or when it disconnects,
 * goes there too, so nothing overtakes it.  A chardev with a logfile has all
 * output in that file immediately; then nothing is kept for a reader who is not
 * there.
 *
 * Input.  The chardev is read when the ring has room; what the guest has no
 * room for stays in the chardev.
 *
 * The VM's state.  While it is being saved or loaded no byte moves, so the ring
 * (guest memory) and the backlog (migration.c) are what the other side goes on
 * with.
 *
 * Bounds: the backlog has XEN_CONSOLE_LIMIT_MAX bytes at most, one turn of the
 * main loop moves XEN_CONSOLE_TURN_BYTES from the backlog and one ring's worth
 * from the guest, and a guest that breaks its ring costs one line of log in
 * XEN_CONSOLE_LOG_MS.
 *
 * Threads: all of it runs in the main loop's thread under the BQL.
 */
#ifndef HW_XEN_PV_CONSOLE_CONSOLE_H
#define HW_XEN_PV_CONSOLE_CONSOLE_H

#include "chardev/char-fe.h"
#include "hw/xen/emu/grant.h"
#include "hw/xen/emu/qemu-compat.h"
#include "hw/xen/pv/console-ring.h"
#include "hw/xen/pv/bus.h"
#include "qemu/fifo8.h"
#include "qemu/units.h"
#include "system/runstate.h"

/* The most that "limit" can be, and what it is by default; in bytes. */
#define XEN_CONSOLE_LIMIT_MAX   MiB
/* What one turn of the main loop takes from the backlog, in bytes. */
#define XEN_CONSOLE_TURN_BYTES  (64 * KiB)
/* The shortest time between two lines of log about one console. */
#define XEN_CONSOLE_LOG_MS      10000

#define TYPE_XEN_CONSOLE "xen-console"
OBJECT_DECLARE_SIMPLE_TYPE(XenConsole, XEN_CONSOLE)

struct XenConsole {
    XenDevice parent_obj;

    /* Properties */
    CharFrontend chr;
    int32_t idx;                /* -1 until realize chooses */
    uint64_t limit;             /* bytes kept for a reader who is away */

    Error *unplug_blocker;      /* of the primary console */

    /* The connection, connect.c. */
    bool connected;
    XenGrantMap *map;           /* of the ring; NULL for the primary console */
    void *primary_page;         /* its page, which stays; NULL for others */
    XenEventChannel *channel;
    uint32_t port;              /* the guest's end of channel */
    uint32_t ring_ref;

    /* data.c */
    bool running;               /* between _start() and _stop() */
    bool broken;                /* the guest has lost this connection */
    bool vm_idle;               /* has not run since the connection */
    bool reader_away;
    bool input_blocked;         /* the chardev waits for room in the ring */
    int64_t logged_at;          /* ms of QEMU_CLOCK_REALTIME; 0: never */
    Fifo8 backlog;              /* of limit bytes; not created if that is 0 */
    QEMUBH *bh;
    guint watch;                /* for the chardev to take more; 0: none */
    VMChangeStateEntry *vm_state;
    Notifier sleep;

    /* What the stream holds while it is saved or loaded, migration.c */
    bool saved_connected;
    uint32_t saved_len;
    uint8_t *saved_backlog;
};

/* ------------------------------------------------------------------ data.c */

/* The chardev is there: starts to listen to it.  Once, in realize. */
void xen_console_start(XenConsole *con);
/* The opposite.  What the chardev takes at once of the backlog goes out. */
void xen_console_stop(XenConsole *con);

/* Ring and con->channel are there: bytes may move. */
void xen_console_attach(XenConsole *con);
/*
 * The guest's ring is about to go or to be cleared: all of its output goes to
 * the backlog.  Nothing touches the ring until the next _attach().
 */
void xen_console_detach(XenConsole *con);
/*
 * One line of log about what the guest did, at most one in XEN_CONSOLE_LOG_MS:
 * @reason, which is freed.
 */
void xen_console_warn(XenConsole *con, Error *reason);
/* Handler of con->channel; true: something was done. */
bool xen_console_event(void *opaque);

/*
 * Appends @len bytes of @buf to the backlog; what the limit has no room for is
 * dropped from its old end.
 */
void xen_console_keep(XenConsole *con, const uint8_t *buf, uint32_t len);

/* --------------------------------------------------------------- connect.c */

/*
 * Maps ring @con->ring_ref and binds channel @con->port, and attaches.  False:
 * neither, and @errp is set.
 */
bool xen_console_connect(XenConsole *con, Error **errp);
/* Detaches, unbinds and unmaps.  No-op without a connection. */
void xen_console_disconnect(XenConsole *con);

/* ----------------------------------------------------------------- nodes.c */

/* All that the back end writes; once, in realize. */
void xen_console_publish(XenConsole *con);
/* The chardev has been exchanged: xenstore tells the guest's tools. */
void xen_console_publish_tty(XenConsole *con);
/* Its chardev is a PTY. */
bool xen_console_is_pty(const XenConsole *con);

/* ------------------------------------------------------------- migration.c */

extern const VMStateDescription xen_console_vmstate;

/* --------------------------------------------------------------- primary.c */

/*
 * The primary console's back end is @con, NULL: gone.  At each reset of the
 * domain primary.c detaches it, clears the page and attaches it again.
 */
void xen_primary_console_set_backend(XenConsole *con);
/* Where the guest's end of the channel is, as the stream says. */
void xen_primary_console_set_port(uint32_t port);

#endif
