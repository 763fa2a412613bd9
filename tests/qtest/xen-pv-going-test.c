/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV devices that go, or close, at the worst moment
 *
 * A drain, such as a reset's, polls the main loop, and what the guest wrote to
 * xenstore just before is handled in the middle of it.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "libxen-blk.h"
#include "libxen-state.h"

#include "hw/xen/interface/sched.h"

#define DISK        51712
#define OTHER       51728
#define SECOND_NS   INT64_C(1000000000)

/*
 * Requests take a while of the host's time, so that the drain polls.  If they are
 * done before it begins nothing is tested, and nothing fails.
 */
#define SLOW_DISK   "-blockdev null-co,node-name=d,size=67108864," \
                    "read-zeroes=on,latency-ns=100000000 " \
                    "-device xen-disk,id=x,drive=d,vdev=xvda "
/* Read-only, or a snapshot would be one of the disk, too. */
#define OTHER_DISK  "-blockdev null-co,node-name=e,size=67108864," \
                    "read-zeroes=on,read-only=on -device xen-disk,id=y,drive=e,vdev=xvdb "

/* ----------------------------------------------------- the guest, in one go */

/* The front end's new state is in xenstore's ring, which nobody looks at yet. */
static void put_state(XenVbd *v, enum xenbus_state state)
{
    g_autoptr(GString) msg = g_string_new(NULL);
    struct xsd_sockmsg header = {
        .type = XS_WRITE, .req_id = v->store.next_id++,
    };
    uint64_t prod_gpa = v->store.ring +
        offsetof(struct xenstore_domain_interface, req_prod);
    uint32_t prod = qtest_readl(v->vm->qts, prod_gpa);

    g_string_printf(msg, "device/vbd/%u/state", v->number);
    g_string_append_len(msg, "", 1);
    g_string_append_printf(msg, "%d", state);
    header.len = msg->len;
    g_string_prepend_len(msg, (const char *)&header, sizeof(header));
    for (size_t i = 0; i < msg->len; i++) {
        qtest_writeb(v->vm->qts, v->store.ring + MASK_XENSTORE_IDX(prod + i),
                     msg->str[i]);
    }
    qtest_writel(v->vm->qts, prod_gpa, prod + msg->len);
}

/* An event for xenstore and a soft reset, and the main loop sees both at once. */
static void kick_and_reset(XenVbd *v)
{
    struct evtchn_send send = { .port = v->store.port };
    struct sched_shutdown shutdown = { .reason = SHUTDOWN_soft_reset };
    uint64_t page = xen_vm_page(v->vm);
    const uint64_t args = page + 1024;
    const uint64_t call[2][8] = {
        { __HYPERVISOR_event_channel_op, 0, EVTCHNOP_send, args },
        { __HYPERVISOR_sched_op, 0, SCHEDOP_shutdown, args + 64 },
    };

    qtest_memwrite(v->vm->qts, page, call, sizeof(call));
    qtest_memwrite(v->vm->qts, args, &send, sizeof(send));
    qtest_memwrite(v->vm->qts, args + 64, &shutdown, sizeof(shutdown));
    g_assert_cmpint(XEN_CALL(v->vm, 0, __HYPERVISOR_multicall, page, 2), ==, 0);
}

static void put_reads(XenVbd *v, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        xen_vbd_put(v, 0, &(XenVbdRequest) {
            .op = BLKIF_OP_READ, .id = i, .sector = 8 * i, .page = i, .nr = 1,
            .last = 7,
        });
    }
    xen_vbd_push(v, 0);
}

static void delete_device(XenVbd *v, const char *id)
{
    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': %s } }", id);
}

static bool device_exists(XenVbd *v, const char *id)
{
    g_autofree char *path = g_strconcat("/machine/peripheral/", id, NULL);
    QDict *rsp = qtest_qmp(v->vm->qts, "{ 'execute': 'qom-list', "
                           "'arguments': { 'path': %s } }", path);
    bool exists = qdict_haskey(rsp, "return");

    qobject_unref(rsp);
    return exists;
}

static void begin_again(XenVbd *v)
{
    xen_vm_set_up(v->vm);
    xen_vbd_set_up(v);
}

/* ------------------------------------------------------------ unplug, reset */

/* It lets go of its disk while the reset drains that disk. */
static void test_own_reset(void)
{
    XenVbd *v = xen_vbd_start(true, SLOW_DISK);

    xen_vbd_connect(v, 1, 0);
    put_reads(v, 4);
    delete_device(v, "x");
    xen_vbd_wait_state(v, XenbusStateClosing);
    put_state(v, XenbusStateClosed);
    kick_and_reset(v);
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    g_assert_false(device_exists(v, "x"));
    begin_again(v);
    xen_vbd_stop(v);
}

/* The same of a disk whose turn in the reset comes after the one that drains. */
static void test_other_reset(void)
{
    XenVbd *v = xen_vbd_start(true, OTHER_DISK SLOW_DISK);

    xen_vbd_use(v, OTHER);
    xen_vbd_set_state(v, XenbusStateInitWait);
    delete_device(v, "y");
    xen_vbd_wait_state(v, XenbusStateClosing);
    xen_vbd_use(v, DISK);
    xen_vbd_connect(v, 1, 0);
    put_reads(v, 4);
    xen_vbd_use(v, OTHER);
    put_state(v, XenbusStateClosed);
    kick_and_reset(v);
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    g_assert_false(device_exists(v, "y"));

    begin_again(v);
    xen_vbd_use(v, DISK);
    xen_vbd_connect(v, 1, 0);
    xen_vbd_check_works(v, 0);
    xen_vbd_stop(v);
}

/* One that has gone takes no part in the next reset: its nodes stay away. */
static void test_gone_reset(void)
{
    XenVbd *v = xen_vbd_start(true, OTHER_DISK SLOW_DISK);
    g_autofree char *online = NULL;

    xen_vbd_use(v, OTHER);
    xen_vbd_connect(v, 1, 0);
    delete_device(v, "y");
    xen_vbd_wait_state(v, XenbusStateClosing);
    xen_vbd_set_state(v, XenbusStateClosed);
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    for (unsigned i = 0; i < 2; i++) {
        kick_and_reset(v);
        begin_again(v);
        xen_vbd_use(v, OTHER);
        online = xen_vbd_read(v, "online");
        g_assert_null(online);
        xen_vbd_use(v, DISK);
        xen_vbd_connect(v, 1, 0);
        xen_vbd_check_works(v, 0);
    }
    xen_vbd_stop(v);
}

/* ------------------------------------------------------------------- closed */

static void expect_not_closed(XenVbd *v)
{
    for (unsigned i = 0; i < 20; i++) {
        g_assert_cmpint(xen_vbd_state(v), !=, XenbusStateClosed);
    }
}

/*
 * The guest breaks its ring and closes at once, with requests in flight:
 * "Closed" comes when they have ended.
 */
static void test_broken_and_closed(const void *store_first)
{
    XenVbd *v = xen_vbd_start(true, "");
    evtchn_op_t sends[2] = {
        { .cmd = EVTCHNOP_send }, { .cmd = EVTCHNOP_send },
    };
    bool first = GPOINTER_TO_INT(store_first);
    int64_t ret[ARRAY_SIZE(sends)];
    XenStoreMessage answer;

    xen_vm_add_slow_disk(v->vm, false);
    xen_vbd_connect(v, 1, 0);
    put_reads(v, 8);
    expect_not_closed(v);
    *XEN_VBD_INDEX(v, 0, req_prod) = 1000;
    put_state(v, XenbusStateClosed);
    sends[first].u.send.port = v->queue[0].port;
    sends[!first].u.send.port = v->store.port;
    xen_evtchn_ops(v->vm, sends, ret, ARRAY_SIZE(sends));
    g_assert_cmpint(ret[0] | ret[1], ==, 0);
    xen_store_get(&v->store, &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_WRITE);
    expect_not_closed(v);
    while (xen_vbd_state(v) != XenbusStateClosed) {
        qtest_clock_step(v->vm->qts, SECOND_NS);
    }
    xen_vbd_set_state(v, XenbusStateInitialising);
    xen_vbd_wait_state(v, XenbusStateInitWait);
    xen_vbd_stop(v);
}

/* ----------------------------------------------------------------- snapshot */

/*
 * A snapshot is loaded whose guest has the disk, while the guest that runs has
 * been asked to give it up.
 */
static void test_load(void)
{
    XenVbd *v = xen_vbd_start(true, OTHER_DISK);
    XenSnapshot *s;

    xen_vbd_use(v, OTHER);
    xen_vbd_connect(v, 1, 0);
    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'stop' }");
    s = xen_snapshot_new(v->vm);
    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'cont' }");
    delete_device(v, "y");
    xen_vbd_wait_state(v, XenbusStateClosing);
    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'stop' }");
    g_assert_null(xen_snapshot_load(s));
    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'cont' }");
    g_assert_true(device_exists(v, "y"));
    g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
    g_assert_cmpuint(xen_vbd_read_uint(v, "online"), ==, 1);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1), ==,
                    BLKIF_RSP_OKAY);

    /* It can be asked for again. */
    delete_device(v, "y");
    xen_vbd_wait_state(v, XenbusStateClosing);
    xen_vbd_set_state(v, XenbusStateClosed);
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    xen_snapshot_free(s);
    xen_vbd_stop(v);
}

/* ---------------------------------------------------------------- migration */

static void set_bandwidth(XenVbd *v, int64_t bytes)
{
    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'migrate-set-parameters', "
                             "'arguments': { 'max-bandwidth': %" PRId64 " } }",
                             bytes);
}

/*
 * The guest lets go of a disk while it is migrated.  The disk goes afterwards, on
 * both sides.
 */
static void test_migration(void)
{
    XenVbd *v = xen_vbd_start(true, OTHER_DISK), *target;
    g_autofree char *path = NULL;

    xen_vbd_use(v, OTHER);
    xen_vbd_connect(v, 1, 0);
    delete_device(v, "y");
    xen_vbd_wait_state(v, XenbusStateClosing);
    /* These take a while. */
    memset(xen_vbd_page(v, 0), 0x55, XEN_VBD_DATA_PAGES * XEN_PAGE_SIZE);
    set_bandwidth(v, 4 * KiB);
    path = xen_state_save_begin(v->vm);
    while (!xen_state_save_is(v->vm, "active")) {
        g_usleep(1000);
    }
    xen_vbd_set_state(v, XenbusStateClosed);
    xen_vbd_wait_state(v, XenbusStateClosed);
    for (unsigned i = 0; i < 20; i++) {
        g_assert_true(device_exists(v, "y"));
        g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateClosed);
    }
    g_assert_true(xen_state_save_is(v->vm, "active"));

    set_bandwidth(v, 1 * GiB);
    while (!xen_state_save_is(v->vm, "completed")) {
        g_usleep(1000);
    }
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    g_assert_false(device_exists(v, "y"));
    target = xen_vbd_start_target(v, OTHER_DISK);
    xen_state_load(target->vm, path);
    qtest_qmp_eventwait(target->vm->qts, "DEVICE_DELETED");
    g_assert_false(device_exists(target, "y"));
    unlink(path);
    xen_vbd_stop(v);
    xen_vbd_stop(target);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("xen/pv-going/own-reset", test_own_reset);
    qtest_add_func("xen/pv-going/other-reset", test_other_reset);
    qtest_add_func("xen/pv-going/gone-reset", test_gone_reset);
    qtest_add_data_func("xen/pv-going/broken-and-closed/disk-first",
                        GINT_TO_POINTER(false), test_broken_and_closed);
    qtest_add_data_func("xen/pv-going/broken-and-closed/store-first",
                        GINT_TO_POINTER(true), test_broken_and_closed);
    qtest_add_func("xen/pv-going/load", test_load);
    qtest_add_func("xen/pv-going/migration", test_migration);
    return g_test_run();
}
