/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation on KVM: hypercalls by port, for a KVM without Xen support
 *
 * A kernel without CONFIG_KVM_XEN, such as Debian 12's, handles VMCALL and
 * VMMCALL itself and never passes one to QEMU.  But most guests do not contain
 * these instructions: they write the address of a page to Xen's hypercall MSR,
 * and call the code that Xen puts there.  That can be any code.
 *
 *   the MSR    is given to QEMU by KVM's MSR filter (KVM_X86_SET_MSR_FILTER),
 *              which the kernel checks before its own meaning of that number:
 *              0x40000000 is also Hyper-V's.  QEMU fills the page and latches
 *              the guest's layout (hypercall_page.c).
 *   the page   has "mov $nr, %eax; out %al, $port; ret" for each hypercall.  The
 *              bytes are the same in 32-bit and 64-bit code, and with the port
 *              as an immediate no register but EAX, the result, is lost.
 *   the OUT    ends KVM_RUN with KVM_EXIT_IO.  QEMU would take the BQL to find
 *              the device of the port, so kvm_xen_page_check_exit() turns the
 *              exit into KVM_EXIT_XEN before QEMU looks at it.  From there on
 *              the way is that of a KVM with Xen support (xen-hypercall.c).
 *   registers  are in kvm_run, since the kernel copies them there at each exit
 *              (KVM_CAP_SYNC_REGS): arguments, mode and CPL.  The result is put
 *              there, too, for the kernel to load with the next KVM_RUN.
 *
 * RIP stays on the OUT until that KVM_RUN, which completes the instruction
 * first, and does so even if it has to return immediately.  So a vCPU that halts
 * in a hypercall, or restarts one, is treated as after VMCALL; the instruction
 * has KVM_XEN_OUT_LENGTH bytes.
 *
 * Code with a CPL above 0 gets #GP from the CPU, unless the guest's kernel gave
 * it access to the port, by IOPL or the I/O bitmap of the TSS; then the call
 * returns -EPERM.
 *
 * An OUT of the guest's own to the port is a hypercall, too, with the number in
 * EAX.  If the instruction has another length, a poll or a call that restarts
 * resumes at the wrong address, which harms nobody else.
 *
 * A guest that executes VMCALL or VMMCALL itself cannot be helped: the kernel
 * answers it with an error of KVM's.  Linux does since 6.13, and since 6.12.6,
 * 6.6.67, 6.1.121, 5.15.175 and 5.10.232 of the stable series.
 *
 * The kernel does nothing else for the guest, as with x-kvm-xen-caps=2: the time
 * in vcpu_info is kvmclock's (xen-clock.c), vectors of vCPUs are raised as MSIs,
 * and QEMU delivers all events.
 *
 * Source of the ABI: Linux Documentation/virt/kvm/api.rst, KVM_EXIT_IO,
 * KVM_X86_SET_MSR_FILTER, KVM_CAP_SYNC_REGS.
 */
#ifndef TARGET_I386_KVM_XEN_PAGE_H
#define TARGET_I386_KVM_XEN_PAGE_H

#include "hw/xen/emu/domain.h"
#include "system/kvm.h"

/*
 * The port.  PCs have nothing there; their firmware, Linux and QEMU use 0x7e,
 * 0x80, 0xe9, 0xeb and 0xed for delays and output.
 */
#define KVM_XEN_HYPERCALL_PORT  0xe4

/* Names of what this kernel lacks for this, or NULL: it has all.  BQL. */
const char *kvm_xen_page_missing(KVMState *s);

/*
 * The MSR has number @msr.  To be called before the first vCPU is initialized,
 * and again if that finds another number (Hyper-V's leaves are enabled).  BQL.
 */
void kvm_xen_page_set_msr(uint32_t msr);

/*
 * Before @cs runs for the first time: has the kernel copy its registers, and
 * with the first vCPU sets the filter.  0, or a negative errno with the reason
 * reported.  The vCPU's thread, BQL.
 */
int kvm_xen_page_init_vcpu(CPUState *cs);

/*
 * KVM_RUN has returned.  If a hypercall is the reason, makes it look like the
 * exit of a kernel with Xen support.  No-op when called again for the same
 * exit.  [vcpu]
 */
void kvm_xen_page_check_exit(CPUState *cs);

/* Sets RAX, the result of the hypercall that @cs has made.  [vcpu] */
void kvm_xen_page_return(CPUState *cs, uint64_t result);

#endif
