/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * system_powerdown where a power button is enabled that nothing handles
 *
 * xen-xenstore-test has the rest of it.  The test takes the place of ACPICA.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libxen-store.h"

#define BUTTON      (1 << 8)    /* in PM1 status and enable */
#define TIMER       1

static void expect_request(XenStore *s, const char *value)
{
    xen_store_expect(s, XS_READ, 0, XEN_STORE_STRINGS("control/shutdown"),
                     (XenStoreBytes) { value, strlen(value) });
}

static void power_down(XenVm *vm)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_powerdown' }");
    qtest_qmp_eventwait(vm->qts, "POWERDOWN");
}

/* The guest's answer to the button's interrupt. */
static void answer_button(XenVm *vm, uint16_t pm1, bool handled)
{
    g_assert_cmphex(qtest_inw(vm->qts, pm1) & BUTTON, ==, BUTTON);
    qtest_outw(vm->qts, pm1, BUTTON);
    if (!handled) {
        qtest_outw(vm->qts, pm1 + 2, 0);
    }
}

/*
 * A guest that takes requests by xenstore has enabled the button, which is pressed.
 * @pm1: the port of its status.
 */
static XenVm *start_pressed(const void *long_mode, XenStore *s, uint16_t *pm1)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode), "-nodefaults");

    *s = xen_store_open(vm);
    xen_store_expect(s, XS_WRITE, 0,
                     XEN_STORE_BYTES("control/feature-poweroff\0" "1"),
                     XEN_STORE_STRINGS("OK"));
    *pm1 = xen_vm_show_pm1(vm);
    qtest_outw(vm->qts, *pm1 + 2, BUTTON);
    power_down(vm);
    return vm;
}

/* When the guest notices, at the press, it is asked by control/shutdown. */
static void test_unhandled(const void *long_mode)
{
    XenStore s;
    uint16_t pm1;
    XenVm *vm = start_pressed(long_mode, &s, &pm1);

    expect_request(&s, "");
    answer_button(vm, pm1, false);
    expect_request(&s, "poweroff");
    xen_vm_stop(vm);
}

/* A guest that handles it is not asked, though it disables the button later. */
static void test_handled(const void *long_mode)
{
    XenStore s;
    uint16_t pm1;
    XenVm *vm = start_pressed(long_mode, &s, &pm1);

    answer_button(vm, pm1, true);
    qtest_outw(vm->qts, pm1 + 2, BUTTON | TIMER);
    qtest_outw(vm->qts, pm1 + 2, 0);
    expect_request(&s, "");
    xen_vm_stop(vm);
}

/* Nor is one that falls asleep before it answers. */
static void test_asleep(const void *long_mode)
{
    XenStore s;
    uint16_t pm1;
    XenVm *vm = start_pressed(long_mode, &s, &pm1);

    xen_vm_suspend(vm);
    xen_vm_wake_up(vm);
    xen_vm_show_pm1(vm);
    qtest_outw(vm->qts, pm1, BUTTON);
    expect_request(&s, "");
    xen_vm_stop(vm);
}

static void expect_released(XenVm *vm)
{
    QDict *event = qtest_qmp_eventwait_ref(vm->qts, "XENSTORE_CHANGED");

    g_assert_cmpstr(qdict_get_str(qdict_get_qdict(event, "data"), "path"), ==,
                    "@releaseDomain");
    qobject_unref(event);
}

/* When the guest has powered off or reset itself, who watches for that hears of it. */
static void test_released(const void *long_mode)
{
    XenVm *vm = xen_vm_start(1, GPOINTER_TO_INT(long_mode),
                             "-nodefaults -no-shutdown");
    const uint16_t enable = 1 << 13;

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xenstore-watch', "
                             "'arguments': { 'id': 'w', "
                             "'path': '@releaseDomain' } }");
    expect_released(vm);
    for (unsigned i = 0; i < 2; i++) {
        qtest_system_reset(vm->qts);
        expect_released(vm);
    }
    /* PM1 control: S5 as this chip set encodes it, which is 0. */
    qtest_outw(vm->qts, xen_vm_show_pm1(vm) + 4, enable);
    expect_released(vm);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "unhandled", test_unhandled },
        { "handled", test_handled },
        { "asleep", test_asleep },
        { "released", test_released },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("powerdown", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
