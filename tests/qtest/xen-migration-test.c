/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen guests saved to a file in the middle of traffic, and loaded
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libxen.h"

#include "hw/xen/interface/vcpu.h"

#define VECTOR      0xf3
/* What a device's section starts with, behind its length byte. */
#define SECTION     "xen_evtchn"

typedef struct Variant {
    const char *name;
    bool long_mode, fifo;
    unsigned nr_vcpus;
} Variant;

static const Variant variants[] = {
    { "2level/64", true, false, 2 },
    { "2level/32", false, false, 2 },
    { "fifo/64", true, true, 2 },
    { "fifo/32", false, true, 2 },
    { "2level/64-vcpus", true, false, 64 },
    { "fifo/64-vcpus", true, true, 64 },
};

typedef struct Ports {
    uint32_t pending, masked, idle, timer;
} Ports;

/* Without PV devices (a console is one): those cannot be migrated. */
static XenVm *start(const Variant *v, Ports *p)
{
    XenVm *vm = xen_vm_start(v->nr_vcpus, v->long_mode, "-nodefaults");
    unsigned last = v->nr_vcpus - 1;

    for (unsigned i = 0; i < v->nr_vcpus; i++) {
        g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
    }
    if (v->fifo) {
        xen_use_fifo(vm, 2);
    }
    p->pending = xen_bind_ipi(vm, last);
    p->masked = xen_bind_ipi(vm, last);
    p->idle = xen_bind_ipi(vm, 0);
    p->timer = xen_bind_virq(vm, 0, VIRQ_TIMER);
    if (v->fifo) {
        g_assert_cmpint(xen_set_priority(vm, p->pending, 3), ==, 0);
    }
    xen_unmask(vm, p->pending);
    xen_unmask(vm, p->idle);
    xen_unmask(vm, p->timer);
    xen_mask(vm, p->masked);
    return vm;
}

/* The VM's state in a new file, whose name the caller frees. */
static char *save(XenVm *vm)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *uri = NULL;
    char *path;
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &path, &err);

    g_assert_no_error(err);
    close(fd);
    uri = g_strdup_printf("file:%s", path);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate', "
                             "'arguments': { 'uri': %s } }", uri);
    for (;;) {
        QDict *info = qtest_qmp_assert_success_ref(vm->qts,
            "{ 'execute': 'query-migrate' }");
        const char *status = qdict_get_str(info, "status");
        bool done = g_str_equal(status, "completed");

        g_assert_cmpstr(status, !=, "failed");
        qobject_unref(info);
        if (done) {
            return path;
        }
        g_usleep(1000);
    }
}

static void load(XenVm *vm, const char *path)
{
    g_autofree char *uri = g_strdup_printf("file:%s", path);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s } }", uri);
}

static void test_traffic(const void *opaque)
{
    const Variant *v = opaque;
    unsigned last = v->nr_vcpus - 1;
    struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = 5000000 };
    Ports p;
    XenVm *vm = start(v, &p), *target;
    g_autofree char *path = NULL;

    qtest_clock_step(vm->qts, 1000000);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_set_singleshot_timer, 0, &timer,
                                sizeof(timer)), ==, 0);
    g_assert_cmpint(xen_send(vm, p.pending), ==, 0);
    g_assert_cmpint(xen_send(vm, p.masked), ==, 0);
    path = save(vm);

    target = xen_vm_start_target(vm, NULL, "-nodefaults -incoming defer");
    /* Not part of the state: a qtest moves the clock. */
    qtest_clock_set(target->qts, 1000000);
    load(target, path);
    qtest_qmp_eventwait(target->qts, "RESUME");
    xen_vm_stop(vm);
    unlink(path);

    g_assert_true(xen_is_pending(target, p.pending));
    g_assert_true(xen_is_pending(target, p.masked));
    g_assert_cmpint(xen_port_status(target, p.idle), ==, EVTCHNSTAT_ipi);
    g_assert_cmpint(xen_port_status(target, p.timer), ==, EVTCHNSTAT_virq);
    xen_expect_event(target, last, p.pending);
    xen_unmask(target, p.masked);
    xen_expect_event(target, last, p.masked);
    g_assert_cmpint(xen_send(target, p.idle), ==, 0);
    g_assert_true(xen_take_vector(target, 0, VECTOR));
    xen_expect_event(target, 0, p.idle);

    qtest_clock_step(target->qts, 4000000 - 1);
    xen_expect_event(target, 0, 0);
    qtest_clock_step(target->qts, 1);
    xen_expect_event(target, 0, p.timer);

    /* A new port does not get the number of an old one. */
    g_assert_cmpuint(xen_bind_ipi(target, 0), ==, p.timer + 1);

    xen_vm_stop(target);
}

/* A page that the chip set shows as RAM or hides behind the option ROMs. */
#define HIDEABLE    0xd0000
#define PAM_REG     0x5c

static void show_page(XenVm *vm, bool show)
{
    qtest_outl(vm->qts, 0xcf8, 0x80000000 | PAM_REG);
    qtest_outb(vm->qts, 0xcfc, show ? 3 : 0);
}

/* The page that a port's word is on is away when it is unmasked. */
static void test_unmask_hidden(void)
{
    XenVm *vm = xen_vm_start(1, true, "-nodefaults"), *target;
    g_autofree char *path = NULL;
    uint32_t port[2];

    g_assert_cmpint(xen_set_upcall_vector(vm, 0, VECTOR), ==, 0);
    xen_use_fifo(vm, 0);
    show_page(vm, true);
    qtest_memset(vm->qts, HIDEABLE, 0, XEN_PAGE_SIZE);
    g_assert_cmpint(xen_expand_array(vm, HIDEABLE), ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        port[i] = xen_bind_ipi(vm, 0);
        xen_mask(vm, port[i]);
        g_assert_cmpint(xen_send(vm, port[i]), ==, 0);
    }
    show_page(vm, false);
    xen_unmask(vm, port[0]);
    path = save(vm);

    target = xen_vm_start_target(vm, NULL, "-nodefaults -incoming defer");
    load(target, path);
    qtest_qmp_eventwait(target->qts, "RESUME");
    xen_vm_stop(vm);
    unlink(path);
    xen_expect_event(target, 0, 0);
    show_page(target, true);
    xen_expect_event(target, 0, port[0]);
    g_assert_true(xen_is_masked(target, port[1]));
    g_assert_true(xen_is_pending(target, port[1]));
    xen_vm_stop(target);
}

/* QEMU gives up the load of @len bytes of @data, with exit status 1. */
static void expect_refused(const XenVm *vm, const char *path,
                           const char *data, size_t len)
{
    XenVm *target = xen_vm_start_target(vm, NULL,
                                        "-nodefaults -incoming defer");

    g_assert_true(g_file_set_contents(path, data, len, NULL));
    qtest_set_expected_status(target->qts, 1);
    load(target, path);
    qtest_wait_qemu(target->qts);
    xen_vm_stop(target);
}

static void test_bad_state(const void *opaque)
{
    Ports p;
    XenVm *vm = start(opaque, &p);
    g_autofree char *path = save(vm), *data = NULL;
    char *section;
    size_t len, at;

    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    section = memmem(data, len, SECTION, strlen(SECTION));
    g_assert_nonnull(section);
    at = section - data;

    expect_refused(vm, path, data, at + 60);
    /* The end of the section, and whatever comes behind it. */
    memset(data + at + 200, 0xff, 400);
    expect_refused(vm, path, data, len);

    unlink(path);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        g_autofree char *traffic = g_strdup_printf("xen/migration/%s/traffic",
                                                   variants[i].name);
        g_autofree char *bad = g_strdup_printf("xen/migration/%s/bad-state",
                                               variants[i].name);

        qtest_add_data_func(traffic, &variants[i], test_traffic);
        if (variants[i].nr_vcpus == 2) {
            qtest_add_data_func(bad, &variants[i], test_bad_state);
        }
    }
    qtest_add_func("xen/migration/unmask-hidden", test_unmask_hidden);
    return g_test_run();
}
