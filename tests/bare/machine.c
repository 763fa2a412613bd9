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
#define ICR_INIT        0x500
#define ICR_STARTUP     0x600
#define LVT_MASKED      0x10000

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

void lapic_eoi(void)
{
    *lapic(LAPIC_EOI) = 0;
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

void lapic_stop(unsigned cpu)
{
    lapic_command(cpu, ICR_INIT);
}

void lapic_start(unsigned cpu, uint8_t page)
{
    lapic_command(cpu, ICR_STARTUP | page);
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
