/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks: a verifying writer
 *
 * Random requests of all kinds, dozens at a time over all queues, each sector
 * with a pattern of its own and of its round.  What is read must be what was
 * written last, while the disk is resized, throttled, stopped, closed and
 * opened again, and while requests fail below.
 *
 * With "-m slow" there are a million requests in all; XEN_BLK_REQUESTS asks for
 * another number in each test.  The seed is GLib's (--seed).
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-blk.h"
#include "libxen-sectors.h"
#include "libxen-state.h"

/* In each test; those of all are more than a million. */
#define FEW_REQUESTS    2000
#define MANY_REQUESTS   65000
#define PAGE_SECTORS    (XEN_PAGE_SIZE / XEN_VBD_SECTOR)
#define NR_SECTORS      16384u  /* that requests are for, 8 MiB */
#define SLOTS           24      /* requests under way, each with own pages */
#define SLOT_PAGES      32
#define QUEUES          3
#define MAX_PLAIN       11
/* Of the page where a request to read does not write. */
#define CANARY          0x5c
/* So often no answer is there before the VM's state is asked for. */
#define PATIENCE        40
#define LOOK_AGAIN_US   50
/* Of the image that runs out of space: at first, and more at each stop. */
#define FIRST_SPACE     (2 << 20)
#define MORE_SPACE      (512 << 10)

QEMU_BUILD_BUG_ON(XEN_VBD_MAX_SEGMENTS + (SLOTS - 1) * SLOT_PAGES >
                  XEN_VBD_DATA_PAGES);

/* What happens below, and how the device is told to take it. */
typedef struct Below {
    const char *name;
    const char *device;         /* further properties, in JSON */
    const char *error;          /* blkdebug's rules, or NULL */
    bool qcow2;                 /* with little space on its node */
    bool may_fail;              /* errors are reported to the guest */
    bool stops;                 /* the VM stops for an error, and is continued */
    bool blocks;                /* of 4 KiB, not of 512 bytes */
} Below;

typedef struct Slot {
    bool busy;
    XenVbdRequest r;
    unsigned sector, nr;        /* sectors of the disk */
    uint32_t round;
} Slot;

typedef struct Writer {
    XenVbd *v;
    const Below *below;
    char *path;
    uint32_t round;
    XenSector sector[NR_SECTORS];
    bool busy[NR_SECTORS];
    Slot slot[SLOTS];
    unsigned under_way, failed, stops, done, unknown;
    unsigned count[BLKIF_OP_INDIRECT + 1];
    uint64_t space;
} Writer;

/* --------------------------------------------------------------- requests */

static unsigned segment_sectors(const Slot *s)
{
    return s->r.last - s->r.first + 1;
}

static unsigned pages_of(unsigned slot)
{
    return slot ? SLOT_PAGES : XEN_VBD_MAX_SEGMENTS;
}

static unsigned first_page(unsigned slot)
{
    return slot ? XEN_VBD_MAX_SEGMENTS + (slot - 1) * SLOT_PAGES : 0;
}

/* Where the @n-th sector of the request has its data. */
static uint8_t *data(Writer *w, const Slot *s, unsigned n)
{
    unsigned each = segment_sectors(s);

    return xen_vbd_page(w->v, s->r.page + n / each) +
           (s->r.first + n % each) * XEN_VBD_SECTOR;
}

static void fill(Writer *w, const Slot *s)
{
    for (unsigned n = 0; n < s->nr; n++) {
        xen_sector_pattern(data(w, s, n), s->sector + n, s->round);
    }
}

static void put_canary(Writer *w, const Slot *s)
{
    memset(xen_vbd_page(w->v, s->r.page), CANARY, s->r.nr * XEN_PAGE_SIZE);
}

static void check_canary(Writer *w, const Slot *s)
{
    size_t first = s->r.first * XEN_VBD_SECTOR;
    size_t end = (s->r.last + 1) * XEN_VBD_SECTOR;

    for (unsigned p = 0; p < s->r.nr; p++) {
        const uint8_t *page = xen_vbd_page(w->v, s->r.page + p);

        for (size_t i = 0; i < XEN_PAGE_SIZE; i = i + 1 == first ? end : i + 1) {
            if ((i < first || i >= end) && page[i] != CANARY) {
                g_error("a byte beside what was read has changed");
            }
        }
    }
}

static bool is_free(const Writer *w, unsigned sector, unsigned nr)
{
    for (unsigned s = sector; s < sector + nr; s++) {
        if (w->busy[s]) {
            return false;
        }
    }
    return true;
}

static void mark(Writer *w, const Slot *s, bool busy)
{
    for (unsigned n = 0; n < s->nr; n++) {
        w->busy[s->sector + n] = busy;
    }
}

static uint8_t random_op(void)
{
    static const uint8_t ops[] = {
        BLKIF_OP_READ, BLKIF_OP_READ, BLKIF_OP_READ, BLKIF_OP_WRITE,
        BLKIF_OP_WRITE, BLKIF_OP_WRITE, BLKIF_OP_FLUSH_DISKCACHE,
        BLKIF_OP_WRITE_BARRIER, BLKIF_OP_DISCARD,
    };

    return ops[g_test_rand_int_range(0, ARRAY_SIZE(ops))];
}

/* Segments and sectors of a request that is to read or write. */
static void choose_segments(const Writer *w, Slot *s, unsigned max)
{
    s->r.nr = g_test_rand_int_range(1, max + 1);
    s->r.last = PAGE_SECTORS - 1;
    if (!w->below->blocks && g_test_rand_bit()) {
        s->r.first = g_test_rand_int_range(0, PAGE_SECTORS);
        s->r.last = g_test_rand_int_range(s->r.first, PAGE_SECTORS);
    }
    s->nr = s->r.nr * segment_sectors(s);
}

static void choose(const Writer *w, Slot *s, unsigned index)
{
    unsigned unit = w->below->blocks ? PAGE_SECTORS : 1;
    unsigned max = pages_of(index);
    uint8_t op = random_op();

    s->r = (XenVbdRequest) { .op = op, .id = index, .page = first_page(index) };
    s->nr = 0;
    switch (op) {
    case BLKIF_OP_DISCARD:
        s->nr = unit * g_test_rand_int_range(1, NR_SECTORS / 16 / unit + 1);
        s->r.nr_sectors = s->nr;
        break;
    case BLKIF_OP_WRITE_BARRIER:
    case BLKIF_OP_FLUSH_DISKCACHE:
        /* With data, or without. */
        if (g_test_rand_bit()) {
            choose_segments(w, s, MAX_PLAIN);
        }
        break;
    default:
        s->r.indirect = g_test_rand_bit();
        choose_segments(w, s, s->r.indirect ? max : MAX_PLAIN);
    }
    s->sector = unit * g_test_rand_int_range(0, (NR_SECTORS - s->nr) / unit + 1);
    s->r.sector = s->sector;
}

static void submit(Writer *w, unsigned index)
{
    Slot *s = &w->slot[index];
    unsigned queue = g_test_rand_int_range(0, w->v->nr_queues);

    choose(w, s, index);
    if (!is_free(w, s->sector, s->nr)) {
        return;
    }
    s->busy = true;
    s->round = ++w->round;
    if (s->r.op == BLKIF_OP_DISCARD) {
        s->round = 0;
    } else if (s->r.op == BLKIF_OP_READ) {
        put_canary(w, s);
    } else {
        fill(w, s);
    }
    mark(w, s, true);
    w->under_way++;
    w->count[s->r.op]++;
    w->count[BLKIF_OP_INDIRECT] += s->r.indirect;
    xen_vbd_put(w->v, queue, &s->r);
    xen_vbd_push(w->v, queue);
}

/* qcow2 discards whole clusters only, and says nothing of the rest. */
static void written(Writer *w, const Slot *s, bool good)
{
    bool exact = good && !(s->r.op == BLKIF_OP_DISCARD && w->below->qcow2);

    for (unsigned n = 0; n < s->nr; n++) {
        XenSector *sector = &w->sector[s->sector + n];

        if (exact) {
            xen_sector_holds(sector, s->round);
        } else {
            xen_sector_may_hold(sector, s->round);
        }
    }
}

static void verify(Writer *w, unsigned sector, const uint8_t *found)
{
    w->unknown += !xen_sector_verify(&w->sector[sector], sector, found);
}

static void answered(Writer *w, const XenVbdAnswer *a)
{
    bool good = a->status == BLKIF_RSP_OKAY;
    Slot *s;

    g_assert_cmpuint(a->id, <, SLOTS);
    s = &w->slot[a->id];
    g_assert_true(s->busy);
    g_assert_cmpuint(a->op, ==, s->r.op);
    if (!good) {
        g_assert_cmpint(a->status, ==, BLKIF_RSP_ERROR);
        g_assert_true(w->below->may_fail);
        w->failed++;
    }
    if (s->r.op != BLKIF_OP_READ) {
        written(w, s, good);
    } else {
        check_canary(w, s);
        for (unsigned n = 0; good && n < s->nr; n++) {
            verify(w, s->sector + n, data(w, s, n));
        }
    }
    mark(w, s, false);
    s->busy = false;
    w->under_way--;
    w->done++;
}

/* ------------------------------------------------------------------- below */

G_GNUC_PRINTF(2, 3)
static void qmp(Writer *w, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    qtest_qmp_assert_success(w->v->vm->qts, "%p",
                             qobject_from_json(text, &error_abort));
}

/* The node below qcow2 is as large as its file; of it so much may be used. */
static char *space_node(const Writer *w)
{
    return g_strdup_printf("'driver': 'raw', 'node-name': 'space', "
                           "'size': %" PRIu64 ", 'discard': 'unmap'", w->space);
}

/* If the VM has stopped for an error its cause is removed. */
static void end_stop(Writer *w)
{
    QDict *info = qtest_qmp_assert_success_ref(w->v->vm->qts,
                                               "{'execute': 'query-status'}");
    bool stopped = g_str_equal(qdict_get_str(info, "status"), "io-error");

    qobject_unref(info);
    if (!stopped) {
        return;
    }
    w->stops++;
    if (w->below->qcow2) {
        g_autofree char *node = NULL;

        w->space += MORE_SPACE;
        node = space_node(w);
        qmp(w, "{'execute': 'blockdev-reopen', 'arguments': {'options':"
               " [{%s, 'file': 'image'}]}}", node);
    }
    qmp(w, "{'execute': 'cont'}");
}

/* Answers until at most @left requests are under way. */
static void collect(Writer *w, unsigned left)
{
    unsigned looks = 0;

    while (w->under_way > left) {
        bool any = false;
        XenVbdAnswer a;

        for (unsigned q = 0; q < w->v->nr_queues; q++) {
            while (xen_vbd_poll(w->v, q, &a)) {
                answered(w, &a);
                any = true;
            }
        }
        if (any) {
            looks = 0;
        } else if (w->below->stops && ++looks % PATIENCE == 0) {
            end_stop(w);
        } else {
            g_usleep(LOOK_AGAIN_US);
        }
    }
}

/* Something happens to the disk while requests are under way. */
static void disturb(Writer *w)
{
    switch (g_test_rand_int_range(0, 5)) {
    case 0:
        /* qcow2 would shrink the node below, which cannot be. */
        if (!w->below->qcow2) {
            qmp(w, "{'execute': 'block_resize', 'arguments':"
                   " {'node-name': 'n', 'size': %u}}",
                NR_SECTORS * XEN_VBD_SECTOR +
                g_test_rand_int_range(0, 1000) * XEN_PAGE_SIZE);
        }
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

/*
 * Node "n", from the guest's end: raw or qcow2, errors, limits, then the file,
 * of which qcow2 gets a part.  Limits follow the host's clock, because their
 * group was created before the accelerator.
 */
static void add_nodes(Writer *w)
{
    const Below *below = w->below;
    g_autofree char *file = g_strdup_printf(
        "'driver': 'file', 'node-name': 'image', 'filename': '%s',"
        " 'discard': 'unmap'", w->path);
    g_autofree char *space = space_node(w);
    g_autofree char *part = below->qcow2 ?
        g_strdup_printf("%s, 'file': {%s}", space, file) : g_strdup(file);
    g_autofree char *limited = g_strdup_printf(
        "'driver': 'throttle', 'throttle-group': 't', 'discard': 'unmap',"
        " 'file': {%s}", part);
    g_autofree char *bad = below->error ?
        g_strdup_printf("'driver': 'blkdebug', 'discard': 'unmap', %s,"
                        " 'image': {%s}", below->error, limited) :
        g_strdup(limited);

    qmp(w, "{'execute': 'blockdev-add', 'arguments': {'driver': '%s',"
           " 'node-name': 'n', 'discard': 'unmap', 'file': {%s}}}",
        below->qcow2 ? "qcow2" : "raw", bad);
}

static void create_image(Writer *w)
{
    int fd = g_file_open_tmp("xen-blk-XXXXXX", &w->path, NULL);

    g_assert_cmpint(fd, >=, 0);
    if (w->below->qcow2) {
        xen_create_qcow2(w->v->vm->qts, w->path, NR_SECTORS * XEN_VBD_SECTOR);
        qmp(w, "{'execute': 'blockdev-del', 'arguments':"
               " {'node-name': 'qcow2'}}");
        qmp(w, "{'execute': 'blockdev-del', 'arguments':"
               " {'node-name': 'file'}}");
        w->space = FIRST_SPACE;
        g_assert_cmpint(ftruncate(fd, 4 * NR_SECTORS * XEN_VBD_SECTOR), ==, 0);
    } else {
        g_assert_cmpint(ftruncate(fd, NR_SECTORS * XEN_VBD_SECTOR), ==, 0);
    }
    close(fd);
}

/* --------------------------------------------------------------------- run */

static Writer *start(bool long_mode, const Below *below)
{
    Writer *w = g_new0(Writer, 1);

    for (unsigned i = 0; i < NR_SECTORS; i++) {
        xen_sector_holds(&w->sector[i], 0);
    }
    w->below = below;
    w->v = xen_vbd_start(long_mode, "-smp 4 -object iothread,id=io "
                         "-object throttle-group,id=t");
    create_image(w);
    add_nodes(w);
    qmp(w, "{'execute': 'device_add', 'arguments': {'driver': 'xen-disk',"
           " 'drive': 'n', 'vdev': 'xvda'%s}}", below->device);
    xen_vbd_wait_state(w->v, XenbusStateInitWait);
    xen_vbd_connect(w->v, QUEUES, 0);
    return w;
}

/* All of the disk, by the host's file where it is that. */
static void check_image(Writer *w)
{
    uint8_t found[XEN_VBD_SECTOR];
    int fd;

    if (w->below->qcow2) {
        return;
    }
    fd = open(w->path, O_RDONLY);
    g_assert_cmpint(fd, >=, 0);
    for (unsigned i = 0; i < NR_SECTORS; i++) {
        g_assert_cmpint(read(fd, found, sizeof(found)), ==, sizeof(found));
        verify(w, i, found);
    }
    close(fd);
}

static void finish(Writer *w)
{
    g_test_message("%s: %u requests: %u read, %u write, %u flush, %u barrier, "
                   "%u discard, %u indirect; %u failed, %u stops, %u sectors "
                   "read that might hold anything", w->below->name, w->done,
                   w->count[BLKIF_OP_READ], w->count[BLKIF_OP_WRITE],
                   w->count[BLKIF_OP_FLUSH_DISKCACHE],
                   w->count[BLKIF_OP_WRITE_BARRIER],
                   w->count[BLKIF_OP_DISCARD], w->count[BLKIF_OP_INDIRECT],
                   w->failed, w->stops, w->unknown);
    g_assert_true(!w->below->may_fail || w->failed);
    g_assert_true(!w->below->stops || w->stops);
    xen_vbd_stop(w->v);
    check_image(w);
    unlink(w->path);
    g_free(w->path);
    g_free(w);
}

static void run(bool long_mode, const Below *below)
{
    const char *wish = g_getenv("XEN_BLK_REQUESTS");
    unsigned requests = wish ? g_ascii_strtoull(wish, NULL, 10) :
                        g_test_slow() ? MANY_REQUESTS : FEW_REQUESTS;
    Writer *w = start(long_mode, below);

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
    finish(w);
}

/* Requests for one sector fail. */
#define BAD_SECTOR(errno) "'inject-error': [{'event': 'none', " \
                          "'sector': 1003, 'errno': " #errno "}]"

/*
 * Blkdebug counts requests by its state.  All that are there after the last of
 * EVERY fail, until there is the next one.
 */
#define EVERY 100

static char *every_so_often(void)
{
    static const char *const events[] = { "read_aio", "write_aio" };
    g_autoptr(GString) states = g_string_new(NULL);
    g_autoptr(GString) errors = g_string_new(NULL);

    for (size_t e = 0; e < ARRAY_SIZE(events); e++) {
        for (unsigned i = 1; i <= EVERY; i++) {
            g_string_append_printf(
                states, "%s{'event': '%s', 'state': %u, 'new_state': %u}",
                states->len ? ", " : "", events[e], i, i % EVERY + 1);
        }
        /* The second is for a sector that there is not. */
        g_string_append_printf(
            errors, "%s{'event': '%s', 'state': %u, 'errno': 5},"
            " {'event': '%s', 'state': 1, 'sector': 1000000000}",
            errors->len ? ", " : "", events[e], EVERY, events[e]);
    }
    return g_strdup_printf("'set-state': [%s], 'inject-error': [%s]",
                           states->str, errors->str);
}

static void test_64(const void *below)
{
    run(true, below);
}

static void test_32(const void *below)
{
    run(false, below);
}

int main(int argc, char **argv)
{
    g_autofree char *sometimes = every_so_often();
    const Below below[] = {
        { "main-loop", "" },
        { "iothread", ", 'iothread': 'io'" },
        { "blocks", ", 'iothread': 'io', 'logical_block_size': 4096,"
                    " 'physical_block_size': 4096", .blocks = true },
        { "eio", ", 'iothread': 'io'", BAD_SECTOR(5), .may_fail = true },
        { "enospc", ", 'werror': 'report'", BAD_SECTOR(28), .may_fail = true },
        { "eio-stop", ", 'iothread': 'io', 'werror': 'stop', 'rerror': 'stop'",
          sometimes, .stops = true },
        { "full", ", 'werror': 'report'", .qcow2 = true, .may_fail = true },
        /* By default the VM stops for ENOSPC. */
        { "full-stop", ", 'iothread': 'io'", .qcow2 = true, .stops = true },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
        g_autofree char *in_64 = g_strdup_printf("xen/blk-writer/64/%s",
                                                 below[i].name);
        g_autofree char *in_32 = g_strdup_printf("xen/blk-writer/32/%s",
                                                 below[i].name);

        qtest_add_data_func(in_64, &below[i], test_64);
        qtest_add_data_func(in_32, &below[i], test_32);
    }
    return g_test_run();
}
