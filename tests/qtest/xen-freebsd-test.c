/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What FreeBSD does as an HVM guest, in its order
 *
 * Facts are from its main branch of 2024, after 14.0: sys/x86/xen/hvm.c,
 * sys/dev/xen/bus/xen_intr.c, sys/dev/xen/timer, sys/dev/xen/xenstore,
 * sys/xen/xenbus/xenbusb.c, sys/dev/xen/blkfront, sys/dev/xen/netfront and
 * sys/dev/xen/control.
 *
 * Events are 2-level, each vCPU has its own vector, and the callback is "GSI 1",
 * which is for the toolstack to see and must never be asserted.  xenstore's
 * requests have number 0.  A device is used only if its state is 1.  Disks and
 * NICs do without a transaction, or with one that is repeated.
 */
#include "qemu/osdep.h"
#include "libxen-front.h"
#include "libxen-twin.h"

#include "hw/xen/interface/hvm/params.h"
#include "hw/xen/interface/io/protocols.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/vcpu.h"

#define VECTOR          252
#define CALLBACK_GSI    1
#define GRANT_FRAMES    8
#define MAX_RING_ORDER  5
#define MAX_PAGES       32          /* of a request: 128 KiB */
#define HOT_DISK        51728       /* xvdb */

/* Watches' tokens are pointers, in hexadecimal digits. */
#define TOKEN_SHUTDOWN  "FFFFFE0000A01000"
#define TOKEN_DEVICES   "FFFFFE0000A02000"
#define TOKEN_VBD       "FFFFFE0000A03000"
#define TOKEN_VBD_OWN   "FFFFFE0000A03040"
#define TOKEN_VIF       "FFFFFE0000A04000"
#define TOKEN_VIF_OWN   "FFFFFE0000A04040"
#define TOKEN_HOT       "FFFFFE0000A05000"
#define TOKEN_HOT_OWN   "FFFFFE0000A05040"

static const XenFrontSystem freebsd = {
    .nr_vcpus = 2, .vector = VECTOR, .gsi = CALLBACK_GSI,
};

typedef struct Guest {
    XenFront *f;
    XenFrontDevice vbd, vif, hot;
    uint32_t timer;
} Guest;

static XenFront *start(const void *long_mode)
{
    return xen_front_start(&freebsd, GPOINTER_TO_INT(long_mode));
}

/* ------------------------------------------------------------------- boot -- */

static void start_events(XenFront *f)
{
    XenVm *vm = f->vm;

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    /* Before there is a shared_info page or a vcpu_info. */
    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ,
                                  CALLBACK_GSI), ==, 0);
    vm->shared_info = xen_vm_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);

    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), !=, 0);
    g_assert_true(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));
    xen_unplug(vm, XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS);
    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, 0);
    g_assert_false(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));

    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        vm->vcpu_info[i] = xen_vm_page(vm) + 0x80;
        if (i) {
            g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
        }
        g_assert_cmpint(xen_register_vcpu_info(vm, i, vm->vcpu_info[i]), ==,
                        0);
        if (!i) {
            xen_front_mask_all(f);
        }
    }
}

/*
 * It asks for an error if the time has passed, as Xen gave one before 4.18, and
 * then for a later time; without one the event comes.
 */
static int64_t set_timer(XenVm *vm, uint64_t at)
{
    struct vcpu_set_singleshot_timer op = {
        .timeout_abs_ns = at, .flags = VCPU_SSHOTTMR_future,
    };

    return xen_vcpu_op(vm, 0, VCPUOP_set_singleshot_timer, 0, &op,
                       sizeof(op));
}

static void start_timers(Guest *g)
{
    XenFront *f = g->f;
    XenVm *vm = f->vm;
    int64_t now;

    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        uint32_t port;

        g_assert_cmpint(xen_vcpu_op(vm, i, VCPUOP_stop_periodic_timer, i, NULL,
                                    0), ==, 0);
        port = xen_bind_virq(vm, i, VIRQ_TIMER);
        xen_unmask(vm, port);
        g->timer = i ? g->timer : port;
        port = xen_bind_ipi(vm, i);
        xen_unmask(vm, port);
        g_assert_cmpint(xen_send(vm, port), ==, 0);
        xen_front_wait(f, port);
    }
    now = qtest_clock_step(vm->qts, 1000000);
    g_assert_cmpint(set_timer(vm, now - 1000), ==, 0);
    xen_front_wait(f, g->timer);
    g_assert_cmpint(set_timer(vm, now + 1000), ==, 0);
    qtest_clock_step(vm->qts, 2000);
    xen_front_wait(f, g->timer);
}

/* The last frame of the grant table is mapped first. */
static void start_grants(XenFront *f)
{
    XenVm *vm = f->vm;
    uint64_t table = vm->next_page;

    vm->next_page += GRANT_FRAMES * XEN_PAGE_SIZE;
    g_assert_cmpuint(xen_front_max_frames(f), >=, GRANT_FRAMES);
    for (unsigned i = GRANT_FRAMES; i-- > 0;) {
        g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, i,
                                           table + i * XEN_PAGE_SIZE), ==, 0);
    }
    xen_front_use_grants(f, table, GRANT_FRAMES);
}

static void start_store(XenFront *f)
{
    xen_front_find_store(f);
    g_assert_cmpint(xen_bind_vcpu(f->vm, f->store.port, 0), ==, 0);
    xen_unmask(f->vm, f->store.port);
}

/* A device of this type that is new gets its watches. */
static XenFrontDevice attach(XenFront *f, const char *type, unsigned id,
                             const char *token, const char *own_token)
{
    g_autofree char *folder = g_strdup_printf("device/%s", type);
    g_autofree char *name = g_strdup_printf("%u ", id);
    g_autofree char *names = xen_front_list(f, folder);
    g_autofree char *itself = g_strdup_printf("%s/%u", folder, id);
    g_autofree char *nodes = xen_front_list(f, itself);
    XenFrontDevice d;

    g_assert_nonnull(strstr(names, name));
    g_assert_nonnull(strstr(nodes, "state "));
    g_assert_cmpuint(xen_front_read_uint(f, "%s/state", itself), ==,
                     XenbusStateInitialising);
    d = xen_front_device(f, type, id);
    if (g_str_equal(type, "vbd")) {
        g_autofree char *type_path = g_strdup_printf("%s/device-type", itself);

        xen_front_expect(f, type_path, "disk");
        g_assert_cmpuint(xen_front_read_uint(f, "%s/virtual-device", itself),
                         ==, id);
    } else {
        xen_front_expect(f, "device/vif/0/mac", XEN_FRONT_MAC);
    }
    xen_front_watch_state(&d, token);
    xen_front_watch(f, itself, own_token);
    return d;
}

static Guest boot(XenFront *f)
{
    Guest g = { .f = f };

    start_events(f);
    start_timers(&g);
    start_grants(f);
    start_store(f);
    f->con = xen_con_primary(f->vm);
    /* The first event of a watch finds nothing to do. */
    xen_front_watch(f, "control/shutdown", TOKEN_SHUTDOWN);
    xen_front_wait_watch(f, TOKEN_SHUTDOWN);
    xen_front_expect(f, "control/shutdown", "");
    g.vbd = attach(f, "vbd", XEN_FRONT_DISK, TOKEN_VBD, TOKEN_VBD_OWN);
    g.vif = attach(f, "vif", 0, TOKEN_VIF, TOKEN_VIF_OWN);
    xen_front_watch(f, "device", TOKEN_DEVICES);
    xen_front_wait_watch(f, TOKEN_DEVICES);
    return g;
}

static void forget(Guest *g)
{
    xen_front_device_clear(&g->vbd);
    xen_front_device_clear(&g->vif);
    xen_front_device_clear(&g->hot);
}

static void stop(Guest *g)
{
    forget(g);
    xen_front_stop(g->f);
}

/* ------------------------------------------------------------------- disk -- */

typedef struct Ring {
    unsigned order;
    uint32_t port, ref[1 << XEN_VBD_MAX_ORDER];
} Ring;

/* The back end waits for rings; a node at a time. */
static Ring initialize_disk(XenFrontDevice *d, unsigned queue)
{
    XenFront *f = d->f;
    g_autofree char *pages = xen_front_read(f, 0, "%s/max-ring-pages",
                                            d->backend);
    Ring r = {
        .order = xen_front_read_uint(f, "%s/max-ring-page-order", d->backend),
    };

    g_assert_null(pages);
    g_assert_cmpuint(r.order, <=, MIN(MAX_RING_ORDER, XEN_VBD_MAX_ORDER));
    r.port = 0;
    xen_front_disk_ring(f, queue, r.order, 0, r.ref);
    for (unsigned i = 0; i < 1u << r.order; i++) {
        g_autofree char *name = r.order ? g_strdup_printf("ring-ref%u", i) :
                                          g_strdup("ring-ref");

        xen_front_write(f, 0, d->path, name, "%u", r.ref[i]);
    }
    r.port = f->vbd.queue[queue].port = xen_front_new_port(f, 1);
    xen_unmask(f->vm, r.port);
    if (r.order) {
        xen_front_write(f, 0, d->path, "num-ring-pages", "%u", 1u << r.order);
        xen_front_write(f, 0, d->path, "ring-page-order", "%u", r.order);
    }
    xen_front_write(f, 0, d->path, "event-channel", "%u", r.port);
    xen_front_write(f, 0, d->path, "protocol", "%s",
                    f->vm->long_mode ? XEN_IO_PROTO_ABI_X86_64 :
                                       XEN_IO_PROTO_ABI_X86_32);
    xen_front_set_state(d, XenbusStateInitialised);
    return r;
}

/* It has connected, and says what the disk is; from then on it works. */
static void connect_disk(XenFrontDevice *d, unsigned sectors)
{
    XenFront *f = d->f;

    g_assert_cmpuint(xen_front_read_uint(f, "%s/sectors", d->backend), ==,
                     sectors);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/info", d->backend), ==, 0);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/sector-size", d->backend), ==,
                     512);
    xen_front_read_uint(f, "%s/physical-sector-size", d->backend);
    xen_front_read_uint(f, "%s/feature-barrier", d->backend);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-flush-cache",
                                         d->backend), ==, 1);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-max-indirect-segments",
                                         d->backend), >=, MAX_PAGES);
    xen_front_set_state(d, XenbusStateConnected);
}

static Ring start_disk(XenFrontDevice *d, unsigned queue, unsigned sectors)
{
    Ring r;

    xen_front_expect_state(d, XenbusStateInitWait);
    r = initialize_disk(d, queue);
    xen_front_expect_state(d, XenbusStateConnected);
    connect_disk(d, sectors);
    return r;
}

static void free_ring(XenFront *f, const Ring *r)
{
    for (unsigned i = 0; i < 1u << r->order; i++) {
        xen_front_revoke(f, r->ref[i]);
    }
    g_assert_cmpint(xen_close(f->vm, r->port), ==, 0);
}

static void check_disk(Guest *g, uint8_t mark)
{
    xen_front_check_disk(g->f, 0, 3, mark);
    xen_front_check_disk(g->f, 0, MAX_PAGES, mark + 1);
}

#define SECTORS (XEN_FRONT_DISK_SIZE / 512)

static void test_disk(const void *long_mode)
{
    Guest g = boot(start(long_mode));

    start_disk(&g.vbd, 0, SECTORS);
    check_disk(&g, 1);
    xen_front_check_console(g.f, 1);
    stop(&g);
}

/* The device comes, and its going is agreed upon with the back end. */
static void test_hot_plug(const void *long_mode)
{
    Guest g = boot(start(long_mode));
    XenFront *f = g.f;
    g_autofree char *state = NULL;
    Ring r;

    start_disk(&g.vbd, 0, SECTORS);
    qtest_qmp_assert_success(f->vm->qts, "{ 'execute': 'blockdev-add', "
        "'arguments': { 'driver': 'null-co', 'node-name': 'hot', "
        "'size': 1048576, 'read-zeroes': true } }");
    qtest_qmp_device_add(f->vm->qts, "xen-disk", "hot",
                         "{ 'drive': 'hot', 'vdev': 'xvdb' }");
    xen_front_wait_watch(f, TOKEN_DEVICES);
    g.hot = attach(f, "vbd", HOT_DISK, TOKEN_HOT, TOKEN_HOT_OWN);
    r = start_disk(&g.hot, 1, 2048);
    memset(xen_vbd_page(&f->vbd, 0), 0xaa, XEN_PAGE_SIZE);
    g_assert_cmpint(xen_front_disk_request(f, 1, BLKIF_OP_READ, 0, 0, 1), ==,
                    BLKIF_RSP_OKAY);
    g_assert_cmpuint(xen_vbd_page(&f->vbd, 0)[77], ==, 0);

    qtest_qmp_assert_success(f->vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': 'hot' } }");
    xen_front_expect_state(&g.hot, XenbusStateClosing);
    xen_front_set_state(&g.hot, XenbusStateClosing);
    xen_front_set_state(&g.hot, XenbusStateClosed);
    qtest_qmp_eventwait(f->vm->qts, "DEVICE_DELETED");
    /* Its own writes have fired this watch, too. */
    do {
        g_free(state);
        xen_front_wait_watch(f, TOKEN_HOT_OWN);
        state = xen_front_read(f, 0, "%s/state", g.hot.path);
    } while (state);
    xen_front_unwatch_state(&g.hot);
    xen_front_unwatch(f, g.hot.path, TOKEN_HOT_OWN);
    free_ring(f, &r);
    check_disk(&g, 5);
    stop(&g);
}

/* ---------------------------------------------------------------- network -- */

typedef struct Nic {
    uint32_t port, tx_ref, rx_ref;
} Nic;

static void write_nic(XenFrontDevice *d, const Nic *n, uint32_t tx, bool lro,
                      bool csum)
{
    XenFront *f = d->f;

    xen_front_write(f, tx, d->path, "tx-ring-ref", "%u", n->tx_ref);
    xen_front_write(f, tx, d->path, "rx-ring-ref", "%u", n->rx_ref);
    xen_front_write(f, tx, d->path, "event-channel", "%u", n->port);
    xen_front_write(f, tx, d->path, "request-rx-copy", "1");
    xen_front_write(f, tx, d->path, "feature-rx-notify", "1");
    xen_front_write(f, tx, d->path, "feature-sg", "1");
    if (lro) {
        xen_front_write(f, tx, d->path, "feature-gso-tcpv4", "1");
    }
    if (!csum) {
        xen_front_write(f, tx, d->path, "feature-no-csum-offload", "1");
    }
}

/* The back end is at InitWait.  The first transaction meets another writer. */
static Nic connect_nic(XenFrontDevice *d, bool lro, bool csum)
{
    XenFront *f = d->f;
    g_autofree char *no_csum = NULL;
    bool disturbed = false;
    uint32_t tx;
    Nic n;

    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-rx-copy", d->backend),
                     ==, 1);
    xen_front_expect(f, "device/vif/0/mac", XEN_FRONT_MAC);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/multi-queue-max-queues",
                                         d->backend), ==, 1);
    /* The receive ring is set up first. */
    n.port = xen_front_new_port(f, 1);
    xen_front_net_rings(f, 0, n.port, n.port, &n.tx_ref, &n.rx_ref);
    xen_unmask(f->vm, n.port);
    for (;;) {
        tx = xen_front_begin(f);
        write_nic(d, &n, tx, lro, csum);
        if (!disturbed) {
            xen_front_write(f, 0, d->path, "feature-sg", "0");
        }
        if (xen_front_commit(f, tx)) {
            break;
        }
        g_assert_false(disturbed);
        disturbed = true;
        g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-sg", d->path), ==,
                         0);
    }
    g_assert_true(disturbed);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-sg", d->backend), ==,
                     1);
    xen_front_read_uint(f, "%s/feature-gso-tcpv4", d->backend);
    no_csum = xen_front_read(f, 0, "%s/feature-no-csum-offload", d->backend);
    g_assert_null(no_csum);
    xen_front_set_state(d, XenbusStateConnected);
    /* It sends an event before there is a request, then fills the ring. */
    g_assert_cmpint(xen_send(f->vm, n.port), ==, 0);
    xen_vif_post_rx(f->vif, 0, 128);
    return n;
}

static Nic start_nic(XenFrontDevice *d)
{
    Nic n;

    xen_front_expect_state(d, XenbusStateInitWait);
    n = connect_nic(d, true, true);
    xen_front_expect_state(d, XenbusStateConnected);
    return n;
}

static void free_nic(XenFront *f, const Nic *n)
{
    xen_front_revoke(f, n->rx_ref);
    xen_front_revoke(f, n->tx_ref);
    g_assert_cmpint(xen_close(f->vm, n->port), ==, 0);
}

/* "ifconfig xn0 -lro -rxcsum": it closes, and comes back with other nodes. */
static void reset_nic(XenFrontDevice *d, Nic *n)
{
    XenFront *f = d->f;

    xen_front_remove(f, 0, "device/vif/0/feature-gso-tcpv4");
    /* It is not there. */
    xen_front_remove(f, 0, "device/vif/0/feature-no-csum-offload");
    xen_front_set_state(d, XenbusStateClosing);
    xen_front_expect_state(d, XenbusStateClosing);
    xen_front_set_state(d, XenbusStateClosed);
    xen_front_expect_state(d, XenbusStateClosed);
    free_nic(f, n);
    xen_front_set_state(d, XenbusStateInitialising);
    xen_front_expect_state(d, XenbusStateInitWait);
    *n = connect_nic(d, false, false);
    xen_front_expect_state(d, XenbusStateConnected);
}

static void test_net(const void *long_mode)
{
    Guest g = boot(start(long_mode));
    Nic n = start_nic(&g.vif);

    xen_front_check_net(g.f, 0, true, 1);
    reset_nic(&g.vif, &n);
    xen_front_check_net(g.f, 0, true, 30);
    stop(&g);
}

/* ------------------------------------------------------- suspend, reboot -- */

static void await_shutdown(XenFront *f, const char *reason)
{
    xen_front_host_write(f, "control/shutdown", reason);
    xen_front_wait_watch(f, TOKEN_SHUTDOWN);
    xen_front_expect(f, "control/shutdown", reason);
    xen_front_write(f, 0, "control", "shutdown", "%s", "");
    /* This write fires it, too. */
    xen_front_wait_watch(f, TOKEN_SHUTDOWN);
    xen_front_expect(f, "control/shutdown", "");
}

/*
 * A suspend that is cancelled leaves rings and ports as they were.  But watches
 * are set again, and are there already.
 */
static void test_suspend(const void *long_mode)
{
    Guest g = boot(start(long_mode));
    XenFront *f = g.f;
    g_autofree char *vbd_state = g_strconcat(g.vbd.backend, "/state", NULL);
    const struct {
        const char *path, *token;
    } watches[] = {
        { "control/shutdown", TOKEN_SHUTDOWN },
        { vbd_state, TOKEN_VBD },
        { "device/vif/0", TOKEN_VIF_OWN },
        { "device", TOKEN_DEVICES },
    };

    start_disk(&g.vbd, 0, SECTORS);
    start_nic(&g.vif);
    check_disk(&g, 7);
    await_shutdown(f, "suspend");
    xen_front_suspend(f);
    for (size_t i = 0; i < ARRAY_SIZE(watches); i++) {
        xen_front_expect_error(f, 0, XS_WATCH, watches[i].path, watches[i].token,
                               "EEXIST");
    }
    check_disk(&g, 9);
    xen_front_check_net(f, 0, true, 50);
    xen_front_check_console(f, 2);
    stop(&g);
}

/* It reboots without closing anything, and finds all of it new. */
static void test_reboot(const void *long_mode)
{
    XenFront *f = start(long_mode);
    uint8_t sector[512];
    Guest g;

    for (unsigned round = 0; round < 3; round++) {
        g = boot(f);
        start_disk(&g.vbd, 0, SECTORS);
        start_nic(&g.vif);
        check_disk(&g, 20 + round);
        xen_front_check_net(f, 0, true, 60 + round);
        xen_front_check_console(f, 3);
        memset(xen_vbd_page(&f->vbd, 0), 0x50 + round, XEN_PAGE_SIZE);
        g_assert_cmpint(xen_front_disk_request(f, 0, BLKIF_OP_WRITE, 8, 0, 1),
                        ==, BLKIF_RSP_OKAY);
        await_shutdown(f, "reboot");
        forget(&g);
        xen_front_reboot(f);
        /* The boot loader's disk. */
        xen_ide_read(f->vm, 9, sector);
        g_assert_cmphex(sector[5], ==, 0x50 + round);
    }
    xen_front_stop(f);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "disk", test_disk },
        { "hot-plug", test_hot_plug },
        { "net", test_net },
        { "suspend", test_suspend },
        { "reboot", test_reboot },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("freebsd", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
