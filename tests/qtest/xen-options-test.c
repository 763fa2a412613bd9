/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xen-* properties: valid values, error messages, where they may be given
 *
 * An error message has the property, its value and the valid values, and QEMU
 * exits with status 1.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libxen.h"

#include "hw/xen/interface/version.h"

#define VERSIONS    "3.0 to 3.4 and 4.0 to 4.21"

/* Accelerators that support Xen on any host. */
static const char *const accels[] = { "qtest", "tcg" };

typedef struct Refusal {
    const char *property, *value, *valid;
} Refusal;

static const Refusal refusals[] = {
    { "xen-version", "4.22", VERSIONS },
    { "xen-version", "3.5", VERSIONS },
    { "xen-version", "2.0", VERSIONS },
    { "xen-version", "5.0", VERSIONS },
    { "xen-version", "4.", VERSIONS },
    { "xen-version", ".17", VERSIONS },
    { "xen-version", "4.17.1", VERSIONS },
    { "xen-version", "4.-1", VERSIONS },
    { "xen-version", "4.17x", VERSIONS },
    { "xen-version", "4.4294967313", VERSIONS },
    { "xen-version", "0x40016", VERSIONS },
    { "xen-version", "0x5", VERSIONS },
    { "xen-version", "0x100040011", VERSIONS },
    { "xen-version", "-1", VERSIONS },
    { "xen-version", "new", VERSIONS },
    { "xen-version", "", VERSIONS },
    { "xen-extraversion", ".sixteen-letters", "up to 15 printable" },
    { "xen-extraversion", ".\x7f", "without spaces" },
    { "xen-extraversion", ".\xc3\xa9", "printable ASCII" },
    { "xen-gnttab-max-frames", "0", "1 to 4096" },
    { "xen-gnttab-max-frames", "4097", "1 to 4096" },
    { "xen-gnttab-max-frames", "65537", "1 to 4096" },
    { "xen-evtchn-max-pirq", "23", "24 to 65535" },
    { "xen-evtchn-max-pirq", "65536", "24 to 65535" },
    { "xen-evtchn-abi", "3level", "auto, 2level and fifo" },
    { "xen-evtchn-abi", "", "auto, 2level and fifo" },
    { "xen-hypercalls", "vmcall", "auto, kvm and page" },
    { "xen-hypercalls", "", "auto, kvm and page" },
};

/*
 * Runs QEMU, which exits by itself or by "quit"; the output, with that of
 * "info xen", to be freed.
 */
static char *run_qemu(const char *options, int *status)
{
    const char *qemu = getenv("QTEST_QEMU_BINARY");
    g_autofree char *line = g_strdup_printf(
        "printf 'info xen\\nquit\\n' | "
        "%s -nodefaults -display none -S -monitor stdio %s 2>&1",
        qemu, options);
    char *argv[] = { (char *)"/bin/sh", (char *)"-c", line, NULL };
    g_autoptr(GError) err = NULL;
    char *words;

    g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, &words, NULL, status, &err);
    g_assert_no_error(err);
    return words;
}

static void expect_part(const char *words, const char *part)
{
    if (!strstr(words, part)) {
        g_error("\"%s\" is not in \"%s\"", part, words);
    }
}

static void expect_refusal(const char *options, const char *property,
                           const char *value, const char *valid)
{
    int status;
    g_autofree char *words = run_qemu(options, &status);

    expect_part(words, property);
    expect_part(words, value);
    expect_part(words, valid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
}

static void test_invalid_values(const void *opaque)
{
    const char *accel = opaque;

    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        const Refusal *r = &refusals[i];
        g_autofree char *options = g_strdup_printf("-accel %s,%s=%s", accel,
                                                   r->property, r->value);
        g_autofree char *value = g_strdup_printf("'%s'", r->value);

        expect_refusal(options, r->property, value, r->valid);
    }
}

/* Not numbers: QEMU's own error message has the property's name. */
static void test_not_a_number(const void *opaque)
{
    static const char *const properties[] = {
        "xen-gnttab-max-frames", "xen-evtchn-max-pirq",
    };
    static const char *const values[] = { "-1", "many", "1.5", "" };
    const char *accel = opaque;

    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
            g_autofree char *options = g_strdup_printf(
                "-accel %s,%s=%s", accel, properties[i], values[j]);

            expect_refusal(options, properties[i], "", "");
        }
    }
}

/* Requirements on the machine. */
static void test_machines(const void *opaque)
{
    static const struct {
        const char *options, *value, *valid;
    } cases[] = {
        { "-machine q35 -smp 1,maxcpus=513", "513 vCPUs", "1 to 512" },
        { "-machine microvm", "'microvm'", "pc and q35" },
        { "-machine none", "'none'", "pc and q35" },
        { "-machine isapc", "'isapc'", "pc and q35" },
        { "-machine pc,confidential-guest-support=sev "
          "-object sev-guest,id=sev,cbitpos=47,reduced-phys-bits=1",
          "confidential-guest-support", "" },
    };
    const char *accel = opaque;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *options = g_strdup_printf(
            "-accel %s,xen-version=4.17 %s", accel, cases[i].options);

        expect_refusal(options, "xen-version", cases[i].value,
                       cases[i].valid);
    }
}

/*
 * Tools such as libvirt write an -accel of their own first.  %s is the
 * accelerator in use.
 */
static void test_places(const void *opaque)
{
    static const struct {
        const char *options, *expected;
    } cases[] = {
        { "-accel %s -accel %s,xen-version=4.16", "Xen 4.16 on %s" },
        { "-accel %s -accel %s,xen_version=4.16", "Xen 4.16 on %s" },
        { "-accel %s -accel %s,xen-version=4.16 "
          "-accel %s,xen-evtchn-abi=2level", "Xen 4.16 on %s" },
        { "-accel %s -machine xen-version=4.16", "Xen 4.16 on %s" },
        { "-accel %s -machine q35 -machine xen-version=4.16",
          "Xen 4.16 on %s" },
        { "-machine q35,xen-version=4.16,accel=%s", "Xen 4.16 on %s" },
        { "-accel %s -global %s-accel.xen-version=4.16", "Xen 4.16 on %s" },
        /* The strongest first: -accel, -global, -machine. */
        { "-accel %s,xen-version=4.16 -global %s-accel.xen-version=4.15 "
          "-machine xen-version=4.14", "Xen 4.16 on %s" },
        { "-accel %s -global %s-accel.xen-version=4.16 "
          "-machine xen-version=4.14", "Xen 4.16 on %s" },
        { "-accel %s -accel %s,xen-version=4.16 -machine xen-version=4.14",
          "Xen 4.16 on %s" },
        /* The first is complete: the others are alternatives to it. */
        { "-accel %s,xen-version=4.16 -accel %s,xen-version=4.15",
          "Xen 4.16 on %s" },
        { "-accel %s,xen-version=4.16 -accel %s,xen-version=0",
          "Xen 4.16 on %s" },
        { "-accel %s,xen-version=0 -machine xen-version=4.16",
          "Xen is not emulated" },
        { "-accel %s -accel %s,xen-version=0", "Xen is not emulated" },
    };
    const char *accel = opaque;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_auto(GStrv) options = g_strsplit(cases[i].options, "%s", 0);
        g_auto(GStrv) expected = g_strsplit(cases[i].expected, "%s", 0);
        g_autofree char *with = g_strjoinv(accel, options);
        g_autofree char *part = g_strjoinv(accel, expected);
        int status;
        g_autofree char *words = run_qemu(with, &status);

        expect_part(words, part);
        g_assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
    }
}

/* A request for Xen without effect is an error. */
static void test_no_effect(const void *opaque)
{
    static const struct {
        const char *options, *property, *reason;
    } cases[] = {
        { "-accel %s -accel kvm,xen-version=4.16", "xen-version=4.16",
          "accelerator '%s' is in use" },
        { "-accel %s,xen-version=0 -accel %s,xen-version=4.16",
          "xen-version=4.16", "accelerator '%s' is in use" },
        { "-accel %s -global kvm-accel.xen-version=4.16",
          "kvm-accel.xen-version=4.16", "accelerator '%s' is in use" },
        { "-accel %s -machine microvm,xen-version=4.16", "xen-version",
          "not found" },
        { "-accel %s -machine xen-version=4.99", "'4.99'", VERSIONS },
        { "-accel %s -accel %s,xen-version=4.99", "'4.99'", VERSIONS },
        { "-accel %s -global %s-accel.xen-version=4.99", "'4.99'", VERSIONS },
        { "-accel %s -global kvm-accel.xen-version=4.16",
          "kvm-accel.xen-version=4.16", "Use -global %s-accel.xen-version" },
        { "-accel %s -machine xen-pv-twins=on", "xen-pv-twins=on",
          "no effect without xen-version" },
        { "-accel %s -machine xen-pv-twins=on", "-machine pc-i440fx-xen",
          "-accel kvm,xen-version=4.17" },
        { "-accel %s,xen-evtchn-abi=2level", "xen-evtchn-abi",
          "no effect without xen-version" },
        { "-accel %s,xen-gnttab-max-frames=32", "xen-gnttab-max-frames",
          "no effect without xen-version" },
        { "-accel %s,xen-tsc-stable=off", "-machine pc-i440fx-xen",
          "-accel kvm,xen-version=4.17" },
        { "-accel %s -global %s-accel.xen-extraversion=.a",
          "xen-extraversion", "no effect without xen-version" },
        { "-accel %s -machine xen-evtchn-max-pirq=24",
          "xen-evtchn-max-pirq", "no effect without xen-version" },
        { "-accel %s,xen-version=4.17,xen-hypercalls=page",
          "xen-hypercalls=page", "no effect without KVM" },
        { "-accel %s -machine xen-version=4.17 "
          "-global %s-accel.xen-hypercalls=kvm",
          "xen-hypercalls=kvm", "no effect without KVM" },
    };
    const char *accel = opaque;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_auto(GStrv) options = g_strsplit(cases[i].options, "%s", 0);
        g_auto(GStrv) reason = g_strsplit(cases[i].reason, "%s", 0);
        g_autofree char *with = g_strjoinv(accel, options);
        g_autofree char *part = g_strjoinv(accel, reason);

        expect_refusal(with, cases[i].property, "", part);
    }
}

/* Without Xen, QEMU has no bus for PV devices. */
static void test_devices_without_xen(const void *opaque)
{
    static const char *const devices[] = {
        "xen-disk", "xen-cdrom", "xen-net-device", "xen-console",
        "xen-platform",
    };

    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        g_autofree char *options = g_strdup_printf(
            "-accel %s -device %s", (const char *)opaque, devices[i]);
        g_autofree char *message = g_strdup_printf("%s requires a Xen guest",
                                                   devices[i]);

        expect_refusal(options, message, "-machine pc-i440fx-xen",
                       "-accel kvm,xen-version=4.17");
    }
}

/* In the monitor, too; the machine stays. */
static void test_plugged_without_xen(const void *opaque)
{
    QTestState *qts = qtest_initf("-accel %s -S -nodefaults",
                                  (const char *)opaque);

    for (unsigned i = 0; i < 2; i++) {
        g_autofree char *words = qtest_hmp(qts, "device_add xen-cdrom,id=d");

        expect_part(words, "'xen-cdrom' can not be hotplugged on this machine");
    }
    xen_qtest_quit(qts);
}

/* A file for -readconfig, as a section of which it may come. */
static void test_config_file(const void *opaque)
{
    static const char *const sections[] = {
        "[machine]\nxen-version = \"4.16\"\n",
        "[accel]\naccel = \"%s\"\nxen-version = \"4.16\"\n",
        "[global]\ndriver = \"%s-accel\"\n"
        "property = \"xen-version\"\nvalue = \"4.16\"\n",
    };
    const char *accel = opaque;
    g_autofree char *part = g_strdup_printf("Xen 4.16 on %s", accel);

    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        g_auto(GStrv) section = g_strsplit(sections[i], "%s", 0);
        g_autofree char *text = g_strjoinv(accel, section);
        g_autofree char *path = NULL, *options = NULL, *words = NULL;
        g_autoptr(GError) err = NULL;
        int status, fd = g_file_open_tmp("xen-options-XXXXXX", &path, &err);

        g_assert_no_error(err);
        g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
        close(fd);
        options = g_strdup_printf("-accel %s -readconfig %s", accel, path);
        words = run_qemu(options, &status);
        unlink(path);
        expect_part(words, part);
    }
}

static void expect_version(const char *accel, const char *value,
                           const char *shown)
{
    QTestState *qts = qtest_initf("-accel %s,xen-version=%s -S -nodefaults",
                                  accel, value);
    QDict *info = qtest_qmp_assert_success_ref(qts,
        "{ 'execute': 'query-xen' }");

    g_assert_cmpstr(qdict_get_str(info, "version"), ==, shown);
    g_assert_cmpstr(qdict_get_str(info, "accelerator"), ==, accel);
    qobject_unref(info);
    xen_qtest_quit(qts);
}

/* A version as name and as returned by XENVER_version; minimum and maximum */
static void test_versions(const void *opaque)
{
    static const struct {
        const char *value, *shown;
    } versions[] = {
        { "4.17", "4.17" }, { "0x40011", "4.17" }, { "262161", "4.17" },
        { "3.0", "3.0" }, { "0x30004", "3.4" }, { "4.0", "4.0" },
        { "4.21", "4.21" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        expect_version(opaque, versions[i].value, versions[i].shown);
    }
}

/* The version that the guest sees. */
static void test_guest_sees_version(void)
{
    XenVm *vm = xen_vm_start_bare(1, true, "-accel qtest,xen-version=0x40005",
                                  "-nodefaults");

    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_xen_version, 0), ==, 0x40005);
    g_assert_cmphex(xen_command(vm, "xen_cpuid 0 0x40000001 0 0"), ==,
                    0x40005);
    xen_vm_stop(vm);
}

/* XENVER_extraversion; its field is padded with zeroes. */
static void test_extraversion(void)
{
    static const struct {
        const char *option, *seen;
    } versions[] = {
        { "", ".0-qemu" },
        { ",xen-extraversion=.amazon", ".amazon" },
        { ",xen-extraversion=", "" },
        { ",xen-extraversion=.fifteen-chars!", ".fifteen-chars!" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        g_autofree char *accel = g_strdup_printf(XEN_VM_ACCEL "%s",
                                                 versions[i].option);
        XenVm *vm = xen_vm_start_bare(1, true, accel, "-nodefaults");
        char expected[XEN_EXTRAVERSION_LEN] = "", seen[XEN_EXTRAVERSION_LEN];

        memset(seen, 0xee, sizeof(seen));
        g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_xen_version,
                               XENVER_extraversion, seen, sizeof(seen)),
                        ==, 0);
        memcpy(expected, versions[i].seen, strlen(versions[i].seen));
        g_assert_cmpmem(seen, sizeof(seen), expected, sizeof(expected));
        xen_vm_stop(vm);
    }
}

/* Minimum and maximum of numbers; version 0 for no Xen. */
static void test_accepted(const void *opaque)
{
    static const char *const options[] = {
        "xen-version=4.17,xen-gnttab-max-frames=1",
        "xen-version=4.17,xen-gnttab-max-frames=4096",
        "xen-version=4.17,xen-evtchn-max-pirq=24",
        "xen-version=4.17,xen-evtchn-max-pirq=65535",
        "xen-version=4.17,xen-evtchn-abi=auto",
        "xen-version=4.17,xen-evtchn-abi=2level",
        "xen-version=4.17,xen-evtchn-abi=fifo",
        "xen-version=4.17,xen-hypercalls=auto",
        "xen-version=0", "xen-version=0x0", "xen-version=0,xen-evtchn-abi=fifo",
    };

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        QTestState *qts = qtest_initf("-accel %s,%s -S -nodefaults",
                                      (const char *)opaque, options[i]);
        QDict *reply = qtest_qmp(qts, "{ 'execute': 'query-xen' }");
        bool has_xen = strstr(options[i], "4.17");

        g_assert_cmpint(qdict_haskey(reply, "return"), ==, has_xen);
        if (has_xen) {
            const QDict *info = qdict_get_qdict(reply, "return");

            g_assert_cmpint(qdict_get_bool(info, "fifo-allowed"), ==,
                            !strstr(options[i], "2level"));
        }
        qobject_unref(reply);
        xen_qtest_quit(qts);
    }
}

/* The effect of xen-evtchn-abi on a guest */
static void test_abi(void)
{
    static const struct {
        const char *abi;
        int ret;
    } abis[] = { { "2level", -ENOSYS }, { "fifo", 0 }, { "auto", 0 } };

    for (size_t i = 0; i < ARRAY_SIZE(abis); i++) {
        g_autofree char *accel = g_strdup_printf(
            XEN_VM_ACCEL ",xen-evtchn-abi=%s", abis[i].abi);
        XenVm *vm = xen_vm_start_bare(1, true, accel, "-nodefaults");

        g_assert_cmpint(xen_init_control(vm, 0, xen_vm_page(vm), 0), ==,
                        abis[i].ret);
        xen_vm_stop(vm);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const void *accel);
    } tests[] = {
        { "invalid-values", test_invalid_values },
        { "not-a-number", test_not_a_number },
        { "machines", test_machines },
        { "places", test_places },
        { "no-effect", test_no_effect },
        { "devices-without-xen", test_devices_without_xen },
        { "plugged-without-xen", test_plugged_without_xen },
        { "config-file", test_config_file },
        { "versions", test_versions },
        { "accepted", test_accepted },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(accels) * ARRAY_SIZE(tests); i++) {
        const char *accel = accels[i % ARRAY_SIZE(accels)];
        g_autofree char *path = g_strdup_printf(
            "xen/options/%s/%s", accel, tests[i / ARRAY_SIZE(accels)].name);

        qtest_add_data_func(path, accel, tests[i / ARRAY_SIZE(accels)].run);
    }
    qtest_add_func("xen/options/guest-sees-version", test_guest_sees_version);
    qtest_add_func("xen/options/extraversion", test_extraversion);
    qtest_add_func("xen/options/abi", test_abi);
    return g_test_run();
}
