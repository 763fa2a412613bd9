/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Truncated, damaged and forged migration states
 *
 * A state is untrusted data.  An invalid one is refused with an error message,
 * and QEMU keeps running; a valid one is loaded, and the guest's operations
 * return afterwards.  A single QEMU loads thousands of invalid states here.
 */
#include "qemu/osdep.h"
#include "libxen-state.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/physdev.h"
#include "hw/xen/interface/vcpu.h"

#define NR_VCPUS    2
#define LAST_PORT   9
#define ARRAY_PAGES 2
#define VECTOR      0xf3

/* The sections of Xen devices, and QEMU's section with Xen's subsection. */
static const struct {
    const char *name, *prefix;
} sections[] = {
    { "cpu", "cpu/xen_vcpu." },
    { "xen_overlay", NULL },
    { "xen_evtchn", NULL },
    { "xen_gnttab", NULL },
    { "xen_xenstore", NULL },
};

static uint32_t bind_pirq(XenVm *vm)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 9, .pirq = 9,
    };
    struct evtchn_bind_pirq bind = { .pirq = 9 };

    g_assert_cmpint(xen_op(vm, 0, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq,
                           &map, sizeof(map)), ==, 0);
    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_pirq, &bind), ==, 0);
    return bind.port;
}

/*
 * Port 1 is xenstore's, followed by ports of each type.  2, 3 and 4 are
 * pending, 4 is masked; with FIFO, 2 and 3 are linked.
 */
static XenVm *start_source(const XenVariant *v)
{
    XenVm *vm = xen_vm_start(NR_VCPUS, v->long_mode, XEN_STATE_SOURCE);
    struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = 5000000 };
    uint32_t port;

    for (unsigned i = 0; i < NR_VCPUS; i++) {
        g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
    }
    if (v->fifo) {
        xen_use_fifo(vm, ARRAY_PAGES);
    }
    for (unsigned i = 0; i < 3; i++) {
        port = xen_bind_ipi(vm, i % NR_VCPUS);
        xen_unmask(vm, port);
        if (i == 2) {
            xen_mask(vm, port);
        }
        g_assert_cmpint(xen_send(vm, port), ==, 0);
    }
    port = xen_bind_virq(vm, 0, VIRQ_TIMER);
    g_assert_cmpuint(port, ==, 5);
    port = xen_alloc_unbound(vm, DOMID_SELF);
    g_assert_cmpuint(xen_bind_loopback(vm, port), ==, port + 1);
    xen_alloc_unbound(vm, 0);
    g_assert_cmpuint(bind_pirq(vm), ==, LAST_PORT);
    g_assert_cmpint(xen_vcpu_op(vm, 0, VCPUOP_set_singleshot_timer, 0, &timer,
                                sizeof(timer)), ==, 0);
    return vm;
}

/* Whatever was loaded, the grant table is no larger than it can be. */
static void check_grant_table(XenVm *vm)
{
    struct gnttab_query_size op = { .dom = DOMID_SELF };

    qtest_memwrite(vm->qts, vm->scratch, &op, sizeof(op));
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_grant_table_op,
                             GNTTABOP_query_size, vm->scratch, 1), ==, 0);
    qtest_memread(vm->qts, vm->scratch, &op, sizeof(op));
    g_assert_cmpint(op.status, ==, GNTST_okay);
    g_assert_cmpuint(op.nr_frames, <=, op.max_nr_frames);
}

/* After a load, successful or not, the guest's operations return. */
static void live_on(XenVm *vm)
{
    enum { NR_PORTS = LAST_PORT + 2 };
    struct evtchn_reset reset = { .dom = DOMID_SELF };
    evtchn_op_t op[4 * NR_PORTS] = { 0 };
    int64_t ret[ARRAY_SIZE(op)];

    for (uint32_t port = 0; port < NR_PORTS; port++) {
        evtchn_op_t *of_port = &op[3 * port];

        of_port[0].cmd = EVTCHNOP_send;
        of_port[0].u.send.port = port;
        of_port[1].cmd = EVTCHNOP_unmask;
        of_port[1].u.unmask.port = port;
        of_port[2].cmd = EVTCHNOP_status;
        of_port[2].u.status.dom = DOMID_SELF;
        of_port[2].u.status.port = port;
        op[3 * NR_PORTS + port].cmd = EVTCHNOP_close;
        op[3 * NR_PORTS + port].u.close.port = port;
    }
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    xen_evtchn_ops(vm, op, ret, ARRAY_SIZE(op));
    check_grant_table(vm);
    /* Port 0 is always invalid. */
    g_assert_cmpint(ret[0], ==, -EINVAL);
    g_assert_cmpint(XEN_EVTCHN_OP(vm, 0, EVTCHNOP_reset, &reset), ==, 0);
    g_assert_cmpuint(xen_bind_ipi(vm, 0), ==, 1);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
}

/* Finds each of @sections: all fields, or Xen's only. */
static void find_sections(const char *path, XenStateSection **section,
                          bool ours_only)
{
    for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
        section[i] = xen_state_section(path, sections[i].name, 0,
                                       ours_only ? sections[i].prefix : NULL);
    }
}

static void free_sections(XenStateSection **section)
{
    for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
        xen_state_section_free(section[i]);
    }
}

static void put_byte(XenSnapshot *s, size_t at, uint8_t byte)
{
    g_assert_cmpint(pwrite(s->fd, &byte, 1, at), ==, 1);
}

static uint8_t get_byte(XenSnapshot *s, size_t at)
{
    uint8_t byte;

    g_assert_cmpint(pread(s->fd, &byte, 1, at), ==, 1);
    return byte;
}

/* In long arrays only a few elements are tested. */
static bool is_one_of_many(const XenStateField *f)
{
    const char *bracket = strrchr(f->path, '[');
    unsigned index = 0;

    return bracket && sscanf(bracket, "[%u]", &index) && index > LAST_PORT;
}

static void try_byte(XenSnapshot *s, size_t at, uint8_t bits)
{
    uint8_t right = get_byte(s, at);

    put_byte(s, at, right ^ bits);
    g_free(xen_snapshot_load(s));
    live_on(s->vm);
    put_byte(s, at, right);
}

/* Each byte: all bits inverted, and, for the lowest byte, one bit. */
static void test_damaged(const void *opaque)
{
    XenVm *vm = start_source(opaque);
    XenSnapshot *s = xen_snapshot_new(vm);
    XenStateSection *section[ARRAY_SIZE(sections)];

    find_sections(s->path, section, true);
    for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
        for (unsigned j = 0; j < section[i]->fields->len; j++) {
            const XenStateField *f = &g_array_index(section[i]->fields,
                                                    XenStateField, j);

            if (is_one_of_many(f)) {
                continue;
            }
            for (size_t k = 0; k < f->size; k++) {
                try_byte(s, f->at + k, 0xff);
            }
            try_byte(s, f->at + f->size - 1, 1u << j % 8);
        }
    }
    free_sections(section);
    g_assert_null(xen_snapshot_load(s));
    live_on(vm);
    xen_snapshot_free(s);
    xen_vm_stop(vm);
}

/* Xenstore's nodes are a byte array in the description: each byte. */
static void test_damaged_tree(const void *opaque)
{
    XenVm *vm = start_source(opaque);
    XenSnapshot *s = xen_snapshot_new(vm);
    XenStateSection *section = xen_state_section(s->path, "xen_xenstore", 0,
                                                 "impl_state[");

    g_assert_cmpuint(section->fields->len, >, 100);
    for (unsigned i = 0; i < section->fields->len; i++) {
        const XenStateField *f = &g_array_index(section->fields,
                                                XenStateField, i);

        try_byte(s, f->at, i % 2 ? 0xff : 1u << i / 2 % 8);
    }
    xen_state_section_free(section);
    g_assert_null(xen_snapshot_load(s));
    live_on(vm);
    xen_snapshot_free(s);
    xen_vm_stop(vm);
}

/* ------------------------------------------------------- invalid values */

typedef struct Wrong {
    const char *section, *field;
    uint64_t value;
    const char *message;        /* part of QEMU's error message */
} Wrong;

#define NOT_VALID       "in the incoming state is invalid"
#define CONTRADICT      "in the incoming state are inconsistent"
#define INVALID_INPUT   "Input validation failed"

static const Wrong wrong_always[] = {
    { "xen_overlay", "shinfo_gpa", 0x1234, "shared info" },
    { "xen_overlay", "shinfo_gpa", 1ull << 40, "shared info" },
    { "xen_overlay", "shinfo_gpa", -0x2000, "shared info" },
    { "cpu", "cpu/xen_vcpu.env.xen_vcpu_info_gpa", 0x1002, "vcpu_info" },
    { "cpu", "cpu/xen_vcpu.env.xen_vcpu_info_gpa", 0x1fe0, "vcpu_info" },
    { "cpu", "cpu/xen_vcpu.env.xen_vcpu_info_gpa", 1ull << 52, "vcpu_info" },
    { "cpu", "cpu/xen_vcpu.env.xen_vcpu_time_info_gpa", 1ull << 52,
      "runstate area at an invalid address" },
    { "cpu", "cpu/xen_vcpu.env.xen_vcpu_runstate_gpa", 1ull << 52,
      "runstate area at an invalid address" },
    { "cpu", "cpu/xen_vcpu.env.xen_vcpu_callback_vector", 15,
      "invalid upcall vector 15" },
    { "xen_evtchn", "pirq.gsi_pirq[9]", 8, "xen-evtchn-max-pirq" },
    { "xen_evtchn", "pirq.gsi_pirq[9]", 256, "xen-evtchn-max-pirq" },
    { "xen_evtchn", "pirq.gsi_pirq[10]", 9, "xen-evtchn-max-pirq" },
    { "xen_evtchn", "nr_ports", 4097, INVALID_INPUT },
    { "xen_gnttab", "nr_frames", 65, "grant frames" },
    { "xen_gnttab", "nr_frames", UINT32_MAX, "grant frames" },
    { "xen_xenstore", "req_offset", 17, "message of xenstore's" },
    { "xen_xenstore", "req_offset", UINT32_MAX, "message of xenstore's" },
    { "xen_xenstore", "rsp_offset", 1, "message of xenstore's" },
    { "xen_xenstore", "rsp_offset", UINT32_MAX, "message of xenstore's" },
    { "xen_xenstore", "impl_state_size", UINT32_MAX, "size of xenstore's nodes" },
};

#define PORT(n, field) "port[" #n "]." field

static const Wrong wrong_2level[] = {
    { "xen_evtchn", PORT(0, "type"), EVTCHNSTAT_ipi, NOT_VALID },
    { "xen_evtchn", PORT(2, "type"), 6, NOT_VALID },
    { "xen_evtchn", PORT(2, "type"), 0x105, NOT_VALID },
    { "xen_evtchn", PORT(2, "type"), EVTCHNSTAT_virq, NOT_VALID },
    { "xen_evtchn", PORT(2, "vcpu"), NR_VCPUS, NOT_VALID },
    { "xen_evtchn", PORT(2, "vcpu"), UINT32_MAX, NOT_VALID },
    { "xen_evtchn", PORT(2, "val"), 1, NOT_VALID },
    { "xen_evtchn", PORT(5, "val"), 24, NOT_VALID },
    { "xen_evtchn", PORT(6, "val"), 5, CONTRADICT },
    { "xen_evtchn", PORT(6, "val"), 6, NOT_VALID },
    { "xen_evtchn", PORT(6, "val"), 0, NOT_VALID },
    { "xen_evtchn", PORT(7, "type"), EVTCHNSTAT_unbound, CONTRADICT },
    { "xen_evtchn", PORT(8, "val"), 0x8001, NOT_VALID },
    { "xen_evtchn", PORT(9, "val"), 256, NOT_VALID },
};

#define FIFO            "xen_evtchn/fifo."
#define FIFO_PORT(n, field) FIFO "fifo_port[" #n "]." field

/* fifo_port[n] is port n + 1: closed ports are not in the list. */
static const Wrong wrong_fifo[] = {
    { "xen_evtchn", FIFO "nr_fifo_vcpus", 0, INVALID_INPUT },
    { "xen_evtchn", FIFO "nr_fifo_vcpus", 3, INVALID_INPUT },
    { "xen_evtchn", FIFO "fifo_vcpu[0].control_gpa", 0x1004,
      "control block of vCPU 0" },
    { "xen_evtchn", FIFO "fifo_vcpu[1].control_gpa", 0x1fc0,
      "control block of vCPU 1" },
    { "xen_evtchn", FIFO "fifo_vcpu[0].tail[7]", 1u << 17,
      "queue 7 of vCPU 0" },
    { "xen_evtchn", FIFO "fifo_vcpu[0].tail[7]", 3, CONTRADICT },
    { "xen_evtchn", FIFO "fifo_vcpu[0].tail[6]", 2, CONTRADICT },
    { "xen_evtchn", FIFO "nr_array_pages", 129, INVALID_INPUT },
    { "xen_evtchn", FIFO "array_gfn[0]", UINT64_MAX, "event array" },
    { "xen_evtchn", FIFO "nr_fifo_ports", UINT32_MAX, INVALID_INPUT },
    { "xen_evtchn", FIFO "nr_fifo_ports", 1u << 17, INVALID_INPUT },
    { "xen_evtchn", FIFO_PORT(1, "port"), 0, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(1, "port"), 1, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(1, "port"), 1u << 17, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(1, "vcpu"), NR_VCPUS, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(1, "queue_vcpu"), NR_VCPUS, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(1, "priority"), 16, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(1, "queue_priority"), 16, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(1, "type"), 6, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(1, "to_backend"), 1, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(5, "val"), 5, CONTRADICT },
    { "xen_evtchn", FIFO_PORT(7, "val"), 1, NOT_VALID },
    { "xen_evtchn", FIFO_PORT(8, "val"), 256, NOT_VALID },
};

/* @section: positions of @sections. */
static void expect_refused(XenSnapshot *s, XenStateSection *const *section,
                           const Wrong *w)
{
    const XenStateField *f;
    g_autofree uint8_t *right = NULL;
    g_autofree char *said = NULL;

    for (unsigned i = 0; !g_str_equal(sections[i].name, w->section); i++) {
        section++;
    }
    f = xen_state_field(*section, w->field);
    right = g_malloc(f->size);
    for (size_t i = 0; i < f->size; i++) {
        right[i] = get_byte(s, f->at + i);
        put_byte(s, f->at + i, w->value >> 8 * (f->size - 1 - i));
    }
    said = xen_snapshot_load(s);
    /* The load has failed; a warning does not do. */
    if (!said || !strstr(said, w->message) || !strstr(said, "Error: ")) {
        g_error("%s = 0x%" PRIx64 ": %s", w->field, w->value,
                said ?: "loaded");
    }
    live_on(s->vm);
    for (size_t i = 0; i < f->size; i++) {
        put_byte(s, f->at + i, right[i]);
    }
}

static void test_invalid(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = start_source(v);
    XenSnapshot *s = xen_snapshot_new(vm);
    XenStateSection *section[ARRAY_SIZE(sections)];

    find_sections(s->path, section, false);
    for (unsigned i = 0; i < ARRAY_SIZE(wrong_always); i++) {
        expect_refused(s, section, &wrong_always[i]);
    }
    if (v->fifo) {
        for (unsigned i = 0; i < ARRAY_SIZE(wrong_fifo); i++) {
            expect_refused(s, section, &wrong_fifo[i]);
        }
    } else {
        for (unsigned i = 0; i < ARRAY_SIZE(wrong_2level); i++) {
            expect_refused(s, section, &wrong_2level[i]);
        }
    }
    free_sections(section);
    g_assert_null(xen_snapshot_load(s));
    live_on(vm);
    xen_snapshot_free(s);
    xen_vm_stop(vm);
}

/* -------------------------------------------------------------- truncated */

/* Loading the file makes QEMU exit with status 1. */
static void expect_exit(const XenVm *vm, const char *path, const char *data,
                        size_t len)
{
    XenVm *target = xen_vm_start_target(vm, NULL, XEN_STATE_TARGET);

    g_assert_true(g_file_set_contents(path, data, len, NULL));
    qtest_set_expected_status(target->qts, 1);
    xen_state_load(target, path);
    xen_qtest_wait(target->qts);
    xen_vm_stop(target);
}

/*
 * At the start of each field, and one byte later.  Only the engine's section
 * depends on the ABI.
 */
static void test_truncated(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = start_source(v);
    g_autofree char *path = xen_state_save(vm), *data = NULL;
    XenStateSection *section[ARRAY_SIZE(sections)];
    size_t len;

    find_sections(path, section, true);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
        if (v->fifo && !g_str_equal(sections[i].name, "xen_evtchn")) {
            continue;
        }
        for (unsigned j = 0; j < section[i]->fields->len; j++) {
            const XenStateField *f = &g_array_index(section[i]->fields,
                                                    XenStateField, j);

            if (!strchr(f->path, '[') || strstr(f->path, "[0]")) {
                expect_exit(vm, path, data, f->at + j % 2);
            }
        }
        expect_exit(vm, path, data, section[i]->end - 1);
    }
    free_sections(section);
    unlink(path);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const void *variant);
        bool both_layouts, both_abis;
    } tests[] = {
        { "damaged", test_damaged, false, true },
        { "damaged-tree", test_damaged_tree, false, false },
        { "invalid", test_invalid, true, true },
        { "truncated", test_truncated, false, true },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(xen_variants); j++) {
            const XenVariant *v = &xen_variants[j];
            g_autofree char *name = g_strdup_printf("xen/invalid-state/%s/%s",
                                                    v->name, tests[i].name);

            if ((v->long_mode || tests[i].both_layouts) &&
                (!v->fifo || tests[i].both_abis)) {
                qtest_add_data_func(name, v, tests[i].run);
            }
        }
    }
    return g_test_run();
}
