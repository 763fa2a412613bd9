/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upcalls: notification of a vCPU that it has pending events
 *
 * There are four kinds.  A LAPIC vector set per vCPU by
 * HVMOP_set_evtchn_upcall_vector takes precedence; otherwise
 * HVM_PARAM_CALLBACK_IRQ selects one vector for all vCPUs that bypasses the
 * LAPIC, a GSI, or a PCI INTx pin.  GSI and INTx are a level that follows vCPU
 * 0's evtchn_upcall_pending.
 *
 * An upcall may be raised in any thread.  A vector needs no BQL, neither where
 * it is raised nor where the vCPU injects it: KVM has the LAPIC in the kernel
 * and checks evtchn_upcall_pending on each guest entry, so QEMU only has to
 * make the vCPU enter again (target/i386/kvm/xen-kick.c); TCG checks
 * env->xen_pending.  The BQL is still needed for
 *
 *   GSI and INTx: the line belongs to the I/O APIC and the PIC, which QEMU
 *       emulates and the BQL protects (also with KVM, as a split irqchip: only
 *       QEMU can lower the line at EOI).  A thread without the BQL schedules a
 *       bottom half;
 *   a vCPU's own vector on TCG, whose LAPIC is emulated.  Guests are not
 *       offered it there;
 *   TCG with one thread for all vCPUs (thread=single, icount), which holds the
 *       BQL whenever it switches vCPUs;
 *   KVM if a kick cannot be queued as a signal (RLIMIT_SIGPENDING): the vCPU is
 *       kicked by QEMU's own means, and its loop takes the BQL.
 *
 * When a vCPU is notified
 * -----------------------
 * A vCPU is notified when its evtchn_upcall_pending goes from 0 to 1, or when
 * it is unknown whether it has been notified.  This is the case when
 *
 *   an event becomes deliverable: a port that is open, unmasked and not yet
 *       pending is raised, by a send, a timer or a device;
 *   the guest unmasks a port that is pending;
 *   the place or kind of notification changes while an event is pending: the
 *       guest registers vcpu_info or a control block elsewhere, sets another
 *       callback or vector, or a missing page comes back;
 *   state is loaded with an upcall pending;
 *   the guest enables the LAPIC (own vectors on TCG).
 *
 * It is not notified when the port is masked, already pending, closed or a back
 * end's; when it has been notified and has not yet handled it (FIFO: the queue
 * was ready already); when an unmasked port is not pending; when a setting is
 * repeated.  XenEvtchnStats counts both, as upcalls and upcalls_saved, and
 * tests/qtest/xen-notify-test.c tests each case and its opposite.
 *
 * When no vCPU is notified
 * ------------------------
 * Upcalls are withheld from a wake-up from S3 until the guest's first hypercall.
 * The vCPU runs the firmware then, which enables interrupts in real mode, and no
 * handler of the firmware's clears evtchn_upcall_pending: an event that came just
 * before the sleep would interrupt it forever.  (Xen has no such protection.)  An
 * upcall through the LAPIC would be lost, since the LAPIC has been reset and the
 * guest's kernel has not set it up yet.
 */
#ifndef HW_XEN_EMU_IRQ_UPCALL_H
#define HW_XEN_EMU_IRQ_UPCALL_H

#include "hw/core/irq.h"

/* Lower vectors are exceptions'; a guest may use any other. */
#define XEN_UPCALL_LOWEST_VECTOR    0x10

/* @gsis: the machine's GSI lines.  Before the guest runs. */
void xen_upcall_init(unsigned nr_gsis, qemu_irq *gsis);

/* HVM_PARAM_CALLBACK_IRQ, decoded: at most one of vector and gsi is set. */
typedef struct XenUpcallParam {
    uint64_t param;         /* as set by the guest */
    uint8_t vector;         /* domain-wide; 0: none */
    uint32_t gsi;           /* also that of an INTx pin; 0: none */
} XenUpcallParam;

/*
 * Decodes @param.  -EINVAL: an INTx pin that does not exist, or a vector if the
 * accelerator cannot inject one.  Unknown types are valid and mean "none", as
 * in Xen.  BQL.
 */
int xen_upcall_parse(uint64_t param, XenUpcallParam *p);
/*
 * Puts @p into effect.  The caller renotifies vCPUs whose upcall is pending
 * (offload/delivery.c).  BQL.
 */
void xen_upcall_apply(const XenUpcallParam *p);
/* The parameter as last set by the guest.  BQL. */
uint64_t xen_upcall_param(void);
/*
 * Upcalls are by a vector, the domain's or a vCPU's own.  KVM supports no other
 * kind, and Xen allows PIRQs with no other.  Xen looks at vCPU 0 only, which is not
 * the one that a kernel has that was started by kexec after a panic.  BQL.
 */
bool xen_upcall_is_by_vector(void);

/*
 * Notifies vCPU @vcpu, whose evtchn_upcall_pending was just set. [fast]  In an
 * RCU read-side critical section, or with the BQL.
 */
void xen_upcall_raise(unsigned vcpu);

/* Sets whether upcalls are withheld.  The caller renotifies vCPUs.  BQL. */
void xen_upcall_set_withheld(bool withheld);
/* accel-callbacks.h has the query. */

/*
 * Called by QEMU's PIC and I/O APIC when the guest sends an EOI: updates the
 * level of the callback's GSI before the controller samples its lines.  BQL.
 */
void xen_upcall_guest_eoi(void);
/*
 * Called by QEMU's LAPIC when the guest has written its spurious-interrupt
 * vector register: if the LAPIC is @enabled, raises the vCPU's own vector again
 * if its upcall is pending, as Xen does.  INIT clears the vector in the LAPIC,
 * but not evtchn_upcall_pending, so no other event would raise it.  BQL.
 */
void xen_upcall_lapic_written(CPUState *cs, bool enabled);
/* accel-callbacks.h has the callback vector and the update of the level. */

/*
 * A device sets GSI @gsi to @level: returns that level ORed with the upcall's,
 * if the GSI is the callback's.  BQL.
 */
int xen_upcall_merge_gsi(int gsi, int level);

#endif
