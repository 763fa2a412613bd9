/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV disks: names and other properties
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "libxen-blk.h"

static void expect_disk(XenVbd *v, unsigned number, bool there)
{
    g_autofree char *mode = NULL;

    xen_vbd_use(v, number);
    mode = xen_vbd_read(v, "mode");
    g_assert_true(!mode == !there);
}

static void test_names(const void *long_mode)
{
    g_autoptr(GString) options = g_string_new(
        "-device xen-cdrom,id=a,vdev=hda -device xen-cdrom,vdev=xvdc1 "
        "-device xen-cdrom,vdev=sde");
    XenVbd *v;

    for (int i = 0; i < 40; i++) {
        g_string_append_printf(options, " -device xen-cdrom,id=d%d", i);
    }
    v = xen_vbd_start(GPOINTER_TO_INT(long_mode), options->str);
    /* hda, xvdc1 and sde are disks 0, 2 and 4 already. */
    expect_disk(v, 3 << 8, true);
    expect_disk(v, 202 << 8 | 2 << 4 | 1, true);
    expect_disk(v, 8 << 8 | 4 << 4, true);
    for (unsigned disk = 0; disk < 48; disk++) {
        expect_disk(v, disk < 16 ? 202 << 8 | disk << 4 :
                                   1 << 28 | disk << 8,
                    disk != 0 && disk != 2 && disk != 4 && disk < 43);
    }

    /* Taken; then free again. */
    qobject_unref(qtest_qmp_assert_failure_ref(v->vm->qts,
        "{'execute': 'device_add', 'arguments': {'driver': 'xen-cdrom',"
        " 'vdev': 'xvdb', 'id': 'again'}}"));
    xen_vbd_qmp(v, "{'execute': 'device_del', 'arguments': {'id': 'd0'}}");
    qtest_qmp_eventwait(v->vm->qts, "DEVICE_DELETED");
    xen_vbd_qmp(v, "{'execute': 'device_add', 'arguments': {'driver': 'xen-cdrom',"
              " 'vdev': 'xvdb', 'id': 'again'}}");
    expect_disk(v, 202 << 8 | 1 << 4, true);
    xen_vbd_stop(v);
}

static void test_bad_properties(const void *long_mode)
{
    static const struct {
        const char *properties, *words;
    } bad[] = {
        { "'vdev': 'xvd'", "'xvd' is not the name" },
        { "'vdev': 'xvda0'", "in use" },
        { "'vdev': 'vda'", "'vda' is not the name" },
        { "'num-queues': 33", "num-queues" },
        { "'max-ring-page-order': 5", "max-ring-page-order" },
        { "'logical_block_size': 8192, 'physical_block_size': 8192",
          "logical_block_size" },
        { "'frontend-id': 0", "the only guest is domain 1" },
        { "'frontend-id': 2", "the only guest is domain 1" },
        { "'frontend-id': 32752", "the only guest is domain 1" },
        { "'driver': 'xen-disk'", "drive=ID is missing" },
    };
    XenVbd *v = xen_vbd_start(GPOINTER_TO_INT(long_mode),
                              "-device xen-cdrom,vdev=xvda");

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *command = g_strdup_printf(
            "{'execute': 'device_add', 'arguments': {%s%s}}",
            strstr(bad[i].properties, "driver") ? "" :
                "'driver': 'xen-cdrom', ", bad[i].properties);
        QDict *answer = qtest_qmp(v->vm->qts, "%p",
                                  qobject_from_json(command, &error_abort));
        const QDict *error = qdict_get_qdict(answer, "error");

        g_test_message("%s", bad[i].properties);
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(qdict_get_str(error, "desc"), bad[i].words));
        qobject_unref(answer);
    }
    xen_vbd_stop(v);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "names", test_names },
        { "bad-properties", test_bad_properties },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("blk-names", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
