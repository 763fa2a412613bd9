/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_vcpu_op: areas and timers of a vCPU
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/offload/timers.h"
#include "hw/xen/emu/vcpu/areas.h"
#include "hw/xen/emu/vcpu/runstate.h"
#include "hw/xen/emu/vcpu/timer.h"
#include "cpu.h"
#include "internal.h"

#include "hw/xen/interface/vcpu.h"

QEMU_BUILD_BUG_ON(sizeof(vcpu_register_vcpu_info_t) != 16);
QEMU_BUILD_BUG_ON(sizeof(vcpu_register_time_memory_area_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(vcpu_register_runstate_memory_area_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(vcpu_set_periodic_timer_t) != 8);

/* The structure without the padding at its end, which only 64-bit guests have. */
#define SINGLESHOT_SIZE endof(vcpu_set_singleshot_timer_t, flags)
QEMU_BUILD_BUG_ON(SINGLESHOT_SIZE != 12);

static int register_vcpu_info(XenHypercall *hc, XenVcpu *v, uint64_t gva)
{
    vcpu_register_vcpu_info_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (op.offset > XEN_EMU_PAGE_SIZE - XEN_VCPU_INFO_SIZE) {
        return -ENXIO;
    }
    if (op.mfn > UINT64_MAX >> XEN_EMU_PAGE_SHIFT) {
        return -EINVAL;
    }
    BQL_LOCK_GUARD();
    return xen_vcpu_is_gone(v) ? -ENOENT :
           xen_vcpu_set_info(v, (op.mfn << XEN_EMU_PAGE_SHIFT) + op.offset);
}

/*
 * Xen stores the virtual address and translates it at every update.  Here, as
 * in KVM, it is translated once: guests use kernel addresses, whose mapping
 * does not change.  -EFAULT if the area crosses into a page that is not
 * contiguous.
 */
static int area_gpa(XenHypercall *hc, uint64_t gva, uint64_t size,
                    uint64_t *gpa)
{
    uint64_t len = size, rest_len, rest_gpa;

    if (!hc->long_mode) {
        gva = (uint32_t)gva;
    }
    if (!gva) {
        *gpa = XEN_GPA_NONE;        /* removes the area */
        return 0;
    }
    if (xen_emu_accel()->cpu.translate(hc->cs, gva, true, gpa, &len) < 0) {
        return -EFAULT;
    }
    if (len == size) {
        return 0;
    }
    rest_len = size - len;
    if (xen_emu_accel()->cpu.translate(hc->cs, gva + len, true, &rest_gpa,
                                  &rest_len) < 0 ||
        rest_gpa != *gpa + len) {
        return -EFAULT;
    }
    return 0;
}

static int register_time_area(XenHypercall *hc, XenVcpu *v, uint64_t gva)
{
    vcpu_register_time_memory_area_t op;
    uint64_t gpa;

    if (XEN_GET(hc, &op, gva) ||
        area_gpa(hc, op.addr.p, sizeof(vcpu_time_info_t), &gpa)) {
        return -EFAULT;
    }
    BQL_LOCK_GUARD();
    return xen_vcpu_is_gone(v) ? -ENOENT :
           xen_vcpu_set_time_area(v, gpa);
}

static int register_runstate_area(XenHypercall *hc, XenVcpu *v, uint64_t gva)
{
    vcpu_register_runstate_memory_area_t op;
    uint64_t gpa;

    if (XEN_GET(hc, &op, gva) ||
        area_gpa(hc, op.addr.p, xen_emu_layout()->runstate_size, &gpa)) {
        return -EFAULT;
    }
    BQL_LOCK_GUARD();
    return xen_vcpu_is_gone(v) ? -ENOENT :
           xen_vcpu_set_runstate_area(v, gpa);
}

static int get_runstate_info(XenHypercall *hc, XenVcpu *v, uint64_t gva)
{
    uint8_t buf[sizeof(vcpu_runstate_info_t)];
    size_t size = xen_runstate_get(v->runstate, buf);

    return xen_copy_to_guest(hc, gva, buf, size);
}

static int set_periodic_timer(XenHypercall *hc, XenVcpu *v, uint64_t gva)
{
    vcpu_set_periodic_timer_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    return xen_vcpu_timer_set_periodic(v->timer, op.period_ns);
}

static int set_singleshot_timer(XenHypercall *hc, XenVcpu *v, uint64_t gva)
{
    vcpu_set_singleshot_timer_t op;

    if (v->cs != hc->cs) {
        return -EINVAL;
    }
    if (xen_copy_from_guest(hc, &op, gva, SINGLESHOT_SIZE)) {
        return -EFAULT;
    }
    xen_timer_set_singleshot(v, op.timeout_abs_ns);
    return 0;
}

static int stop_singleshot_timer(XenHypercall *hc, XenVcpu *v)
{
    if (v->cs != hc->cs) {
        return -EINVAL;
    }
    xen_timer_stop_singleshot(v);
    return 0;
}

static int send_nmi(XenVcpu *v, uint64_t gva)
{
    if (gva) {
        return -EINVAL;
    }
    BQL_LOCK_GUARD();
    cpu_interrupt(v->cs, CPU_INTERRUPT_NMI);
    return 0;
}

int64_t xen_hcall_vcpu_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    uint64_t gva = hc->arg[2];
    XenVcpu *v;

    /* Another vCPU can be unplugged at any time. */
    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get((uint32_t)hc->arg[1]);
    if (!v) {
        return -ENOENT;
    }

    switch (cmd) {
    case VCPUOP_initialise:
        /* vCPUs of an HVM guest are initialized by reset. */
        return -EEXIST;
    case VCPUOP_up:
        return 0;
    case VCPUOP_is_up:
        return 1;
    case VCPUOP_get_runstate_info:
        return get_runstate_info(hc, v, gva);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate_area(hc, v, gva);
    case VCPUOP_set_periodic_timer:
        return set_periodic_timer(hc, v, gva);
    case VCPUOP_stop_periodic_timer:
        return xen_vcpu_timer_stop_periodic(v->timer);
    case VCPUOP_set_singleshot_timer:
        return set_singleshot_timer(hc, v, gva);
    case VCPUOP_stop_singleshot_timer:
        return stop_singleshot_timer(hc, v);
    case VCPUOP_register_vcpu_info:
        return register_vcpu_info(hc, v, gva);
    case VCPUOP_send_nmi:
        return send_nmi(v, gva);
    case VCPUOP_get_physid:
        /* Only for vCPUs that are pinned permanently. */
        return -EINVAL;
    case VCPUOP_register_vcpu_time_memory_area:
        return register_time_area(hc, v, gva);
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
