/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States of guests with PV devices, stored in this repository: later versions
 * load them
 *
 * Each test sets up its front end as it did when the state was recorded, in a VM
 * that is then thrown away; the stored guest goes on in its place.  All that the
 * guest chooses (ports, pages, grants) is the same each time.
 *
 * XEN_STATES_RECORD=DIR writes the states to DIR instead; see
 * xen-states/README.rst.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qobject/qdict.h"
#include "libxen-blk.h"
#include "libxen-con-reader.h"
#include "libxen-net.h"
#include "libxen-state.h"

#define IMAGE_SIZE      (1 << 20)
/* The firmware is part of a state: one that compresses well. */
#define ROM_SIZE        (64 << 10)
#define NR              8       /* requests, frames */
#define FRAME_SIZE      (2 * XEN_VIF_TEST_FRAME)
#define NET_PROPERTIES  "queues=2,mac=52:54:00:01:02:03"

/* The versions with states, oldest first: subdirectories of xen-states. */
static const char *const versions[] = { "pv-1" };

static char *rom_path, *image_path;

/* Options of each VM here; the versioned machine stays what it was. */
static char *machine(void)
{
    return g_strdup_printf("-machine pc-i440fx-10.0,suppress-vmdesc=on -bios %s",
                           rom_path);
}

static void set_running(XenVm *vm, bool running)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': %s }",
                             running ? "cont" : "stop");
}

static char *file_name(const char *what, const void *long_mode)
{
    return g_strdup_printf("%s-%d.xz", what, long_mode ? 64 : 32);
}

/* True: the test ends here. */
static bool record(XenVm *vm, const char *what, const void *long_mode)
{
    const char *dir = g_getenv("XEN_STATES_RECORD");
    g_autofree char *name = file_name(what, long_mode);
    g_autofree char *path = NULL, *command = NULL;

    if (!dir) {
        return false;
    }
    path = xen_state_save(vm);
    command = g_strdup_printf("xz -9e <%s >%s/%s", path, dir, name);
    g_assert_cmpint(system(command), ==, 0);
    unlink(path);
    return true;
}

static void load(XenVm *vm, const char *version, const char *what,
                 const void *long_mode)
{
    g_autofree char *name = file_name(what, long_mode);
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "xen-states",
                                                  version, name, NULL);
    g_autofree char *uri = g_strconcat("exec:xz -dc ", path, NULL);

    /* QEMU would wait for a stream for ever. */
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s } }", uri);
    xen_state_wait(vm);
    set_running(vm, true);
}

/* ------------------------------------------------------------------ a disk */

static char *disk_options(void)
{
    g_autofree char *options = machine();

    /* Both QEMUs have the image open; the source does not run any more. */
    return g_strdup_printf("%s -blockdev raw,node-name=n,file.driver=file,"
                           "file.locking=off,file.filename=%s "
                           "-device xen-disk,drive=n,num-queues=4", options,
                           image_path);
}

/* Requests that nobody has looked at, in a ring of two pages. */
static void put_requests(XenVbd *v)
{
    for (unsigned i = 0; i < NR; i++) {
        xen_vbd_fill_page(v, i, 0x80 + i);
        xen_vbd_put(v, 1, &(XenVbdRequest) {
            .op = BLKIF_OP_WRITE, .indirect = i & 1, .id = i, .sector = 8 * i,
            .page = i, .nr = 1, .last = 7,
        });
    }
    xen_vbd_push(v, 1);
    g_assert_cmpint(xen_send(v->vm, v->queue[1].port), ==, 0);
}

static void expect_requests_done(XenVbd *v)
{
    bool seen[NR] = { };

    for (unsigned i = 0; i < NR; i++) {
        XenVbdAnswer a;

        xen_vbd_get(v, 1, &a);
        g_assert_cmpint(a.status, ==, BLKIF_RSP_OKAY);
        g_assert_cmpuint(a.id, <, NR);
        g_assert_false(seen[a.id]);
        seen[a.id] = true;
    }
    for (unsigned i = 0; i < NR; i++) {
        uint8_t *page = xen_vbd_page(v, 20);

        g_assert_cmpint(xen_vbd_do_pages(v, 0, BLKIF_OP_READ, 8 * i, 20, 1),
                        ==, BLKIF_RSP_OKAY);
        g_assert_cmpuint(page[0], ==, 0x80 + i);
        g_assert_true(!memcmp(page, page + 1, XEN_PAGE_SIZE - 1));
    }
}

static void test_disk(const void *long_mode)
{
    g_autofree char *options = disk_options();
    XenVbd *source = xen_vbd_start(long_mode, options);

    xen_vbd_connect(source, 2, 1);
    xen_vbd_check_works(source, 0);
    xen_vbd_check_works(source, 1);
    set_running(source->vm, false);
    put_requests(source);
    if (!record(source->vm, "disk", long_mode)) {
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
            XenVbd *v = xen_vbd_start_target(source, options);

            load(v->vm, versions[i], "disk", long_mode);
            g_assert_cmpint(xen_vbd_state(v), ==, XenbusStateConnected);
            expect_requests_done(v);
            xen_vbd_check_works(v, 1);
            xen_vbd_disconnect(v);
            xen_vbd_connect(v, 1, 0);
            xen_vbd_check_works(v, 0);
            xen_vbd_stop(v);
        }
    }
    xen_vbd_stop(source);
}

/* ------------------------------------------------------------------- a vif */

static void put_frames(XenVif *vif)
{
    for (unsigned i = 0; i < NR; i++) {
        const size_t piece[] = { XEN_VIF_TEST_FRAME, XEN_VIF_TEST_FRAME };
        uint8_t frame[FRAME_SIZE];

        xen_vif_make_frame(frame, sizeof(frame), 100 + i);
        xen_vif_put_frame(vif, 1, 2 * i, frame, sizeof(frame), piece, 2, 0,
                          NULL);
    }
    xen_vif_push_tx(vif, 1);
}

static void expect_frames_sent(XenVif *vif)
{
    for (unsigned i = 0; i < NR; i++) {
        uint8_t frame[FRAME_SIZE];

        xen_vif_make_frame(frame, sizeof(frame), 100 + i);
        xen_vif_network_expect(vif, frame, sizeof(frame));
    }
    xen_vif_expect_answers(vif, 1, NETIF_RSP_OKAY);
}

static void test_vif(const void *long_mode)
{
    g_autofree char *options = machine();
    g_autofree char *properties = g_strdup_printf("%s %s", NET_PROPERTIES,
                                                  options);
    XenVif *source = xen_vif_start(long_mode, properties, NULL);

    g_assert_cmpint(xen_vif_connect(source, 2, true, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    for (unsigned i = 0; i < 4; i++) {
        xen_vif_post_rx(source, i & 1, 4);
        xen_vif_check_send(source, i & 1, i);
    }
    set_running(source->vm, false);
    put_frames(source);
    if (!record(source->vm, "vif", long_mode)) {
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
            XenVif *vif = xen_vif_start_target(source, properties, NULL);

            load(vif->vm, versions[i], "vif", long_mode);
            xen_vif_check_backend(vif, "state", "4");
            expect_frames_sent(vif);
            xen_vif_check_send(vif, 0, 0x77);
            xen_vif_stop(vif);
        }
    }
    xen_vif_stop(source);
}

/* -------------------------------------------------------------- a console */

static char *console_options(const char *chardev)
{
    g_autofree char *options = machine();

    return g_strdup_printf("%s %s -device xen-console,chardev=c,idx=1", options,
                           chardev);
}

static void expect_console(XenVm *source, XenCon con, const char *version,
                           const void *long_mode)
{
    int fd;
    g_autofree char *chardev = xen_con_pair_option("c", &fd);
    g_autofree char *options = console_options(chardev);
    g_autofree char *all = g_strconcat(XEN_STATE_TARGET " ", options, NULL);

    con.vm = xen_vm_start_target(source, NULL, all);
    xen_con_close_option_fd(chardev);
    load(con.vm, version, "console", long_mode);
    xen_con_expect_bytes(fd, "unread", 6);
    xen_con_expect_output(&con, fd, "after", 5);
    g_assert_cmpint(write(fd, "input", 5), ==, 5);
    xen_con_expect_input(&con, "input", 5, 5);
    close(fd);
    xen_vm_stop(con.vm);
}

static void test_console(const void *long_mode)
{
    int fd;
    g_autofree char *chardev = xen_con_pair_option("c", &fd);
    g_autofree char *options = console_options(chardev);
    XenVm *vm = xen_con_start(long_mode, options);
    XenStore store = xen_store_open(vm);
    XenCon con = xen_con_connect(vm, &store, 1, 20);

    xen_con_close_option_fd(chardev);
    xen_con_expect_output(&con, fd, "before", 6);
    set_running(vm, false);
    xen_con_put_without_event(&con, "unread", 6);
    if (!record(vm, "console", long_mode)) {
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
            expect_console(vm, con, versions[i], long_mode);
        }
    }
    close(fd);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "disk", test_disk },
        { "vif", test_vif },
        { "console", test_console },
    };
    int ret;

    g_test_init(&argc, &argv, NULL);
    rom_path = xen_new_file(ROM_SIZE);
    image_path = xen_new_file(IMAGE_SIZE);
    xen_add_tests("stored-state", tests, ARRAY_SIZE(tests));
    ret = g_test_run();
    xen_remove_file(rom_path);
    xen_remove_file(image_path);
    return ret;
}
