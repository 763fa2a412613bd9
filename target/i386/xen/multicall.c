/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_multicall: a list of hypercalls, each with its own result
 */
#include "qemu/osdep.h"
#include "internal.h"

/* An entry: operation, result, six arguments; longs of the guest's size. */
enum { MULTICALL_OP, MULTICALL_RESULT, MULTICALL_ARGS, MULTICALL_WORDS = 8 };

/*
 * 0, or -EFAULT.  1: preempted; the arguments of the entry are then the rest of
 * its work, as on Xen, and it has no result yet.
 */
static int run_entry(XenHypercall *hc, uint64_t gva)
{
    XenHypercall call = {
        .cs = hc->cs,
        .long_mode = hc->long_mode,
        .cpl = hc->cpl,
        .can_restart = hc->can_restart,
    };
    uint64_t op;
    int64_t result;

    if (xen_get_long(hc, &op, gva, MULTICALL_OP)) {
        return -EFAULT;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(call.arg); i++) {
        if (xen_get_long(hc, &call.arg[i], gva, MULTICALL_ARGS + i)) {
            return -EFAULT;
        }
    }

    call.nr = (uint32_t)op;
    if (call.nr == __HYPERVISOR_multicall) {
        result = -EINVAL;       /* no nesting, as in Xen */
    } else {
        result = xen_hypercall_dispatch(&call);
    }
    if (!call.restart) {
        return xen_put_long(hc, gva, MULTICALL_RESULT, result);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(call.arg); i++) {
        if (xen_put_long(hc, gva, MULTICALL_ARGS + i, call.arg[i])) {
            return -EFAULT;
        }
    }
    return 1;
}

int64_t xen_hcall_multicall(XenHypercall *hc)
{
    uint64_t gva = hc->arg[0];
    uint32_t nr = hc->arg[1];
    uint64_t size = MULTICALL_WORDS * xen_long_size(hc);

    for (uint32_t i = 0; i < nr; i++) {
        bool preempted = xen_hypercall_preempt(hc, i);

        if (!preempted) {
            int ret = run_entry(hc, gva + i * size);

            if (ret < 0) {
                return ret;
            }
            preempted = ret;
        }
        if (preempted) {
            hc->arg[0] = gva + i * size;
            hc->arg[1] = nr - i;
            hc->restart = true;
            return 0;
        }
    }
    return 0;
}
