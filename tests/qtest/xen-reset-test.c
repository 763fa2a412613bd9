/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets of the machine, of the domain (before kexec), of event channels
 *
 * After a reset the guest must find nothing of what it had used, and be able to
 * use all of it again.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "qobject/qjson.h"
#include "libxen-edu.h"
#include "libxen-state.h"
#include "libxen-store.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/hvm/params.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/physdev.h"
#include "hw/xen/interface/sched.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/version.h"

#define NR_VCPUS            2
#define VECTOR              0xf3
#define CALLBACK_VECTOR     0xf4
#define VIA_VECTOR          (UINT64_C(2) << 56 | CALLBACK_VECTOR)
#define PATTERN             0xa5
#define OPTIONS             "-nodefaults " XEN_EDU_OPTION
/* More than the number of mappings that a grant can have. */
#define MANY_RESETS         300

/* Addresses and ports used by the guest. */
typedef struct Places {
    uint64_t shared_info, grant_frame, runstate, time;
    uint32_t ipi, timer, pirq;
    int64_t pirq_number;
    bool by_callback;           /* upcalls; else by vCPUs' own vectors */
} Places;

static int64_t sched_op(XenVm *vm, unsigned cmd, const char *format,
                        uint64_t a, uint64_t b)
{
    const uint64_t value[] = { a, b };

    return xen_packed_op(vm, __HYPERVISOR_sched_op, cmd, format, value);
}

static uint64_t marked_page(XenVm *vm)
{
    uint64_t gpa = xen_vm_page(vm);

    qtest_memset(vm->qts, gpa, PATTERN, XEN_PAGE_SIZE);
    return gpa;
}

static bool is_marked(XenVm *vm, uint64_t gpa)
{
    uint8_t page[XEN_PAGE_SIZE];

    qtest_memread(vm->qts, gpa, page, sizeof(page));
    return page[0] == PATTERN && !memcmp(page, page + 1, sizeof(page) - 1);
}

/* Mapped pages, vCPU areas and upcalls; no event channels. */
static void set_up_domain(XenVm *vm, Places *p)
{
    uint64_t pointer;

    memset(vm->control, 0, sizeof(vm->control));
    g_array_set_size(vm->array, 0);

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    p->shared_info = vm->shared_info = marked_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    p->grant_frame = marked_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 0,
                                       p->grant_frame), ==, 0);
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        vm->vcpu_info[i] = xen_vm_page(vm);
        g_assert_cmpint(xen_register_vcpu_info(vm, i, vm->vcpu_info[i]), ==,
                        0);
        if (!p->by_callback) {
            g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
        }
    }
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_CALLBACK_IRQ, VIA_VECTOR), ==,
                    0);

    pointer = p->runstate = xen_vm_page(vm);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_register_runstate_memory_area, 0,
                                &pointer, sizeof(pointer)), ==, 0);
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_vm_assist,
                             VMASST_CMD_enable,
                             VMASST_TYPE_runstate_update_flag), ==, 0);
    pointer = p->time = xen_vm_page(vm);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_register_vcpu_time_memory_area,
                                0, &pointer, sizeof(pointer)), ==, 0);
    g_assert_cmpuint(qtest_readl(vm->qts, p->time + 24), !=, 0);
    g_assert_cmpint(sched_op(vm, SCHEDOP_watchdog, "ww", 0, 1000000), ==, 1);
}

/* Ports of all kinds, with pending events and armed timers. */
static void set_up_events(XenVm *vm, const XenVariant *v, Places *p)
{
    struct physdev_get_free_pirq free_pirq = { .type = MAP_PIRQ_TYPE_MSI };
    struct evtchn_bind_pirq bind = { .pirq = 0 };
    struct vcpu_set_periodic_timer periodic = { .period_ns = 5000000 };
    struct vcpu_set_singleshot_timer single = { .timeout_abs_ns = INT64_MAX };
    uint32_t unbound;

    if (v->fifo) {
        xen_use_fifo(vm, 2);
    }
    p->ipi = xen_bind_ipi(vm, 1);
    p->timer = xen_bind_virq(vm, 0, VIRQ_TIMER);
    /* A timer armed before the reset would fire now. */
    qtest_clock_step(vm->qts, 50000000);
    g_assert_false(xen_is_pending(vm, p->timer));
    unbound = xen_alloc_unbound(vm, DOMID_SELF);
    xen_bind_loopback(vm, xen_alloc_unbound(vm, DOMID_SELF));
    g_assert_cmpuint(unbound, >, p->timer);

    g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_physdev_op,
                           PHYSDEVOP_get_free_pirq, &free_pirq,
                           sizeof(free_pirq)), ==, 0);
    p->pirq_number = bind.pirq = free_pirq.pirq;
    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_pirq, &bind), ==, 0);
    p->pirq = bind.port;

    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_set_periodic_timer, 0, &periodic,
                                sizeof(periodic)), ==, 0);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_set_singleshot_timer, 0, &single,
                                sizeof(single)), ==, 0);
}

static bool take_upcall(XenVm *vm, unsigned vcpu, const Places *p)
{
    return p->by_callback ? xen_take_callbacks(vm, vcpu) :
           xen_take_vector(vm, vcpu, VECTOR);
}

/* Checks that each of them works. */
static void use_events(XenVm *vm, XenEdu *edu, const Places *p)
{
    uint32_t seen[8];

    /* The first event of the loopback channel */
    xen_handle(vm, 0, seen, ARRAY_SIZE(seen));
    xen_unmask(vm, p->ipi);
    g_assert_cmpint(xen_send(vm, p->ipi), ==, 0);
    g_assert_true(take_upcall(vm, 1, p));
    xen_expect_event(vm, 1, p->ipi);

    qtest_clock_step(vm->qts, 5000000);
    g_assert_true(xen_is_pending(vm, p->timer));
    xen_edu_set_msi(edu, xen_msi_pirq_address(p->pirq_number), XEN_MSI_DATA);
    xen_edu_raise(edu);
    g_assert_true(xen_is_pending(vm, p->pirq));
    xen_edu_lower(edu);

    /*
     * Left for the reset: a pending event that was not handled, and a masked
     * one.
     */
    g_assert_cmpint(xen_send(vm, p->ipi), ==, 0);
    g_assert_true(xen_upcall_pending(vm, 1));
}

static void use_store(XenVm *vm)
{
    XenStore s = xen_store_open(vm);

    xen_store_expect(&s, XS_READ, 0, XEN_STORE_STRINGS("domid"),
                     XEN_STORE_BYTES("1"));
}

/*
 * Output of xen-event-list and parts of query-xen, as text.  Without pending
 * bits: the console sends an event when it reconnects.
 */
static char *describe(XenVm *vm)
{
    QDict *info = qtest_qmp_assert_success_ref(vm->qts,
        "{ 'execute': 'query-xen' }");
    QDict *reply = qtest_qmp(vm->qts, "{ 'execute': 'xen-event-list' }");
    g_autoptr(GString) ports = NULL;
    const QListEntry *entry;
    char *text;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(reply, "return"), entry) {
        qdict_del(qobject_to(QDict, qlist_entry_obj(entry)), "pending");
    }
    ports = qobject_to_json(qdict_get(reply, "return"));
    text = g_strdup_printf("%s callback %" PRId64 " ports %" PRId64 ": %s",
                           qdict_get_str(info, "event-abi"),
                           qdict_get_int(info, "callback"),
                           qdict_get_int(info, "ports"), ports->str);
    qobject_unref(info);
    qobject_unref(reply);
    return text;
}

/* Nothing is written to the old kernel's memory, and nothing is left of it. */
static void expect_nothing(XenVm *vm, const Places *p)
{
    uint64_t value;

    g_assert_true(is_marked(vm, p->shared_info));
    g_assert_true(is_marked(vm, p->grant_frame));
    g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CALLBACK_IRQ, &value), ==, 0);
    g_assert_cmphex(value, ==, 0);

    qtest_memset(vm->qts, p->runstate, 0xee, 64);
    qtest_memset(vm->qts, p->time, 0xee, 64);
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        qtest_memset(vm->qts, vm->vcpu_info[i], 0, 64);
    }
    qtest_clock_step(vm->qts, 50000000);
    g_assert_cmphex(qtest_readl(vm->qts, p->runstate), ==, 0xeeeeeeee);
    g_assert_cmphex(qtest_readl(vm->qts, p->time + 24), ==, 0xeeeeeeee);
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        g_assert_cmpuint(qtest_readb(vm->qts, vm->vcpu_info[i]), ==, 0);
        g_assert_false(xen_take_vector(vm, i, VECTOR));
        g_assert_cmpuint(xen_take_callbacks(vm, i), ==, 0);
    }
}

static void reset_system(XenVm *vm)
{
    qtest_system_reset(vm->qts);
}

static void reset_domain(XenVm *vm)
{
    g_assert_cmpint(sched_op(vm, SCHEDOP_shutdown, "w", SHUTDOWN_soft_reset,
                             0), ==, 0);
    for (unsigned i = 0; i < NR_VCPUS; i++) {
        xen_take_vector(vm, i, VECTOR);
    }
}

/* The domain as a whole, twice. */
static void check_reset(const XenVariant *v, void (*reset)(XenVm *vm),
                        bool stops_watchdog)
{
    XenVm *vm = xen_vm_start_bare(NR_VCPUS, v->long_mode, NULL, OPTIONS);
    g_autofree char *initial = describe(vm);

    for (int i = 0; i < 2; i++) {
        XenEdu *edu = xen_edu_new(vm);
        g_autofree char *now = NULL;
        Places p = { };

        set_up_domain(vm, &p);
        set_up_events(vm, v, &p);
        use_events(vm, edu, &p);
        use_store(vm);
        xen_edu_free(edu);

        reset(vm);
        expect_nothing(vm, &p);
        now = describe(vm);
        g_assert_cmpstr(now, ==, initial);
        if (!stops_watchdog) {
            g_assert_cmpint(sched_op(vm, SCHEDOP_watchdog, "ww", 1, 0), ==, 0);
        }
    }
    xen_vm_stop(vm);
}

static void test_system(const void *opaque)
{
    check_reset(opaque, reset_system, true);
}

/* As in Xen, a watchdog survives a soft reset. */
static void test_domain(const void *opaque)
{
    check_reset(opaque, reset_domain, false);
}

/* EVTCHNOP_reset only resets ports and ABI. */
static void test_events(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = xen_vm_start_bare(NR_VCPUS, v->long_mode, NULL, OPTIONS);
    XenEdu *edu = xen_edu_new(vm);
    struct evtchn_reset op = { .dom = DOMID_SELF };
    struct evtchn_status status = { .dom = DOMID_SELF };
    struct evtchn_bind_interdomain bind = { .remote_dom = 0 };
    uint64_t store_port, value;
    Places p = { };

    set_up_domain(vm, &p);
    for (int i = 0; i < 2; i++) {
        set_up_events(vm, v, &p);
        use_events(vm, edu, &p);

        /* Connect to xenstore's port again. */
        g_assert_cmpint(xen_get_param(vm, HVM_PARAM_STORE_EVTCHN, &store_port),
                        ==, 0);
        status.port = store_port;
        g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_status, &status), ==, 0);
        g_assert_cmpuint(status.status, ==, EVTCHNSTAT_interdomain);
        bind.remote_port = status.u.interdomain.port;

        op.dom = 5;
        g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_reset, &op), ==, -ESRCH);
        op.dom = 0;
        g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_reset, &op), ==, -EPERM);
        g_assert_true(xen_is_pending(vm, p.ipi));
        op.dom = DOMID_SELF;
        g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_reset, &op), ==, 0);
        for (uint32_t port = 1; port <= p.pirq; port++) {
            g_assert_cmpint(xen_port_status(vm, port), ==, EVTCHNSTAT_closed);
        }

        memset(vm->control, 0, sizeof(vm->control));
        g_array_set_size(vm->array, 0);
        for (unsigned cpu = 0; cpu < NR_VCPUS; cpu++) {
            uint32_t seen[8];

            xen_handle(vm, cpu, seen, 8);
            xen_take_vector(vm, cpu, VECTOR);
        }
        /*
         * A timer without a port raises no event; areas and upcalls are kept.
         */
        qtest_clock_step(vm->qts, 50000000);
        for (unsigned cpu = 0; cpu < NR_VCPUS; cpu++) {
            g_assert_false(xen_upcall_pending(vm, cpu));
        }
        g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CALLBACK_IRQ, &value), ==,
                        0);
        g_assert_cmphex(value, ==, VIA_VECTOR);
        g_assert_cmpint(xen_register_vcpu_info(vm, 0, vm->vcpu_info[0]), ==,
                        -EINVAL);
        g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_stop_periodic_timer, 0, NULL,
                                    0), ==, 0);

        g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_interdomain, &bind),
                        ==, 0);
        g_assert_cmpint(xen_set_param(vm, HVM_PARAM_STORE_EVTCHN,
                                      bind.local_port), ==, 0);
        use_store(vm);
    }
    xen_edu_free(edu);
    xen_vm_stop(vm);
}

/* A guest may do this any number of times. */
static void test_repeated(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = xen_vm_start_bare(NR_VCPUS, v->long_mode, NULL,
                                  "-nodefaults -chardev null,id=c "
                                  "-device xen-console,chardev=c");
    g_autofree char *initial = describe(vm), *now = NULL;
    uint64_t frame = xen_vm_page(vm);

    for (int i = 0; i < MANY_RESETS; i++) {
        g_assert_cmpint(sched_op(vm, SCHEDOP_shutdown, "w",
                                 SHUTDOWN_soft_reset, 0), ==, 0);
    }
    now = describe(vm);
    g_assert_cmpstr(now, ==, initial);
    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_grant_table, 0, frame),
                    ==, 0);
    g_assert_cmphex(qtest_readw(vm->qts, frame + 8 * GNTTAB_RESERVED_CONSOLE),
                    ==, GTF_permit_access | GTF_reading | GTF_writing);
    g_assert_cmphex(qtest_readw(vm->qts, frame + 8 * GNTTAB_RESERVED_XENSTORE),
                    ==, GTF_permit_access | GTF_reading | GTF_writing);
    xen_vm_stop(vm);
}

/* Sleep in S3: vCPUs, LAPICs and devices are reset, and the domain stays. */
static void check_s3(const XenVariant *v, bool by_callback)
{
    XenVm *vm = xen_vm_start_bare(NR_VCPUS, v->long_mode, NULL, OPTIONS);
    Places p = { .by_callback = by_callback };
    const uint64_t generation_id = 0xfc000000;
    uint32_t seen[8], late;
    uint64_t value;
    XenStore store;

    set_up_domain(vm, &p);
    set_up_events(vm, v, &p);
    late = xen_bind_ipi(vm, 0);
    xen_unmask(vm, late);
    store = xen_store_open(vm);
    g_assert_cmpint(xen_set_param(vm, HVM_PARAM_VM_GENERATION_ID_ADDR,
                                  generation_id), ==, 0);
    for (int i = 0; i < 3; i++) {
        XenEdu *edu = xen_edu_new(vm);
        g_autofree char *before = NULL, *after = NULL;

        use_events(vm, edu, &p);
        xen_edu_free(edu);
        xen_handle(vm, 0, seen, ARRAY_SIZE(seen));
        take_upcall(vm, 0, &p);
        take_upcall(vm, 1, &p);
        g_assert_true(xen_upcall_pending(vm, 1));
        before = describe(vm);

        xen_vm_suspend(vm);
        xen_vm_wake_up(vm);

        after = describe(vm);
        g_assert_cmpstr(after, ==, before);
        /* The firmware runs first, which could not handle an upcall ... */
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'xen-event-inject', "
                                 "'arguments': { 'port': %u } }", late);
        for (unsigned vcpu = 0; vcpu < NR_VCPUS; vcpu++) {
            g_assert_true(xen_upcall_pending(vm, vcpu));
            g_assert_false(take_upcall(vm, vcpu, &p));
        }
        /* ... then the guest.  LAPICs have forgotten the upcall, but not Xen. */
        g_assert_cmphex(XEN_CALL(vm, 0, __HYPERVISOR_xen_version,
                                 XENVER_version), >, 0);
        for (unsigned vcpu = 0; vcpu < NR_VCPUS; vcpu++) {
            g_assert_true(take_upcall(vm, vcpu, &p));
        }
        xen_expect_event(vm, 0, late);
        xen_expect_event(vm, 1, p.ipi);
        g_assert_false(is_marked(vm, p.shared_info));
        g_assert_cmphex(qtest_readw(vm->qts, p.grant_frame +
                                    8 * GNTTAB_RESERVED_XENSTORE),
                        ==, GTF_permit_access | GTF_reading | GTF_writing);
        g_assert_cmpint(xen_get_param(vm, HVM_PARAM_CALLBACK_IRQ, &value), ==,
                        0);
        g_assert_cmphex(value, ==, VIA_VECTOR);
        g_assert_cmpint(xen_get_param(vm, HVM_PARAM_VM_GENERATION_ID_ADDR,
                                      &value), ==, 0);
        g_assert_cmphex(value, ==, generation_id);
        g_assert_cmpint(xen_register_vcpu_info(vm, 0, vm->vcpu_info[0]), ==,
                        -EINVAL);
        xen_store_expect(&store, XS_READ, 0, XEN_STORE_STRINGS("domid"),
                         XEN_STORE_BYTES("1"));
    }
    g_assert_cmpint(sched_op(vm, SCHEDOP_watchdog, "ww", 1, 0), ==, 0);
    xen_vm_stop(vm);
}

/* Saved while the firmware runs: the target has to know. */
static void test_s3_saved(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *target, *vm = xen_vm_start_bare(NR_VCPUS, v->long_mode, NULL,
                                           XEN_STATE_SOURCE);
    g_autofree char *path = NULL;
    Places p = { .by_callback = true };
    uint32_t port;

    set_up_domain(vm, &p);
    port = xen_bind_ipi(vm, 1);
    xen_unmask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    g_assert_true(take_upcall(vm, 1, &p));

    xen_vm_suspend(vm);
    xen_vm_wake_up(vm);
    path = xen_state_save(vm);
    target = xen_vm_start_target(vm, NULL, XEN_STATE_TARGET);
    xen_state_load(target, path);
    xen_state_wait(target);
    g_assert_false(take_upcall(target, 1, &p));
    g_assert_cmphex(XEN_CALL(target, 0, __HYPERVISOR_xen_version,
                             XENVER_version), >, 0);
    g_assert_true(take_upcall(target, 1, &p));
    xen_expect_event(target, 1, port);
    unlink(path);
    xen_vm_stop(vm);
    xen_vm_stop(target);
}

static void test_s3(const void *opaque)
{
    check_s3(opaque, false);
}

static void test_s3_callback(const void *opaque)
{
    check_s3(opaque, true);
}

static const XenVariantTest tests[] = {
    { "system", test_system },
    { "domain", test_domain },
    { "events", test_events },
    { "s3", test_s3 },
    { "s3-callback", test_s3_callback },
    { "s3-saved", test_s3_saved },
    { "repeated", test_repeated, true },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    xen_add_variant_tests("reset", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
