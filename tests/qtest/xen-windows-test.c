/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows' PV drivers: libxen-windows.h tells where the facts are from
 */
#include "qemu/osdep.h"
#include "libxen-twin.h"
#include "libxen-windows.h"

/* FIFO events, or 2-level ones where there are no others (as on KVM). */
static XenFront *start(const void *opaque)
{
    static const XenFrontSystem systems[] = {
        {
            .accel = XEN_VM_ACCEL ",xen-evtchn-abi=2level",
            .nr_vcpus = 2, .vector = XEN_WIN_VECTOR, .gsi = XEN_WIN_LINE,
            .numbered = true,
        }, {
            .accel = XEN_VM_ACCEL ",xen-evtchn-abi=fifo",
            .nr_vcpus = 2, .vector = XEN_WIN_VECTOR, .gsi = XEN_WIN_LINE,
            .numbered = true,
        },
    };
    const XenVariant *v = opaque;

    return xen_front_start(&systems[v->fifo], v->long_mode);
}

static void stop(XenWin *w)
{
    xen_win_clear(w);
    xen_front_stop(w->f);
}

/* "Disable device", "Enable device", as at each PnP rebalance. */
static void test_disk(const void *variant)
{
    XenWin w = xen_win_boot(start(variant));

    xen_win_open_disk(&w, XenbusStateInitWait);
    xen_win_check_disk(&w, 1);
    for (unsigned round = 0; round < 2; round++) {
        xen_win_stop_disk(&w);
        xen_win_start_disk(&w);
        xen_win_check_disk(&w, 20 * round);
    }
    xen_front_check_console(w.f, 1);
    stop(&w);
}

static void test_net(const void *variant)
{
    XenWin w = xen_win_boot(start(variant));

    xen_win_prepare_nic(&w);
    xen_win_close_nic(&w, XenbusStateInitWait);
    for (unsigned round = 0; round < 2; round++) {
        xen_win_open_nic(&w);
        xen_front_check_net(w.f, 0, true, 30 * round);
        xen_win_close_nic(&w, XenbusStateConnected);
    }
    stop(&w);
}

static void test_eject(const void *variant)
{
    XenWin w = xen_win_boot(start(variant));

    xen_win_open_nic(&w);
    xen_front_check_net(w.f, 0, true, 70);
    qtest_qmp_assert_success(w.f->vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': 'vif' } }");
    xen_win_eject_nic(&w);
    qtest_qmp_eventwait(w.f->vm->qts, "DEVICE_DELETED");
    xen_front_check_console(w.f, 1);
    stop(&w);
}

/* --------------------------------------------------- suspend, reload, reboot */

static void test_suspend(const void *variant)
{
    XenWin w = xen_win_boot(start(variant));
    XenFront *f = w.f;

    xen_win_open_disk(&w, XenbusStateInitWait);
    xen_win_open_nic(&w);
    xen_win_check_disk(&w, 3);
    xen_front_host_write(f, "control/shutdown", "suspend");
    xen_front_wait_watch(f, XEN_WIN_SUSPEND);
    xen_front_expect(f, "control/shutdown", "suspend");
    xen_front_write(f, 0, "control", "shutdown", "%s", "");
    xen_front_suspend(f);
    xen_win_check_disk(&w, 4);
    xen_front_check_net(f, 0, true, 9);
    xen_front_check_console(f, 2);
    stop(&w);
}

static void test_reload(const void *variant)
{
    XenWin w = xen_win_boot(start(variant));

    for (unsigned round = 0; round < 2; round++) {
        xen_win_open_disk(&w, round ? XenbusStateClosed : XenbusStateInitWait);
        xen_win_open_nic(&w);
        xen_win_check_disk(&w, 5 + round);
        xen_front_check_net(w.f, 0, true, 40 * round);
        xen_front_check_console(w.f, round);
        xen_win_close_nic(&w, XenbusStateConnected);
        xen_win_stop_disk(&w);
        xen_win_reload(&w);
    }
    stop(&w);
}

/* A reboot stops all devices; the next boot is from the emulated ones. */
static void test_reboot(const void *variant)
{
    XenFront *f = start(variant);
    XenWin w;

    for (unsigned round = 0; round < 2; round++) {
        w = xen_win_boot(f);
        xen_win_open_disk(&w, XenbusStateInitWait);
        xen_win_open_nic(&w);
        xen_win_check_disk(&w, 60 + round);
        xen_front_check_net(f, 0, true, 20 * round);
        xen_front_check_console(f, 50 + round);
        if (round) {
            xen_win_close_nic(&w, XenbusStateConnected);
            xen_win_stop_disk(&w);
        }
        xen_win_clear(&w);
        xen_front_reboot(f);
        g_assert_cmpuint(xen_ide_sectors(f->vm, XEN_IDE_PRIMARY, 0), ==,
                         XEN_FRONT_DISK_SIZE / 512);
    }
    xen_front_stop(f);
}

int main(int argc, char **argv)
{
    static const XenVariantTest tests[] = {
        { "disk", test_disk },
        { "net", test_net },
        { "eject", test_eject },
        { "suspend", test_suspend },
        { "reload", test_reload },
        { "reboot", test_reboot },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_variant_tests("windows", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
