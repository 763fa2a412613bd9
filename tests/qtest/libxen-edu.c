/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's PCI device "edu", as a source of interrupts
 */
#include "qemu/osdep.h"
#include "libqos/pci-pc.h"
#include "hw/pci/pci_regs.h"
#include "libxen-edu.h"

#define EDU_RAISE           0x60
#define EDU_LOWER           0x64
#define EDU_CAUSE           1u

#define PIIX3_DEVFN         QPCI_DEVFN(1, 0)
#define PIIX3_ID            0x70008086u
#define PIIX3_PIRQ_ROUTE    0x60

#define NR_GSIS             24
#define MSI_WINDOW          0xfee00000u

XenEdu *xen_edu_new(XenVm *vm)
{
    XenEdu *edu = g_new0(XenEdu, 1);

    edu->bus = qpci_new_pc(vm->qts, NULL);
    edu->dev = qpci_device_find(edu->bus, QPCI_DEVFN(XEN_EDU_SLOT, 0));
    g_assert_nonnull(edu->dev);
    qpci_device_enable(edu->dev);
    edu->bar = qpci_iomap(edu->dev, 0, NULL);
    return edu;
}

void xen_edu_free(XenEdu *edu)
{
    g_free(edu->dev);
    qpci_free_pc(edu->bus);
    g_free(edu);
}

void xen_edu_raise(XenEdu *edu)
{
    qpci_io_writel(edu->dev, edu->bar, EDU_RAISE, EDU_CAUSE);
}

void xen_edu_lower(XenEdu *edu)
{
    qpci_io_writel(edu->dev, edu->bar, EDU_LOWER, EDU_CAUSE);
}

/* As firmware would. */
static void route_piix3(XenEdu *edu, unsigned gsi)
{
    QPCIDevice *piix3 = qpci_device_find(edu->bus, PIIX3_DEVFN);

    if (piix3 && qpci_config_readl(piix3, PCI_VENDOR_ID) == PIIX3_ID) {
        qpci_config_writel(piix3, PIIX3_PIRQ_ROUTE, gsi * 0x01010101u);
    }
    g_free(piix3);
}

unsigned xen_edu_find_gsi(XenVm *vm, XenEdu *edu, unsigned wish)
{
    unsigned gsi = 0;

    route_piix3(edu, wish);
    xen_edu_raise(edu);
    while (gsi < NR_GSIS && !qtest_get_irq(vm->qts, gsi)) {
        gsi++;
    }
    g_assert_cmpuint(gsi, <, NR_GSIS);
    xen_edu_lower(edu);
    g_assert_false(qtest_get_irq(vm->qts, gsi));
    return gsi;
}

uint64_t xen_msi_pirq_address(uint32_t pirq)
{
    return MSI_WINDOW | (uint64_t)(pirq & ~0xffu) << 32 | (pirq & 0xff) << 12;
}

void xen_edu_set_msi(XenEdu *edu, uint64_t address, uint16_t data)
{
    uint8_t cap = qpci_find_capability(edu->dev, PCI_CAP_ID_MSI, 0);

    g_assert_cmpuint(cap, !=, 0);
    qpci_config_writel(edu->dev, cap + PCI_MSI_ADDRESS_LO, address);
    qpci_config_writel(edu->dev, cap + PCI_MSI_ADDRESS_HI, address >> 32);
    qpci_config_writew(edu->dev, cap + PCI_MSI_DATA_64, data);
    qpci_config_writew(edu->dev, cap + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE);
}
