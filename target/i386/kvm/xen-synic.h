/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: the domain-wide callback vector without Xen support
 *
 * Xen enters this vector directly.  A guest does not send an EOI for it, so an
 * ordinary interrupt with that vector would stay in service in the LAPIC, and
 * block all others with lower vectors.  But the kernel's Hyper-V support has
 * interrupts that are never in service: those whose vector is in a SINT (a
 * register of the synthetic interrupt controller, SynIC) with the AUTO_EOI flag.
 * The kernel applies that to any interrupt with that vector, so an MSI does it.
 *
 * What is different from Xen: the LAPIC must be enabled, and the vector has a
 * priority like any other, so it waits for the EOI of an interrupt with a higher
 * one.  The vectors that guests use for this are among the highest.
 *
 * An MSI is an edge, which a LAPIC that is disabled or gets an INIT loses.  So it
 * is repeated as long as evtchn_upcall_pending is set (xen-retry.c).
 *
 * A vCPU's SINTs can only be written in its thread.  Until the vector is there
 * no interrupt is raised, and afterwards one is, if an upcall is pending.
 *
 * If the vector changes, an interrupt with the old one may be under way, so the
 * new one is written to another SINT: two of them take turns.  Both are masked
 * when the vCPU gets a vector of its own, for which the guest does send an EOI.
 *
 * Not possible, and then not offered: if the kernel has no Hyper-V support
 * (CONFIG_KVM_HYPERV, since Linux 6.8 an option), and if the guest has a SynIC
 * (-cpu ...,hv-synic), whose SINTs are the guest's.
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst,
 * KVM_CAP_HYPERV_SYNIC2; Hyper-V Top-Level Functional Specification, SINTx.
 */
#ifndef TARGET_I386_KVM_XEN_SYNIC_H
#define TARGET_I386_KVM_XEN_SYNIC_H

#include "hw/xen/emu/domain.h"
#include "system/kvm.h"

/* The kernel can do it.  BQL. */
bool kvm_xen_synic_is_supported(KVMState *s);

/*
 * Before @v runs for the first time; false: not possible for this CPU model,
 * which all vCPUs share.  The vCPU's thread, BQL.
 */
bool kvm_xen_synic_init_vcpu(XenVcpu *v);

/* XenAccelCpuOps.upcall_changed and raise_callback. */
void kvm_xen_synic_changed(XenVcpu *v);
void kvm_xen_synic_raise(XenVcpu *v);

#endif
