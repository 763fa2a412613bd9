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
                              "-trace xen_blk_answer -trace xen_grant_copy "
                              "-trace xen_grant_map -D %s", log_path);
    vbd = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);
    xen_vbd_connect(vbd, 1, 0);
}

/* What is in the trace so far. */
static char *trace_now(void)
{
    char *text;

    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    return text;
}

/* Ends QEMU; returns its trace. */
static char *end(void)
{
    char *text;

    xen_vbd_stop(vbd);
    text = trace_now();
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

/* The grant table is asked once for all pages of a request, small or large. */
static void try_grants(const void *long_mode, const XenVbdRequest *r,
                       const char *for_data, unsigned copies, unsigned maps)
{
    g_autofree char *before = NULL, *trace = NULL;

    begin(long_mode);
    before = trace_now();
    do_all(r);
    trace = end();
    g_assert_cmpuint(count(trace, "xen_grant_copy "), ==, copies);
    /* The ring is mapped, too. */
    g_assert_cmpuint(count(trace, "xen_grant_map ") -
                     count(before, "xen_grant_map "), ==, maps);
    g_assert_cmpuint(count(trace, for_data), ==, RING);
}

static void test_grants(const void *long_mode)
{
    static const struct {
        XenVbdRequest r;
        const char *for_data;
        unsigned copies, maps;
    } cases[] = {
        { { .op = BLKIF_OP_READ, .nr = 1, .last = 7 },
          "xen_grant_copy 1 segments", RING, 0 },
        { { .op = BLKIF_OP_WRITE, .nr = 7, .last = 7 },
          "xen_grant_copy 7 segments", RING, 0 },
        /* From 32 KiB on they are not copied. */
        { { .op = BLKIF_OP_READ, .nr = 8, .last = 7 },
          "xen_grant_map 8 frames, write 1", 0, RING },
        { { .op = BLKIF_OP_WRITE, .nr = 11, .last = 7 },
          "xen_grant_map 11 frames, write 0", 0, RING },
        /* Many pages of which little is used are. */
        { { .op = BLKIF_OP_READ, .nr = 11, .last = 0 },
          "xen_grant_copy 11 segments", RING, 0 },
        /* The page of segments is. */
        { { .op = BLKIF_OP_READ, .indirect = true, .nr = 256, .last = 7 },
          "xen_grant_map 256 frames, write 1", RING, RING },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        try_grants(long_mode, &cases[i].r, cases[i].for_data, cases[i].copies,
                   cases[i].maps);
    }
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "event", test_one_event },
        { "step", test_one_step },
        { "grants", test_grants },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk-count", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
