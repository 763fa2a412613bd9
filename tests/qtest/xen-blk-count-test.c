/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks: what a number of requests costs, counted in QEMU's trace
 */
#include "qemu/osdep.h"
#include "libxen-blk.h"

#define RING            32
#define DISK            "-drive if=none,id=d,driver=null-co,size=8M " \
                        "-device xen-disk,drive=d"

static char *log_path;
static XenVbd *vbd;

static void begin(const void *long_mode)
{
    g_autofree char *options = NULL;
    int fd = g_file_open_tmp("xen-blk-count-XXXXXX", &log_path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    options = g_strdup_printf(DISK " -trace xen_blk_push -trace xen_blk_step "
                              "-trace xen_blk_answer -D %s", log_path);
    vbd = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);
    xen_vbd_connect(vbd, 1, 0);
}

/* Ends QEMU; returns its trace. */
static char *end(void)
{
    char *text;

    xen_vbd_stop(vbd);
    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    unlink(log_path);
    g_free(log_path);
    return text;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    while ((text = strstr(text, what))) {
        text++;
        n++;
    }
    return n;
}

static void do_all(const XenVbdRequest *r)
{
    XenVbdAnswer a;

    for (unsigned i = 0; i < RING; i++) {
        xen_vbd_put(vbd, 0, r);
    }
    xen_vbd_push(vbd, 0);
    for (unsigned i = 0; i < RING; i++) {
        xen_vbd_get(vbd, 0, &a);
    }
}

/* What is answered in one go is shown in one go, with one event. */
static void test_one_event(const void *long_mode)
{
    g_autofree char *trace = NULL;

    begin(long_mode);
    do_all(&(XenVbdRequest) { .op = BLKIF_OP_RESERVED_1 });
    trace = end();
    g_assert_cmpuint(count(trace, "xen_blk_answer "), ==, RING);
    g_assert_cmpuint(count(trace, "xen_blk_push "), ==, 1);
    g_assert_cmpuint(count(trace, "event 1"), ==, 1);
}

/* However many pages a request has, it is one for the block layer. */
static void test_one_step(const void *long_mode)
{
    g_autofree char *trace = NULL;

    begin(long_mode);
    do_all(&(XenVbdRequest) { .op = BLKIF_OP_READ, .indirect = true,
                              .nr = 32, .last = 7 });
    trace = end();
    g_assert_cmpuint(count(trace, "xen_blk_answer "), ==, RING);
    g_assert_cmpuint(count(trace, "xen_blk_step "), ==, RING);
    g_assert_cmpuint(count(trace, "event 1"), <=, RING);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int long_mode = 0; long_mode < 2; long_mode++) {
        const char *bits = long_mode ? "64" : "32";
        g_autofree char *event = g_strdup_printf("blk-count/event/%s", bits);
        g_autofree char *step = g_strdup_printf("blk-count/step/%s", bits);

        qtest_add_data_func(event, GINT_TO_POINTER(long_mode), test_one_event);
        qtest_add_data_func(step, GINT_TO_POINTER(long_mode), test_one_step);
    }
    return g_test_run();
}
