/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks and networks: which thread handles which queue
 *
 * QEMU writes a log for each thread, and traces there which request or frame it took.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "libxen-blk.h"
#include "libxen-net.h"

#define QUEUES      4
#define THREADS     "-object iothread,id=a -object iothread,id=b " \
                    "-d tid -trace xen_blk_step -trace xen_net_tx "
#define NULL_DISK   "-blockdev null-co,node-name=d,size=8388608 "

static char *log_folder;

/* Each thread's trace goes to a file. */
static char *options(const char *more)
{
    log_folder = g_dir_make_tmp("xen-pv-threads-XXXXXX", NULL);
    g_assert_nonnull(log_folder);
    return g_strdup_printf(THREADS "-D %s/%%d %s", log_folder, more);
}

/* Calls @fn, unless it is NULL, for each log, and removes them. */
static void take_logs(void (*fn)(const char *text, int thread, void *opaque),
                      void *opaque)
{
    GDir *dir = g_dir_open(log_folder, 0, NULL);
    const char *name;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(log_folder, name, NULL);
        g_autofree char *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        if (fn) {
            fn(text, atoi(name), opaque);
        }
        unlink(path);
    }
    g_dir_close(dir);
    g_assert_cmpint(rmdir(log_folder), ==, 0);
    g_clear_pointer(&log_folder, g_free);
}

static int thread_of(XenVm *vm, const char *id)
{
    QDict *answer = qtest_qmp(vm->qts, "{'execute': 'query-iothreads'}");
    QListEntry *entry;
    int thread = 0;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(answer, "return"), entry) {
        QDict *info = qobject_to(QDict, qlist_entry_obj(entry));

        if (!strcmp(qdict_get_str(info, "id"), id)) {
            thread = qdict_get_int(info, "thread-id");
        }
    }
    qobject_unref(answer);
    g_assert_cmpint(thread, !=, 0);
    return thread;
}

/* Threads that took the request or the frame of each queue. */
typedef struct Taken {
    const char *event;          /* has %u for the queue's number times @step */
    unsigned step;
    int thread[QUEUES];
} Taken;

static void look_for_taken(const char *text, int thread, void *opaque)
{
    Taken *taken = opaque;

    for (unsigned q = 0; q < QUEUES; q++) {
        g_autofree char *line = g_strdup_printf(taken->event, q * taken->step);

        if (strstr(text, line)) {
            /* By one thread only. */
            g_assert_cmpint(taken->thread[q], ==, 0);
            taken->thread[q] = thread;
        }
    }
}

static void expect_threads(const char *event, unsigned step, const int *expected)
{
    Taken taken = { .event = event, .step = step };

    take_logs(look_for_taken, &taken);
    for (unsigned q = 0; q < QUEUES; q++) {
        g_assert_cmpint(taken.thread[q], ==, expected[q]);
    }
}

#define A_AND_B     "'iothread-vq-mapping':[{'iothread':'a'},{'iothread':'b'}]"
#define ABBA        "'iothread-vq-mapping':[{'iothread':'a','vqs':[0,3]}," \
                    "{'iothread':'b','vqs':[1,2]}]"

/* "-device" in JSON, as it is typed. */
static char *device(const char *json)
{
    g_autofree char *text = g_strdup(json);

    g_strdelimit(text, "'", '"');
    return g_strdup_printf("-device '%s'", text);
}

/* ------------------------------------------------------------------- disks */

static void try_disk(const void *long_mode, const char *json,
                     const char *letters)
{
    g_autofree char *dev = device(json);
    g_autofree char *disk = g_strdup_printf(NULL_DISK "-smp %u %s", QUEUES,
                                            dev);
    g_autofree char *all = options(disk);
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode), all);
    int expected[QUEUES];

    for (unsigned q = 0; q < QUEUES; q++) {
        char id[] = { letters[q], '\0' };

        expected[q] = thread_of(v->vm, id);
    }
    xen_vbd_connect(v, QUEUES, 0);
    for (unsigned q = 0; q < QUEUES; q++) {
        g_assert_cmpint(xen_vbd_do_pages(v, q, BLKIF_OP_READ, q * 8, 0, 1), ==,
                        BLKIF_RSP_OKAY);
    }
    xen_vbd_stop(v);
    expect_threads(" at %u + ", XEN_PAGE_SIZE, expected);
}

static void test_disk(const void *long_mode)
{
    try_disk(long_mode, "{'driver':'xen-disk','drive':'d','num-queues':4,"
                        A_AND_B "}", "abab");
    try_disk(long_mode, "{'driver':'xen-disk','drive':'d','num-queues':4,"
                        ABBA "}", "abba");
    try_disk(long_mode, "{'driver':'xen-disk','drive':'d','iothread':'b'}",
             "bbbb");
}

/* ---------------------------------------------------------------- networks */

/* In JSON with ' for ".  NULL: it succeeds; else what the error is to say. */
static void qmp(XenVm *vm, const char *json, const char *error)
{
    QDict *answer = qtest_qmp(vm->qts, "%p",
                              qobject_from_json(json, &error_abort));

    if (!error) {
        g_assert_true(qdict_haskey(answer, "return"));
    } else {
        const char *desc = qdict_get_str(qdict_get_qdict(answer, "error"),
                                         "desc");

        if (!strstr(desc, error)) {
            g_error("'%s' is not in '%s'", error, desc);
        }
    }
    qobject_unref(answer);
}

static void replace_vif(XenVif *vif, const char *more)
{
    g_autofree char *command = g_strdup_printf(
        "{'execute': 'device_add', 'arguments': {'driver': 'xen-net-device',"
        " 'id': 'vif', 'netdev': 'net', 'idx': 0, 'queues': 4, %s }}", more);

    qmp(vif->vm, "{'execute': 'device_del', 'arguments': {'id': 'vif'}}", NULL);
    qtest_qmp_eventwait(vif->vm->qts, "DEVICE_DELETED");
    qmp(vif->vm, command, NULL);
}

static void try_net(const void *long_mode, const char *more,
                    const char *letters, bool split)
{
    g_autofree char *trace = options("");
    g_autofree char *all = g_strdup_printf("queues=4 %s", trace);
    XenVif *vif = xen_vif_start(GPOINTER_TO_INT(long_mode), all, NULL);
    int expected[QUEUES];

    for (unsigned q = 0; q < QUEUES; q++) {
        char id[] = { letters[q], '\0' };

        expected[q] = thread_of(vif->vm, id);
    }
    replace_vif(vif, more);
    g_assert_cmpint(xen_vif_connect(vif, QUEUES, split, XEN_VIF_NODES), ==,
                    XenbusStateConnected);
    for (unsigned q = 0; q < QUEUES; q++) {
        xen_vif_check_send(vif, q, q);
    }
    g_assert_cmpuint(xen_vif_counter(vif, "tx-batches"), ==, QUEUES);
    xen_vif_stop(vif);
    expect_threads("xen_net_tx vif0 queue %u ", 1, expected);
}

static void test_net(const void *long_mode)
{
    for (int split = 0; split < 2; split++) {
        try_net(long_mode, A_AND_B, "abab", split);
        try_net(long_mode, ABBA, "abba", split);
        try_net(long_mode, "'iothread':'b'", "bbbb", split);
    }
}

/* ------------------------------------------------------------------ errors */

/* QEMU names its threads; an iothread's goes with its last user. */
static bool has_thread(XenVm *vm, const char *name)
{
    g_autofree char *tasks = g_strdup_printf("/proc/%d/task",
                                             qtest_pid(vm->qts));
    GDir *dir = g_dir_open(tasks, 0, NULL);
    const char *task;
    bool found = false;

    g_assert_nonnull(dir);
    while ((task = g_dir_read_name(dir))) {
        g_autofree char *path = g_strdup_printf("%s/%s/comm", tasks, task);
        g_autofree char *comm = NULL;

        /* It may have ended meanwhile. */
        if (g_file_get_contents(path, &comm, NULL, NULL)) {
            found |= g_str_equal(g_strchomp(comm), name);
        }
    }
    g_dir_close(dir);
    return found;
}

static void expect_thread_ends(XenVm *vm, const char *name)
{
    for (int i = 0; has_thread(vm, name); i++) {
        g_assert_cmpint(i, <, 30000);
        g_usleep(1000);
    }
}

static void test_errors(const void *long_mode)
{
    static const struct {
        const char *more, *error;
    } cases[] = {
        { "'iothread':'a'," A_AND_B, "mutually exclusive" },
        { "'iothread-vq-mapping':[{'iothread':'c'}]", "does not exist" },
        { "'iothread-vq-mapping':[{'iothread':'a','vqs':[0,1,2]}]",
          "missing vq 3" },
        { "'iothread-vq-mapping':[{'iothread':'a','vqs':[0,1,2,3,4]}]",
          "must be less than" },
    };
    static const char *const devices[] = {
        "'driver':'xen-disk','drive':'d','num-queues':4",
        "'driver':'xen-net-device','queues':4",
    };
    g_autofree char *all = options(NULL_DISK "-name guest,debug-threads=on");
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), all);

    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        g_autofree char *add = NULL;

        for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
            g_autofree char *bad = g_strdup_printf(
                "{'execute':'device_add','arguments':{'id':'x',%s,%s}}",
                devices[i], cases[c].more);

            qmp(vm, bad, cases[c].error);
        }
        add = g_strdup_printf(
            "{'execute':'device_add','arguments':{'id':'x',%s," A_AND_B "}}",
            devices[i]);
        qmp(vm, add, NULL);
        /* The device keeps it when it has no name any more. */
        qmp(vm, "{'execute':'object-del','arguments':{'id':'a'}}", NULL);
        g_assert_true(has_thread(vm, "IO a"));
        qmp(vm, "{'execute':'device_del','arguments':{'id':'x'}}", NULL);
        qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
        expect_thread_ends(vm, "IO a");
        qmp(vm, "{'execute':'object-add','arguments':"
                "{'qom-type':'iothread','id':'a'}}", NULL);
    }
    xen_vm_stop(vm);
    take_logs(NULL, NULL);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "disk", test_disk },
        { "net", test_net },
        { "errors", test_errors },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("pv-threads", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
