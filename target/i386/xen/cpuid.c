/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen's CPUID leaves, for accelerators without leaves of their own
 */
#include "qemu/osdep.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/vcpu/time.h"
#include "cpu.h"
#include "internal.h"

#include "hw/xen/interface/arch-x86/cpuid.h"

#define LEAF_SIGNATURE  XEN_CPUID_LEAF(0)
#define LEAF_VERSION    XEN_CPUID_LEAF(1)
#define LEAF_HYPERCALLS XEN_CPUID_LEAF(2)
#define LEAF_TIME       XEN_CPUID_LEAF(3)
#define LEAF_HVM        XEN_CPUID_LEAF(4)
/* The leaves of another hypervisor could start here. */
#define LEAF_END        XEN_CPUID_LEAF(0x100)

#define HYPERCALL_MSR   0x40000000

/* Flags in EAX of the time leaf. */
#define TIME_TSC_EMULATED   (1u << 0)
#define TIME_TSC_RELIABLE   (1u << 1)
#define TIME_RDTSCP         (1u << 2)

enum { EAX, EBX, ECX, EDX };

QEMU_BUILD_BUG_ON(XEN_EMU_TSC_KHZ != 1000000);

/* QEMU's virtual TSC: a tick is a nanosecond, the same on all vCPUs. */
static void time_leaf(CPUX86State *env, uint32_t subleaf, uint32_t regs[4])
{
    switch (subleaf) {
    case 0:
        regs[EAX] = TIME_TSC_EMULATED | TIME_TSC_RELIABLE;
        if (env->features[FEAT_8000_0001_EDX] & CPUID_EXT2_RDTSCP) {
            regs[EAX] |= TIME_RDTSCP;
        }
        regs[ECX] = XEN_EMU_TSC_KHZ;
        break;
    case 1:
        /* ns = (tsc << 1) * 2^31 / 2^32 */
        regs[ECX] = 0x80000000;
        regs[EDX] = 1;
        break;
    case 2:
        regs[EAX] = XEN_EMU_TSC_KHZ;
        break;
    }
}

static void hvm_leaf(CPUState *cs, uint32_t regs[4])
{
    uint32_t version = xen_emu_config()->version;

    if (X86_CPU(cs)->xen_vapic) {
        regs[EAX] |= XEN_HVM_CPUID_APIC_ACCESS_VIRT |
                     XEN_HVM_CPUID_X2APIC_VIRT;
    }
    regs[EAX] |= XEN_HVM_CPUID_IOMMU_MAPPINGS;
    if (version >= XEN_EMU_VERSION(4, 6)) {
        regs[EAX] |= XEN_HVM_CPUID_VCPU_ID_PRESENT;
        regs[EBX] = cs->cpu_index;
    }
    if (version >= XEN_EMU_VERSION(4, 11)) {
        regs[EAX] |= XEN_HVM_CPUID_DOMID_PRESENT;
        regs[ECX] = xen_domid;
    }
    if (version >= XEN_EMU_VERSION(4, 17) &&
        (!xen_emu_accel()->lapic_is_slow || xen_emu_config()->upcall_vector)) {
        regs[EAX] |= XEN_HVM_CPUID_UPCALL_VECTOR;
    }
}

bool xen_emu_cpuid(CPUState *cs, uint32_t leaf, uint32_t subleaf,
                   uint32_t regs[4])
{
    bool has_hvm_leaf = xen_emu_config()->version >= XEN_EMU_VERSION(4, 5);

    if (leaf < XEN_CPUID_FIRST_LEAF || leaf >= LEAF_END) {
        return false;
    }
    memset(regs, 0, 4 * sizeof(*regs));

    switch (leaf) {
    case LEAF_SIGNATURE:
        regs[EAX] = has_hvm_leaf ? LEAF_HVM : LEAF_TIME;
        regs[EBX] = XEN_CPUID_SIGNATURE_EBX;
        regs[ECX] = XEN_CPUID_SIGNATURE_ECX;
        regs[EDX] = XEN_CPUID_SIGNATURE_EDX;
        break;
    case LEAF_VERSION:
        regs[EAX] = xen_emu_config()->version;
        break;
    case LEAF_HYPERCALLS:
        regs[EAX] = 1;                      /* pages */
        regs[EBX] = HYPERCALL_MSR;
        break;
    case LEAF_TIME:
        time_leaf(&X86_CPU(cs)->env, subleaf, regs);
        break;
    case LEAF_HVM:
        if (has_hvm_leaf && subleaf == 0) {
            hvm_leaf(cs, regs);
        }
        break;
    }
    return true;
}
