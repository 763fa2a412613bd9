/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Windows' drivers of disks and NICs do: see libxen-windows.h
 */
#include "qemu/osdep.h"
#include "libxen-windows.h"

#include "hw/xen/interface/io/protocols.h"

#define TARGET          "data/scsi/target/0"

/* ----------------------------------------------------------------- states -- */

/* Waits until the back end's state is not @old.  A watch of its own each time. */
enum xenbus_state xen_win_wait_change(XenFrontDevice *d, enum xenbus_state old)
{
    enum xenbus_state now;

    xen_front_watch_state(d, XEN_WIN_WAIT);
    d->seen = old;
    now = xen_front_next_state(d);
    xen_front_unwatch_state(d);
    return now;
}

/* To one that the drivers know how to go on from. */
static void change(XenFrontDevice *d, enum xenbus_state own,
                   enum xenbus_state old, enum xenbus_state expected)
{
    xen_front_set_state(d, own);
    g_assert_cmpuint(xen_win_wait_change(d, old), ==, expected);
}

/* ------------------------------------------------------------------- disk -- */

/* From @state, also if it was never opened, or is closed. */
static void close_disk(XenFrontDevice *d, enum xenbus_state state)
{
    g_assert_cmpuint(xen_win_wait_change(d, XenbusStateUnknown), ==, state);
    if (state != XenbusStateClosed) {
        change(d, XenbusStateClosing, state, XenbusStateClosing);
        change(d, XenbusStateClosed, XenbusStateClosing, XenbusStateClosed);
    }
}

static void prepare_disk(XenWin *w)
{
    XenFront *f = w->f;
    XenFrontDevice *d = &w->vbd;
    g_autofree char *removable = NULL, *persistent = NULL;

    xen_front_watch(f, d->backend, XEN_WIN_BACKEND);
    xen_front_write(f, 0, TARGET, "paging", "1");
    xen_front_write(f, 0, TARGET, "hibernation", "0");
    xen_front_write(f, 0, TARGET, "dump", "1");
    xen_front_write(f, 0, TARGET, "frontend", "%s", d->path);
    xen_front_write(f, 0, TARGET, "device", "%u", XEN_FRONT_DISK);
    xen_front_set_state(d, XenbusStateInitialising);
    g_assert_cmpuint(xen_win_wait_change(d, XenbusStateClosed), ==,
                     XenbusStateInitWait);
    removable = xen_front_read(f, 0, "%s/removable", d->backend);
    persistent = xen_front_read(f, 0, "%s/feature-persistent", d->backend);
    g_assert_null(removable);
    g_assert_null(persistent);
    xen_front_read_uint(f, "%s/feature-max-indirect-segments", d->backend);
}

static void write_disk_queue(XenWin *w, uint32_t tx, unsigned i)
{
    XenFront *f = w->f;
    g_autofree char *path = w->nr_queues == 1 ? g_strdup(w->vbd.path) :
                            g_strdup_printf("%s/queue-%u", w->vbd.path, i);

    xen_front_write(f, tx, path, "event-channel", "%u",
                    f->vbd.queue[i].port);
    for (unsigned page = 0; page < 1u << w->order; page++) {
        g_autofree char *name = w->order ? g_strdup_printf("ring-ref%u", page) :
                                           g_strdup("ring-ref");

        xen_front_write(f, tx, path, name, "%u", w->ring_ref[i][page]);
    }
}

/* A driver in another thread, at the same node, comes first. */
static void write_disk(XenWin *w)
{
    XenFront *f = w->f;
    XenFrontDevice *d = &w->vbd;
    bool again = false;
    uint32_t tx;

    for (;; again = true) {
        tx = xen_front_begin(f);
        for (unsigned i = 0; i < w->nr_queues; i++) {
            write_disk_queue(w, tx, i);
        }
        xen_front_write(f, tx, d->path, "multi-queue-num-queues", "%u",
                        w->nr_queues);
        if (w->order) {
            xen_front_write(f, tx, d->path, "ring-page-order", "%u", w->order);
        }
        xen_front_write(f, tx, d->path, "protocol", "%s",
                        f->vm->long_mode ? XEN_IO_PROTO_ABI_X86_64 :
                                           XEN_IO_PROTO_ABI_X86_32);
        xen_front_write(f, tx, d->path, "target-id", "0");
        xen_front_write(f, tx, d->path, "feature-surprise-remove", "1");
        xen_front_write(f, tx, d->path, "feature-online-resize", "1");
        xen_front_write(f, tx, d->path, "feature-large-sector-size", "1");
        if (!again) {
            xen_front_write(f, 0, d->path, "target-id", "7");
        }
        if (xen_front_commit(f, tx)) {
            g_assert_true(again);
            return;
        }
        g_assert_false(again);
    }
}

static void read_disk_info(XenFrontDevice *d)
{
    static const char *const overrides[] = {
        "sm-data/scsi/0x12/0x80", "sm-data/scsi/0x12/0x83",
    };
    XenFront *f = d->f;

    g_assert_cmpuint(xen_front_read_uint(f, "%s/info", d->backend), ==, 0);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/sector-size", d->backend), ==,
                     512);
    xen_front_read_uint(f, "%s/physical-sector-size", d->backend);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/sectors", d->backend), ==,
                     XEN_FRONT_DISK_SIZE / 512);
    xen_front_read_uint(f, "%s/feature-barrier", d->backend);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-flush-cache",
                                         d->backend), ==, 1);
    for (size_t i = 0; i < ARRAY_SIZE(overrides); i++) {
        g_autofree char *value = xen_front_read(f, 0, "%s/%s", d->backend,
                                                overrides[i]);

        g_assert_null(value);
    }
}

static void connect_disk(XenWin *w)
{
    XenFront *f = w->f;
    XenFrontDevice *d = &w->vbd;

    w->nr_queues = MIN(xen_front_read_uint(f, "%s/multi-queue-max-queues",
                                           d->backend), f->vm->nr_vcpus);
    w->order = MIN(xen_front_read_uint(f, "%s/max-ring-page-order",
                                       d->backend), XEN_VBD_MAX_ORDER);
    for (unsigned i = 0; i < w->nr_queues; i++) {
        uint32_t port = xen_front_new_port(f, i);

        xen_front_disk_ring(f, i, w->order, port, w->ring_ref[i]);
        xen_win_unmask(f, port);
    }
    write_disk(w);
    change(d, XenbusStateInitialised, XenbusStateInitWait,
           XenbusStateConnected);
    read_disk_info(d);
    xen_front_set_state(d, XenbusStateConnected);
}

void xen_win_start_disk(XenWin *w)
{
    prepare_disk(w);
    connect_disk(w);
}

void xen_win_open_disk(XenWin *w, enum xenbus_state state)
{
    w->vbd = xen_front_device(w->f, "vbd", XEN_FRONT_DISK);
    xen_front_expect(w->f, "device/vbd/" stringify(XEN_FRONT_DISK)
                     "/device-type", "disk");
    close_disk(&w->vbd, state);
    xen_win_start_disk(w);
}

static void free_disk(XenWin *w)
{
    XenFront *f = w->f;

    for (unsigned i = 0; i < w->nr_queues; i++) {
        g_assert_cmpint(xen_close(f->vm, f->vbd.queue[i].port), ==, 0);
        for (unsigned page = 0; page < 1u << w->order; page++) {
            xen_front_revoke(f, w->ring_ref[i][page]);
        }
    }
}

/* The device is stopped, with its back end connected. */
void xen_win_stop_disk(XenWin *w)
{
    xen_front_unwatch(w->f, w->vbd.backend, XEN_WIN_BACKEND);
    close_disk(&w->vbd, XenbusStateConnected);
    free_disk(w);
}

void xen_win_check_disk(XenWin *w, uint8_t mark)
{
    for (unsigned i = 0; i < w->nr_queues; i++) {
        xen_front_check_disk(w->f, i, 2, mark + i);
        xen_front_check_disk(w->f, i, 16, mark + 8 + i);
    }
}

/* ---------------------------------------------------------------- network -- */

void xen_win_prepare_nic(XenWin *w)
{
    XenFront *f = w->f;
    XenFrontDevice *d = &w->vif;

    *d = xen_front_device(f, "vif", 0);
    if (xen_win_wait_change(d, XenbusStateUnknown) == XenbusStateClosed) {
        g_assert_cmpuint(xen_front_read_uint(f, "%s/online", d->backend), ==,
                         1);
        change(d, XenbusStateInitialising, XenbusStateClosed,
               XenbusStateInitWait);
    }
    xen_front_write(f, 0, "attr/vif/0", "name", "Ethernet 2");
    {
        g_autofree char *online = g_strdup_printf("%s/online", d->backend);

        xen_front_watch(f, online, XEN_WIN_ONLINE);
    }
}

static void write_nic(XenWin *w, uint32_t tx)
{
    static const struct {
        const char *name;
        bool value;
    } nodes[] = {
        { "request-rx-copy", true }, { "feature-sg", true },
        { "feature-rx-notify", true }, { "feature-gso-tcpv4", true },
        { "feature-gso-tcpv6", true }, { "feature-no-csum-offload", false },
        { "feature-ipv6-csum-offload", true },
    };
    static const char *const gone[] = {
        "feature-gso-tcpv4-prefix", "feature-gso-tcpv6-prefix",
    };
    XenFront *f = w->f;
    XenFrontDevice *d = &w->vif;

    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        xen_front_write(f, tx, d->path, nodes[i].name, "%u", nodes[i].value);
    }
    for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", d->path, gone[i]);

        /* They are not there. */
        xen_front_remove(f, tx, path);
    }
    xen_front_write(f, tx, d->path, "rx-ring-ref", "%u", w->rx_ref);
    xen_front_write(f, tx, d->path, "event-channel-rx", "%u",
                    f->vif->queue[0].rx_port);
    xen_front_write(f, tx, d->path, "tx-ring-ref", "%u", w->tx_ref);
    xen_front_write(f, tx, d->path, "event-channel-tx", "%u",
                    f->vif->queue[0].tx_port);
    xen_front_write(f, tx, d->path, "multi-queue-num-queues", "1");
}

static void connect_nic(XenWin *w)
{
    XenFront *f = w->f;
    XenFrontDevice *d = &w->vif;
    g_autofree char *ctrl = NULL;
    uint32_t rx, tx, transaction;

    g_assert_cmpuint(xen_front_read_uint(f, "%s/multi-queue-max-queues",
                                         d->backend), ==, 1);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-split-event-channels",
                                         d->backend), ==, 1);
    xen_front_expect(f, "device/vif/0/mac", XEN_FRONT_MAC);
    rx = xen_front_new_port(f, 0);
    xen_win_unmask(f, rx);
    xen_front_read_uint(f, "%s/feature-dynamic-multicast-control",
                        d->backend);
    tx = xen_front_new_port(f, 1);
    xen_win_unmask(f, tx);
    xen_front_net_rings(f, 0, tx, rx, &w->tx_ref, &w->rx_ref);
    ctrl = xen_front_read(f, 0, "%s/feature-ctrl-ring", d->backend);
    g_assert_null(ctrl);
    transaction = xen_front_begin(f);
    write_nic(w, transaction);
    g_assert_true(xen_front_commit(f, transaction));
    g_assert_cmpuint(xen_win_wait_change(d, XenbusStateUnknown), ==,
                     XenbusStateInitWait);
    change(d, XenbusStateConnected, XenbusStateInitWait,
           XenbusStateConnected);
    xen_vif_post_rx(f->vif, 0, 64);
    xen_front_write(f, 0, d->path, "request-multicast-control", "0");
    xen_front_read_uint(f, "%s/feature-gso-tcpv4", d->backend);
    xen_front_read_uint(f, "%s/feature-gso-tcpv6", d->backend);
}

void xen_win_open_nic(XenWin *w)
{
    xen_win_prepare_nic(w);
    connect_nic(w);
}

void xen_win_free_nic(XenWin *w)
{
    XenFront *f = w->f;

    g_assert_cmpint(xen_close(f->vm, f->vif->queue[0].tx_port), ==, 0);
    xen_front_revoke(f, w->tx_ref);
    g_assert_cmpint(xen_close(f->vm, f->vif->queue[0].rx_port), ==, 0);
    xen_front_revoke(f, w->rx_ref);
    xen_front_device_clear(&w->vif);
}

void xen_win_close_nic(XenWin *w, enum xenbus_state state)
{
    XenFront *f = w->f;
    XenFrontDevice *d = &w->vif;
    g_autofree char *online = g_strdup_printf("%s/online", d->backend);

    xen_front_unwatch(f, online, XEN_WIN_ONLINE);
    g_assert_cmpuint(xen_win_wait_change(d, XenbusStateUnknown), ==, state);
    change(d, XenbusStateClosing, state, XenbusStateClosing);
    change(d, XenbusStateClosed, XenbusStateClosing, XenbusStateClosed);
    xen_front_remove(f, 0, "attr/vif/0");
    if (state == XenbusStateConnected) {
        xen_win_free_nic(w);
    } else {
        xen_front_device_clear(d);
    }
}

/* It goes in the middle of the wait for its last state. */
void xen_win_eject_nic(XenWin *w)
{
    XenFront *f = w->f;
    XenFrontDevice *d = &w->vif;
    g_autofree char *online = g_strdup_printf("%s/online", d->backend);

    /* The watch's first event, and the one of the change. */
    do {
        xen_front_wait_watch(f, XEN_WIN_ONLINE);
    } while (xen_front_read_uint(f, "%s", online));
    xen_front_unwatch(f, online, XEN_WIN_ONLINE);
    g_assert_cmpuint(xen_win_wait_change(d, XenbusStateUnknown), ==,
                     XenbusStateClosing);
    xen_front_watch_state(d, XEN_WIN_WAIT);
    d->seen = XenbusStateClosing;
    xen_front_set_state(d, XenbusStateClosed);
    while (xen_front_next_state(d) != XenbusStateUnknown) {
        g_assert_cmpuint(d->seen, ==, XenbusStateClosed);
    }
    xen_front_unwatch_state(d);
    xen_front_remove(f, 0, "attr/vif/0");
    xen_win_free_nic(w);
}
