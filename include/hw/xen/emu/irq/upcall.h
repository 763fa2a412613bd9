/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upcalls: how the guest is told that a vCPU has events
 *
 * Four ways, by what the guest set: a LAPIC vector per vCPU
 * (HVMOP_set_evtchn_upcall_vector), else by HVM_PARAM_CALLBACK_IRQ one vector
 * for all vCPUs that bypasses the LAPIC, a GSI, or a PCI INTx pin; the last two
 * are a level that follows vCPU 0's evtchn_upcall_pending.
 *
 * Raising is for any thread.  By a vector no BQL is taken, neither by who
 * raises it nor by the vCPU on its way to the guest: KVM has the LAPIC in the
 * kernel, looks at evtchn_upcall_pending by itself whenever it enters the
 * guest, and QEMU only has a vCPU enter anew (target/i386/kvm/xen-kick.c);
 * TCG's vCPU looks at a word of ours.  The BQL is still needed, and why, for
 *
 *   GSI and INTx: they are a line of the I/O APIC and the PIC, which QEMU
 *       emulates (KVM's split irqchip too, for only QEMU can see at the EOI
 *       whether the line has to fall), and whose state the BQL guards.  A
 *       thread that has it not leaves the line to the main loop;
 *   a vCPU's own vector on TCG: its LAPIC is emulated, and guarded likewise.
 *       Guests are not offered it there;
 *   TCG with one thread for all vCPUs (thread=single, icount): that thread
 *       holds the BQL between any two turns of a vCPU, whatever it does there;
 *   KVM where a look cannot be had, for want of signals (RLIMIT_SIGPENDING):
 *       the vCPU is kicked, and QEMU's loop for vCPUs takes the BQL.
 *
 * When a vCPU must be told
 * ------------------------
 * Only when there is news: its evtchn_upcall_pending went from 0 to 1, or
 * nobody knows whether it was told.  That is so when
 *
 *   an event became deliverable: a port that is open, not masked and not yet
 *       pending was raised, by a send, a timer, a device;
 *   the guest unmasked a port that was pending;
 *   the guest said something new about where or how to be told while an event
 *       was pending: it registered vcpu_info or a control block elsewhere, set
 *       another callback or vector; or a page that was missing came back;
 *   state was loaded with an upcall pending.
 *
 * and not when the port was masked, pending already, closed or a back end's;
 * when the vCPU has been told and has not come to look (FIFO: the queue was
 * ready already); when what was unmasked was not pending; when a setting was
 * repeated.  XenEvtchnStats counts both, upcalls and upcalls_saved, and
 * tests/qtest/xen-notify-test.c has each case and its opposite.
 */
#ifndef HW_XEN_EMU_IRQ_UPCALL_H
#define HW_XEN_EMU_IRQ_UPCALL_H

#include "hw/irq.h"

/* A guest may choose any vector that is not an exception's. */
#define XEN_UPCALL_LOWEST_VECTOR    0x10

/* Lines to the machine's GSIs, one each; before the guest runs. */
void xen_upcall_init(unsigned nr_gsis, qemu_irq *gsis);

/* HVM_PARAM_CALLBACK_IRQ, and what it means: one of vector and gsi, or none. */
typedef struct XenUpcallParam {
    uint64_t param;         /* as the guest gave it */
    uint8_t vector;         /* domain-wide; 0: none */
    uint32_t gsi;           /* also that of an INTx pin; 0: none */
} XenUpcallParam;

/*
 * -EINVAL: an INTx pin that does not exist, or a vector where the accelerator
 * cannot enter one.  Unknown types are valid and mean "none", as in Xen.  BQL.
 */
int xen_upcall_parse(uint64_t param, XenUpcallParam *p);
/*
 * From now on upcalls go by @p.  The caller renotifies vCPUs whose upcall is
 * pending (offload/delivery.c).  BQL.
 */
void xen_upcall_apply(const XenUpcallParam *p);
/* The parameter as the guest last gave it.  BQL. */
uint64_t xen_upcall_param(void);
/*
 * Upcalls come by a vector, the domain's or vCPU 0's own: the only ways that
 * KVM knows, and those for which Xen allows PIRQs.  Any thread.
 */
bool xen_upcall_is_by_vector(void);

/*
 * vCPU @vcpu has evtchn_upcall_pending newly set. [fast]  In an RCU read
 * section, or with the BQL.
 */
void xen_upcall_raise(unsigned vcpu);

/*
 * The guest sends an EOI to an interrupt controller: updates the level of the
 * callback's GSI before the controller samples its lines again.  Called by
 * QEMU's PIC and I/O APIC; BQL.
 */
void xen_upcall_guest_eoi(void);
/* accel-callbacks.h has the callback vector and the update of the level. */

/*
 * A device moves GSI @gsi, which may be the callback's: returns the level that
 * the line must have.  BQL.
 */
int xen_upcall_merge_gsi(int gsi, int level);

#endif
