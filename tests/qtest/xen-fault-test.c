/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault injection: lookups of guest pages and arguments fail
 *
 * Each test makes the first lookup of a kind fail, then the second, and so on,
 * until all have succeeded.  After a failure the guest gets an error, or its
 * event is delayed; no event is lost, and a retry succeeds.
 */
#include "qemu/osdep.h"
#include "libxen.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/vcpu.h"

#define VECTOR      0xf3
/* Values of enum XenFault. */
#define FAULT_PIN   0
#define FAULT_COPY  1
/* More than the number of lookups in any test. */
#define MAX_FAULTS  200

static void arm(XenVm *vm, unsigned what, unsigned after, unsigned times)
{
    xen_command(vm, "xen_fault 0 %u %u %u", what, after, times);
}

/* Disarms the fault; returns whether it was injected. */
static bool happened(XenVm *vm, unsigned what)
{
    return xen_command(vm, "xen_fault 0 %u 0 0", what) == 0;
}

static XenVm *start(const XenVariant *v)
{
    XenVm *vm = xen_vm_start(2, v->long_mode, NULL);

    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
    }
    if (v->fifo) {
        xen_use_fifo(vm, 2);
    }
    return vm;
}

/* -------------------------------------------------------------- arguments */

/*
 * Operations whose argument is input and output.  Some have taken effect when
 * the result cannot be written, as in Xen; this checks the error, and that the
 * next call succeeds.
 */
static int64_t call(XenVm *vm, unsigned which)
{
    struct evtchn_bind_ipi bind = { .vcpu = 1 };
    struct evtchn_alloc_unbound alloc = {
        .dom = DOMID_SELF, .remote_dom = DOMID_SELF,
    };
    struct evtchn_status status = { .dom = DOMID_SELF, .port = 1 };
    struct vcpu_runstate_info runstate = { 0 };

    switch (which) {
    case 0:
        return XEN_EVTCHN_OP(vm, 0, EVTCHNOP_bind_ipi, &bind);
    case 1:
        return XEN_EVTCHN_OP(vm, 0, EVTCHNOP_alloc_unbound, &alloc);
    case 2:
        return XEN_EVTCHN_OP(vm, 0, EVTCHNOP_status, &status);
    default:
        return xen_vcpu_op(vm, 0, VCPUOP_get_runstate_info, 0, &runstate,
                           sizeof(runstate));
    }
}

static void test_arguments(const void *opaque)
{
    XenVm *vm = start(opaque);

    for (unsigned which = 0; which < 4; which++) {
        unsigned after = 0;

        for (;; after++) {
            int64_t ret;

            g_assert_cmpuint(after, <, MAX_FAULTS);
            arm(vm, FAULT_COPY, after, 1);
            ret = call(vm, which);
            if (!happened(vm, FAULT_COPY)) {
                g_assert_cmpint(ret, ==, 0);
                break;
            }
            g_assert_cmpint(ret, ==, -EFAULT);
            g_assert_cmpint(call(vm, which), ==, 0);
        }
        g_assert_cmpuint(after, >=, 1);
    }
    xen_vm_stop(vm);
}

/* ------------------------------------------------------------ registration */

/* Addresses that the guest registers: refused, and a retry succeeds. */
static void test_registration(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = xen_vm_start_bare(2, v->long_mode, NULL, NULL);
    struct {
        uint64_t gva;
    } area = { xen_vm_page(vm) };
    uint64_t page = xen_vm_page(vm);

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), v->long_mode), ==,
                    0);
    arm(vm, FAULT_PIN, 0, 1);
    g_assert_cmpint(xen_register_vcpu_info(vm, 0, page), ==, -EINVAL);
    g_assert_true(happened(vm, FAULT_PIN));
    g_assert_cmpint(xen_register_vcpu_info(vm, 0, page), ==, 0);

    for (unsigned i = 0; i < 2; i++) {
        unsigned op = i ? VCPUOP_register_vcpu_time_memory_area
                        : VCPUOP_register_runstate_memory_area;

        arm(vm, FAULT_PIN, 0, 1);
        g_assert_cmpint(xen_vcpu_op(vm, 0, op, 0, &area,
                                    v->long_mode ? 8 : 4), <, 0);
        g_assert_true(happened(vm, FAULT_PIN));
        g_assert_cmpint(xen_vcpu_op(vm, 0, op, 0, &area,
                                    v->long_mode ? 8 : 4), ==, 0);
    }
    if (v->fifo) {
        arm(vm, FAULT_PIN, 0, 1);
        g_assert_cmpint(xen_init_control(vm, 0, page, 0), ==, -EINVAL);
        g_assert_true(happened(vm, FAULT_PIN));
        /* The ABI is still 2-level. */
        g_assert_cmpint(xen_expand_array(vm, page), ==, -EOPNOTSUPP);
        g_assert_cmpint(xen_init_control(vm, 0, page, 0), ==, 0);
        arm(vm, FAULT_PIN, 0, 1);
        g_assert_cmpint(xen_expand_array(vm, page), ==, -EINVAL);
        g_assert_true(happened(vm, FAULT_PIN));
        g_assert_cmpint(xen_expand_array(vm, page), ==, 0);
    }
    xen_vm_stop(vm);
}

/* ------------------------------------------------------------ stale pages */

/*
 * The page of vCPU 1's vcpu_info, or of its FIFO event words and control block,
 * was remapped; the lookup then fails a few times.
 */
static XenVm *start_hideable(const XenVariant *v)
{
    XenVm *vm = xen_vm_start_bare(2, v->long_mode, NULL, NULL);

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), v->long_mode), ==,
                    0);
    vm->shared_info = xen_vm_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    xen_vm_show_page(vm, true);
    qtest_memset(vm->qts, XEN_VM_HIDEABLE, 0, XEN_PAGE_SIZE);
    vm->vcpu_info[0] = xen_vm_page(vm);
    vm->vcpu_info[1] = XEN_VM_HIDEABLE;
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(xen_register_vcpu_info(vm, i, vm->vcpu_info[i]), ==,
                        0);
        g_assert_cmpint(xen_set_upcall_vector(vm, i, VECTOR), ==, 0);
    }
    if (v->fifo) {
        g_assert_cmpint(xen_init_control(vm, 0, xen_vm_page(vm), 0), ==, 0);
        g_assert_cmpint(xen_init_control(vm, 1, XEN_VM_HIDEABLE, 256), ==, 0);
        g_assert_cmpint(xen_expand_array(vm, xen_vm_page(vm)), ==, 0);
    }
    return vm;
}

static void test_stale(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = start_hideable(v);
    uint32_t port = xen_bind_ipi(vm, 1);
    unsigned after = 0;
    bool more = true;

    xen_unmask(vm, port);
    for (; more; after++) {
        g_assert_cmpuint(after, <, MAX_FAULTS);
        xen_vm_show_page(vm, false);
        xen_vm_show_page(vm, true);
        arm(vm, FAULT_PIN, after, 1);
        g_assert_cmpint(xen_send(vm, port), ==, 0);
        more = happened(vm, FAULT_PIN);
        /* A change of the memory map triggers a retry. */
        xen_vm_show_page(vm, false);
        xen_vm_show_page(vm, true);
        xen_expect_event(vm, 1, port);
        xen_expect_event(vm, 1, 0);
    }
    g_assert_cmpuint(after, >=, 2);
    xen_vm_stop(vm);
}

/* The same, with the page missing for a while, and more events sent. */
static void test_missing_page(const void *opaque)
{
    const XenVariant *v = opaque;
    XenVm *vm = start_hideable(v);
    uint32_t port[3], seen[3];

    for (unsigned i = 0; i < 3; i++) {
        port[i] = xen_bind_ipi(vm, 1);
        xen_unmask(vm, port[i]);
    }
    xen_vm_show_page(vm, false);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpint(xen_send(vm, port[i]), ==, 0);
    }
    /* The page is mapped again, but the first two lookups fail. */
    arm(vm, FAULT_PIN, 0, 2);
    xen_vm_show_page(vm, true);
    g_assert_cmpint(xen_send(vm, port[0]), ==, 0);
    g_assert_true(happened(vm, FAULT_PIN));
    xen_vm_show_page(vm, false);
    xen_vm_show_page(vm, true);
    g_assert_cmpuint(xen_handle(vm, 1, seen, 3), ==, 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(seen[i], ==, port[i]);
    }
    xen_vm_stop(vm);
}

static const XenVariantTest tests[] = {
    { "arguments", test_arguments },
    { "registration", test_registration },
    { "stale", test_stale },
    { "missing-page", test_missing_page },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    xen_add_variant_tests("fault", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
