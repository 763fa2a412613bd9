/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of a PC (LAPIC, I/O APIC, PCI configuration space), and page_map()
 */
#include "cpu.h"
#include "symbols.h"
#include "tap.h"

#define FW_CFG_SELECT   0x510
#define FW_CFG_DATA     0x511
#define FW_CFG_NB_CPUS  5

#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK  0xa1

#define LAPIC           0xfee00000
#define LAPIC_TPR       0x80
#define LAPIC_EOI       0xb0
#define LAPIC_SVR       0xf0
#define LAPIC_ICR       0x300
#define LAPIC_ICR_HIGH  0x310
#define LAPIC_LVT_LINT0 0x350
#define SVR_ENABLE      0x100
#define ICR_BUSY        0x1000
#define ICR_ASSERT      0x4000
#define ICR_SMI         0x200
#define ICR_NMI         0x400
#define ICR_INIT        0x500
#define ICR_STARTUP     0x600
#define LVT_MASKED      0x10000

#define MSR_APIC_BASE   0x1b
#define APIC_ENABLE     (1u << 11)
#define APIC_X2APIC     (1u << 10)
#define MSR_X2APIC(reg) (0x800 + (reg) / 16)
#define CPUID_X2APIC    (1u << 21)      /* leaf 1, ECX */

#define IOAPIC          0xfec00000
#define IOAPIC_DATA     0x10
#define IOAPIC_ENTRY    0x10
#define ENTRY_LEVEL     0x8000
#define ENTRY_MASKED    0x10000

#define PCI_ADDRESS     0xcf8
#define PCI_DATA        0xcfc
#define PCI_ENABLE      0x80000000

unsigned machine_cpus(void)
{
    unsigned count;

    outw(FW_CFG_SELECT, FW_CFG_NB_CPUS);
    count = inb(FW_CFG_DATA);
    return count | inb(FW_CFG_DATA) << 8;
}

static Live32 *lapic(unsigned reg)
{
    return (Live32 *)(uintptr_t)(LAPIC + reg);
}

void lapic_init(void)
{
    *lapic(LAPIC_TPR) = 0;
    *lapic(LAPIC_LVT_LINT0) = LVT_MASKED;
    *lapic(LAPIC_SVR) = SVR_ENABLE | VECTOR_SPURIOUS;
}

/* Only CPU 0 changes it. */
static enum LapicMode mode_of_cpu0 = LAPIC_XAPIC;

static void lapic_write(unsigned reg, uint32_t val)
{
    if (this_cpu() == 0 && mode_of_cpu0 == LAPIC_X2APIC) {
        wrmsr(MSR_X2APIC(reg), val);
    } else {
        *lapic(reg) = val;
    }
}

void lapic_eoi(void)
{
    lapic_write(LAPIC_EOI, 0);
}

void lapic_set_enabled(bool enabled)
{
    lapic_write(LAPIC_SVR, (enabled ? SVR_ENABLE : 0) | VECTOR_SPURIOUS);
}

bool lapic_has_x2apic(void)
{
    uint32_t reg[4];

    cpuid(1, 0, reg);
    return reg[2] & CPUID_X2APIC;
}

void lapic_set_mode(enum LapicMode mode)
{
    static const uint32_t bits[] = {
        [LAPIC_OFF] = 0,
        [LAPIC_XAPIC] = APIC_ENABLE,
        [LAPIC_X2APIC] = APIC_ENABLE | APIC_X2APIC,
    };
    uint64_t rest = rdmsr(MSR_APIC_BASE) & ~(uint64_t)(APIC_ENABLE | APIC_X2APIC);

    wrmsr(MSR_APIC_BASE, rest | bits[mode]);
    mode_of_cpu0 = mode;
}

static void lapic_command(unsigned cpu, uint32_t command)
{
    *lapic(LAPIC_ICR_HIGH) = cpu << 24;
    *lapic(LAPIC_ICR) = ICR_ASSERT | command;
    while (*lapic(LAPIC_ICR) & ICR_BUSY) {
        cpu_relax();
    }
}

void lapic_ipi(unsigned cpu, uint8_t vector)
{
    lapic_command(cpu, vector);
}

void lapic_nmi(unsigned cpu)
{
    lapic_command(cpu, ICR_NMI);
}

void lapic_smi(unsigned cpu)
{
    lapic_command(cpu, ICR_SMI);
}

void lapic_stop(unsigned cpu)
{
    lapic_command(cpu, ICR_INIT);
}

void lapic_start(unsigned cpu, uint8_t page)
{
    lapic_command(cpu, ICR_STARTUP | page);
}

/* What a CPU executes in SMM, which is as in real mode. */
static const uint8_t smm_handler[] = {
    0x2e, 0x66, 0xf0, 0xff, 0x06,                   /* lock incl %cs: */
    (uint8_t)(SMM_COUNTER - SMM_BASE), (SMM_COUNTER - SMM_BASE) >> 8,
    0x0f, 0xaa,                                     /* rsm */
};

uint32_t *smi_count(void)
{
    return (uint32_t *)(uintptr_t)SMM_COUNTER;
}

void smi_set_up(void)
{
    uint8_t *to = (uint8_t *)(uintptr_t)SMM_ENTRY;

    for (unsigned i = 0; i < sizeof(smm_handler); i++) {
        to[i] = smm_handler[i];
    }
    *smi_count() = 0;
}

static void ioapic_write(unsigned reg, uint32_t val)
{
    *(Live32 *)(uintptr_t)IOAPIC = reg;
    *(Live32 *)(uintptr_t)(IOAPIC + IOAPIC_DATA) = val;
}

void ioapic_route(unsigned gsi)
{
    ioapic_write(IOAPIC_ENTRY + 2 * gsi + 1, 0);
    ioapic_write(IOAPIC_ENTRY + 2 * gsi, ENTRY_LEVEL | VECTOR_LINE);
}

void ioapic_mask(unsigned gsi)
{
    ioapic_write(IOAPIC_ENTRY + 2 * gsi, ENTRY_MASKED);
}

void pic_off(void)
{
    outb(PIC_MASTER_MASK, 0xff);
    outb(PIC_SLAVE_MASK, 0xff);
}

static void pci_select(unsigned devfn, unsigned offset)
{
    outl(PCI_ADDRESS, PCI_ENABLE | devfn << 8 | (offset & ~3u));
}

uint32_t pci_read(unsigned devfn, unsigned offset)
{
    pci_select(devfn, offset);
    return inl(PCI_DATA);
}

void pci_write(unsigned devfn, unsigned offset, uint32_t val)
{
    pci_select(devfn, offset);
    outl(PCI_DATA, val);
}

int pci_find(uint16_t vendor, uint16_t device)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (pci_read(devfn, 0) == ((uint32_t)device << 16 | vendor)) {
            return devfn;
        }
    }
    return -1;
}

void *page_map(unsigned index, uint64_t gpa, int how)
{
    void *va = (void *)(uintptr_t)(WINDOW + index * PAGE_SIZE);

    window_table[index] = gpa | how;
    asm volatile("invlpg (%0)" : : "r"(va) : "memory");
    return va;
}
