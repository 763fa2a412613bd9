/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upcalls: HVM_PARAM_CALLBACK_IRQ, and notification of a vCPU
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "hw/i386/apic-msidef.h"
#include "hw/i386/pc.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/emu/irq/gsi.h"
#include "hw/xen/emu/irq/upcall.h"
#include "cpu.h"
#include "trace.h"

#include "hw/xen/interface/hvm/params.h"

#define CALLBACK_TYPE_SHIFT     56

static struct {
    uint64_t param;         /* as set by the guest; migrated */
    uint8_t vector;         /* domain-wide; 0: none.  Atomic */
    uint32_t gsi;           /* 0: callback is neither GSI nor INTx.  Atomic */
    bool asserted;          /* by the upcall, as last updated.  Atomic */
    bool withheld;          /* no vCPU is notified.  Atomic */
    bool moving;            /* in move_line(): not a device's change */
    int device_level;       /* of that GSI, as driven by devices */
    unsigned nr_gsis;
    qemu_irq *gsis;
    QEMUBH *level_bh;
} upcall;

static unsigned callback_type(uint64_t param)
{
    return param >> CALLBACK_TYPE_SHIFT;
}

/* GSI of an INTx pin: domain 47:32, bus 31:16, devfn 15:8, pin 1:0; or 0. */
static uint32_t intx_gsi(uint64_t param)
{
    PCMachineState *pcms = PC_MACHINE(qdev_get_machine());
    PCIDevice *dev;
    PCIINTxRoute route;

    if (((param >> 32) & 0xffff) || !pcms->pcibus) {
        return 0;
    }
    dev = pci_find_device(pcms->pcibus, (param >> 16) & 0xffff,
                          (param >> 8) & 0xff);
    if (!dev) {
        return 0;
    }
    route = pci_device_route_intx_to_irq(dev, param & 3);
    return route.mode == PCI_INTX_ENABLED ? route.irq : 0;
}

static void move_line(int level)
{
    uint32_t gsi = upcall.gsi;

    if (gsi && gsi < upcall.nr_gsis) {
        upcall.moving = true;
        qemu_set_irq(upcall.gsis[gsi], level);
        upcall.moving = false;
    }
}

static CPUX86State *vcpu0_env(void)
{
    CPUState *cs = qemu_get_cpu(0);

    return cs ? &X86_CPU(cs)->env : NULL;
}

/*
 * The line must be lowered when the guest clears evtchn_upcall_pending.  That
 * write does not trap, so it is noticed at the guest's EOI (TCG), or at vCPU
 * 0's next exit from KVM_RUN, where upstream's KVM code tests this flag in env.
 */
static void note_asserted(bool asserted)
{
    CPUX86State *env = vcpu0_env();

    qatomic_set(&upcall.asserted, asserted);
    if (env) {
        /* An accelerator with this port has to see all exits. */
        env->xen_callback_asserted = asserted ||
                                     xen_emu_accel()->hypercall_port;
    }
}

void xen_upcall_update_level(void)
{
    CPUX86State *env = vcpu0_env();
    bool pending;

    assert(bql_locked());
    if (!upcall.gsi || !env) {
        return;
    }
    /* vCPU 0's own vector takes precedence. */
    pending = !xen_upcall_is_withheld() && !env->xen_vcpu_callback_vector &&
              xen_evtchn_upcall_pending(xen_emu_evtchn(), 0);
    if (pending != upcall.asserted) {
        trace_xen_upcall_level(upcall.gsi, pending);
    }
    note_asserted(pending);
    move_line(pending || upcall.device_level);
}

bool xen_upcall_is_withheld(void)
{
    return qatomic_read(&upcall.withheld);
}

void xen_upcall_set_withheld(bool withheld)
{
    assert(bql_locked());
    trace_xen_upcall_withheld(withheld);
    qatomic_set(&upcall.withheld, withheld);
    xen_upcall_update_level();
}

bool xen_upcall_level_asserted(void)
{
    return qatomic_read(&upcall.asserted);
}

void xen_upcall_guest_eoi(void)
{
    if (xen_upcall_level_asserted()) {
        xen_upcall_update_level();
    }
}

int xen_upcall_merge_gsi(int gsi, int level)
{
    if (!gsi || gsi != upcall.gsi || upcall.moving) {
        return level;
    }
    upcall.device_level = level;
    return level || upcall.asserted;
}

static void level_bh(void *opaque)
{
    xen_upcall_update_level();
}

void xen_upcall_raise(unsigned vcpu)
{
    XenVcpu *v = xen_vcpu_get(vcpu);
    uint8_t vector;

    if (!v || xen_upcall_is_withheld()) {
        return;
    }
    vector = qatomic_read(&X86_CPU(v->cs)->env.xen_vcpu_callback_vector);
    if (vector) {
        trace_xen_upcall_raise(vcpu, "vcpu vector", vector);
        xen_emu_accel()->cpu.raise_vector(v, vector);
        return;
    }
    vector = qatomic_read(&upcall.vector);
    if (vector) {
        trace_xen_upcall_raise(vcpu, "callback vector", vector);
        xen_emu_accel()->cpu.raise_callback(v);
        return;
    }
    /* As in Xen, GSI and INTx only notify vCPU 0. */
    if (vcpu == 0 && qatomic_read(&upcall.gsi)) {
        trace_xen_upcall_raise(vcpu, "gsi", qatomic_read(&upcall.gsi));
        /*
         * Immediately if possible, so that a guest which caused the event sees
         * the interrupt in order.
         */
        if (bql_locked()) {
            xen_upcall_update_level();
        } else {
            qemu_bh_schedule(upcall.level_bh);
        }
    }
}

void xen_upcall_raise_again(XenVcpu *v)
{
    RCU_READ_LOCK_GUARD();
    xen_upcall_raise(v->id);
}

void xen_upcall_lapic_written(CPUState *cs, bool enabled)
{
    if (enabled && xen_emu_is_on() &&
        qatomic_read(&X86_CPU(cs)->env.xen_vcpu_callback_vector) &&
        xen_evtchn_upcall_pending(xen_emu_evtchn(), cs->cpu_index)) {
        xen_upcall_raise(cs->cpu_index);
    }
}

int xen_upcall_parse(uint64_t param, XenUpcallParam *p)
{
    *p = (XenUpcallParam) { .param = param };

    switch (callback_type(param)) {
    case HVM_PARAM_CALLBACK_TYPE_VECTOR:
        p->vector = param;
        /* Without it the guest does not see XENFEAT_hvm_callback_vector. */
        return p->vector && !xen_emu_accel()->cpu.raise_callback ? -EINVAL : 0;
    case HVM_PARAM_CALLBACK_TYPE_PCI_INTX:
        p->gsi = intx_gsi(param);
        return p->gsi ? 0 : -EINVAL;
    case HVM_PARAM_CALLBACK_TYPE_GSI:
        p->gsi = (uint32_t)param;
        return 0;
    default:
        return 0;
    }
}

void xen_upcall_apply(const XenUpcallParam *p)
{
    assert(bql_locked());
    trace_xen_upcall_param(p->param, p->vector, p->gsi);
    if (p->gsi != upcall.gsi) {
        /* Restore the old line to the level driven by its devices. */
        move_line(upcall.device_level);
        note_asserted(false);
        upcall.device_level = xen_gsi_is_high(p->gsi);
    }
    upcall.param = p->param;
    qatomic_set(&upcall.vector, p->vector);
    qatomic_set(&upcall.gsi, p->gsi);
}

uint64_t xen_upcall_param(void)
{
    return upcall.param;
}

uint8_t xen_upcall_callback_vector(void)
{
    return qatomic_read(&upcall.vector);
}

MSIMessage xen_upcall_msi(uint32_t apic_id, uint8_t vector)
{
    return (MSIMessage) {
        .address = APIC_DEFAULT_ADDRESS |
                   (apic_id & 0xff) << MSI_ADDR_DEST_ID_SHIFT |
                   (uint64_t)(apic_id & 0xffffff00) << 32,
        .data = vector | 1 << MSI_DATA_LEVEL_SHIFT,
    };
}

bool xen_upcall_is_by_vector(void)
{
    if (xen_upcall_callback_vector()) {
        return true;
    }
    XEN_FOREACH_VCPU(v) {
        if (qatomic_read(&X86_CPU(v->cs)->env.xen_vcpu_callback_vector)) {
            return true;
        }
    }
    return false;
}

void xen_upcall_init(unsigned nr_gsis, qemu_irq *gsis)
{
    upcall.nr_gsis = nr_gsis;
    upcall.gsis = g_memdup2(gsis, nr_gsis * sizeof(*gsis));
    upcall.level_bh = qemu_bh_new(level_bh, NULL);
}
