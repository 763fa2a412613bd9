/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks: a verifying writer
 *
 * Random requests of all kinds, dozens at a time over all queues, each sector
 * with a pattern of its own and of its round.  What is read must be what was
 * written last, while the disk is resized, throttled, stopped, closed and
 * opened again, and while requests fail below.
 *
 * XEN_BLK_REQUESTS asks for another number of requests; the seed is GLib's
 * (--seed).
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-blk.h"

#define REQUESTS        4000
#define BLOCK           8       /* sectors */
#define NR_BLOCKS       1024    /* that requests are for, 4 MiB */
#define MAX_RUN         32      /* blocks of a request */
#define SLOTS           24      /* requests under way, each with own pages */
#define QUEUES          3

typedef struct Slot {
    bool busy;
    XenVbdRequest r;
    unsigned block, nr;
    uint32_t round;
} Slot;

typedef struct Writer {
    XenVbd *v;
    bool may_fail;              /* errors are injected below */
    bool discard;
    uint32_t round;
    /* What a block holds: its round, 0 is zeroes. */
    uint32_t held[NR_BLOCKS];
    bool unknown[NR_BLOCKS];    /* a write of it failed */
    bool busy[NR_BLOCKS];
    Slot slot[SLOTS];
    unsigned under_way, failed, done;
} Writer;

static uint64_t pattern(unsigned sector, uint32_t round, unsigned i)
{
    return round ? (sector + 1) * 0x9e3779b97f4a7c15 ^
                   (uint64_t)round << 20 ^ i : 0;
}

static uint8_t *data(Writer *w, const Slot *s, unsigned block)
{
    return xen_vbd_page(w->v, s->r.page + block - s->block);
}

static void fill(Writer *w, const Slot *s)
{
    for (unsigned b = s->block; b < s->block + s->nr; b++) {
        for (unsigned i = 0; i < BLOCK * XEN_VBD_SECTOR / 8; i++) {
            uint64_t word = pattern(b * BLOCK + i / 64, s->round, i);

            memcpy(data(w, s, b) + 8 * i, &word, 8);
        }
    }
}

static void verify(Writer *w, const Slot *s)
{
    for (unsigned b = s->block; b < s->block + s->nr; b++) {
        for (unsigned i = 0; i < BLOCK * XEN_VBD_SECTOR / 8; i++) {
            uint64_t word;

            memcpy(&word, data(w, s, b) + 8 * i, 8);
            if (word != pattern(b * BLOCK + i / 64, w->held[b], i) &&
                !w->unknown[b]) {
                g_error("block %u, word %u: 0x%" PRIx64 ", not that of round "
                        "%u", b, i, word, w->held[b]);
            }
        }
    }
}

static bool is_free(const Writer *w, unsigned block, unsigned nr)
{
    for (unsigned b = block; b < block + nr; b++) {
        if (w->busy[b]) {
            return false;
        }
    }
    return true;
}

static void mark(Writer *w, const Slot *s, bool busy)
{
    for (unsigned b = s->block; b < s->block + s->nr; b++) {
        w->busy[b] = busy;
    }
}

static uint8_t random_op(Writer *w)
{
    static const uint8_t ops[] = {
        BLKIF_OP_READ, BLKIF_OP_READ, BLKIF_OP_READ, BLKIF_OP_WRITE,
        BLKIF_OP_WRITE, BLKIF_OP_WRITE, BLKIF_OP_FLUSH_DISKCACHE,
        BLKIF_OP_WRITE_BARRIER, BLKIF_OP_DISCARD,
    };

    return ops[g_test_rand_int_range(0, ARRAY_SIZE(ops) - !w->discard)];
}

static void submit(Writer *w, unsigned index)
{
    Slot *s = &w->slot[index];
    unsigned queue = g_test_rand_int_range(0, w->v->nr_queues);
    uint8_t op = random_op(w);
    bool small = op == BLKIF_OP_WRITE_BARRIER ||
                 op == BLKIF_OP_FLUSH_DISKCACHE;

    s->nr = g_test_rand_int_range(1, small ? 12 : MAX_RUN + 1);
    s->block = g_test_rand_int_range(0, NR_BLOCKS - s->nr + 1);
    if (!is_free(w, s->block, s->nr)) {
        return;
    }
    s->busy = true;
    s->round = ++w->round;
    s->r = (XenVbdRequest) {
        .op = op, .id = index, .sector = s->block * BLOCK,
        .page = index * MAX_RUN, .last = 7, .nr = s->nr,
        .nr_sectors = s->nr * BLOCK,
        .indirect = !small && op != BLKIF_OP_DISCARD &&
                    (s->nr > 11 || g_test_rand_bit()),
    };
    if (op == BLKIF_OP_DISCARD) {
        s->round = 0;
    } else if (op != BLKIF_OP_READ) {
        fill(w, s);
    }
    mark(w, s, true);
    w->under_way++;
    xen_vbd_put(w->v, queue, &s->r);
    xen_vbd_push(w->v, queue);
}

static void answered(Writer *w, const XenVbdAnswer *a)
{
    Slot *s;

    g_assert_cmpuint(a->id, <, SLOTS);
    s = &w->slot[a->id];
    g_assert_true(s->busy);
    g_assert_cmpuint(a->op, ==, s->r.op);
    if (a->status != BLKIF_RSP_OKAY) {
        g_assert_true(w->may_fail);
        w->failed++;
    }
    if (s->r.op == BLKIF_OP_READ) {
        if (a->status == BLKIF_RSP_OKAY) {
            verify(w, s);
        }
    } else {
        for (unsigned b = s->block; b < s->block + s->nr; b++) {
            w->held[b] = s->round;
            w->unknown[b] = a->status != BLKIF_RSP_OKAY;
        }
    }
    mark(w, s, false);
    s->busy = false;
    w->under_way--;
    w->done++;
}

/* Answers until at most @left requests are under way. */
static void collect(Writer *w, unsigned left)
{
    while (w->under_way > left) {
        bool any = false;
        XenVbdAnswer a;

        for (unsigned q = 0; q < w->v->nr_queues; q++) {
            while (xen_vbd_poll(w->v, q, &a)) {
                answered(w, &a);
                any = true;
            }
        }
        if (!any) {
            g_usleep(50);
        }
    }
}

G_GNUC_PRINTF(2, 3)
static void qmp(Writer *w, const char *format, ...)
{
    va_list ap;
    QDict *answer;

    va_start(ap, format);
    answer = qtest_vqmp(w->v->vm->qts, format, ap);
    va_end(ap);
    g_assert_true(qdict_haskey(answer, "return"));
    qobject_unref(answer);
}

/* Something happens to the disk while requests are under way. */
static void disturb(Writer *w)
{
    switch (g_test_rand_int_range(0, 5)) {
    case 0:
        qmp(w, "{'execute': 'block_resize', 'arguments':"
               " {'node-name': 'n', 'size': %d}}",
            (NR_BLOCKS + g_test_rand_int_range(0, 1000)) * 4096);
        break;
    case 1:
        qmp(w, "{'execute': 'stop'}");
        qmp(w, "{'execute': 'cont'}");
        break;
    case 2:
        qmp(w, "{'execute': 'qom-set', 'arguments': {'path': '/objects/t',"
               " 'property': 'limits', 'value': {'iops-total': %d}}}",
            g_test_rand_int_range(2000, 100000));
        break;
    case 3:
        qmp(w, "{'execute': 'human-monitor-command', 'arguments':"
               " {'command-line': 'info block'}}");
        break;
    default:
        collect(w, 0);
        xen_vbd_disconnect(w->v);
        xen_vbd_connect(w->v, g_test_rand_int_range(1, QUEUES + 1),
                        g_test_rand_int_range(0, 3));
    }
}

static void run(const void *long_mode, const char *file, const char *device,
                bool may_fail, bool discard)
{
    const char *wish = g_getenv("XEN_BLK_REQUESTS");
    unsigned requests = wish ? g_ascii_strtoull(wish, NULL, 10) : REQUESTS;
    g_autofree char *path = g_strdup("/tmp/xen-blk-XXXXXX");
    g_autofree char *driver = NULL;
    g_autofree char *options = NULL;
    Writer *w = g_new0(Writer, 1);
    int fd = mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, NR_BLOCKS * 4096), ==, 0);
    close(fd);
    driver = g_strdup_printf(file, path);
    options = g_strdup_printf(
        "-smp 4 -object iothread,id=io -object throttle-group,id=t "
        "-blockdev '{\"driver\":\"raw\",\"node-name\":\"n\",\"discard\":"
        "\"unmap\",\"file\":{\"driver\":\"throttle\",\"throttle-group\":\"t\","
        "\"discard\":\"unmap\",\"file\":%s}}' -device %s,drive=n", driver,
        device);
    w->v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options);
    w->may_fail = may_fail;
    w->discard = discard;
    xen_vbd_connect(w->v, QUEUES, 0);

    for (unsigned next = 100; w->done < requests; ) {
        for (unsigned i = 0; i < SLOTS; i++) {
            if (!w->slot[i].busy) {
                submit(w, i);
            }
        }
        if (w->done >= next) {
            disturb(w);
            next = w->done + g_test_rand_int_range(50, 200);
        }
        collect(w, SLOTS / 2);
    }
    collect(w, 0);
    g_assert_true(!may_fail || w->failed);
    xen_vbd_stop(w->v);
    unlink(path);
    g_free(w);
}

#define FILE_NODE "{\"driver\":\"file\",\"discard\":\"unmap\"," \
                  "\"filename\":\"%s\"}"
/* One request in some dozens fails with EIO, or with ENOSPC, on its way. */
#define BAD_NODE(errno) \
    "{\"driver\":\"blkdebug\",\"discard\":\"unmap\",\"inject-error\":[" \
    "{\"event\":\"none\",\"sector\":1003,\"errno\":" errno "}],\"image\":" \
    FILE_NODE "}"

static void test_main_loop(const void *long_mode)
{
    run(long_mode, FILE_NODE, "xen-disk", false, true);
}

static void test_iothread(const void *long_mode)
{
    run(long_mode, FILE_NODE, "xen-disk,iothread=io", false, true);
}

static void test_blocks(const void *long_mode)
{
    run(long_mode, FILE_NODE, "xen-disk,iothread=io,logical_block_size=4096,"
        "physical_block_size=4096", false, true);
}

static void test_eio(const void *long_mode)
{
    run(long_mode, BAD_NODE("5"), "xen-disk,iothread=io", true, false);
}

static void test_enospc(const void *long_mode)
{
    run(long_mode, BAD_NODE("28"), "xen-disk,werror=report", true, false);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "main-loop", test_main_loop },
        { "iothread", test_iothread },
        { "blocks", test_blocks },
        { "eio", test_eio },
        { "enospc", test_enospc },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk-writer", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
