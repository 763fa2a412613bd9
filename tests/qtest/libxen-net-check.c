/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif in a qtest: tests with and without an iothread, the network at the other
 * side of QEMU, and checks
 */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libxen-net.h"

#define LOOK_AGAIN_US   50

bool xen_vif_iothread;

typedef struct VifTest {
    const XenTest *test;
    bool long_mode, iothread;
} VifTest;

static void run_test(const void *opaque)
{
    const VifTest *t = opaque;

    xen_vif_iothread = t->iothread;
    t->test->run(GINT_TO_POINTER(t->long_mode));
}

void xen_add_vif_tests(const char *suite, const XenTest *tests, size_t nr)
{
    for (size_t i = 0; i < 4 * nr; i++) {
        VifTest *t = g_new(VifTest, 1);
        g_autofree char *path = NULL;

        *t = (VifTest) {
            .test = &tests[i / 4], .long_mode = i & 1, .iothread = i & 2,
        };
        path = g_strdup_printf("xen/%s%s/%d/%s", suite,
                               t->iothread ? "-iothread" : "",
                               t->long_mode ? 64 : 32, t->test->name);
        qtest_add_data_func_full(path, t, run_test, g_free);
    }
}

/* ----------------------------------------------------------------- network */

void xen_vif_network_send(XenVif *vif, const void *frame, size_t size)
{
    g_assert_cmpint(send(vif->network, frame, size, 0), ==, size);
}

size_t xen_vif_network_get(XenVif *vif, void *buf, size_t room)
{
    ssize_t got = recv(vif->network, buf, room, 0);

    g_assert_cmpint(got, >, 0);
    return got;
}

void xen_vif_make_frame(uint8_t *frame, size_t size, uint8_t mark)
{
    memset(frame, mark, size);
    memset(frame, 0xff, MIN(size, 6));
}

void xen_vif_check_send(XenVif *vif, unsigned queue, uint8_t mark)
{
    uint8_t frame[XEN_VIF_TEST_FRAME];
    size_t piece[] = { sizeof(frame) };

    xen_vif_make_frame(frame, sizeof(frame), mark);
    xen_vif_put_frame(vif, queue, 100, frame, sizeof(frame), piece, 1, 0,
                      NULL);
    xen_vif_push_tx(vif, queue);
    xen_vif_network_expect(vif, frame, sizeof(frame));
    xen_vif_expect_answers(vif, queue, NETIF_RSP_OKAY);
}

void xen_vif_check_receive(XenVif *vif, unsigned queue, uint8_t mark)
{
    g_autofree XenVifFrame *got = g_new(XenVifFrame, 1);
    uint8_t frame[XEN_VIF_TEST_FRAME];

    xen_vif_make_frame(frame, sizeof(frame), mark);
    xen_vif_post_rx(vif, queue, 1);
    xen_vif_network_send(vif, frame, sizeof(frame));
    xen_vif_get_frame(vif, queue, got);
    g_assert(!got->failed);
    g_assert_cmpmem(got->data, got->size, frame, sizeof(frame));
}

void xen_vif_check_alive(XenVif *vif)
{
    qobject_unref(qtest_qmp(vif->vm->qts, "{ 'execute': 'query-status' }"));
}

uint64_t xen_vif_counter(XenVif *vif, const char *name)
{
    QDict *answer = qtest_qmp(vif->vm->qts,
        "{ 'execute': 'qom-get', 'arguments': {"
        "  'path': %s, 'property': 'queue-stats' } }",
        vif->twin ? "/machine/peripheral/vif/xen-twin" :
                    "/machine/peripheral/vif");
    QList *list = qdict_get_qlist(answer, "return");
    QListEntry *entry;
    uint64_t sum = 0;

    g_assert(list);
    QLIST_FOREACH_ENTRY(list, entry) {
        sum += qdict_get_int(qobject_to(QDict, qlist_entry_obj(entry)), name);
    }
    qobject_unref(answer);
    return sum;
}

void xen_vif_wait_counter(XenVif *vif, const char *name, uint64_t value)
{
    uint64_t now;

    while ((now = xen_vif_counter(vif, name)) < value) {
        g_usleep(LOOK_AGAIN_US);
    }
    g_assert_cmpuint(now, ==, value);
}

void xen_vif_check_backend(XenVif *vif, const char *key, const char *value)
{
    g_autofree char *got = xen_vif_read_backend(vif, key);

    g_assert_cmpstr(got, ==, value);
}

void xen_vif_network_expect(XenVif *vif, const void *frame, size_t size)
{
    g_autofree uint8_t *got = g_malloc(XEN_VIF_MAX_FRAME + 1);

    g_assert_cmpmem(got, xen_vif_network_get(vif, got, XEN_VIF_MAX_FRAME + 1),
                    frame, size);
}
