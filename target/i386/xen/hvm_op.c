/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_hvm_op: small services for HVM guests (parameters: hvm_param.c)
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "system/address-spaces.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/irq/upcall.h"
#include "hw/xen/emu/offload/delivery.h"
#include "system/kvm_xen.h"
#include "system/memory.h"
#include "cpu.h"
#include "hvm_param.h"
#include "internal.h"
#include "trace.h"

#include "hw/xen/interface/hvm/hvm_op.h"

QEMU_BUILD_BUG_ON(sizeof(xen_hvm_evtchn_upcall_vector_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(xen_hvm_get_time_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(xen_hvm_xentrace_t) != 32);
QEMU_BUILD_BUG_ON(sizeof(xen_hvm_get_mem_type_t) != 16);
QEMU_BUILD_BUG_ON(sizeof(xen_hvm_pagetable_dying_t) != 16);

/* The bits of an event's number in Xen's traces; the others are its class. */
#define TRACE_EVENT_MASK    0xfff

static int set_upcall_vector(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_evtchn_upcall_vector_t op;
    XenVcpu *v;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (op.vector < XEN_UPCALL_LOWEST_VECTOR) {
        return -EINVAL;
    }
    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get(op.vcpu);
    if (!v) {
        return -ENOENT;
    }
    BQL_LOCK_GUARD();
    if (xen_vcpu_is_gone(v)) {
        return -ENOENT;
    }
    xen_delivery_set_vcpu_vector(v, op.vector);
    return 0;
}

static int get_time(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_get_time_t op = { .now = xen_emu_system_time() };

    return XEN_PUT(hc, gva, &op);
}

/* Trace records of the guest go to QEMU's own tracing only. */
static int xentrace(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_xentrace_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (op.extra_bytes > sizeof(op.extra) || op.event & ~TRACE_EVENT_MASK) {
        return -EINVAL;
    }
    trace_xen_hvm_xentrace(hc->cs->cpu_index, op.event, op.extra_bytes);
    return 0;
}

static uint16_t mem_type(uint64_t gfn)
{
    MemoryRegionSection section;
    uint16_t type = HVMMEM_mmio_dm;

    if (gfn > UINT64_MAX >> XEN_EMU_PAGE_SHIFT) {
        return type;
    }
    /* It walks the list of address spaces, which changes when PCI devices do. */
    BQL_LOCK_GUARD();
    section = memory_region_find(get_system_memory(),
                                 gfn << XEN_EMU_PAGE_SHIFT, XEN_EMU_PAGE_SIZE);
    if (!section.mr) {
        return type;
    }
    if (memory_region_is_ram(section.mr)) {
        type = section.readonly ? HVMMEM_ram_ro : HVMMEM_ram_rw;
    } else if (memory_region_is_romd(section.mr)) {
        type = HVMMEM_ram_ro;
    }
    memory_region_unref(section.mr);
    return type;
}

static int get_mem_type(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_get_mem_type_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (!xen_domid_is_self(op.domid)) {
        return op.domid == DOMID_QEMU ? -EPERM : -ESRCH;
    }
    op.mem_type = mem_type(op.pfn);
    return XEN_PUT(hc, gva, &op);
}

/* For shadow paging.  Linux calls it to check whether it is supported. */
static int pagetable_dying(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_pagetable_dying_t op;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (!xen_domid_is_self(op.domid)) {
        return op.domid == DOMID_QEMU ? -EOPNOTSUPP : -ESRCH;
    }
    return -EINVAL;
}

static int flush_tlbs(XenHypercall *hc, uint64_t gva)
{
    if (gva) {
        return -EINVAL;     /* it takes no argument */
    }
    if (!xen_emu_accel()->cpu.flush_tlbs) {
        return xen_hypercall_unimplemented(hc);
    }
    xen_emu_accel()->cpu.flush_tlbs(hc->cs);
    return 0;
}

int64_t xen_hcall_hvm_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    uint64_t gva = hc->arg[1];

    switch (cmd) {
    case HVMOP_set_param:
        return xen_hvm_set_param(hc, gva);
    case HVMOP_get_param:
        return xen_hvm_get_param(hc, gva);
    case HVMOP_flush_tlbs:
        return flush_tlbs(hc, gva);
    case HVMOP_pagetable_dying:
        return pagetable_dying(hc, gva);
    case HVMOP_get_time:
        return get_time(hc, gva);
    case HVMOP_xentrace:
        return xentrace(hc, gva);
    case HVMOP_get_mem_type:
        return get_mem_type(hc, gva);
    case HVMOP_set_evtchn_upcall_vector:
        return set_upcall_vector(hc, gva);
    case HVMOP_guest_request_vm_event:
        /* There is no monitor, but a guest does not notice that on Xen either. */
        return gva ? -EINVAL : 0;
    case HVMOP_altp2m:
        return -EOPNOTSUPP;
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
