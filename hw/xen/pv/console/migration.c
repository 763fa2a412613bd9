/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-console in a migration stream
 *
 * The ring is in the guest's memory and the channel in the engine's section.
 * This section has what ties the back end to them: whether it is connected and
 * where the guest's end of the channel is; in a subsection the backlog, where
 * there is one.  It stands behind the sections of event channels, grant table
 * and xenstore, whose devices are older.
 */
#include "qemu/osdep.h"
#include "console.h"
#include "hw/i386/kvm/xen_primary_console.h"
#include "migration/vmstate.h"
#include "qemu/error-report.h"
#include "qapi/error.h"
#include "hw/xen/emu/qemu-compat.h"
#include "trace.h"

static uint32_t backlog_len(XenConsole *con)
{
    return con->limit ? fifo8_num_used(&con->backlog) : 0;
}

static void forget_saved(XenConsole *con)
{
    g_clear_pointer(&con->saved_backlog, g_free);
    con->saved_len = 0;
}

static int pre_save(void *opaque)
{
    XenConsole *con = opaque;

    forget_saved(con);
    if (!con->idx) {
        con->port = xen_primary_console_get_port();
    }
    con->saved_connected = con->connected && !con->broken;
    con->saved_len = backlog_len(con);
    if (con->saved_len) {
        con->saved_backlog = g_malloc(con->saved_len);
        fifo8_peek_buf(&con->backlog, con->saved_backlog, con->saved_len);
    }
    return 0;
}

XEN_POST_SAVE(post_save, forget_saved)

static int pre_load(void *opaque)
{
    forget_saved(opaque);
    return 0;
}

/*
 * The guest's end of the channel is there again, by the engine's section, and
 * whatever this QEMU's own start connected is not any more.
 */
static void connect_again(XenConsole *con)
{
    Error *local_err = NULL;

    /* The ring is the incoming guest's already: nothing is taken from it. */
    con->broken = true;
    xen_console_disconnect(con);
    if (!con->idx) {
        xen_primary_console_set_port(con->port);
    }
    if (!con->saved_connected) {
        return;
    }
    /* What the guest was told of it, Connected or Closing, is in xenstore. */
    if (!xen_console_connect(con, &local_err)) {
        /* The guest had closed its end: no console, here or there. */
        xen_console_warn(con, local_err);
    }
}

static int post_load(void *opaque, int version_id)
{
    XenConsole *con = opaque;

    connect_again(con);
    /* The VM is what it was when it was saved: what came later is not. */
    if (con->limit) {
        fifo8_reset(&con->backlog);
    }
    if (con->saved_len) {
        xen_console_keep(con, con->saved_backlog, con->saved_len);
    }
    trace_xen_pv_console_load(con->idx, con->saved_connected, con->port,
                              con->saved_len);
    forget_saved(con);
    return 0;
}

static bool has_backlog(void *opaque)
{
    XenConsole *con = opaque;

    return con->saved_len;
}

static bool backlog_fits(void *opaque, int version_id)
{
    XenConsole *con = opaque;

    if (con->saved_len > XEN_CONSOLE_LIMIT_MAX) {
        error_report("xen-console %d: the incoming state has a backlog of %"
                     PRIu32 " bytes", con->idx, con->saved_len);
        return false;
    }
    return true;
}

static const VMStateDescription backlog_vmstate = {
    .name = "xen-console/backlog",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = has_backlog,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(saved_len, XenConsole),
        VMSTATE_VALIDATE("backlog fits", backlog_fits),
        VMSTATE_VBUFFER_ALLOC_UINT32(saved_backlog, XenConsole, 1, NULL,
                                     saved_len),
        VMSTATE_END_OF_LIST()
    },
};

const VMStateDescription xen_console_vmstate = {
    .name = "xen-console",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = pre_save,
    .post_save = post_save,
    .pre_load = pre_load,
    .post_load = post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(saved_connected, XenConsole),
        VMSTATE_UINT32(port, XenConsole),
        VMSTATE_UINT32(ring_ref, XenConsole),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &backlog_vmstate,
        NULL
    },
};
