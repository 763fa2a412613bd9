/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU's own code needs to know of Xen emulation
 *
 * Grant table, xenstore and primary console are QEMU's own; this header keeps
 * the names that they use.  What is about KVM is at the end.
 */
#ifndef QEMU_SYSTEM_KVM_XEN_H
#define QEMU_SYSTEM_KVM_XEN_H

#include "exec/target_page.h"

/* No guest physical address, no guest frame. */
#define INVALID_GPA UINT64_MAX
#define INVALID_GFN UINT64_MAX

/* QEMU is the other domain of inter-domain channels and grants. */
#define DOMID_QEMU  0

/* Limits that the user set: xen-gnttab-max-frames, xen-evtchn-max-pirq. */
uint16_t kvm_xen_get_gnttab_max_frames(void);
uint16_t kvm_xen_get_evtchn_max_pirq(void);

/* Where the pages lie that a guest finds through HVM parameters. */
#define XEN_SPECIAL_AREA_ADDR 0xfeff8000UL
#define XEN_SPECIAL_AREA_SIZE 0x4000UL

#define XEN_SPECIALPAGE_CONSOLE     0
#define XEN_SPECIALPAGE_XENSTORE    1

#define XEN_SPECIAL_PFN(x) ((XEN_SPECIAL_AREA_ADDR >> TARGET_PAGE_BITS) + \
                            XEN_SPECIALPAGE_##x)

/*
 * The vCPU @cs has left KVM_RUN with -EINTR, and immediate_exit is clear again.
 * True: it was wanted for Xen's sake only, has done that, and is to go on.
 * Also without Xen emulation.  Its thread, without the BQL.
 */
struct CPUState;
bool kvm_xen_handle_kick(struct CPUState *cs);

/*
 * QEMU's function that has reads or writes of an MSR end KVM_RUN, and calls
 * @read or @write then, if they are not NULL; false means #GP.  They run in the
 * vCPU's thread without the BQL.  kvm_xen_set_msr_filter() keeps it, for
 * target/i386/kvm/xen-page.c.  Also without Xen emulation.  While KVM is
 * initialized, if the kernel has MSR filters.
 */
struct ArchCPU;
struct KVMState;
typedef int KvmXenMsrFilter(struct KVMState *s, uint32_t msr,
                            bool (*read)(struct ArchCPU *cpu, uint32_t msr,
                                         uint64_t *value),
                            bool (*write)(struct ArchCPU *cpu, uint32_t msr,
                                          uint64_t value));
void kvm_xen_set_msr_filter(KvmXenMsrFilter *filter);

#endif
