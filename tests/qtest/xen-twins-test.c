/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV twins of emulated disks: one back end for two devices, and their names
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libxen-blk.h"
#include "libxen-state.h"
#include "libxen-twin.h"

#define SECTORS     2048
#define SECTOR      512
#define XVD(n)      (202 << 8 | (n) << 4)
#define LOOK_AGAIN_US 100
#define SECOND_NS   1000000000

#define TWINS       "-machine xen-pv-twins=on "
#define NODE(name) \
    "-blockdev null-co,node-name=" name ",size=1048576,read-zeroes=on "
#define HD(name, bus, unit) \
    NODE(name) "-device ide-hd,drive=" name ",id=hd-" name ",bus=" bus \
    ",unit=" unit " "

static char *image;

/* As libvirt gives a disk; on machine "pc" its twin is xvda. */
static char *disk_options(const char *more)
{
    return g_strdup_printf(TWINS "-blockdev file,node-name=file,filename=%s "
                           "-blockdev raw,node-name=fmt,file=file "
                           "-device ide-hd,drive=fmt,id=hd,bus=ide.0,unit=0 "
                           "%s", image, more);
}

static XenVbd *start_with(const void *long_mode, const char *more)
{
    g_autofree char *options = NULL;
    int fd = g_file_open_tmp("xen-twins-XXXXXX", &image, NULL);

    g_assert_cmpint(ftruncate(fd, SECTORS * SECTOR), ==, 0);
    close(fd);
    options = disk_options(more);
    return xen_vbd_start(GPOINTER_TO_INT(long_mode), options);
}

static XenVbd *start(const void *long_mode)
{
    return start_with(long_mode, "");
}

static void stop(XenVbd *v)
{
    xen_vbd_stop(v);
    unlink(image);
    g_free(image);
}

static void reset(XenVbd *v)
{
    qtest_system_reset(v->vm->qts);
    xen_vm_set_up(v->vm);
    xen_vbd_set_up(v);
}

/* ------------------------------------------------------------ one back end -- */

/* What one writes the other reads. */
static void expect_same_disk(XenVbd *v, uint8_t mark)
{
    uint8_t data[SECTOR], got[SECTOR];

    memset(data, mark, sizeof(data));
    xen_ide_write(v->vm, 8, data);
    xen_vbd_fill_page(v, 0, 0);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 8, 0, 1), ==,
                    BLKIF_RSP_OKAY);
    g_assert_cmpmem(xen_vbd_page(v, 0), SECTOR, data, SECTOR);

    xen_vbd_fill_page(v, 0, ~mark);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 8, 0, 1), ==,
                    BLKIF_RSP_OKAY);
    xen_ide_read(v->vm, 8, got);
    g_assert_cmpmem(xen_vbd_page(v, 0), SECTOR, got, SECTOR);
}

static void test_data(const void *long_mode)
{
    XenVbd *v = start(long_mode);
    XenVm *vm = v->vm;

    for (uint8_t round = 1; round < 4; round++) {
        uint8_t got[SECTOR];

        xen_vbd_connect(v, 1, 0);
        expect_same_disk(v, round);
        xen_unplug(vm, XEN_UNPLUG_DISKS);
        g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, 0);
        xen_vbd_check_works(v, 0);
        xen_vbd_fill_page(v, 0, 0x40 + round);
        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_WRITE, 16, 0, 1), ==,
                        BLKIF_RSP_OKAY);

        /* The next boot is from the emulated disk. */
        reset(v);
        g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, SECTORS);
        xen_ide_read(vm, 16, got);
        g_assert_cmphex(got[0], ==, 0x40 + round);
        xen_vbd_wait_state(v, XenbusStateInitWait);
    }
    /* Management tools would take it for removed. */
    g_assert_null(qtest_qmp_event_ref(vm->qts, "DEVICE_DELETED"));
    stop(v);
}

static QDict *only_disk(XenVbd *v, const char *command)
{
    QDict *answer = qtest_qmp(v->vm->qts, "{ 'execute': %s }", command), *disk;
    QList *disks = qdict_get_qlist(answer, "return");

    g_assert_cmpuint(qlist_size(disks), ==, 1);
    disk = qobject_to(QDict, qobject_ref(qlist_peek(disks)));
    qobject_unref(answer);
    g_assert_nonnull(strstr(qdict_get_str(disk, "qdev"), "hd"));
    return disk;
}

static int64_t read_operations(XenVbd *v)
{
    QDict *disk = only_disk(v, "query-blockstats");
    int64_t nr = qdict_get_int(qdict_get_qdict(disk, "stats"),
                               "rd_operations");

    qobject_unref(disk);
    return nr;
}

/* One disk, of the emulated one's id, counts what both do. */
static void test_stats(const void *long_mode)
{
    XenVbd *v = start(long_mode);
    uint8_t got[SECTOR];
    int64_t before;

    qobject_unref(only_disk(v, "query-block"));
    xen_vbd_connect(v, 1, 0);
    before = read_operations(v);
    xen_ide_read(v->vm, 0, got);
    g_assert_cmpint(read_operations(v), ==, before + 1);
    xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1);
    g_assert_cmpint(read_operations(v), ==, before + 2);
    xen_unplug(v->vm, XEN_UNPLUG_DISKS);
    xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 0, 0, 1);
    g_assert_cmpint(read_operations(v), ==, before + 3);
    stop(v);
}

/* One request a second of virtual time, set by the emulated disk's id. */
static void test_throttle(const void *long_mode)
{
    XenVbd *v = start(long_mode);
    XenVbdRequest r = { .op = BLKIF_OP_READ, .nr = 1, .last = 7 };
    XenVbdAnswer a;
    unsigned answers = 0;

    xen_vbd_connect(v, 1, 0);
    xen_unplug(v->vm, XEN_UNPLUG_DISKS);
    qtest_qmp_assert_success(v->vm->qts,
        "{ 'execute': 'block_set_io_throttle', 'arguments': {"
        " 'id': 'hd', 'bps': 0, 'bps_rd': 0, 'bps_wr': 0, 'iops': 1,"
        " 'iops_rd': 0, 'iops_wr': 0 } }");
    for (unsigned i = 0; i < 4; i++) {
        xen_vbd_put(v, 0, &r);
    }
    xen_vbd_push(v, 0);
    /* A drain, as this command's, waits for all that are not throttled. */
    for (unsigned i = 0; i < 100; i++) {
        qobject_unref(only_disk(v, "query-block"));
        while (xen_vbd_poll(v, 0, &a)) {
            answers++;
        }
    }
    g_assert_cmpuint(answers, <, 4);
    while (answers < 4) {
        qtest_clock_step(v->vm->qts, SECOND_NS);
        while (xen_vbd_poll(v, 0, &a)) {
            g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
            answers++;
        }
    }
    stop(v);
}

static void resize(XenVbd *v, unsigned sectors)
{
    qtest_qmp_assert_success(v->vm->qts,
        "{ 'execute': 'block_resize', 'arguments': {"
        " 'node-name': 'fmt', 'size': %u } }", sectors * SECTOR);
}

static void wait_sectors(XenVbd *v, unsigned sectors)
{
    while (xen_vbd_read_uint(v, "sectors") != sectors) {
        g_usleep(LOOK_AGAIN_US);
    }
}

static void test_resize(const void *long_mode)
{
    XenVbd *v = start(long_mode);
    XenVm *vm = v->vm;

    /* Before and after the guest has identified the disk. */
    resize(v, 2 * SECTORS);
    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, 2 * SECTORS);
    resize(v, 3 * SECTORS);
    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, 3 * SECTORS);
    wait_sectors(v, 3 * SECTORS);
    xen_vbd_connect(v, 1, 0);
    xen_unplug(vm, XEN_UNPLUG_DISKS);
    resize(v, 4 * SECTORS);
    wait_sectors(v, 4 * SECTORS);
    g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 4 * SECTORS - 8, 0,
                                     1), ==, BLKIF_RSP_OKAY);
    reset(v);
    g_assert_cmpuint(xen_ide_sectors(vm, XEN_IDE_PRIMARY, 0), ==, 4 * SECTORS);
    stop(v);
}

/* The emulated disk outlives its twin, with its size. */
static void test_twin_goes(const void *long_mode)
{
    XenVbd *v = start(long_mode);
    g_autofree char *mode = NULL;
    uint8_t got[SECTOR];

    qtest_qmp_assert_success(v->vm->qts,
        "{ 'execute': 'device_del', 'arguments': {"
        " 'id': '/machine/peripheral/hd/xen-twin' } }");
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    mode = xen_vbd_read(v, "mode");
    g_assert_null(mode);
    xen_ide_read(v->vm, 0, got);
    g_assert_cmpuint(xen_ide_sectors(v->vm, XEN_IDE_PRIMARY, 0), ==, SECTORS);
    resize(v, 2 * SECTORS);
    g_assert_cmpuint(xen_ide_sectors(v->vm, XEN_IDE_PRIMARY, 0), ==,
                     2 * SECTORS);
    xen_unplug(v->vm, XEN_UNPLUG_DISKS);
    reset(v);
    stop(v);
}

/* The guest goes on with the twin elsewhere, and boots from the other there. */
static void test_migration(const void *long_mode)
{
    XenVbd *v = start(long_mode);
    g_autofree char *options = disk_options("");

    for (int i = 0; i < 2; i++) {
        xen_vbd_connect(v, 1, 0);
        xen_unplug(v->vm, XEN_UNPLUG_DISKS);
        xen_vbd_check_works(v, 0);
        v = xen_vbd_move(v, options);
        g_assert_cmpuint(xen_ide_sectors(v->vm, XEN_IDE_PRIMARY, 0), ==, 0);
        xen_vbd_check_works(v, 0);
        reset(v);
        g_assert_cmpuint(xen_ide_sectors(v->vm, XEN_IDE_PRIMARY, 0), ==,
                         SECTORS);
    }
    stop(v);
}

static void expect_none(XenVbd *v, unsigned number)
{
    g_autofree char *mode = NULL;

    xen_vbd_use(v, number);
    mode = xen_vbd_read(v, "mode");
    g_assert_null(mode);
}

/*
 * The user's own disk was xvda, and is gone: the twin is xvdb, there as well,
 * connected and not.
 */
static void test_own_gone(const void *long_mode)
{
    XenVbd *v = start_with(long_mode, NODE("x") "-device xen-disk,drive=x,id=own,"
                           "vdev=xvda");
    g_autofree char *options = disk_options("");

    qtest_qmp_assert_success(v->vm->qts, "{ 'execute': 'device_del',"
                             " 'arguments': { 'id': 'own' } }");
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    xen_vbd_use(v, XVD(1));
    for (int i = 0; i < 3; i++) {
        v = xen_vbd_move(v, options);
        expect_none(v, XVD(0));
        xen_vbd_use(v, XVD(1));
        if (!i) {
            xen_vbd_connect(v, 1, 0);
            expect_same_disk(v, 1);
            xen_unplug(v->vm, XEN_UNPLUG_DISKS);
        }
        g_assert_cmpuint(xen_ide_sectors(v->vm, XEN_IDE_PRIMARY, 0), ==, 0);
        xen_vbd_check_works(v, 0);
    }
    /* The emulated disk still follows its size. */
    reset(v);
    xen_vbd_use(v, XVD(1));
    resize(v, 2 * SECTORS);
    g_assert_cmpuint(xen_ide_sectors(v->vm, XEN_IDE_PRIMARY, 0), ==,
                     2 * SECTORS);
    wait_sectors(v, 2 * SECTORS);
    stop(v);
}

/* ------------------------------------------------------------------ names -- */

/* @options start a VM that has these disks, and no others of the first 16. */
static void expect_disks(const char *options, const char *letters)
{
    g_autofree char *all = g_strconcat(TWINS, options, NULL);
    XenVbd *v = xen_vbd_start(true, all);
    g_autoptr(GString) found = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        g_autofree char *mode = NULL;

        xen_vbd_use(v, XVD(i));
        mode = xen_vbd_read(v, "mode");
        if (mode) {
            g_string_append_c(found, 'a' + i);
        }
    }
    g_assert_cmpstr(found->str, ==, letters);
    xen_vbd_stop(v);
}

static void test_names(void)
{
    expect_disks(HD("a", "ide.0", "0"), "a");
    expect_disks(HD("a", "ide.1", "1") HD("b", "ide.0", "1"), "bd");
    expect_disks(HD("a", "ide.1", "0") "-device ide-cd,bus=ide.0,unit=0", "c");
    expect_disks("-machine q35 " NODE("a") NODE("b")
                 "-device ide-hd,drive=a,bus=ide.0 "
                 "-device ide-hd,drive=b,bus=ide.3", "ad");
    /* A second controller's get what is left. */
    expect_disks(HD("a", "ide.0", "0") HD("c", "ide.1", "0") NODE("s") NODE("t")
                 "-device ahci,id=sata -device ide-hd,drive=s,bus=sata.0 "
                 "-device ide-hd,drive=t,bus=sata.5", "abcf");
    /* Behind a bridge. */
    expect_disks("-device pci-bridge,id=br,chassis_nr=1 -device ahci,id=sata,"
                 "bus=br,addr=1 " NODE("s") "-device ide-hd,drive=s,bus=sata.1",
                 "b");
    /* The user's own come first; virtio disks have none. */
    expect_disks(NODE("x") "-device xen-disk,drive=x,vdev=xvda "
                 HD("a", "ide.0", "0"), "ab");
    expect_disks(NODE("x") "-device virtio-blk-pci,drive=x", "");
}

static void test_off(void)
{
    expect_disks("-machine xen-pv-twins=off " HD("a", "ide.0", "0"), "");
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "data", test_data },
        { "stats", test_stats },
        { "throttle", test_throttle },
        { "resize", test_resize },
        { "twin-goes", test_twin_goes },
        { "migration", test_migration },
        { "own-gone", test_own_gone },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("twins", tests, ARRAY_SIZE(tests));
    qtest_add_func("xen/twins/names", test_names);
    qtest_add_func("xen/twins/off", test_off);
    return g_test_run();
}
