/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What NetBSD does as an HVM guest with PV drivers, in its order
 *
 * Facts are from sys/arch/xen of its source: xen/hypervisor.c 1.94 (2022),
 * xen/if_xennet_xenbus.c 1.120 and xenbus/xenbus_probe.c 1.48 (2020),
 * xenbus/xenbus_xs.c, xenbus_comms.c and xenbus_client.c of that time,
 * xen/xbd_xenbus.c 1.57, xen/xencons.c (2014) and xen/shutdown_xenbus.c.
 *
 * Events are 2-level, and each vCPU has its own vector.  A disk writes its nodes
 * and goes to state 3 before it looks at the back end, and a NIC fills its ring
 * before the back end has it.  A flush has whatever the ring's slot had before.
 * At a reboot, devices are closed.
 */
#include "qemu/osdep.h"
#include "libxen-front.h"
#include "libxen-twin.h"

#include "hw/xen/interface/hvm/params.h"
#include "hw/xen/interface/io/protocols.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/version.h"

#define VECTOR          130         /* the first that it finds free */
#define CALLBACK_GSI    1
#define GRANT_FRAMES    4
#define MAX_PAGES       11          /* of a request */

#define TOKEN_SHUTDOWN  "FFFFFFFF80D00000"
#define TOKEN_DEVICES   "FFFFFFFF80D00040"
#define TOKEN_BACKENDS  "FFFFFFFF80D00080"
#define TOKEN_VBD       "FFFF8A0012345600"
#define TOKEN_VIF       "FFFF8A0012345700"

static const XenFrontSystem netbsd = {
    .nr_vcpus = 2, .vector = VECTOR, .gsi = CALLBACK_GSI,
};

typedef struct Guest {
    XenFront *f;
    XenFrontDevice vbd, vif;
    uint32_t ring_ref, tx_ref, rx_ref;
} Guest;

static XenFront *start(const void *long_mode)
{
    return xen_front_start(&netbsd, GPOINTER_TO_INT(long_mode));
}

/* ------------------------------------------------------------------- boot -- */

static uint64_t param(XenVm *vm, uint32_t index)
{
    uint64_t value;

    g_assert_cmpint(xen_get_param(vm, index, &value), ==, 0);
    return value;
}

static void start_xen(XenFront *f)
{
    XenVm *vm = f->vm;

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    vm->shared_info = xen_vm_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_xen_version, XENVER_version,
                             0), >=, 4 << 16);
    f->store.vm = vm;
    f->store.ring = param(vm, HVM_PARAM_STORE_PFN) * XEN_PAGE_SIZE;
    f->store.port = param(vm, HVM_PARAM_STORE_EVTCHN);
    f->con = (XenCon) {
        .vm = vm,
        .page = param(vm, HVM_PARAM_CONSOLE_PFN) * XEN_PAGE_SIZE,
        .port = param(vm, HVM_PARAM_CONSOLE_EVTCHN),
    };
}

static void start_cpus(XenVm *vm)
{
    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        vm->vcpu_info[i] = xen_vm_page(vm);
        g_assert_cmpint(xen_register_vcpu_info(vm, i, vm->vcpu_info[i]), ==,
                        0);
        g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
        if (!i) {
            g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ,
                                          CALLBACK_GSI), ==, 0);
        }
    }
}

/* The handler of its watch.  @reason: NULL if there is no such node. */
static void take_shutdown(XenFront *f, const char *reason, bool may_remove)
{
    uint32_t tx;

    xen_front_wait_watch(f, TOKEN_SHUTDOWN);
    do {
        g_autofree char *got = NULL;

        tx = xen_front_begin(f);
        got = xen_front_read(f, tx, "control/shutdown");
        g_assert_cmpstr(got, ==, reason);
        if (reason && may_remove) {
            xen_front_remove(f, tx, "control/shutdown");
        } else if (reason) {
            xen_front_expect_error(f, tx, XS_RM, "control/shutdown", NULL,
                                   "EACCES");
        }
    } while (!xen_front_commit(f, tx));
}

/* Devices that are new, except for the console. */
static void expect_new(XenFront *f, const char *folder, const char *name)
{
    g_autofree char *names = xen_front_list(f, folder);

    g_assert_cmpstr(names, ==, name);
}

static Guest boot(XenFront *f)
{
    XenVm *vm = f->vm;
    g_autofree char *types = NULL;
    Guest g = { .f = f };

    start_xen(f);
    start_cpus(vm);
    g_assert_true(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));
    xen_unplug(vm, XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS);
    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, 0);
    g_assert_false(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));
    xen_front_map_grants(f, GRANT_FRAMES);
    xen_unmask(vm, f->store.port);
    xen_unmask(vm, f->con.port);

    types = xen_front_list(f, "device");
    g_assert_nonnull(strstr(types, "vbd "));
    g_assert_nonnull(strstr(types, "vif "));
    expect_new(f, "device/vbd", stringify(XEN_FRONT_DISK) " ");
    expect_new(f, "device/vif", "0 ");
    xen_front_expect_error(f, 0, XS_DIRECTORY, "backend", NULL, "ENOENT");
    return g;
}

/* After all devices have been attached. */
static void watch_system(XenFront *f)
{
    xen_front_watch(f, "device", TOKEN_DEVICES);
    xen_front_watch(f, "backend", TOKEN_BACKENDS);
    xen_front_watch(f, "control/shutdown", TOKEN_SHUTDOWN);
    xen_front_wait_watch(f, TOKEN_DEVICES);
    xen_front_wait_watch(f, TOKEN_BACKENDS);
    /* The toolstack's node goes, which is an event. */
    take_shutdown(f, "", true);
    take_shutdown(f, NULL, false);
}

static void expect_frontend_state(XenFrontDevice *d, enum xenbus_state state)
{
    g_assert_cmpuint(xen_front_read_uint(d->f, "%s/state", d->path), ==,
                     state);
}

/* It reads the state before it writes one. */
static void switch_state(XenFrontDevice *d, enum xenbus_state state)
{
    if (xen_front_read_uint(d->f, "%s/state", d->path) != state) {
        xen_front_set_state(d, state);
    }
}

static XenFrontDevice attach(XenFront *f, const char *type, unsigned id)
{
    XenFrontDevice d = xen_front_device(f, type, id);
    g_autofree char *nodes = xen_front_list(f, d.backend);

    expect_frontend_state(&d, XenbusStateInitialising);
    g_assert_cmpuint(strlen(nodes), >, 0);
    return d;
}

static void clear(Guest *g)
{
    xen_front_device_clear(&g->vbd);
    xen_front_device_clear(&g->vif);
}

static void stop(Guest *g)
{
    clear(g);
    xen_front_stop(g->f);
}

/* ------------------------------------------------------------------- disk -- */

/* With another writer at the same nodes, the first transaction is repeated. */
static void offer_disk(Guest *g, uint32_t port)
{
    XenFront *f = g->f;
    XenFrontDevice *d = &g->vbd;
    bool again = false;
    uint32_t tx;

    for (;; again = true) {
        tx = xen_front_begin(f);
        xen_front_write(f, tx, d->path, "ring-ref", "%u", g->ring_ref);
        xen_front_write(f, tx, d->path, "event-channel", "%u", port);
        if (!again) {
            xen_front_write(f, 0, d->path, "event-channel", "%u", 0);
        }
        xen_front_write(f, tx, d->path, "protocol", "%s",
                        f->vm->long_mode ? XEN_IO_PROTO_ABI_X86_64 :
                                           XEN_IO_PROTO_ABI_X86_32);
        if (xen_front_commit(f, tx)) {
            g_assert_true(again);
            return;
        }
        g_assert_false(again);
    }
}

static void attach_disk(Guest *g)
{
    XenFront *f = g->f;
    XenFrontDevice *d = &g->vbd;
    uint32_t port;

    *d = attach(f, "vbd", XEN_FRONT_DISK);
    port = xen_front_new_port(f, 0);
    xen_front_disk_ring(f, 0, 0, port, &g->ring_ref);
    offer_disk(g, port);
    switch_state(d, XenbusStateInitialised);
    /* Only now. */
    xen_front_watch_state(d, TOKEN_VBD);
}

static void connect_disk(Guest *g)
{
    XenFront *f = g->f;
    XenFrontDevice *d = &g->vbd;
    enum xenbus_state state;

    while ((state = xen_front_next_state(d)) != XenbusStateConnected) {
        g_assert_cmpuint(state, ==, XenbusStateInitWait);
    }
    g_assert_cmpuint(xen_front_read_uint(f, "%s/virtual-device", d->path), ==,
                     XEN_FRONT_DISK);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/sectors", d->backend), ==,
                     XEN_FRONT_DISK_SIZE / 512);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/info", d->backend), ==, 0);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/sector-size", d->backend), ==,
                     512);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-flush-cache",
                                         d->backend), ==, 1);
    switch_state(d, XenbusStateConnected);
    xen_unmask(f->vm, f->vbd.queue[0].port);
}

/*
 * Only operation and number are written.  The number of segments is what an
 * answer has left in its place, which is 0 as long as numbers are small.
 */
static void flush_cache(XenFront *f)
{
    XenVbd *v = &f->vbd;
    const uint64_t id = 9;
    XenVbdAnswer a;

    v->queue[0].prod++;
    *xen_vbd_last_entry(v, 0, 0) = BLKIF_OP_FLUSH_DISKCACHE;
    memcpy(xen_vbd_last_entry(v, 0, f->vm->long_mode ? 8 : 4), &id,
           sizeof(id));
    xen_vbd_push(v, 0);
    while (!xen_vbd_poll(v, 0, &a)) {
        xen_front_wait(f, v->queue[0].port);
    }
    g_assert_cmpuint(a.id, ==, id);
    g_assert_cmpuint(a.op, ==, BLKIF_OP_FLUSH_DISKCACHE);
    g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
}

static void check_disk(XenFront *f, uint8_t mark)
{
    for (unsigned i = 0; i < 4; i++) {
        xen_front_check_disk(f, 0, i % 2 ? 1 : MAX_PAGES, mark + i);
    }
    /* Slots with requests that have been answered, and one that was a flush. */
    g_assert_cmpuint(f->vbd.queue[0].prod, >, f->vbd.queue[0].size);
    for (unsigned i = 0; i <= f->vbd.queue[0].size; i++) {
        flush_cache(f);
    }
    xen_front_check_disk(f, 0, 2, mark + 2);
}

/* The back end has begun, or this has. */
static void detach_disk(Guest *g, bool ours)
{
    XenFront *f = g->f;
    XenFrontDevice *d = &g->vbd;

    if (ours) {
        switch_state(d, XenbusStateClosing);
    }
    xen_front_expect_state(d, XenbusStateClosing);
    switch_state(d, XenbusStateClosed);
    xen_front_expect_state(d, XenbusStateClosed);
    xen_mask(f->vm, f->vbd.queue[0].port);
    xen_front_revoke(f, g->ring_ref);
    xen_front_unwatch_state(d);
    switch_state(d, XenbusStateClosed);
}

static void test_disk(const void *long_mode)
{
    Guest g = boot(start(long_mode));
    XenFront *f = g.f;

    attach_disk(&g);
    watch_system(f);
    connect_disk(&g);
    check_disk(f, 1);
    xen_front_check_console(f, 1);
    detach_disk(&g, true);
    /* It is not new. */
    expect_frontend_state(&g.vbd, XenbusStateClosed);
    xen_front_check_console(f, 2);
    stop(&g);
}

/* ---------------------------------------------------------------- network -- */

static void attach_nic(Guest *g)
{
    XenFront *f = g->f;
    XenFrontDevice *d = &g->vif;
    uint32_t port;

    *d = attach(f, "vif", 0);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-ipv6-csum-offload",
                                         d->backend), ==, 1);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-sg", d->backend), ==,
                     1);
    xen_front_expect(f, "device/vif/0/mac", XEN_FRONT_MAC);
    port = xen_front_new_port(f, 0);
    xen_front_net_rings(f, 0, port, port, &g->tx_ref, &g->rx_ref);
    xen_unmask(f->vm, port);
    xen_front_watch_state(d, TOKEN_VIF);
}

static void connect_nic(Guest *g)
{
    XenFront *f = g->f;
    XenFrontDevice *d = &g->vif;
    uint32_t tx;

    xen_front_expect_state(d, XenbusStateInitWait);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-rx-copy", d->backend),
                     ==, 1);
    tx = xen_front_begin(f);
    xen_front_write(f, tx, d->path, "vifname", "xennet0");
    xen_front_write(f, tx, d->path, "tx-ring-ref", "%u", g->tx_ref);
    xen_front_write(f, tx, d->path, "rx-ring-ref", "%u", g->rx_ref);
    xen_front_write(f, tx, d->path, "request-rx-copy", "1");
    xen_front_write(f, tx, d->path, "feature-rx-notify", "1");
    xen_front_write(f, tx, d->path, "feature-ipv6-csum-offload", "1");
    xen_front_write(f, tx, d->path, "feature-sg", "1");
    xen_front_write(f, tx, d->path, "event-channel", "%u",
                    f->vif->queue[0].tx_port);
    g_assert_true(xen_front_commit(f, tx));
    /* All of the ring, with an event that nobody is there to get. */
    xen_vif_post_rx(f->vif, 0, XEN_VIF_RING_SIZE);
    switch_state(d, XenbusStateConnected);
    xen_front_expect_state(d, XenbusStateConnected);
}

static void detach_nic(Guest *g, bool ours)
{
    XenFront *f = g->f;
    XenFrontDevice *d = &g->vif;

    if (ours) {
        switch_state(d, XenbusStateClosing);
    }
    xen_front_expect_state(d, XenbusStateClosing);
    switch_state(d, XenbusStateClosed);
    xen_front_expect_state(d, XenbusStateClosed);
    xen_front_revoke(f, g->tx_ref);
    xen_front_revoke(f, g->rx_ref);
    xen_front_unwatch_state(d);
    switch_state(d, XenbusStateClosed);
}

static void test_net(const void *long_mode)
{
    Guest g = boot(start(long_mode));
    XenFront *f = g.f;

    attach_nic(&g);
    watch_system(f);
    connect_nic(&g);
    xen_front_check_net(f, 0, true, 1);
    detach_nic(&g, true);
    stop(&g);
}

/* The user takes the NIC away: the first the guest hears of it is state 5. */
static void test_unplug(const void *long_mode)
{
    Guest g = boot(start(long_mode));
    XenFront *f = g.f;

    attach_nic(&g);
    watch_system(f);
    connect_nic(&g);
    xen_front_check_net(f, 0, true, 1);
    qtest_qmp_assert_success(f->vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': 'vif' } }");
    xen_front_expect_state(&g.vif, XenbusStateClosing);
    switch_state(&g.vif, XenbusStateClosed);
    qtest_qmp_eventwait(f->vm->qts, "DEVICE_DELETED");
    /* A state that it cannot read is as good as Closed. */
    while (xen_front_next_state(&g.vif) != XenbusStateUnknown) {
        g_assert_cmpuint(g.vif.seen, ==, XenbusStateClosed);
    }
    xen_front_revoke(f, g.tx_ref);
    xen_front_revoke(f, g.rx_ref);
    xen_front_unwatch_state(&g.vif);
    xen_front_expect_error(f, 0, XS_READ, "device/vif/0/state", NULL, "ENOENT");
    stop(&g);
}

/* ----------------------------------------------------------------- reboot -- */

/* Each device is closed before.  Then all of it is new. */
static void test_reboot(const void *long_mode)
{
    XenFront *f = start(long_mode);
    Guest g;

    for (unsigned round = 0; round < 3; round++) {
        g = boot(f);
        attach_disk(&g);
        attach_nic(&g);
        watch_system(f);
        connect_disk(&g);
        connect_nic(&g);
        check_disk(f, 40 + round);
        xen_front_check_net(f, 0, true, 70 + round);
        xen_front_check_console(f, 5 + round);

        xen_front_host_write(f, "control/shutdown", "reboot");
        /* A new node, which is the user's. */
        take_shutdown(f, "reboot", false);
        detach_nic(&g, true);
        detach_disk(&g, true);
        clear(&g);
        xen_front_reboot(f);
        g_assert_cmpuint(xen_ide_sectors(f->vm, XEN_IDE_PRIMARY, 0), ==,
                         XEN_FRONT_DISK_SIZE / 512);
    }
    xen_front_stop(f);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "disk", test_disk },
        { "net", test_net },
        { "unplug", test_unplug },
        { "reboot", test_reboot },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("netbsd", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
