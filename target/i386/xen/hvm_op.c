/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_hvm_op: parameters and small services for HVM guests
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "hw/i386/kvm/xen_primary_console.h"
#include "hw/i386/kvm/xen_xenstore.h"
#include "hw/xen/emu/emu.h"
#include "hw/xen/emu/upcall.h"
#include "hw/xen/emu/vcpu.h"
#include "system/kvm_xen.h"
#include "cpu.h"
#include "internal.h"
#include "trace.h"

#include "hw/xen/interface/hvm/hvm_op.h"
#include "hw/xen/interface/hvm/params.h"

QEMU_BUILD_BUG_ON(sizeof(xen_hvm_param_t) != 16);
QEMU_BUILD_BUG_ON(sizeof(xen_hvm_evtchn_upcall_vector_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(xen_hvm_get_time_t) != 8);
QEMU_BUILD_BUG_ON(sizeof(xen_hvm_xentrace_t) != 32);
QEMU_BUILD_BUG_ON(sizeof(xen_hvm_get_mem_type_t) != 16);

#define NR_PARAMS           (HVM_PARAM_MCA_CAP + 1)
/* Guests may choose any vector that is not reserved for exceptions. */
#define LOWEST_VECTOR       0x10
/* An event number of Xen's tracing has so many bits; the rest is the class. */
#define TRACE_EVENT_MASK    0xfff

/* Numbers of parameters that Xen once had; it refuses them by number. */
static bool param_is_retired(uint32_t index)
{
    switch (index) {
    case 3:
    case 4:
    case 7:
    case 8:
    case 13:
    case 20 ... 26:
    case 30:
        return true;
    default:
        return false;
    }
}

static int set_param(XenHypercall *hc, const xen_hvm_param_t *p)
{
    if (p->index >= NR_PARAMS || param_is_retired(p->index)) {
        return -EINVAL;
    }

    switch (p->index) {
    case HVM_PARAM_CALLBACK_IRQ: {
        BQL_LOCK_GUARD();
        int ret = xen_upcall_set_param(p->value);

        return ret ? ret : xen_emu_set_long_mode(hc->long_mode);
    }
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
        /* Xen can move the PM timer; the answer for "not to there". */
        return -EINVAL;
    default:
        /*
         * The rest is the toolstack's to set, or (xenstore's and the console's
         * ports, TSS, generation ID) firmware's that we do not use: the real
         * values are QEMU's and do not follow the guest.
         */
        return -EPERM;
    }
}

static int get_param(xen_hvm_param_t *p)
{
    if (p->index >= NR_PARAMS || param_is_retired(p->index)) {
        return -EINVAL;
    }

    switch (p->index) {
    case HVM_PARAM_CALLBACK_IRQ:
        p->value = xen_upcall_param();
        return 0;
    case HVM_PARAM_STORE_PFN:
        p->value = XEN_SPECIAL_PFN(XENSTORE);
        return 0;
    case HVM_PARAM_STORE_EVTCHN:
        p->value = xen_xenstore_get_port();
        return 0;
    case HVM_PARAM_CONSOLE_PFN:
        /* A machine may have no primary console: Linux checks for 0. */
        p->value = xen_primary_console_get_pfn();
        return p->value ? 0 : -EINVAL;
    case HVM_PARAM_CONSOLE_EVTCHN:
        p->value = xen_primary_console_get_port();
        return p->value ? 0 : -EINVAL;
    case HVM_PARAM_VM86_TSS:
    case HVM_PARAM_VM86_TSS_SIZED:
    case HVM_PARAM_VM_GENERATION_ID_ADDR:
    case HVM_PARAM_X87_FIP_WIDTH:
    case HVM_PARAM_ALTP2M:
        /* Readable, and not in use. */
        p->value = 0;
        return 0;
    default:
        return -EPERM;
    }
}

static int set_param_op(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_param_t p;
    int ret;

    if (XEN_GET(hc, &p, gva)) {
        return -EFAULT;
    }
    ret = xen_domid_is_self(p.domid) ? set_param(hc, &p) : -ESRCH;
    trace_xen_hvm_set_param(p.index, p.value, ret);
    return ret;
}

static int get_param_op(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_param_t p;
    int ret;

    if (XEN_GET(hc, &p, gva)) {
        return -EFAULT;
    }
    ret = xen_domid_is_self(p.domid) ? get_param(&p) : -ESRCH;
    trace_xen_hvm_get_param(p.index, p.value, ret);
    if (!ret && XEN_PUT(hc, gva, &p)) {
        ret = -EFAULT;
    }
    return ret;
}

static int set_upcall_vector(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_evtchn_upcall_vector_t op;
    XenVcpu *v;

    if (XEN_GET(hc, &op, gva)) {
        return -EFAULT;
    }
    if (op.vector < LOWEST_VECTOR) {
        return -EINVAL;
    }
    RCU_READ_LOCK_GUARD();
    v = xen_vcpu_get(op.vcpu);
    if (!v) {
        return -ENOENT;
    }
    BQL_LOCK_GUARD();
    return xen_vcpu_set_upcall_vector(v, op.vector);
}

static int get_time(XenHypercall *hc, uint64_t gva)
{
    xen_hvm_get_time_t op = { .now = xen_emu->accel->system_time() };

    return XEN_PUT(hc, gva, &op);
}

/* Nobody collects a guest's trace records but QEMU's own tracing. */
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
        return -ESRCH;
    }
    op.mem_type = mem_type(op.pfn);
    return XEN_PUT(hc, gva, &op);
}

int64_t xen_hcall_hvm_op(XenHypercall *hc)
{
    uint32_t cmd = hc->arg[0];
    uint64_t gva = hc->arg[1];

    switch (cmd) {
    case HVMOP_set_param:
        return set_param_op(hc, gva);
    case HVMOP_get_param:
        return get_param_op(hc, gva);
    case HVMOP_pagetable_dying:
        /* A service of shadow paging, which Linux probes for in this way. */
        return -ENOSYS;
    case HVMOP_get_time:
        return get_time(hc, gva);
    case HVMOP_xentrace:
        return xentrace(hc, gva);
    case HVMOP_get_mem_type:
        return get_mem_type(hc, gva);
    case HVMOP_set_evtchn_upcall_vector:
        return set_upcall_vector(hc, gva);
    case HVMOP_guest_request_vm_event:
        /* Nobody monitors this guest, which it need not know. */
        return gva ? -EINVAL : 0;
    case HVMOP_altp2m:
        return -EOPNOTSUPP;
    default:
        return xen_hypercall_unimplemented(hc);
    }
}
