/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The evtchn_backend_ops of PV devices: QEMU's end of interdomain channels
 *
 * A handle is an eventfd and a back end of the engine.  The guest's sends
 * signal the eventfd: in-kernel if KVM supports that, otherwise from the
 * engine.
 */
#include "qemu/osdep.h"
#include <sys/eventfd.h>
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/xen_backend_ops.h"
#include "hw/i386/kvm/xen_evtchn.h"
#include "evtchn-dev-internal.h"
#include "trace.h"

struct xenevtchn_handle {
    XenEvtchnBackend *be;
    int fd;
};

void xen_evtchn_backend_signal(void *cookie)
{
    struct xenevtchn_handle *xc = cookie;

    /* EAGAIN (the counter is full) is fine: it is still signalled. */
    eventfd_write(xc->fd, 1);
}

int xen_evtchn_backend_fd(void *cookie)
{
    struct xenevtchn_handle *xc = cookie;

    return xc->fd;
}

struct xenevtchn_handle *xen_be_evtchn_open(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct xenevtchn_handle *xc;

    if (fd < 0) {
        return NULL;
    }
    xc = g_new0(struct xenevtchn_handle, 1);
    xc->fd = fd;
    xc->be = xen_evtchn_backend_new(xen_emu_evtchn(), xc);
    return xc;
}

int xen_be_evtchn_bind_interdomain(struct xenevtchn_handle *xc, uint32_t domid,
                                   evtchn_port_t guest_port)
{
    int ret = xen_evtchn_backend_bind(xc->be, domid, guest_port);

    trace_xen_evtchn_backend_bind(xc->fd, guest_port, ret);
    return ret;
}

int xen_be_evtchn_unbind(struct xenevtchn_handle *xc, evtchn_port_t port)
{
    int ret = xen_evtchn_backend_unbind(xc->be, port);

    trace_xen_evtchn_backend_unbind(xc->fd, port, ret);
    return ret;
}

int xen_be_evtchn_close(struct xenevtchn_handle *xc)
{
    xen_evtchn_backend_free(xc->be);
    close(xc->fd);
    g_free(xc);
    return 0;
}

int xen_be_evtchn_fd(struct xenevtchn_handle *xc)
{
    return xc->fd;
}

/* A handle has one channel, so @port is redundant. */
int xen_be_evtchn_notify(struct xenevtchn_handle *xc, evtchn_port_t port)
{
    return xen_evtchn_backend_notify(xc->be);
}

int xen_be_evtchn_pending(struct xenevtchn_handle *xc)
{
    uint64_t count;

    if (eventfd_read(xc->fd, &count)) {
        return -errno;
    }
    return xen_evtchn_backend_port(xc->be);
}

/* Reading the eventfd has already rearmed it. */
int xen_be_evtchn_unmask(struct xenevtchn_handle *xc, evtchn_port_t port)
{
    return port == xen_evtchn_backend_port(xc->be) ? 0 : -EINVAL;
}

int xen_be_evtchn_get_guest_port(struct xenevtchn_handle *xc)
{
    return xen_evtchn_backend_guest_port(xc->be);
}

static struct evtchn_backend_ops backend_ops = {
    .open = xen_be_evtchn_open,
    .close = xen_be_evtchn_close,
    .get_fd = xen_be_evtchn_fd,
    .bind_interdomain = xen_be_evtchn_bind_interdomain,
    .unbind = xen_be_evtchn_unbind,
    .pending = xen_be_evtchn_pending,
    .unmask = xen_be_evtchn_unmask,
    .notify = xen_be_evtchn_notify,
};

void xen_evtchn_backend_register(void)
{
    xen_evtchn_ops = &backend_ops;
}
