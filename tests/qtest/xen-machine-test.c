/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine types pc-i440fx-xen and pc-q35-xen */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libxen.h"
#include "libxen-twin.h"

#define PLATFORM    0x00015853
#define SLOT        0x19

static const struct {
    const char *alias, *name;
} machines[] = {
    { "pc-i440fx-xen", "pc-i440fx-xen-10.0" },
    { "pc-q35-xen", "pc-q35-xen-10.0" },
};

/* The entry of query-machines. */
static QDict *find_machine(QList *list, const char *name)
{
    const QListEntry *entry;

    QLIST_FOREACH_ENTRY(list, entry) {
        QDict *machine = qobject_to(QDict, qlist_entry_obj(entry));

        if (g_str_equal(qdict_get_str(machine, "name"), name)) {
            return machine;
        }
    }
    g_error("no machine %s", name);
}

/* The parents keep what is theirs: the newest of them is "pc", and the default. */
static void check_pc(QList *list)
{
    const QListEntry *entry;
    unsigned nr = 0;

    QLIST_FOREACH_ENTRY(list, entry) {
        QDict *machine = qobject_to(QDict, qlist_entry_obj(entry));
        const char *alias = qdict_get_try_str(machine, "alias");
        bool is_pc = alias && g_str_equal(alias, "pc");

        g_assert_cmpint(qdict_haskey(machine, "is-default"), ==, is_pc);
        if (is_pc) {
            nr++;
            g_assert_null(strstr(qdict_get_str(machine, "name"), "xen"));
        }
    }
    g_assert_cmpuint(nr, ==, 1);
}

static void test_list(void)
{
    QTestState *qts = qtest_init("-machine none");
    QDict *answer = qtest_qmp(qts, "{ 'execute': 'query-machines' }");
    QList *list = qdict_get_qlist(answer, "return");

    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        QDict *machine = find_machine(list, machines[i].name);

        g_assert_cmpstr(qdict_get_str(machine, "alias"), ==,
                        machines[i].alias);
        g_assert_false(qdict_haskey(machine, "is-default"));
    }
    check_pc(list);
    qobject_unref(answer);
    qtest_quit(qts);
}

static bool has_property(QTestState *qts, const char *path)
{
    QDict *answer = qtest_qmp(qts, "{ 'execute': 'qom-get', 'arguments': {"
                              " 'path': %s, 'property': 'type' } }", path);
    bool has = qdict_haskey(answer, "return");

    qobject_unref(answer);
    return has;
}

/* No option but the machine's name. */
static void test_defaults(void)
{
    for (size_t i = 0; i < 2 * ARRAY_SIZE(machines); i++) {
        XenVm vm = { 0 };
        g_autofree char *xen = NULL;

        vm.qts = qtest_initf("-machine %s -nodefaults "
                             "-device e1000,id=nic,addr=2",
                             i % 2 ? machines[i / 2].name :
                                     machines[i / 2].alias);
        xen = qtest_hmp(vm.qts, "info xen");
        g_assert_nonnull(strstr(xen, "4.17"));
        g_assert_cmphex(xen_pci_read(&vm, 0, SLOT, 0), ==, PLATFORM);
        g_assert_true(has_property(vm.qts,
                                   "/machine/peripheral/nic/xen-twin"));
        qtest_quit(vm.qts);
    }
}

/* The user's options are stronger. */
static void test_options(void)
{
    XenVm vm = {
        .qts = qtest_init("-machine pc-i440fx-xen,xen-version=4.11 "
                          "-machine xen-pv-twins=off -nodefaults "
                          "-device e1000,id=nic"),
    };
    g_autofree char *xen = qtest_hmp(vm.qts, "info xen");

    g_assert_nonnull(strstr(xen, "4.11"));
    g_assert_false(has_property(vm.qts, "/machine/peripheral/nic/xen-twin"));
    qtest_quit(vm.qts);

    vm.qts = qtest_init("-machine pc-i440fx-xen,xen-version=0 -nodefaults "
                        "-device e1000,id=nic");
    g_assert_cmphex(xen_pci_read(&vm, 0, SLOT, 0), ==, UINT32_MAX);
    g_assert_false(has_property(vm.qts, "/machine/peripheral/nic/xen-twin"));
    qtest_quit(vm.qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("xen/machine/list", test_list);
    qtest_add_func("xen/machine/defaults", test_defaults);
    qtest_add_func("xen/machine/options", test_options);
    return g_test_run();
}
