/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest pages and arguments that are gone when QEMU looks for them
 *
 * Each test lets the first look-up of its kind fail, then the second, and so on
 * until none is left that fails.  Whatever fails gives the guest an error or has
 * its event wait; nothing is lost, and a second try works.
 */
#include "qemu/osdep.h"
#include "libxen.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/vcpu.h"

#define VECTOR      0xf3
/* Numbers of enum XenFault. */
#define FAULT_PIN   0
#define FAULT_COPY  1
/* More look-ups than any test here needs. */
#define MAX_FAULTS  200

static void arm(XenVm *vm, unsigned what, unsigned after, unsigned times)
{
    xen_command(vm, "xen_fault 0 %u %u %u", what, after, times);
}

/* No fault from now on; true: the one that was armed happened. */
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
 * Operations whose argument is read and written back.  Some have done their
 * work when the result cannot be written, as on Xen; what matters is the error,
 * and that the next call gets its answer.
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

/* ------------------------------------------------------------ registering */

/* Places that the guest names: refused, and the second try works. */
static void test_registering(const void *opaque)
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
        /* It is a guest of the 2-level ABI still. */
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
 * vCPU 1's vcpu_info, or what FIFO events of it are written to, is in a page
 * whose mapping changed; and looking it up again fails a few times.
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
        /* The guest's memory changes in some way: what waits is done now. */
        xen_vm_show_page(vm, false);
        xen_vm_show_page(vm, true);
        xen_expect_event(vm, 1, port);
        xen_expect_event(vm, 1, 0);
    }
    g_assert_cmpuint(after, >=, 2);
    xen_vm_stop(vm);
}

/* The same while the page stays away for a while, and more is sent. */
static void test_away(const void *opaque)
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
    /* It is mapped again, but the first two lookups fail. */
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
    { "registering", test_registering },
    { "stale", test_stale },
    { "away", test_away },
};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    xen_add_variant_tests("fault", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
