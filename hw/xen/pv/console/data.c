/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-console: bytes between the guest's rings and the chardev
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "chardev/char.h"
#include "console.h"
#include "qapi/error.h"
#include "trace.h"

static bool has_ring(const XenConsole *con)
{
    return con->connected && !con->broken;
}

/*
 * The guest's memory and the backlog are being saved or loaded.  Bytes that
 * moved now would be seen twice, here and by whoever continues from the stream,
 * or not at all.  A VM that is only paused may have stopped in the midst of a
 * guest's last words: those go out.  But while a paused one loads a snapshot,
 * which begins with a reset, its ring is nobody's until it runs.
 */
static bool state_in_transit(const XenConsole *con)
{
    /* Firmware that wakes up from S3 uses RAM, too. */
    if (con->vm_idle || xen_emu_is_asleep()) {
        return true;
    }
    switch (runstate_get()) {
    case RUN_STATE_FINISH_MIGRATE:
    case RUN_STATE_POSTMIGRATE:
    case RUN_STATE_INMIGRATE:
    case RUN_STATE_SAVE_VM:
    case RUN_STATE_RESTORE_VM:
    case RUN_STATE_COLO:
        return true;
    default:
        return false;
    }
}

/* The page of the rings, shared with the guest.  Not to be kept over a reset. */
static struct xencons_interface *ring_page(XenConsole *con)
{
    return con->primary_page ?: xen_grant_map_page(con->map, 0);
}

static void notify(XenConsole *con)
{
    /* The guest may have closed its end: then nobody is to be notified. */
    xen_device_notify_event_channel(XEN_DEVICE(con), con->channel, NULL);
}

void xen_console_warn(XenConsole *con, Error *reason)
{
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    if (!con->logged_at || now - con->logged_at >= XEN_CONSOLE_LOG_MS) {
        con->logged_at = now;
        warn_reportf_err(reason, TYPE_XEN_CONSOLE " %d: ", con->idx);
    } else {
        error_free(reason);
    }
}

/* The guest has broken its ring: it has no console until it connects again. */
static void lose(XenConsole *con)
{
    Error *reason = NULL;

    trace_xen_pv_console_broken(con->idx);
    con->broken = true;
    error_setg(&reason, "the guest wrote an invalid ring index, console "
               "disconnected");
    xen_console_warn(con, reason);
    if (con->idx) {
        /* The primary one has no front end in xenstore to hear this. */
        xen_device_backend_set_state(XEN_DEVICE(con), XenbusStateClosing);
    }
}

/* ----------------------------------------------------------------- output */

/* A log file has the output already, so a reader who comes later has not. */
static bool keeps_backlog(const XenConsole *con)
{
    return con->limit && con->chr.chr && con->chr.chr->logfd < 0;
}

void xen_console_keep(XenConsole *con, const uint8_t *buf, uint32_t len)
{
    uint32_t dropped = 0, room;

    if (!con->limit) {
        return;
    }
    if (len > con->limit) {
        dropped = len - con->limit;
        buf += dropped;
        len = con->limit;
    }
    room = fifo8_num_free(&con->backlog);
    if (len > room) {
        dropped += len - room;
        fifo8_drop(&con->backlog, len - room);
    }
    fifo8_push_all(&con->backlog, buf, len);
    trace_xen_pv_console_keep(con->idx, len, dropped);
}

static gboolean can_write(void *do_not_use, GIOCondition cond, void *opaque)
{
    XenConsole *con = opaque;

    con->watch = 0;
    qemu_bh_schedule(con->bh);
    return G_SOURCE_REMOVE;
}

static bool wait_for_chardev(XenConsole *con)
{
    if (!con->watch) {
        con->watch = qemu_chr_fe_add_watch(&con->chr, G_IO_OUT | G_IO_HUP,
                                           can_write, con);
    }
    return con->watch != 0;
}

static void stop_waiting(XenConsole *con)
{
    if (con->watch) {
        g_source_remove(con->watch);
        con->watch = 0;
    }
}

static bool is_socket(const XenConsole *con)
{
    return object_dynamic_cast(OBJECT(con->chr.chr), TYPE_CHARDEV_SOCKET);
}

/*
 * Offers @len bytes to the chardev.  How many of them are done with: 0 means
 * that the rest has to wait, for the chardev or for a reader.
 */
static size_t deliver(XenConsole *con, const uint8_t *buf, size_t len)
{
    int n, err;

    if (!qemu_chr_fe_backend_connected(&con->chr)) {
        return len;
    }
    n = qemu_chr_fe_write(&con->chr, buf, len);
    err = n < 0 ? errno : 0;
    if (n > 0) {
        return n;
    }
    if (err == EIO && !con->reader_away) {
        /* A socket without a client, behind a multiplexer that hides it. */
        con->reader_away = true;
        qemu_bh_schedule(con->bh);
    }
    if (con->reader_away) {
        /* Since before, or since this write found out. */
        return keeps_backlog(con) ? 0 : len;
    }
    if (err && err != EAGAIN && is_socket(con)) {
        /* It reports CHR_EVENT_CLOSED when it has read the end. */
        return 0;
    }
    if ((!err || err == EAGAIN) && wait_for_chardev(con)) {
        return 0;
    }
    /* Full disk, or one that cannot say when it takes more: as a UART does. */
    trace_xen_pv_console_lost(con->idx, len, err);
    return len;
}

/* Delivers up to @left bytes of the backlog.  True: it is empty. */
static bool flush_backlog(XenConsole *con, uint32_t left)
{
    while (con->limit && !fifo8_is_empty(&con->backlog)) {
        const uint8_t *buf;
        uint32_t len;
        size_t n;

        if (!left) {
            qemu_bh_schedule(con->bh);
            return false;
        }
        buf = fifo8_peek_bufptr(&con->backlog,
                                MIN(left, fifo8_num_used(&con->backlog)),
                                &len);
        n = deliver(con, buf, len);
        if (!n) {
            return false;
        }
        fifo8_drop(&con->backlog, n);
        left -= n;
    }
    return true;
}

/* The guest's output to the chardev, or (@keep) to the backlog. */
static bool take_output(XenConsole *con, bool keep)
{
    struct xencons_interface *page = ring_page(con);
    uint8_t buf[XEN_CONSOLE_OUT_SIZE];
    XenConsoleOutput output;
    size_t taken = 0;

    if (xen_console_output(page, &output)) {
        lose(con);
        return false;
    }
    if (!output.len) {
        return false;
    }
    xen_console_output_copy(page, &output, buf, output.len);
    if (keep) {
        xen_console_keep(con, buf, output.len);
        taken = output.len;
    }
    while (taken < output.len) {
        size_t n = deliver(con, buf + taken, output.len - taken);

        if (!n) {
            break;
        }
        taken += n;
    }
    trace_xen_pv_console_output(con->idx, output.len, taken);
    if (!taken) {
        return false;
    }
    xen_console_output_consume(page, &output, taken);
    notify(con);
    /* What came meanwhile, or what a reader who left did not take. */
    if (taken == output.len || con->reader_away) {
        qemu_bh_schedule(con->bh);
    }
    return true;
}

/* One turn.  True: the guest's ring has more room. */
static bool move_output(XenConsole *con)
{
    bool keep = con->reader_away && keeps_backlog(con);

    if (state_in_transit(con) ||
        (!keep && !flush_backlog(con, XEN_CONSOLE_TURN_BYTES))) {
        return false;
    }
    return has_ring(con) && take_output(con, keep);
}

/* ------------------------------------------------------------------ input */

static int can_receive(void *opaque)
{
    XenConsole *con = opaque;
    int room;

    if (!has_ring(con) || state_in_transit(con)) {
        con->input_blocked = true;
        return 0;
    }
    room = xen_console_input_room(ring_page(con));
    if (room < 0) {
        lose(con);
        room = 0;
    }
    con->input_blocked = !room;
    return room;
}

static void receive(void *opaque, const uint8_t *buf, int len)
{
    XenConsole *con = opaque;
    int put;

    if (!has_ring(con)) {
        return;
    }
    put = xen_console_input_put(ring_page(con), buf, len);
    trace_xen_pv_console_input(con->idx, len, put);
    if (put < 0) {
        lose(con);
    } else if (put) {
        notify(con);
    }
}

/* A chardev that was refused may have to be told that there is room again. */
static void accept_input(XenConsole *con)
{
    if (con->input_blocked && can_receive(con)) {
        qemu_chr_fe_accept_input(&con->chr);
    }
}

/* ----------------------------------------------------------------- events */

bool xen_console_event(void *opaque)
{
    XenConsole *con = opaque;

    if (!has_ring(con)) {
        return false;
    }
    accept_input(con);
    return move_output(con);
}

static void turn(void *opaque)
{
    XenConsole *con = opaque;

    accept_input(con);
    move_output(con);
}

/*
 * Called in the midst of a write too, with the chardev's lock held: must not
 * write itself.
 */
static void chardev_event(void *opaque, QEMUChrEvent event)
{
    XenConsole *con = opaque;

    switch (event) {
    case CHR_EVENT_OPENED:
    case CHR_EVENT_CLOSED:
        con->reader_away = event == CHR_EVENT_CLOSED;
        trace_xen_pv_console_reader(con->idx, con->reader_away);
        stop_waiting(con);
        qemu_bh_schedule(con->bh);
        break;
    case CHR_EVENT_BREAK:
    case CHR_EVENT_MUX_IN:
    case CHR_EVENT_MUX_OUT:
        break;
    }
}

static int chardev_changed(void *opaque);

static void follow_chardev(XenConsole *con)
{
    Chardev *chr = con->chr.chr;

    /*
     * Other kinds either always have a reader or, if they say nothing, cannot
     * be asked (udp, null): those are written to.
     */
    con->reader_away = !chr->be_open && (is_socket(con) ||
                                         xen_console_is_pty(con));
    qemu_chr_fe_set_handlers(&con->chr, can_receive, receive, chardev_event,
                             chardev_changed, con, NULL, false);
}

/* QMP chardev-change.  The old chardev is gone already. */
static int chardev_changed(void *opaque)
{
    XenConsole *con = opaque;

    stop_waiting(con);
    follow_chardev(con);
    qemu_chr_fe_set_open(&con->chr, has_ring(con));
    xen_console_publish_tty(con);
    qemu_bh_schedule(con->bh);
    return 0;
}

/* What had to wait while the state was in transit, or the guest asleep. */
static void go_on(XenConsole *con)
{
    con->vm_idle = false;
    con->input_blocked = true;
    qemu_bh_schedule(con->bh);
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    XenConsole *con = opaque;

    if (xen_pv_may_run(running, state)) {
        go_on(con);
    } else if (!running) {
        /* When QEMU ends, chardevs do so before devices. */
        move_output(con);
    }
}

static void sleep_changed(Notifier *n, void *data)
{
    if (xen_pv_may_run_now()) {
        go_on(container_of(n, XenConsole, sleep));
    }
}

/* ------------------------------------------------------------- life cycle */

void xen_console_attach(XenConsole *con)
{
    con->broken = false;
    con->input_blocked = true;
    con->vm_idle = !xen_pv_may_run_now();
    qemu_chr_fe_set_open(&con->chr, true);
    qemu_bh_schedule(con->bh);
}

void xen_console_detach(XenConsole *con)
{
    if (has_ring(con)) {
        take_output(con, true);
    }
    con->broken = true;
    qemu_chr_fe_set_open(&con->chr, false);
}

void xen_console_start(XenConsole *con)
{
    if (con->limit) {
        fifo8_create(&con->backlog, con->limit);
    }
    con->bh = qemu_bh_new(turn, con);
    con->vm_state = qemu_add_vm_change_state_handler(vm_state_changed, con);
    con->sleep.notify = sleep_changed;
    xen_emu_add_sleep_notifier(&con->sleep);
    con->running = true;
    follow_chardev(con);
}

void xen_console_stop(XenConsole *con)
{
    if (!con->running) {
        return;
    }
    con->running = false;
    if (!state_in_transit(con) && !con->reader_away) {
        flush_backlog(con, XEN_CONSOLE_LIMIT_MAX);
    }
    stop_waiting(con);
    qemu_chr_fe_set_handlers(&con->chr, NULL, NULL, NULL, NULL, NULL, NULL,
                             true);
    qemu_del_vm_change_state_handler(con->vm_state);
    notifier_remove(&con->sleep);
    qemu_bh_delete(con->bh);
    if (con->limit) {
        fifo8_destroy(&con->backlog);
    }
}
