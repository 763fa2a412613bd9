/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV devices and xenstore over a sleep in S3: what is connected stays so
 *
 * xen-reset-test has the rest of the domain.  Each test sleeps a few times.
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "libxen-blk.h"
#include "libxen-con.h"
#include "libxen-net.h"
#include "libxen-state.h"

#include "hw/xen/interface/sched.h"
#include "hw/xen/interface/version.h"

#define NR_SLEEPS       3
#define NR_REQUESTS     8
#define NR_ASLEEP       3
#define MIB             (1024 * 1024)

/* QEMU's main loop has done what it can do now. */
static void main_loop_turns(XenVm *vm)
{
    qobject_unref(qtest_qmp(vm->qts, "{ 'execute': 'query-status' }"));
}

/* Back ends rest until the guest's kernel calls, which is after firmware has run. */
static void kernel_wakes_up(XenVm *vm)
{
    g_assert_cmphex(xen_op(vm, 0, __HYPERVISOR_xen_version, XENVER_version, NULL,
                           0), ==, 4 << 16 | 17);
}

static void wake_up(XenVm *vm)
{
    xen_vm_wake_up(vm);
    kernel_wakes_up(vm);
}

static void sleep_and_wake_up(XenVm *vm)
{
    xen_vm_suspend(vm);
    wake_up(vm);
}

static void put_reads(XenVbd *v)
{
    for (unsigned i = 0; i < NR_REQUESTS; i++) {
        XenVbdRequest r = {
            .op = BLKIF_OP_READ, .id = i, .sector = 8 * i, .page = i, .nr = 1,
            .last = 7,
        };

        memset(xen_vbd_page(v, i), 0x5a, XEN_PAGE_SIZE);
        xen_vbd_put(v, 0, &r);
    }
    xen_vbd_push(v, 0);
}

/* Each is answered once, in whatever order. */
static void take_answers(XenVbd *v)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < NR_REQUESTS; i++) {
        XenVbdAnswer a;

        while (!xen_vbd_poll(v, 0, &a)) {
            qtest_clock_step(v->vm->qts, 1000 * 1000 * 1000);
        }
        g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
        g_assert_cmpuint(a.id, <, NR_REQUESTS);
        g_assert_cmphex(seen & 1u << a.id, ==, 0);
        seen |= 1u << a.id;
        g_assert_cmpuint(*xen_vbd_page(v, a.id), ==, 0);
    }
}

/* Most requests of a slow disk are still to be done when the guest falls asleep. */
static void check_disk(const void *long_mode, bool in_iothread)
{
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode),
                              "-nodefaults -object iothread,id=io");
    XenVbdAnswer a;

    xen_vm_add_slow_disk(v->vm, in_iothread);
    xen_vbd_connect(v, 1, 0);
    for (int i = 0; i < NR_SLEEPS; i++) {
        put_reads(v);
        sleep_and_wake_up(v->vm);
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
        take_answers(v);
        g_assert_false(xen_vbd_poll(v, 0, &a));
    }
    xen_vbd_stop(v);
}

/* It goes on where it was migrated from, and wakes up there. */
static void test_migrated(const void *long_mode)
{
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode),
                              "-nodefaults -object iothread,id=io");
    g_autofree char *path = NULL;

    xen_vm_add_slow_disk(v->vm, false);
    xen_vbd_connect(v, 1, 0);
    put_reads(v);
    xen_vm_suspend(v->vm);
    /* Once: QEMU forgets the file's name, which is a leak, at the next time. */
    path = xen_state_save(v->vm);
    unlink(path);
    xen_vbd_qmp(v, "{ 'execute': 'cont' }");
    wake_up(v->vm);
    take_answers(v);
    g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
    xen_vbd_stop(v);
}

static void expect_status(XenVm *vm, const char *status)
{
    QDict *info = qtest_qmp_assert_success_ref(vm->qts,
                                               "{ 'execute': 'query-status' }");

    g_assert_cmpstr(qdict_get_str(info, "status"), ==, status);
    qobject_unref(info);
}

/* It is stopped, and asleep when it goes on. */
static void continue_asleep(XenVm *vm)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    expect_status(vm, "suspended");
    wake_up(vm);
    expect_status(vm, "running");
}

/* The host's disk is full when the guest falls asleep: the write is done again later. */
static void test_disk_full(const void *long_mode)
{
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode),
        "-nodefaults -object throttle-group,id=t,x-iops-total=1 "
        "-blockdev '{\"driver\":\"throttle\",\"node-name\":\"n\","
        "\"throttle-group\":\"t\",\"file\":{\"driver\":\"raw\",\"file\":"
        "{\"driver\":\"blkdebug\",\"inject-error\":[{\"event\":\"write_aio\","
        "\"errno\":28,\"once\":true}],\"image\":{\"driver\":\"null-co\",\"size\":"
        "1048576}}}}' -device xen-disk,id=x,drive=n,vdev=xvda");
    XenVbdAnswer a;

    xen_vbd_connect(v, 1, 0);
    put_reads(v);
    xen_vbd_put(v, 0, &(XenVbdRequest) {
        .op = BLKIF_OP_WRITE, .id = NR_REQUESTS, .nr = 1, .last = 7,
    });
    xen_vbd_push(v, 0);
    xen_vm_suspend(v->vm);
    qtest_qmp_eventwait(v->vm->qts, "STOP");
    expect_status(v->vm, "io-error");
    continue_asleep(v->vm);
    do {
        while (!xen_vbd_poll(v, 0, &a)) {
            qtest_clock_step(v->vm->qts, 1000 * 1000 * 1000);
        }
        g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
    } while (a.id != NR_REQUESTS);
    xen_vbd_stop(v);
}

/* A vCPU asks for the sleep when the VM is being stopped for something else. */
static void test_stopped(const void *long_mode)
{
    struct sched_shutdown crash = { .reason = SHUTDOWN_crash };
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode),
                             "-nodefaults -action panic=pause");

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    xen_vm_suspend(vm);
    expect_status(vm, "paused");
    continue_asleep(vm);

    xen_op(vm, 0, __HYPERVISOR_sched_op, SCHEDOP_shutdown, &crash,
           sizeof(crash));
    xen_vm_suspend(vm);
    expect_status(vm, "guest-panicked");
    continue_asleep(vm);
    xen_vm_stop(vm);
}

/* Nothing is read into RAM in the sleep, nor when firmware wakes up. */
static void check_rest(const void *long_mode, bool in_iothread)
{
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode),
                              "-nodefaults -object iothread,id=io");
    XenVbdRequest r = { .op = BLKIF_OP_READ, .nr = 1, .last = 7 };
    XenVbdAnswer a;

    xen_vm_add_slow_disk(v->vm, in_iothread);
    xen_vbd_connect(v, 1, 0);
    for (unsigned i = 0; i < NR_SLEEPS; i++) {
        put_reads(v);
        xen_vm_suspend(v->vm);
        /* What was in flight is answered without the throttle, what comes now waits. */
        for (unsigned k = 0; k < NR_REQUESTS; k++) {
            xen_vbd_get(v, 0, &a);
            g_assert_cmpuint(a.id, <, NR_REQUESTS);
        }
        for (unsigned k = 0; k < NR_REQUESTS; k++) {
            r.id = r.page = NR_REQUESTS + k;
            memset(xen_vbd_page(v, r.page), 0x5a, XEN_PAGE_SIZE);
            xen_vbd_put(v, 0, &r);
        }
        /* Requests before their index, as in xen_vbd_push(), but without an event. */
        smp_wmb();
        qatomic_set(XEN_VBD_INDEX(v, 0, req_prod), v->queue[0].prod);
        xen_vm_wake_up(v->vm);
        qtest_clock_step(v->vm->qts, 1000 * 1000 * 1000);
        main_loop_turns(v->vm);
        for (unsigned k = 0; k < NR_REQUESTS; k++) {
            g_assert_cmphex(*xen_vbd_page(v, NR_REQUESTS + k), ==, 0x5a);
        }
        kernel_wakes_up(v->vm);
        for (unsigned k = 0; k < NR_REQUESTS; k++) {
            while (!xen_vbd_poll(v, 0, &a)) {
                qtest_clock_step(v->vm->qts, 1000 * 1000 * 1000);
            }
            g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
            g_assert_cmpuint(a.id, >=, NR_REQUESTS);
            g_assert_cmpuint(*xen_vbd_page(v, a.id), ==, 0);
        }
    }
    xen_vbd_stop(v);
}

static void test_rest(const void *long_mode)
{
    check_rest(long_mode, false);
}

static void test_rest_iothread(const void *long_mode)
{
    check_rest(long_mode, true);
}

static void test_disk(const void *long_mode)
{
    check_disk(long_mode, false);
}

static void test_disk_iothread(const void *long_mode)
{
    check_disk(long_mode, true);
}

static void test_net(const void *long_mode)
{
    XenVif *vif = xen_vif_start(GPOINTER_TO_INT(long_mode), NULL, NULL);
    const size_t size = 60;
    uint8_t frame[60], got[128];
    XenVifFrame *in = g_new(XenVifFrame, 1);

    g_assert_cmpint(xen_vif_connect(vif, 1, false, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    xen_vif_post_rx(vif, 0, (1 + NR_ASLEEP) * NR_SLEEPS);
    for (int i = 0; i < NR_SLEEPS; i++) {
        memset(frame, i + 1, size);
        sleep_and_wake_up(vif->vm);
        xen_vif_put_frame(vif, 0, 0, frame, size, &size, 1, 0, NULL);
        xen_vif_push_tx(vif, 0);
        g_assert_cmpuint(xen_vif_network_get(vif, got, sizeof(got)), ==, size);
        g_assert_cmpmem(got, size, frame, size);
        xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);

        xen_vif_network_send(vif, frame, size);
        xen_vif_get_frame(vif, 0, in);
        g_assert_cmpmem(in->data, in->size, frame, size);

        /* What comes in the sleep arrives after it, and so does what follows. */
        xen_vm_suspend(vif->vm);
        for (int n = 0; n < NR_ASLEEP; n++) {
            frame[0] = 0x80 + n;
            xen_vif_network_send(vif, frame, size);
        }
        /* QEMU has read what it reads, and the ring is as it was. */
        main_loop_turns(vif->vm);
        xen_vm_wake_up(vif->vm);
        /* Firmware runs, with SMRAM open: the ring is as it was. */
        main_loop_turns(vif->vm);
        g_assert_false(xen_vif_has_rx(vif, 0));
        kernel_wakes_up(vif->vm);
        for (int n = 0; n < NR_ASLEEP; n++) {
            frame[0] = 0x80 + n;
            xen_vif_get_frame(vif, 0, in);
            g_assert_cmpmem(in->data, in->size, frame, size);
        }
    }
    g_free(in);
    xen_vif_stop(vif);
}

/* The host's program has a whole text, of which some was written asleep. */
static void test_console(const void *long_mode)
{
    g_autofree char *text = xen_con_text(4 * MIB / 1024, 0);
    XenVm *vm;
    XenCon con;
    int end[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, end), ==, 0);
    g_autofree char *options = g_strdup_printf(
        "-nodefaults -chardev socket,id=c,fd=%d "
        "-device xen-console,chardev=c", end[1]);
    vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), options);
    close(end[1]);
    con = xen_con_primary(vm);
    for (int i = 0; i < NR_SLEEPS; i++) {
        g_autofree char *got = g_malloc(strlen(text));
        size_t len = strlen(text) / 4, done = 0;

        xen_con_write(&con, text, len);
        sleep_and_wake_up(vm);
        xen_con_write(&con, text + len, len);
        while (done < 2 * len) {
            ssize_t n = read(end[0], got + done, 2 * len - done);

            g_assert_cmpint(n, >, 0);
            done += n;
        }
        g_assert_cmpmem(got, done, text, 2 * len);

        g_assert_cmpint(write(end[0], "in", 2), ==, 2);
        for (done = 0; done < 2; ) {
            done += xen_con_get(&con, got + done, 2 - done);
        }
        g_assert_cmpmem(got, 2, "in", 2);
    }
    close(end[0]);
    xen_vm_stop(vm);
}

/* What changes while the guest is asleep is an event when it wakes up. */
static void test_watch(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");
    XenStore s = xen_store_open(vm);
    XenStoreMessage msg;

    xen_store_request(&s, XS_WATCH, 0, XEN_STORE_STRINGS("data\0token"), &msg);
    g_assert_cmpuint(msg.header.type, ==, XS_WATCH);
    xen_store_get(&s, &msg);
    g_assert_cmpuint(msg.header.type, ==, XS_WATCH_EVENT);
    for (int i = 0; i < NR_SLEEPS; i++) {
        xen_vm_suspend(vm);
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-write', "
            "'arguments': { 'path': 'data/n', 'value': 'asleep' } }");
        xen_vm_wake_up(vm);
        xen_store_get(&s, &msg);
        g_assert_cmpuint(msg.header.type, ==, XS_WATCH_EVENT);
        g_assert_cmpmem(msg.payload, sizeof("data/n"), "data/n",
                        sizeof("data/n"));
    }
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "disk", test_disk },
        { "disk-iothread", test_disk_iothread },
        { "rest", test_rest },
        { "rest-iothread", test_rest_iothread },
        { "migrated", test_migrated },
        { "disk-full", test_disk_full },
        { "stopped", test_stopped },
        { "net", test_net },
        { "console", test_console },
        { "watch", test_watch },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("s3", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
