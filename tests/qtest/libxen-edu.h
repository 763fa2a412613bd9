/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's PCI device "edu", as a source of interrupts
 *
 * The VM needs XEN_EDU_OPTION.  INTA is level-triggered and routed to the GSI
 * that xen_edu_find_gsi() returns.  The device has MSI with 64-bit addresses;
 * while that is enabled, xen_edu_raise() sends the message.
 */
#ifndef TESTS_QTEST_LIBXEN_EDU_H
#define TESTS_QTEST_LIBXEN_EDU_H

#include "libqos/pci.h"
#include "libxen.h"

#define XEN_EDU_SLOT        5
#define XEN_EDU_OPTION      "-device edu,addr=5"
/* The upper bits that Linux writes: edge, asserted, reserved delivery mode. */
#define XEN_MSI_DATA        0x4300u

typedef struct XenEdu {
    QPCIBus *bus;
    QPCIDevice *dev;
    QPCIBar bar;
} XenEdu;

/* One VM at a time. */
XenEdu *xen_edu_new(XenVm *vm);
void xen_edu_free(XenEdu *edu);

void xen_edu_raise(XenEdu *edu);
void xen_edu_lower(XenEdu *edu);

/*
 * The GSI of INTA; on a "pc" PIIX3 is set up to use GSI @wish.  The I/O APIC's
 * inputs must be intercepted, and the GSI not be mapped to a PIRQ.
 */
unsigned xen_edu_find_gsi(XenVm *vm, XenEdu *edu, unsigned wish);

/* The address of the message for @pirq, in Xen's encoding. */
uint64_t xen_msi_pirq_address(uint32_t pirq);
void xen_edu_set_msi(XenEdu *edu, uint64_t address, uint16_t data);

#endif
