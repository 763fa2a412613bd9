/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work for the thread of a vCPU: how much of it can wait, and what is done. */
#include <glib.h>
#include "hw/xen/emu/vcpu/work-list.h"

static int place_info(struct XenVcpu *v, uint64_t arg)
{
    return 1;
}

static int set_time(struct XenVcpu *v, uint64_t arg)
{
    return 2;
}

static int set_vector(struct XenVcpu *v, uint64_t arg)
{
    return 3;
}

static void expect(XenVcpuWorkList *list, const XenVcpuWork *expected,
                   unsigned nr)
{
    XenVcpuWork work[XEN_VCPU_MAX_WORKS];

    g_assert_cmpuint(xen_vcpu_work_take(list, work), ==, nr);
    for (unsigned i = 0; i < nr; i++) {
        g_assert_true(work[i].func == expected[i].func);
        g_assert_cmphex(work[i].arg, ==, expected[i].arg);
    }
}

/* A guest asks a million times before the thread gets to it. */
static void test_bound(void)
{
    static XenVcpuFunc *const funcs[] = { place_info, set_time, set_vector };
    static const XenVcpuWork last[] = {
        { place_info, 999999 }, { set_time, 999997 }, { set_vector, 999998 },
    };
    XenVcpuWorkList list = { 0 };
    unsigned wakes = 0;

    for (unsigned i = 0; i < 1000000; i++) {
        wakes += xen_vcpu_work_put(&list, funcs[i % 3], i);
    }
    g_assert_cmpuint(wakes, ==, 1);
    expect(&list, last, 3);
    expect(&list, NULL, 0);
}

/* Asked once more after the thread has begun: it is woken up once more. */
static void test_again(void)
{
    static const XenVcpuWork first = { set_time, 1 }, second = { set_time, 2 };
    XenVcpuWorkList list = { 0 };

    g_assert_true(xen_vcpu_work_put(&list, set_time, 1));
    expect(&list, &first, 1);
    g_assert_true(xen_vcpu_work_put(&list, set_time, 2));
    g_assert_false(xen_vcpu_work_put(&list, set_time, 2));
    expect(&list, &second, 1);
}

/* The vCPU itself did it, or undid it, in the meantime. */
static void test_drop(void)
{
    static const XenVcpuWork rest[] = { { place_info, 1 }, { set_vector, 3 } };
    static const XenVcpuWork back = { set_time, 4 };
    XenVcpuWorkList list = { 0 };

    xen_vcpu_work_drop(&list, set_time);
    g_assert_true(xen_vcpu_work_put(&list, place_info, 1));
    xen_vcpu_work_put(&list, set_time, 2);
    xen_vcpu_work_put(&list, set_vector, 3);
    xen_vcpu_work_drop(&list, set_time);
    xen_vcpu_work_drop(&list, set_time);
    expect(&list, rest, 2);

    /* The thread is on its way, whatever is left to do. */
    g_assert_true(xen_vcpu_work_put(&list, set_time, 3));
    xen_vcpu_work_drop(&list, set_time);
    g_assert_false(xen_vcpu_work_put(&list, set_time, 4));
    expect(&list, &back, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vcpu-work/bound", test_bound);
    g_test_add_func("/vcpu-work/again", test_again);
    g_test_add_func("/vcpu-work/drop", test_drop);
    return g_test_run();
}
