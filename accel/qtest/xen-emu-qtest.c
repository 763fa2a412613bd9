/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on qtest: no vCPU runs, the test acts as the guest
 *
 * Guest virtual addresses are guest physical addresses.  A LAPIC vector is
 * raised in the LAPIC of the vCPU and stays in its IRR; callback vectors are
 * counted.  Everything runs in the main thread under the BQL.  For the effects
 * of a guest's instructions, a test uses the commands in xen-emu-qtest-cmd.c.
 */
#include "qemu/osdep.h"
#include "exec/target_page.h"
#include "qemu/main-loop.h"
#include "hw/i386/apic_internal.h"
#include "hw/pci/msi.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "xen-emu-qtest.h"
#include "cpu.h"

static uint64_t clock_offset;       /* modulo 2^64 */

/* There are no TLBs. */
static void qtest_xen_flush_tlbs(CPUState *cs)
{
}

static int qtest_xen_translate(CPUState *cs, uint64_t gva, bool write,
                               uint64_t *gpa, uint64_t *len)
{
    *gpa = gva;
    *len = MIN(*len, TARGET_PAGE_SIZE - (gva & ~TARGET_PAGE_MASK));
    return 0;
}

static void qtest_xen_raise_vector(XenVcpu *v, uint8_t vector)
{
    MSIMessage msg = xen_upcall_msi(X86_CPU(v->cs)->apic_id, vector);

    assert(bql_locked());
    apic_get_class(NULL)->send_msi(&msg);
}

/* v->accel_data: the number of callback vectors. */
static void qtest_xen_vcpu_new(XenVcpu *v)
{
    v->accel_data = g_new0(unsigned, 1);
}

static void qtest_xen_vcpu_free(XenVcpu *v)
{
    g_free(v->accel_data);
}

static void qtest_xen_raise_callback(XenVcpu *v)
{
    ++*(unsigned *)v->accel_data;
}

unsigned xen_emu_qtest_take_callbacks(CPUState *cs)
{
    unsigned *callbacks = xen_vcpu_get(cs->cpu_index)->accel_data;
    unsigned count = *callbacks;

    *callbacks = 0;
    return count;
}

bool xen_emu_qtest_take_vector(CPUState *cs, uint8_t vector)
{
    APICCommonState *apic = APIC_COMMON(X86_CPU(cs)->apic_state);
    uint32_t bit = 1u << vector % 32;
    bool requested = apic->irr[vector / 32] & bit;

    apic->irr[vector / 32] &= ~bit;
    return requested;
}

static XenAccelOps qtest_ops = {
    .name = "qtest",
    .caps = 1u << XEN_ACCEL_CAP_HCALL,
    .cpu = {
        .vcpu_new = qtest_xen_vcpu_new,
        .vcpu_free = qtest_xen_vcpu_free,
        .translate = qtest_xen_translate,
        .raise_vector = qtest_xen_raise_vector,
        .raise_callback = qtest_xen_raise_callback,
        .flush_tlbs = qtest_xen_flush_tlbs,
    },
    .clock = {
        .system_time = xen_emu_virtual_time,
        .is_virtual_clock = true,
        .tsc_is_virtual_clock = true,
    },
};

static uint64_t own_system_time(void)
{
    return xen_emu_virtual_time() + clock_offset;
}

/* As on KVM, system time is then not the clock of QEMUTimers. */
void xen_emu_qtest_set_system_time(uint64_t ns)
{
    clock_offset = ns - xen_emu_virtual_time();
    qtest_ops.clock.system_time = own_system_time;
    qtest_ops.clock.is_virtual_clock = false;
}

XenAccelOps *xen_emu_qtest_ops(void)
{
    return &qtest_ops;
}
