/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What OpenBSD does as an HVM guest, in its order
 *
 * Facts are from sys/dev/pv of its source: xen.c 1.99 (2024), and xenstore.c,
 * xbf.c and if_xnf.c of that time.
 *
 * Events are 2-level, with the callback's vector and the vCPU's structure in
 * shared_info.  Each port is masked while its event is handled.  Until the root
 * file system is mounted no event is taken: the devices are set up by looking at
 * xenstore's ring and at nodes again and again.  No transaction is used, the
 * emulated devices are unplugged last, and no device is ever closed.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "libxen-front.h"
#include "libxen-twin.h"

#include "hw/xen/interface/features.h"
#include "hw/xen/interface/hvm/params.h"
#include "hw/xen/interface/io/protocols.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/version.h"

#define VECTOR          0x70
#define VIA_VECTOR      (UINT64_C(2) << 56 | VECTOR)
#define UNPLUG_2ND_IDE  (1 << 2)
#define GRANT_FRAMES    4           /* one after the other, as it needs them */
#define RING_ORDER      3           /* at most */
#define DELAY_US        250
/* shared_info */
#define PENDING         2048
#define KEYBOARD        0x64        /* I/O port */
#define PULSE_RESET     0xfe
#define HOT_DISK        51728       /* xvdb */

/* A transfer of 64 KiB is two requests. */
#define FIRST_PAGES     11
#define PAGES           16
#define SECTORS_A_PAGE  8

#define TOKEN_SHUTDOWN  "ffff800000a01000"
#define TOKEN_VBD       "ffff800000a02000"
#define TOKEN_VIF       "ffff800000a03000"

static const XenFrontSystem openbsd = {
    .nr_vcpus = 2, .masks = true, .numbered = true,
};

typedef struct Guest {
    XenFront *f;
    XenFrontDevice vbd, vif, hot;
} Guest;

static XenFront *start(const void *long_mode)
{
    return xen_front_start(&openbsd, GPOINTER_TO_INT(long_mode));
}

/* ------------------------------------------------------------------- disk -- */

typedef struct Ring {
    uint32_t port, ref[1 << XEN_VBD_MAX_ORDER];
} Ring;

/* To be unmasked by the caller, when it takes events. */
static uint32_t new_port(XenFront *f)
{
    uint32_t port = xen_front_new_port(f, 0);

    xen_mask(f->vm, port);
    return port;
}

static void offer_disk(XenFrontDevice *d, const Ring *r, unsigned order)
{
    XenFront *f = d->f;

    for (unsigned i = 0; i < 1u << order; i++) {
        g_autofree char *name = order ? g_strdup_printf("ring-ref%u", i) :
                                        g_strdup("ring-ref");

        xen_front_write(f, 0, d->path, name, "%u", r->ref[i]);
    }
    if (order) {
        xen_front_write(f, 0, d->path, "num-ring-pages", "%u", 1u << order);
        xen_front_write(f, 0, d->path, "ring-page-order", "%u", order);
    }
    xen_front_write(f, 0, d->path, "event-channel", "%u", r->port);
    xen_front_write(f, 0, d->path, "protocol", "%s",
                    f->vm->long_mode ? XEN_IO_PROTO_ABI_X86_64 :
                                       XEN_IO_PROTO_ABI_X86_32);
    xen_front_set_state(d, XenbusStateInitialised);
}

/* No watch. */
static void await_connected(XenFrontDevice *d)
{
    while (xen_front_read_uint(d->f, "%s/state", d->backend) !=
           XenbusStateConnected) {
        g_usleep(DELAY_US);
    }
}

/* Without the first four nodes there is no disk. */
static void expect_who(XenFrontDevice *d, unsigned number, const char *name)
{
    XenFront *f = d->f;
    g_autofree char *type = xen_front_read(f, 0, "%s/type", d->backend);
    g_autofree char *dev = xen_front_read(f, 0, "%s/dev", d->backend);
    g_autofree char *device = xen_front_read(f, 0, "%s/device-type", d->path);

    g_assert_cmpstr(type, ==, "qdisk");
    g_assert_cmpstr(dev, ==, name);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/virtual-device", d->path), ==,
                     number);
    g_assert_cmpstr(device, ==, "disk");
}

static Ring attach_disk(XenFrontDevice *d, unsigned queue, uint64_t size)
{
    XenFront *f = d->f;
    unsigned order;
    Ring r = { .port = new_port(f) };

    order = MIN(xen_front_read_uint(f, "%s/max-ring-page-order", d->backend),
                RING_ORDER);
    g_assert_cmpuint(order, ==, RING_ORDER);
    xen_front_disk_ring(f, queue, order, r.port, r.ref);
    offer_disk(d, &r, order);
    await_connected(d);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/sectors", d->backend), ==,
                     size / XEN_VBD_SECTOR);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/sector-size", d->backend), ==,
                     XEN_VBD_SECTOR);
    xen_front_read_uint(f, "%s/feature-barrier", d->backend);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-flush-cache",
                                         d->backend), ==, 1);
    xen_front_set_state(d, XenbusStateConnected);
    xen_unmask(f->vm, r.port);
    return r;
}

/*
 * The two requests are announced by an event even if the back end has not asked
 * for one, and one event is to tell that both have been answered.  (The driver
 * sets rsp_event after req_prod, and so could wait in vain.)
 */
static void transfer(XenFront *f, uint8_t op, unsigned page)
{
    XenVbdQueue *q = &f->vbd.queue[0];
    uint32_t ref[PAGES], first = q->prod;
    unsigned seen = 0;
    XenVbdAnswer a;

    for (unsigned i = 0; i < PAGES; i++) {
        ref[i] = xen_front_grant(
            f, f->vbd.data + (page + i) * XEN_PAGE_SIZE, op == BLKIF_OP_WRITE);
    }
    for (unsigned i = 0; i < PAGES; i += FIRST_PAGES) {
        xen_vbd_put(&f->vbd, 0, &(XenVbdRequest) {
            .op = op, .id = q->prod % q->size, .sector = i * SECTORS_A_PAGE,
            .nr = MIN(FIRST_PAGES, PAGES - i), .last = SECTORS_A_PAGE - 1,
            .ref = ref + i,
        });
    }
    qatomic_set(XEN_VBD_INDEX(&f->vbd, 0, rsp_event), q->prod);
    qatomic_store_release(XEN_VBD_INDEX(&f->vbd, 0, req_prod), q->prod);
    g_assert_cmpint(xen_send(f->vm, q->port), ==, 0);
    xen_front_wait(f, q->port);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(xen_vbd_poll(&f->vbd, 0, &a));
        g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
        g_assert_cmpuint((a.id - first) % q->size, <, 2);
        seen |= 1u << (a.id - first) % q->size;
    }
    g_assert_cmpuint(seen, ==, 3);
    for (unsigned i = 0; i < PAGES; i++) {
        xen_front_revoke(f, ref[i]);
    }
}

static void check_disk(XenFront *f, uint8_t mark)
{
    const size_t size = PAGES * XEN_PAGE_SIZE;
    uint8_t *written = xen_vbd_page(&f->vbd, 0);
    uint8_t *got = xen_vbd_page(&f->vbd, PAGES);

    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < size; i++) {
            written[i] = mark + round + i / 7 + i / XEN_PAGE_SIZE;
        }
        memset(got, 0, size);
        transfer(f, BLKIF_OP_WRITE, 0);
        transfer(f, BLKIF_OP_READ, PAGES);
        g_assert_true(!memcmp(got, written, size));
    }
    /* Also what is in the file; with flushes. */
    xen_front_check_disk(f, 0, FIRST_PAGES, mark);
}

/* ---------------------------------------------------------------- network -- */

/* As it attaches: the ring is empty, and the port masked. */
static void attach_nic(XenFrontDevice *d)
{
    XenFront *f = d->f;
    g_autofree char *mac = xen_front_read(f, 0, "%s/mac", d->backend);
    g_autofree char *multicast = NULL, *split = NULL, *queues = NULL;
    uint32_t port, tx_ref, rx_ref;

    g_assert_cmpstr(mac, ==, XEN_FRONT_MAC);
    port = new_port(f);
    g_assert_cmpuint(xen_front_read_uint(f, "%s/feature-sg", d->backend), ==,
                     1);
    multicast = xen_front_read(f, 0, "%s/feature-multicast-control",
                               d->backend);
    split = xen_front_read(f, 0, "%s/feature-split-event-channels",
                           d->backend);
    queues = xen_front_read(f, 0, "%s/multi-queue-max-queues", d->backend);
    xen_front_net_rings(f, 0, port, port, &tx_ref, &rx_ref);
    xen_front_write(f, 0, d->path, "rx-ring-ref", "%u", rx_ref);
    xen_front_write(f, 0, d->path, "request-rx-copy", "1");
    xen_front_write(f, 0, d->path, "feature-rx-notify", "1");
    xen_front_write(f, 0, d->path, "tx-ring-ref", "%u", tx_ref);
    xen_front_write(f, 0, d->path, "feature-sg", "1");
    xen_front_write(f, 0, d->path, "feature-no-csum-offload", "1");
    xen_front_write(f, 0, d->path, "event-channel", "%u", port);
    xen_front_set_state(d, XenbusStateConnected);
}

/* The user brings the interface up, which was never up. */
static void nic_up(XenFront *f)
{
    xen_vif_post_rx(f->vif, 0, XEN_VIF_RING_SIZE);
    xen_unmask(f->vm, f->vif->queue[0].tx_port);
}

/* ------------------------------------------------------------------- boot -- */

static void start_xen(XenFront *f)
{
    struct xen_feature_info features = { .submap_idx = 0 };
    XenVm *vm = f->vm;

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    qtest_memwrite(vm->qts, vm->scratch, &features, sizeof(features));
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_xen_version,
                             XENVER_get_features, vm->scratch), ==, 0);
    qtest_memread(vm->qts, vm->scratch, &features, sizeof(features));
    g_assert_true(features.submap & 1u << XENFEAT_hvm_callback_vector);
    vm->shared_info = xen_vm_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ, VIA_VECTOR), ==,
                    0);
    qtest_memset(vm->qts, vm->shared_info + PENDING, 0,
                 vm->long_mode ? 512 : 128);
    xen_front_mask_all(f);
}

static void start_store(XenFront *f)
{
    xen_front_find_store(f);
    xen_mask(f->vm, f->store.port);
}

static Guest boot(XenFront *f)
{
    g_autofree char *types = NULL;
    Guest g = { .f = f };
    XenVm *vm = f->vm;

    f->cold = true;
    start_xen(f);
    xen_front_map_grants(f, GRANT_FRAMES);
    start_store(f);
    types = xen_front_list(f, "device");
    /* The only one that it knows not to be a device. */
    g_assert_nonnull(strstr(types, "suspend "));
    g_assert_nonnull(strstr(types, "vbd "));
    g_assert_nonnull(strstr(types, "vif "));
    g.vbd = xen_front_device(f, "vbd", XEN_FRONT_DISK);
    expect_who(&g.vbd, XEN_FRONT_DISK, "xvda");
    attach_disk(&g.vbd, 0, XEN_FRONT_DISK_SIZE);
    xen_front_watch(f, "device/vbd", TOKEN_VBD);
    g.vif = xen_front_device(f, "vif", 0);
    attach_nic(&g.vif);
    xen_front_watch(f, "device/vif", TOKEN_VIF);

    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==,
                     XEN_FRONT_DISK_SIZE / XEN_VBD_SECTOR);
    g_assert_true(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));
    xen_unplug(vm, XEN_UNPLUG_DISKS | UNPLUG_2ND_IDE | XEN_UNPLUG_NICS);
    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, 0);
    g_assert_false(xen_pci_has(vm, 0, XEN_FRONT_NIC_SLOT));

    /* An event has been pending for long. */
    f->cold = false;
    xen_unmask(vm, f->store.port);
    xen_front_watch(f, "control/shutdown", TOKEN_SHUTDOWN);
    xen_front_wait_watch(f, TOKEN_SHUTDOWN);
    xen_front_expect(f, "control/shutdown", "");
    xen_front_wait_watch(f, TOKEN_VBD);
    xen_front_wait_watch(f, TOKEN_VIF);
    return g;
}

static void clear(Guest *g)
{
    xen_front_device_clear(&g->vbd);
    xen_front_device_clear(&g->vif);
    xen_front_device_clear(&g->hot);
}

static void stop(Guest *g)
{
    clear(g);
    xen_front_stop(g->f);
}

static void test_disk(const void *long_mode)
{
    Guest g = boot(start(long_mode));

    check_disk(g.f, 1);
    stop(&g);
}

static void test_net(const void *long_mode)
{
    Guest g = boot(start(long_mode));
    XenFront *f = g.f;

    nic_up(f);
    xen_front_check_net(f, 0, true, 1);
    /* Down and up again: only the port tells. */
    xen_mask(f->vm, f->vif->queue[0].tx_port);
    xen_unmask(f->vm, f->vif->queue[0].tx_port);
    xen_front_check_net(f, 0, true, 40);
    stop(&g);
}

/* --------------------------------------------------------------- hot plug -- */

static void wait_devices(XenFront *f, const char *expected)
{
    for (;;) {
        g_autofree char *names = NULL;

        xen_front_wait_watch(f, TOKEN_VBD);
        names = xen_front_list(f, "device/vbd");
        if (g_str_equal(names, expected)) {
            return;
        }
    }
}

static void unplug(XenFront *f)
{
    qtest_qmp_assert_success(f->vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': 'hot' } }");
}

/*
 * It looks at which devices there are, and never at the state of a back end.  So
 * the first request to unplug does nothing; the second takes the disk away.
 */
static void test_hot_plug(const void *long_mode)
{
    const char *one = stringify(XEN_FRONT_DISK) " ";
    const char *two = stringify(XEN_FRONT_DISK) " " stringify(HOT_DISK) " ";
    Guest g = boot(start(long_mode));
    XenFront *f = g.f;
    Ring r;

    qtest_qmp_assert_success(f->vm->qts, "{ 'execute': 'blockdev-add', "
        "'arguments': { 'driver': 'null-co', 'node-name': 'hot', "
        "'size': 1048576, 'read-zeroes': true } }");
    qtest_qmp_device_add(f->vm->qts, "xen-disk", "hot",
                         "{ 'drive': 'hot', 'vdev': 'xvdb' }");
    wait_devices(f, two);
    g.hot = xen_front_device(f, "vbd", HOT_DISK);
    expect_who(&g.hot, HOT_DISK, "xvdb");
    r = attach_disk(&g.hot, 1, 1 << 20);
    memset(xen_vbd_page(&f->vbd, 0), 0xaa, XEN_PAGE_SIZE);
    g_assert_cmpint(xen_front_disk_request(f, 1, BLKIF_OP_READ, 0, 0, 1), ==,
                    BLKIF_RSP_OKAY);
    g_assert_cmpuint(xen_vbd_page(&f->vbd, 0)[77], ==, 0);

    unplug(f);
    g_assert_cmpint(xen_front_disk_request(f, 1, BLKIF_OP_WRITE, 8, 0, 1), ==,
                    BLKIF_RSP_OKAY);
    unplug(f);
    qtest_qmp_eventwait(f->vm->qts, "DEVICE_DELETED");
    wait_devices(f, one);
    xen_mask(f->vm, r.port);
    g_assert_cmpint(xen_close(f->vm, r.port), ==, 0);
    for (unsigned i = 0; i < 1u << RING_ORDER; i++) {
        xen_front_revoke(f, r.ref[i]);
    }
    check_disk(f, 9);
    stop(&g);
}

/* ----------------------------------------------------------------- reboot -- */

/* It writes that it has read the request. */
static void take_reboot(XenFront *f)
{
    xen_front_host_write(f, "control/shutdown", "reboot");
    xen_front_wait_watch(f, TOKEN_SHUTDOWN);
    xen_front_expect(f, "control/shutdown", "reboot");
    xen_front_write(f, 0, "control", "shutdown", "%s", "");
    xen_front_wait_watch(f, TOKEN_SHUTDOWN);
    xen_front_expect(f, "control/shutdown", "");
}

/* By the keyboard controller, with all devices open. */
static void test_reboot(const void *long_mode)
{
    XenFront *f = start(long_mode);

    for (unsigned round = 0; round < 3; round++) {
        Guest g = boot(f);

        nic_up(f);
        check_disk(f, 20 + round);
        xen_front_check_net(f, 0, true, 60 + round);
        take_reboot(f);
        clear(&g);
        qtest_outb(f->vm->qts, KEYBOARD, PULSE_RESET);
        qtest_qmp_eventwait(f->vm->qts, "RESET");
        xen_front_forget(f);
        g_assert_cmpuint(xen_ide_sectors(f->vm, XEN_IDE_PRIMARY, 0), ==,
                         XEN_FRONT_DISK_SIZE / XEN_VBD_SECTOR);
    }
    xen_front_stop(f);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "disk", test_disk },
        { "net", test_net },
        { "hot-plug", test_hot_plug },
        { "reboot", test_reboot },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("openbsd", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
