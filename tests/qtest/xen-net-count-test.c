/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV networks: what a number of frames costs, counted by the device and in QEMU's
 * trace
 */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "libxen-net.h"

#define FRAMES      50
#define LARGE       9000u       /* three slots */
#define LOOK_AGAIN_US 100

static char *log_path;
static XenVif *vif;

static void begin(const void *long_mode)
{
    g_autofree char *trace = NULL;
    int fd = g_file_open_tmp("xen-net-count-XXXXXX", &log_path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    trace = g_strdup_printf("queues=1 -trace xen_grant_copy -D %s", log_path);
    vif = xen_vif_start(GPOINTER_TO_INT(long_mode), trace, NULL);
    g_assert_cmpint(xen_vif_connect(vif, 1, true, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    /* Each channel is signalled once when it is bound. */
    xen_vif_wait_counter(vif, "events-in", 2);
}

/* Ends QEMU, which has copied between it and the guest this often. */
static void end(unsigned copies, unsigned segments_each)
{
    g_autofree char *expected = g_strdup_printf("xen_grant_copy %u segments",
                                                segments_each);
    g_autofree char *text = NULL;
    unsigned n = 0;

    xen_vif_stop(vif);
    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    for (const char *p = text; (p = strstr(p, "xen_grant_copy ")); p++) {
        g_assert_true(g_str_has_prefix(p, expected));
        n++;
    }
    g_assert_cmpuint(n, ==, copies);
    unlink(log_path);
    g_clear_pointer(&log_path, g_free);
}

/* Frames that the guest puts on its ring in one go, each in @nr slots. */
static void send_all(unsigned nr, size_t size)
{
    g_autofree uint8_t *frame = g_malloc(size);
    g_autofree uint8_t *buf = g_malloc(size);
    size_t piece[3];

    for (unsigned i = 0; i < nr; i++) {
        piece[i] = size / nr;
    }
    xen_vif_make_frame(frame, size, 1);
    for (unsigned i = 0; i < FRAMES; i++) {
        xen_vif_put_frame(vif, 0, 0, frame, size, piece, nr, 0, NULL);
    }
    xen_vif_push_tx(vif, 0);
    for (unsigned i = 0; i < FRAMES; i++) {
        g_assert_cmpuint(xen_vif_network_get(vif, buf, size), ==, size);
    }
    xen_vif_expect_answers(vif, 0, NETIF_RSP_OKAY);
}

/* One event to QEMU for all, and one back if the guest asks for it. */
static void try_send(const void *long_mode, unsigned slots, size_t size)
{
    begin(long_mode);
    vif->queue[0].tx->rsp_event = FRAMES * slots;
    send_all(slots, size);
    xen_vif_wait_counter(vif, "events-out", 1);
    g_assert_cmpuint(xen_vif_counter(vif, "events-in"), ==, 3);
    end(FRAMES, slots);
}

static void test_send(const void *long_mode)
{
    try_send(long_mode, 1, XEN_VIF_TEST_FRAME);
    try_send(long_mode, 3, LARGE);
}

static void receive_all(unsigned slots, const uint8_t *frame, size_t size)
{
    uint32_t end = vif->queue[0].rx->rsp_prod + FRAMES * slots;

    for (unsigned i = 0; i < FRAMES; i++) {
        xen_vif_network_send(vif, frame, size);
    }
    while (qatomic_read(&vif->queue[0].rx->rsp_prod) != end) {
        g_usleep(LOOK_AGAIN_US);
    }
}

/*
 * To a guest that has not handled its event yet, and has asked for no other, there
 * is none.  It sends none for new pages, because there were always enough.
 */
static void try_receive(const void *long_mode, unsigned slots, size_t size)
{
    g_autofree uint8_t *frame = g_malloc(size);

    begin(long_mode);
    xen_vif_make_frame(frame, size, 1);
    xen_vif_post_rx(vif, 0, FRAMES * slots);
    /* A new ring asks for an event at its first page. */
    xen_vif_wait_counter(vif, "events-in", 3);
    receive_all(slots, frame, size);
    xen_vif_post_rx(vif, 0, FRAMES * slots);
    receive_all(slots, frame, size);
    g_assert_cmpuint(xen_vif_counter(vif, "rx-frames"), ==, 2 * FRAMES);
    g_assert_cmpuint(xen_vif_counter(vif, "events-out"), ==, 1);
    g_assert_cmpuint(xen_vif_counter(vif, "events-in"), ==, 3);
    g_assert_cmpuint(xen_vif_counter(vif, "rx-waits"), ==, 0);
    end(2 * FRAMES, slots);
}

static void test_receive(const void *long_mode)
{
    try_receive(long_mode, 1, XEN_VIF_TEST_FRAME);
    try_receive(long_mode, 3, LARGE);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "send", test_send },
        { "receive", test_receive },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_vif_tests("net-count", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
