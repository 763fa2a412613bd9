/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Damaged migration states of PV devices
 *
 * Each field of the sections of disk, vif, console and platform device, one after
 * the other: refused or loaded, QEMU goes on, and so does what the guest had.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "libxen-blk.h"
#include "libxen-state.h"

/* Pages of the disk's data that are other devices' rings. */
enum { TX_RING = 900, RX_RING, CONSOLE_RING };

#define BACKEND "/local/domain/0/backend/"

static const char *const sections[] = {
    BACKEND "qdisk/1/51712/xen-block",
    BACKEND "qdisk/1/51712/xen-pv-device",
    BACKEND "qnic/1/0/xen-net-device",
    BACKEND "qnic/1/0/xen-pv-device",
    BACKEND "console/1/0/xen-console",
    BACKEND "console/1/1/xen-console",
    "0000:00:02.0/platform",
};

static void write_node(XenVbd *v, const char *path, unsigned value)
{
    g_autoptr(GString) payload = g_string_new(path);

    g_string_append_len(payload, "", 1);
    g_string_append_printf(payload, "%u", value);
    xen_store_expect(&v->store, XS_WRITE, 0,
                     (XenStoreBytes) { payload->str, payload->len },
                     XEN_STORE_STRINGS("OK"));
}

static void wait_connected(XenVbd *v, const char *backend)
{
    g_autofree char *path = g_strconcat(BACKEND, backend, "/state", NULL);
    XenStoreMessage answer;

    do {
        xen_store_request(&v->store, XS_READ, 0,
                          (XenStoreBytes) { path, strlen(path) + 1 }, &answer);
        g_assert_cmpuint(answer.header.type, ==, XS_READ);
    } while (*answer.payload != '0' + XenbusStateConnected);
}

static void connect_vif(XenVbd *v)
{
    write_node(v, "device/vif/0/tx-ring-ref", xen_vbd_ref(TX_RING));
    write_node(v, "device/vif/0/rx-ring-ref", xen_vbd_ref(RX_RING));
    write_node(v, "device/vif/0/event-channel", xen_alloc_unbound(v->vm, 0));
    write_node(v, "device/vif/0/request-rx-copy", 1);
    write_node(v, "device/vif/0/state", XenbusStateConnected);
    wait_connected(v, "qnic/1/0");
}

static void connect_console(XenVbd *v)
{
    write_node(v, "device/console/1/ring-ref", xen_vbd_ref(CONSOLE_RING));
    write_node(v, "device/console/1/port", xen_alloc_unbound(v->vm, 0));
    write_node(v, "device/console/1/state", XenbusStateConnected);
    wait_connected(v, "console/1/1");
}

/* They fail, so the VM stops, and they are saved. */
static void fail_requests(XenVbd *v)
{
    xen_vbd_put(v, 0, &(XenVbdRequest) {
        .op = BLKIF_OP_READ, .id = 1, .sector = 8, .nr = 2, .last = 7,
    });
    xen_vbd_put(v, 0, &(XenVbdRequest) {
        .op = BLKIF_OP_READ, .indirect = true, .id = 2, .sector = 2048,
        .nr = XEN_VBD_MAX_SEGMENTS, .last = 7,
    });
    xen_vbd_push(v, 0);
    qtest_qmp_eventwait(v->vm->qts, "STOP");
}

static XenVbd *start(const void *long_mode)
{
    /* Read-only, or a snapshot would be one of the disk, too. */
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode),
        "-blockdev '{\"driver\":\"blkdebug\",\"node-name\":\"d\","
        "\"read-only\":true,\"inject-error\":[{\"event\":\"none\","
        "\"errno\":5}],\"image\":{\"driver\":\"null-co\",\"size\":67108864,"
        "\"read-zeroes\":true,\"read-only\":true}}' "
        "-device xen-disk,drive=d,rerror=stop "
        "-netdev hubport,id=net,hubid=0 -device xen-net-device,netdev=net "
        "-chardev null,id=c0 -device xen-console,chardev=c0 "
        "-chardev null,id=c1 -device xen-console,chardev=c1");

    xen_vbd_connect(v, 1, 0);
    connect_vif(v);
    connect_console(v);
    fail_requests(v);
    return v;
}

/* What was loaded runs for a few turns of the main loop. */
static void live_on(XenVbd *v)
{
    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'cont' }");
    for (int i = 0; i < 4; i++) {
        qtest_clock_step(v->vm->qts, INT64_C(1000000));
        qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'query-block' }");
    }
    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'stop' }");
}

static void try_byte(XenVbd *v, XenSnapshot *s, size_t at, uint8_t bits)
{
    uint8_t right, wrong;

    g_assert_cmpint(pread(s->fd, &right, 1, at), ==, 1);
    wrong = right ^ bits;
    g_assert_cmpint(pwrite(s->fd, &wrong, 1, at), ==, 1);
    g_free(xen_snapshot_load(s));
    live_on(v);
    g_assert_cmpint(pwrite(s->fd, &right, 1, at), ==, 1);
}

static void try_field(XenVbd *v, XenSnapshot *s, const XenStateField *f,
                      unsigned i)
{
    try_byte(v, s, f->at, 0xff);
    try_byte(v, s, f->at + f->size - 1, 1u << i % 8);
}

static void test_damaged(const void *long_mode)
{
    XenVbd *v = start(long_mode);
    XenSnapshot *s = xen_snapshot_new(v->vm);
    unsigned saved = 0;

    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        XenStateSection *section = xen_state_section(s->path, sections[i], 0,
                                                     NULL);

        for (unsigned j = 0; j < section->fields->len; j++) {
            const XenStateField *f = &g_array_index(section->fields,
                                                    XenStateField, j);

            /* Segments of a request are alike. */
            if (!strstr(f->path, ".seg[") || strstr(f->path, ".seg[0]") ||
                strstr(f->path, ".seg[255]")) {
                try_field(v, s, f, j);
            }
            saved += strstr(f->path, "req.nr_segments") != NULL;
        }
        xen_state_section_free(section);
    }
    g_assert_cmpuint(saved, >=, 1);
    g_assert_null(xen_snapshot_load(s));
    live_on(v);
    xen_snapshot_free(s);
    xen_vbd_stop(v);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "damaged", test_damaged },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("pv-state", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
