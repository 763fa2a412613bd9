/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-console: its nodes in xenstore
 *
 * They are those that libxl writes: in the back end's folder protocol, in the
 * front end's also type, output, tty and limit.  They are for the guest's eyes:
 * a guest can write to its folder, so none is read again but ring-ref and port,
 * which are the guest's to choose (device.c).
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "console.h"

#define PROTOCOL    "vt100"

bool xen_console_is_pty(const XenConsole *con)
{
    return object_dynamic_cast(OBJECT(con->chr.chr), TYPE_CHARDEV_PTY);
}

void xen_console_publish_tty(XenConsole *con)
{
    XenDevice *xendev = XEN_DEVICE(con);
    Chardev *chr = con->chr.chr;
    g_autofree char *tty = xen_chardev_pty_name(chr);

    if (xen_console_is_pty(con)) {
        xen_device_frontend_printf(xendev, "output", "pty");
    } else {
        xen_device_frontend_printf(xendev, "output", "chardev:%s",
                                   chr->label);
    }
    xen_device_frontend_printf(xendev, "tty", "%s", tty ?: "");
}

void xen_console_publish(XenConsole *con)
{
    XenDevice *xendev = XEN_DEVICE(con);

    xen_device_backend_printf(xendev, "protocol", PROTOCOL);
    xen_device_frontend_printf(xendev, "protocol", PROTOCOL);
    xen_device_frontend_printf(xendev, "type", "ioemu");
    xen_device_frontend_printf(xendev, "limit", "%" PRIu64, con->limit);
    xen_console_publish_tty(con);
}
