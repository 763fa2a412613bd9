/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-console: the connection, which is a ring and an event channel
 */
#include "qemu/osdep.h"
#include "console.h"
#include "hw/i386/kvm/xen_primary_console.h"
#include "qapi/error.h"
#include "trace.h"

static bool map_ring(XenConsole *con, Error **errp)
{
    int16_t status;

    if (!con->idx) {
        /* The guest's grant of that page is for the guest to see only. */
        con->primary_page = xen_primary_console_get_map();
        return true;
    }
    con->map = xen_grant_map(XEN_DEVICE(con)->frontend_id, &con->ring_ref, 1,
                             true, &status);
    if (!con->map) {
        error_setg(errp, "ring-ref %" PRIu32 ": %s", con->ring_ref,
                   xen_grant_strstatus(status));
    }
    return con->map;
}

bool xen_console_connect(XenConsole *con, Error **errp)
{
    XenDevice *xendev = XEN_DEVICE(con);

    if (!map_ring(con, errp)) {
        return false;
    }
    con->connected = true;
    con->broken = true;
    con->channel = xen_device_bind_event_channel(xendev, con->port,
                                                 xen_console_event, con, errp);
    if (!con->channel) {
        error_prepend(errp, "port %" PRIu32 ": ", con->port);
        xen_console_disconnect(con);
        return false;
    }
    trace_xen_pv_console_connect(con->idx, con->ring_ref, con->port);
    if (!con->idx) {
        xen_primary_console_set_be_port(
            xen_event_channel_get_local_port(con->channel));
    }
    xen_console_attach(con);
    return true;
}

void xen_console_disconnect(XenConsole *con)
{
    XenDevice *xendev = XEN_DEVICE(con);

    if (!con->connected) {
        return;
    }
    trace_xen_pv_console_disconnect(con->idx);
    xen_console_detach(con);
    if (con->channel) {
        /* The guest may have closed its end, which is no error. */
        xen_device_unbind_event_channel(xendev, con->channel, NULL);
        con->channel = NULL;
    }
    if (!con->idx) {
        xen_primary_console_set_be_port(0);
    }
    xen_grant_unmap(con->map);
    con->map = NULL;
    con->connected = false;
}
