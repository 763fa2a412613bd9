/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI device whose interrupt a test raises: QEMU's "edu"
 *
 * The VM needs XEN_EDU_OPTION among its options.  Its pin INTA is a level, and
 * arrives at the GSI that xen_edu_find_gsi() finds.  It has MSI with 64-bit
 * addresses; while that is enabled, xen_edu_raise() sends the message.
 */
#ifndef TESTS_QTEST_LIBXEN_EDU_H
#define TESTS_QTEST_LIBXEN_EDU_H

#include "libqos/pci.h"
#include "libxen.h"

#define XEN_EDU_SLOT        5
#define XEN_EDU_OPTION      "-device edu,addr=5"
/* What Linux writes beside the vector: an edge, asserted, reserved mode. */
#define XEN_MSI_DATA        0x4300u

typedef struct XenEdu {
    QPCIBus *bus;
    QPCIDevice *dev;
    QPCIBar bar;
} XenEdu;

/* For one VM at a time. */
XenEdu *xen_edu_new(XenVm *vm);
void xen_edu_free(XenEdu *edu);

void xen_edu_raise(XenEdu *edu);
void xen_edu_lower(XenEdu *edu);

/*
 * Where INTA goes: on a "pc" its PIIX3 is set up to use GSI @wish first.  The
 * IO-APIC's inputs must be intercepted, and the GSI nobody's PIRQ.
 */
unsigned xen_edu_find_gsi(XenVm *vm, XenEdu *edu, unsigned wish);

/* The message that stands for @pirq with address bits as Xen wants them. */
uint64_t xen_msi_pirq_address(uint32_t pirq);
void xen_edu_set_msi(XenEdu *edu, uint64_t address, uint16_t data);

#endif
