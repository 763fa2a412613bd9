/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States saved by upstream QEMU: contents, and traffic after the load
 *
 * The guest is tests/bare/saved.c, which notes in its memory what it has bound.
 * xen-states/README.rst describes how it was saved.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qobject/qdict.h"
#include "libxen.h"
#include "xen-saved-guest.h"

#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/hvm/params.h"

/* As in tests/guest/state.py. */
#define MACHINE         "-machine pc-i440fx-5.1,acpi=off,suppress-vmdesc=on " \
                        "-cpu qemu64,kvm=off -m 4 -nodefaults"
#define ROM_SIZE        (64 << 10)
/* Pages that this guest does not use. */
#define FREE_PAGES      (3u << 20)
#define PATIENCE        30      /* s, for a guest that runs */

typedef struct SavedGuestNotes Notes;

/* Loads the state of the guest with that layout; @n: the guest's notes. */
static XenVm *start(bool long_mode, const char *accel, Notes *n)
{
    g_autofree char *state = g_test_build_filename(
        G_TEST_DIST, "xen-states",
        long_mode ? "upstream-64.gz" : "upstream-32.gz", NULL);
    g_autofree char *options = NULL, *uri = g_strconcat("exec:gzip -dc ",
                                                        state, NULL);
    g_autofree char *rom = NULL, *zeros = g_malloc0(ROM_SIZE);
    g_autoptr(GError) err = NULL;
    XenVm *vm;
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &rom, &err);

    /* The firmware's memory is migrated; it must have the right size. */
    g_assert_no_error(err);
    g_assert_cmpint(write(fd, zeros, ROM_SIZE), ==, ROM_SIZE);
    close(fd);
    options = g_strdup_printf(MACHINE " -bios %s -incoming defer", rom);
    vm = xen_vm_start_bare(SAVED_GUEST_VCPUS, long_mode, accel, options);
    /* Not before QMP is connected, so that no QMP event is missed. */
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s } }", uri);
    qtest_qmp_eventwait(vm->qts, "RESUME");
    unlink(rom);

    vm->scratch = FREE_PAGES;
    vm->next_page = FREE_PAGES + XEN_PAGE_SIZE;
    qtest_memread(vm->qts, SAVED_GUEST_NOTES, n, sizeof(*n));
    g_assert_cmphex(n->magic, ==, SAVED_GUEST_MAGIC);
    vm->shared_info = n->shared_info;
    vm->vcpu_info[0] = n->vcpu_info[0];
    vm->vcpu_info[1] = n->vcpu_info[1];
    vm->vcpu_of[n->other] = vm->vcpu_of[n->other_timer] = 1;
    return vm;
}

static void expect_status(XenVm *vm, uint32_t port, uint32_t status,
                          uint32_t vcpu, uint32_t detail)
{
    struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_status, &op), ==, 0);
    g_assert_cmpuint(op.status, ==, status);
    g_assert_cmpuint(op.vcpu, ==, vcpu);
    switch (status) {
    case EVTCHNSTAT_unbound:
        g_assert_cmpuint(op.u.unbound.dom, ==, detail);
        break;
    case EVTCHNSTAT_interdomain:
        g_assert_cmpuint(op.u.interdomain.port, ==, detail);
        break;
    case EVTCHNSTAT_pirq:
        g_assert_cmpuint(op.u.pirq, ==, detail);
        break;
    case EVTCHNSTAT_virq:
        g_assert_cmpuint(op.u.virq, ==, detail);
        break;
    }
}

static void test_ports(const void *opaque)
{
    Notes n;
    XenVm *vm = start(opaque, NULL, &n);

    expect_status(vm, n.idle, EVTCHNSTAT_ipi, 0, 0);
    expect_status(vm, n.masked, EVTCHNSTAT_ipi, 0, 0);
    expect_status(vm, n.other, EVTCHNSTAT_ipi, 1, 0);
    expect_status(vm, n.timer, EVTCHNSTAT_virq, 0, VIRQ_TIMER);
    expect_status(vm, n.other_timer, EVTCHNSTAT_virq, 1, VIRQ_TIMER);
    expect_status(vm, n.loop[0], EVTCHNSTAT_interdomain, 0, n.loop[1]);
    expect_status(vm, n.loop[1], EVTCHNSTAT_interdomain, 0, n.loop[0]);
    expect_status(vm, n.for_backend, EVTCHNSTAT_unbound, 0, 0);
    expect_status(vm, n.pirq, EVTCHNSTAT_pirq, 0, SAVED_GUEST_PIRQ);
    /* The numbers of existing ports are not reused. */
    g_assert_cmpuint(xen_bind_ipi(vm, 0), ==, n.pirq + 1);
    xen_vm_stop(vm);
}

static void test_events(const void *opaque)
{
    Notes n;
    XenVm *vm = start(opaque, NULL, &n);

    /* Pending at the save, and delivered by KVM's LAPIC. */
    g_assert_true(xen_is_pending(vm, n.masked));
    g_assert_true(xen_is_masked(vm, n.masked));
    g_assert_true(xen_take_vector(vm, 1, SAVED_GUEST_VECTOR));
    xen_expect_event(vm, 1, n.other);
    g_assert_false(xen_take_vector(vm, 0, SAVED_GUEST_VECTOR));
    xen_expect_event(vm, 0, 0);

    xen_unmask(vm, n.masked);
    g_assert_true(xen_take_vector(vm, 0, SAVED_GUEST_VECTOR));
    xen_expect_event(vm, 0, n.masked);
    g_assert_cmpint(xen_send(vm, n.loop[0]), ==, 0);
    g_assert_true(xen_take_vector(vm, 0, SAVED_GUEST_VECTOR));
    xen_expect_event(vm, 0, n.loop[1]);
    g_assert_cmpint(xen_send(vm, n.other), ==, 0);
    g_assert_true(xen_take_vector(vm, 1, SAVED_GUEST_VECTOR));
    xen_expect_event(vm, 1, n.other);

    /* The GSI raises the PIRQ's port. */
    xen_unmask(vm, n.pirq);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xen-event-inject', "
                             "'arguments': { 'port': %u } }", n.pirq);
    xen_expect_event(vm, 0, n.pirq);
    xen_vm_stop(vm);
}

static void test_timers(const void *opaque)
{
    Notes n;
    XenVm *vm = start(opaque, NULL, &n);

    xen_expect_event(vm, 1, n.other);
    qtest_clock_step(vm->qts, SAVED_GUEST_PERIOD - 1);
    xen_expect_event(vm, 1, 0);
    qtest_clock_step(vm->qts, 1);
    xen_expect_event(vm, 1, n.other_timer);

    qtest_clock_set(vm->qts, SAVED_GUEST_DEADLINE - 1);
    xen_expect_event(vm, 0, 0);
    qtest_clock_step(vm->qts, 1);
    xen_expect_event(vm, 0, n.timer);
    xen_vm_stop(vm);
}

static void test_areas(const void *opaque)
{
    Notes n;
    XenVm *vm = start(opaque, NULL, &n);
    struct vcpu_register_vcpu_info again = { .mfn = FREE_PAGES >> 12 };
    uint64_t callback;

    /* vcpu_info can be registered only once. */
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_register_vcpu_info, 1, &again,
                                sizeof(again)), ==, -EINVAL);
    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CALLBACK_IRQ, &callback), ==,
                    0);
    g_assert_cmphex(callback, ==, SAVED_GUEST_CALLBACK);
    /* Both copies of vCPU 0's time info are updated for this QEMU's clock. */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = i ? n.time : n.vcpu_info[0] + 32;

        g_assert_cmphex(qtest_readl(vm->qts, at) & 1, ==, 0);
        g_assert_cmphex(qtest_readl(vm->qts, at + 24), !=, 0);
    }
    xen_vm_stop(vm);
}

/* Waits until the guest has handled an event of @port. */
static void wait_for_event(XenVm *vm, uint32_t port)
{
    uint64_t at = SAVED_GUEST_NOTES + offsetof(Notes, taken[port]);

    for (unsigned i = 0; i < PATIENCE * 1000; i++) {
        if (qtest_readl(vm->qts, at)) {
            return;
        }
        g_usleep(1000);
    }
    g_error("the guest did not handle an event of port %u", port);
}

/* The guest was halted; the next event wakes it. */
static void test_tcg(const void *opaque)
{
    Notes n;
    XenVm *vm = start(opaque, "-accel tcg,xen-version=4.17", &n);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xen-event-inject', "
                             "'arguments': { 'port': %u } }", n.idle);
    wait_for_event(vm, n.idle);
    wait_for_event(vm, n.loop[1]);
    wait_for_event(vm, n.timer);
    xen_vm_stop(vm);
}

static const struct {
    const char *name;
    void (*run)(const void *long_mode);
} tests[] = {
    { "ports", test_ports },
    { "events", test_events },
    { "timers", test_timers },
    { "areas", test_areas },
    { "tcg", test_tcg },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        for (unsigned long_mode = 0; long_mode < 2; long_mode++) {
            g_autofree char *path = g_strdup_printf(
                "xen/upstream-state/%s/%s", long_mode ? "64" : "32",
                tests[i].name);

            if (tests[i].run != test_tcg || qtest_has_accel("tcg")) {
                qtest_add_data_func(path, (void *)(uintptr_t)long_mode,
                                    tests[i].run);
            }
        }
    }
    return g_test_run();
}
