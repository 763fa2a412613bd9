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
#include "qemu/cutils.h"

#define PROTOCOL    "vt100"

void xen_console_publish_tty(XenConsole *con)
{
    XenDevice *xendev = XEN_DEVICE(con);
    const Chardev *chr = con->chr.chr;
    const char *tty = "";

    if (CHARDEV_IS_PTY(chr)) {
        xen_device_frontend_printf(xendev, "output", "pty");
        strstart(chr->filename, "pty:", &tty);
    } else {
        xen_device_frontend_printf(xendev, "output", "chardev:%s",
                                   chr->label);
    }
    xen_device_frontend_printf(xendev, "tty", "%s", tty);
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
