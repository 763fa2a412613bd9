/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of PV devices: reset, unplug, hot plug, and what happens to requests
 * and event channels meanwhile
 *
 * The device is a disk, because it has requests in flight and an iothread; all
 * of it is about the bus.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"
#include "libxen-blk.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/sched.h"

#define FRONT       "device/vbd/51712"
#define BACK        "/local/domain/0/backend/qdisk/1/51712"
#define NODE_MAX    128

#define RING_REF    16
#define DATA_REF    32
#define NR_REQUESTS 8
#define RING_SLOTS   32
/* The guest is x86_64 to the disk, in either layout of hypercalls. */
#define SLOT_SIZE   112
#define SLOTS       64          /* where they begin */
#define REQ_PROD    0
#define REQ_EVENT   4
#define RSP_PROD    8
#define RSP_EVENT   12

/* A disk of 64 MiB that can be resized: node "d". */
static char *disk_path;
#define DEVICE      "-device xen-disk,id=x,drive=d,vdev=xvda "
#define IOTHREAD    "-object iothread,id=io "
#define IN_IOTHREAD IOTHREAD \
    "-device xen-disk,id=x,drive=d,vdev=xvda,iothread=io "

typedef struct Disk {
    XenVm *vm;
    XenStore store;
    uint64_t table, ring, data;
    uint32_t port;
} Disk;

/* ---------------------------------------------------------------- xenstore */

static void store_write(Disk *d, const char *path, const char *value)
{
    char payload[2 * NODE_MAX];
    size_t path_len = strlen(path) + 1;
    XenStoreMessage answer;

    g_assert_cmpuint(path_len + strlen(value), <, sizeof(payload));
    memcpy(payload, path, path_len);
    memcpy(payload + path_len, value, strlen(value));
    xen_store_request(&d->store, XS_WRITE, 0,
                      (XenStoreBytes) { payload, path_len + strlen(value) },
                      &answer);
    g_assert_cmpuint(answer.header.type, ==, XS_WRITE);
}

static void store_write_number(Disk *d, const char *path, uint32_t value)
{
    char text[16];

    snprintf(text, sizeof(text), "%" PRIu32, value);
    store_write(d, path, text);
}

/* To be freed; NULL: there is no such node. */
static char *store_read(Disk *d, const char *path)
{
    XenStoreMessage answer;

    xen_store_request(&d->store, XS_READ, 0,
                      (XenStoreBytes) { path, strlen(path) + 1 }, &answer);
    return answer.header.type == XS_READ ? g_strdup(answer.payload) : NULL;
}

static void expect_node(Disk *d, const char *path, const char *value)
{
    g_autofree char *found = store_read(d, path);

    g_assert_cmpstr(found, ==, value);
}

/* Each read takes xenstore's turn of the main loop, which is ours too. */
static void wait_for_node(Disk *d, const char *path, const char *value)
{
    for (int i = 0; i < 20000; i++) {
        g_autofree char *found = store_read(d, path);

        if (!g_strcmp0(found, value)) {
            return;
        }
    }
    expect_node(d, path, value);
}

/* -------------------------------------------------------------------- disk */

static void grant(Disk *d, uint32_t ref, uint64_t gpa)
{
    uint64_t entry = d->table + ref * sizeof(grant_entry_v1_t);

    qtest_writel(d->vm->qts, entry + offsetof(grant_entry_v1_t, frame),
                 gpa / XEN_PAGE_SIZE);
    qtest_writel(d->vm->qts, entry, GTF_permit_access);
}

/* A kernel's first steps. */
static void begin(Disk *d)
{
    xen_vm_set_up(d->vm);
    d->store = xen_store_open(d->vm);
    d->table = xen_vm_page(d->vm);
    g_assert_cmpint(xen_add_to_physmap(d->vm, XENMAPSPACE_grant_table, 0,
                                       d->table), ==, 0);
}

static Disk start(const char *options)
{
    Disk d = { .vm = xen_vm_start_bare(1, true, NULL, options) };

    begin(&d);
    return d;
}

static Disk start_slow(bool in_iothread)
{
    Disk d = { .vm = xen_vm_start_bare(1, true, NULL, "-nodefaults " IOTHREAD) };

    xen_vm_add_slow_disk(d.vm, in_iothread);
    begin(&d);
    return d;
}

static Disk start_fast(const char *device)
{
    g_autofree char *options = g_strdup_printf(
        "-nodefaults -blockdev driver=file,node-name=d,filename=%s %s",
        disk_path, device);

    g_assert_cmpint(truncate(disk_path, 64 << 20), ==, 0);
    return start(options);
}

/* What the front end offers; its state is still to be written. */
static void offer(Disk *d)
{
    XenVm *vm = d->vm;

    if (!d->ring) {
        d->ring = xen_vm_page(vm);
        d->data = xen_vm_page(vm);
    }
    qtest_memset(vm->qts, d->ring, 0, XEN_PAGE_SIZE);
    qtest_writel(vm->qts, d->ring + REQ_EVENT, 1);
    qtest_writel(vm->qts, d->ring + RSP_EVENT, 1);
    grant(d, RING_REF, d->ring);
    d->port = xen_alloc_unbound(vm, 0);
    store_write_number(d, FRONT "/ring-ref", RING_REF);
    store_write_number(d, FRONT "/event-channel", d->port);
    store_write(d, FRONT "/protocol", "x86_64-abi");
}

static void connect_disk(Disk *d)
{
    offer(d);
    store_write(d, FRONT "/state", "4");
    wait_for_node(d, BACK "/state", "4");
}

/* Request number @i: a page from sector 8 * i on. */
static void put_read(Disk *d, unsigned i)
{
    uint8_t slot[SLOT_SIZE] = { BLKIF_OP_READ, 1 };

    stq_le_p(slot + 8, i);                      /* id */
    stq_le_p(slot + 16, 8 * i);                 /* sector */
    stl_le_p(slot + 24, DATA_REF);
    slot[29] = 7;                               /* last sector of the page */
    grant(d, DATA_REF, d->data);
    qtest_memwrite(d->vm->qts, d->ring + SLOTS + i % RING_SLOTS * SLOT_SIZE,
                   slot, sizeof(slot));
}

static void kick(Disk *d, uint32_t req_prod)
{
    qtest_writel(d->vm->qts, d->ring + REQ_PROD, req_prod);
    g_assert_cmpint(xen_send(d->vm, d->port), ==, 0);
}

static void expect_read_works(Disk *d)
{
    uint8_t slot[SLOT_SIZE];

    qtest_memset(d->vm->qts, d->data, 0x55, XEN_PAGE_SIZE);
    put_read(d, 0);
    kick(d, 1);
    while (qtest_readl(d->vm->qts, d->ring + RSP_PROD) != 1) {
        qtest_clock_step(d->vm->qts, 1000 * 1000 * 1000);
        g_usleep(200);
    }
    qtest_memread(d->vm->qts, d->ring + SLOTS, slot, sizeof(slot));
    g_assert_cmpint((int16_t)lduw_le_p(slot + 10), ==, BLKIF_RSP_OKAY);
    g_assert_cmphex(qtest_readl(d->vm->qts, d->data), ==, 0);
}

/* Of a slow disk's requests one is done at once. */
static void expect_in_flight(Disk *d)
{
    g_assert_cmpuint(qtest_readl(d->vm->qts, d->ring + RSP_PROD), <=, 1);
}

static bool device_exists(Disk *d, const char *id)
{
    QDict *rsp = qtest_qmp(d->vm->qts, "{ 'execute': 'qom-list', "
                           "'arguments': { 'path': %s } }", id);
    bool exists = qdict_haskey(rsp, "return");

    qobject_unref(rsp);
    return exists;
}

static void delete_device(Disk *d)
{
    qtest_qmp_assert_success(d->vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': 'x' } }");
}

static void expect_deleted(Disk *d)
{
    qtest_qmp_eventwait(d->vm->qts, "DEVICE_DELETED");
    g_assert_false(device_exists(d, "/machine/peripheral/x"));
    expect_node(d, FRONT "/state", NULL);
}

/* ------------------------------------------------------------------- reset */

typedef void Reset(Disk *d);

static void system_reset(Disk *d)
{
    qtest_system_reset(d->vm->qts);
}

static void soft_reset(Disk *d)
{
    struct sched_shutdown op = { .reason = SHUTDOWN_soft_reset };

    g_assert_cmpint(xen_op(d->vm, 0, __HYPERVISOR_sched_op, SCHEDOP_shutdown,
                           &op, sizeof(op)), ==, 0);
}

static Reset *const resets[] = { system_reset, soft_reset };
static const char *const reset_names[] = { "system", "soft" };

static void expect_pattern(Disk *d, uint64_t page, uint8_t byte)
{
    uint8_t found[XEN_PAGE_SIZE], expected[XEN_PAGE_SIZE];

    memset(expected, byte, sizeof(expected));
    qtest_memread(d->vm->qts, page, found, sizeof(found));
    g_assert_cmpmem(found, sizeof(found), expected, sizeof(expected));
}

/*
 * Requests are in flight at a reset, and the next kernel uses the same pages
 * and the same grants for other things: nothing is written there.
 */
static void reset_in_flight(bool in_iothread, Reset *reset)
{
    Disk d = start_slow(in_iothread);

    connect_disk(&d);
    for (unsigned i = 0; i < NR_REQUESTS; i++) {
        put_read(&d, i);
    }
    kick(&d, NR_REQUESTS);
    expect_in_flight(&d);
    reset(&d);

    qtest_memset(d.vm->qts, d.ring, 0x5a, XEN_PAGE_SIZE);
    qtest_memset(d.vm->qts, d.data, 0xa5, XEN_PAGE_SIZE);
    begin(&d);
    grant(&d, RING_REF, d.ring);
    grant(&d, DATA_REF, d.data);
    for (unsigned i = 0; i < 2 * NR_REQUESTS; i++) {
        qtest_clock_step(d.vm->qts, 1000 * 1000 * 1000);
        expect_node(&d, BACK "/state", "2");
    }
    expect_pattern(&d, d.ring, 0x5a);
    expect_pattern(&d, d.data, 0xa5);

    connect_disk(&d);
    expect_read_works(&d);
    xen_vm_stop(d.vm);
}

static void test_reset_in_flight(const void *reset)
{
    reset_in_flight(false, *(Reset *const *)reset);
}

static void test_reset_in_flight_iothread(const void *reset)
{
    reset_in_flight(true, *(Reset *const *)reset);
}

/* What is there is what a new domain has, and it works, again and again. */
static void test_reset_nodes(const void *opaque)
{
    Reset *reset = *(Reset *const *)opaque;
    Disk d = start_fast(DEVICE);

    for (int i = 0; i < 3; i++) {
        XenStoreMessage answer;

        expect_node(&d, FRONT "/state", "1");
        expect_node(&d, BACK "/state", "2");
        expect_node(&d, BACK "/online", "1");
        expect_node(&d, BACK "/sectors", i ? "262144" : "131072");
        expect_node(&d, FRONT "/virtual-device", "51712");
        expect_node(&d, FRONT "/backend", BACK);
        expect_node(&d, FRONT "/backend-id", "0");
        expect_node(&d, FRONT "/ring-ref", NULL);
        expect_node(&d, FRONT "/left/behind", NULL);

        connect_disk(&d);
        expect_read_works(&d);
        store_write(&d, FRONT "/left/behind", "by the old guest");
        /* One that the guest removes, and all of them. */
        xen_store_request(&d.store, XS_RM, 0,
                          XEN_STORE_STRINGS(FRONT "/virtual-device"), &answer);
        g_assert_cmpuint(answer.header.type, ==, XS_RM);
        if (i == 1) {
            xen_store_request(&d.store, XS_RM, 0, XEN_STORE_STRINGS(FRONT),
                              &answer);
            g_assert_cmpuint(answer.header.type, ==, XS_RM);
        }
        qtest_qmp_assert_success(d.vm->qts, "{ 'execute': 'block_resize', "
                                 "'arguments': { 'node-name': 'd', "
                                 "'size': 134217728 } }");
        reset(&d);
        begin(&d);
    }
    xen_vm_stop(d.vm);
}

/* ------------------------------------------------------------------ unplug */

static void test_unplug_unused(void)
{
    Disk d = start_fast(DEVICE);

    delete_device(&d);
    expect_deleted(&d);
    xen_vm_stop(d.vm);
}

static void test_unplug_willing(void)
{
    Disk d = start_fast(IN_IOTHREAD);

    connect_disk(&d);
    delete_device(&d);
    wait_for_node(&d, BACK "/state", "5");
    expect_node(&d, BACK "/online", "0");
    g_assert_true(device_exists(&d, "/machine/peripheral/x"));
    expect_read_works(&d);
    store_write(&d, FRONT "/state", "5");
    store_write(&d, FRONT "/state", "6");
    expect_deleted(&d);
    xen_vm_stop(d.vm);
}

/* A guest that does not let go of it, with requests in flight. */
static void test_unplug_unwilling(const void *in_iothread)
{
    Disk d = start_slow(GPOINTER_TO_INT(in_iothread));

    connect_disk(&d);
    for (unsigned i = 0; i < NR_REQUESTS; i++) {
        put_read(&d, i);
    }
    kick(&d, NR_REQUESTS);
    delete_device(&d);
    wait_for_node(&d, BACK "/state", "5");
    expect_in_flight(&d);
    for (int i = 0; i < 10; i++) {
        qtest_clock_step(d.vm->qts, 1000 * 1000 * 1000);
        expect_node(&d, BACK "/online", "0");
    }
    g_assert_true(device_exists(&d, "/machine/peripheral/x"));

    for (unsigned i = 0; i < NR_REQUESTS; i++) {
        put_read(&d, NR_REQUESTS + i);
    }
    kick(&d, 2 * NR_REQUESTS);
    delete_device(&d);
    expect_deleted(&d);
    qtest_memset(d.vm->qts, d.ring, 0x5a, XEN_PAGE_SIZE);
    qtest_memset(d.vm->qts, d.data, 0xa5, XEN_PAGE_SIZE);
    qtest_clock_step(d.vm->qts, 60ll * 1000 * 1000 * 1000);
    expect_pattern(&d, d.ring, 0x5a);
    expect_pattern(&d, d.data, 0xa5);

    /* Its node has no user any more, and another disk may have it. */
    qtest_qmp_assert_success(d.vm->qts, "{ 'execute': 'device_add', "
                             "'arguments': { 'driver': 'xen-disk', 'id': 'x', "
                             "'drive': 'd', 'vdev': 'xvda' } }");
    wait_for_node(&d, FRONT "/state", "1");
    connect_disk(&d);
    expect_read_works(&d);
    xen_vm_stop(d.vm);
}

/* The guest that did not let go of it is gone. */
static void test_unplug_reset(const void *opaque)
{
    Disk d = start_fast(DEVICE);

    connect_disk(&d);
    delete_device(&d);
    wait_for_node(&d, BACK "/state", "5");
    (*(Reset *const *)opaque)(&d);
    begin(&d);
    expect_deleted(&d);
    xen_vm_stop(d.vm);
}

/* ---------------------------------------------------------------- channels */

/* "Closed" is in xenstore's ring, of which xenstore is not notified yet. */
static void put_closed(Disk *d)
{
    static const char payload[] = FRONT "/state\0" "6";
    char bytes[sizeof(struct xsd_sockmsg) + sizeof(payload) - 1];
    struct xsd_sockmsg header = {
        .type = XS_WRITE, .req_id = d->store.next_id++,
        .len = sizeof(payload) - 1,
    };
    uint64_t prod_gpa = d->store.ring +
        offsetof(struct xenstore_domain_interface, req_prod);
    uint32_t prod = qtest_readl(d->vm->qts, prod_gpa);
    size_t at = MASK_XENSTORE_IDX(prod);
    size_t first = MIN(sizeof(bytes), XENSTORE_RING_SIZE - at);

    memcpy(bytes, &header, sizeof(header));
    memcpy(bytes + sizeof(header), payload, sizeof(payload) - 1);
    qtest_memwrite(d->vm->qts, d->store.ring + at, bytes, first);
    if (first < sizeof(bytes)) {
        qtest_memwrite(d->vm->qts, d->store.ring, bytes + first,
                       sizeof(bytes) - first);
    }
    qtest_writel(d->vm->qts, prod_gpa, prod + sizeof(bytes));
}

/*
 * The front end closes while an event comes, in one go: the handler of the
 * channel is running in the iothread, or about to, when the main loop unbinds.
 */
static void test_close_in_iothread(void)
{
    Disk d = start_fast(IN_IOTHREAD);
    evtchn_op_t sends[2] = {
        { .cmd = EVTCHNOP_send }, { .cmd = EVTCHNOP_send },
    };
    int64_t ret[ARRAY_SIZE(sends)];
    XenStoreMessage answer;

    for (int round = 0; round < 300; round++) {
        connect_disk(&d);
        for (unsigned i = 0; i < RING_SLOTS; i++) {
            put_read(&d, i);
        }
        qtest_writel(d.vm->qts, d.ring + REQ_PROD, RING_SLOTS);
        put_closed(&d);
        sends[0].u.send.port = d.port;
        sends[1].u.send.port = d.store.port;
        xen_evtchn_ops(d.vm, sends, ret, ARRAY_SIZE(sends));
        g_assert_cmpint(ret[0] | ret[1], ==, 0);
        xen_store_get(&d.store, &answer);
        g_assert_cmpuint(answer.header.type, ==, XS_WRITE);
        wait_for_node(&d, BACK "/state", "6");
        g_assert_cmpint(xen_close(d.vm, d.port), ==, 0);
        store_write(&d, FRONT "/state", "1");
        wait_for_node(&d, BACK "/state", "2");
    }
    connect_disk(&d);
    expect_read_works(&d);
    xen_vm_stop(d.vm);
}

/* An iothread tells of a new size, and the guest has a watch on it. */
static void test_resize_in_iothread(void)
{
    Disk d = start_fast(IN_IOTHREAD);
    XenStoreMessage msg;
    static const char watch[] = BACK "/sectors\0token";

    connect_disk(&d);
    xen_store_request(&d.store, XS_WATCH, 0, XEN_STORE_STRINGS(watch), &msg);
    g_assert_cmpuint(msg.header.type, ==, XS_WATCH);
    xen_store_get(&d.store, &msg);              /* for the watch itself */
    g_assert_cmpuint(msg.header.type, ==, XS_WATCH_EVENT);
    for (int i = 1; i <= 3; i++) {
        g_autofree char *sectors = g_strdup_printf("%d", i * 2048);

        qtest_qmp_assert_success(d.vm->qts, "{ 'execute': 'block_resize', "
                                 "'arguments': { 'node-name': 'd', "
                                 "'size': %d } }", i << 20);
        xen_store_get(&d.store, &msg);
        g_assert_cmpuint(msg.header.type, ==, XS_WATCH_EVENT);
        expect_node(&d, BACK "/sectors", sectors);
        wait_for_node(&d, BACK "/state", "4");
    }
    expect_read_works(&d);
    xen_vm_stop(d.vm);
}

/* -------------------------------------------------------------------- log */

/* A front end that cannot be connected to, as often as the guest likes. */
static void test_log_limit(void)
{
    g_autofree char *path = NULL, *device = NULL, *log = NULL;
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &path, NULL);
    g_auto(GStrv) lines = NULL;
    unsigned nr = 0;
    Disk d;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    device = g_strconcat(DEVICE, " 2>", path, NULL);
    d = start_fast(device);
    for (int i = 0; i < 200; i++) {
        offer(&d);
        store_write_number(&d, FRONT "/event-channel", 4000);
        store_write(&d, FRONT "/state", "4");
        store_write(&d, FRONT "/state", "6");
        wait_for_node(&d, BACK "/state", "6");
        store_write(&d, FRONT "/state", "1");
        wait_for_node(&d, BACK "/state", "2");
        g_assert_cmpint(xen_close(d.vm, d.port), ==, 0);
    }
    connect_disk(&d);
    expect_read_works(&d);
    xen_vm_stop(d.vm);

    g_assert_true(g_file_get_contents(path, &log, NULL, NULL));
    unlink(path);
    lines = g_strsplit(log, "\n", -1);
    for (char **l = lines; *l; l++) {
        nr += strstr(*l, "xen-disk") || strstr(*l, "event channel");
    }
    /* XEN_PV_LOG_LINES, and a few minutes' where the machine is that slow. */
    g_assert_cmpuint(nr, >=, 1);
    g_assert_cmpuint(nr, <=, 16 + 10);
}

static void add_reset_tests(const char *name, void (*fn)(const void *))
{
    for (size_t i = 0; i < ARRAY_SIZE(resets); i++) {
        g_autofree char *path = g_strdup_printf("xen/pv-bus/%s/%s", name,
                                                reset_names[i]);

        qtest_add_data_func(path, &resets[i], fn);
    }
}

int main(int argc, char **argv)
{
    int fd, ret;

    g_test_init(&argc, &argv, NULL);
    fd = g_file_open_tmp("xen-qtest-XXXXXX", &disk_path, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    add_reset_tests("reset-in-flight", test_reset_in_flight);
    add_reset_tests("reset-in-flight-iothread", test_reset_in_flight_iothread);
    add_reset_tests("reset-nodes", test_reset_nodes);
    add_reset_tests("unplug-reset", test_unplug_reset);
    qtest_add_func("xen/pv-bus/unplug-unused", test_unplug_unused);
    qtest_add_func("xen/pv-bus/unplug-willing", test_unplug_willing);
    qtest_add_data_func("xen/pv-bus/unplug-unwilling", GINT_TO_POINTER(false),
                        test_unplug_unwilling);
    qtest_add_data_func("xen/pv-bus/unplug-unwilling-iothread",
                        GINT_TO_POINTER(true), test_unplug_unwilling);
    qtest_add_func("xen/pv-bus/close-in-iothread", test_close_in_iothread);
    qtest_add_func("xen/pv-bus/resize-in-iothread", test_resize_in_iothread);
    qtest_add_func("xen/pv-bus/log-limit", test_log_limit);
    ret = g_test_run();
    unlink(disk_path);
    return ret;
}
