/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an accelerator does for Xen emulation
 *
 * KVM, TCG and qtest each fill in a XenAccelOps.  No other code depends on
 * which one is in use.  It has three parts:
 *
 *   cpu      how a vCPU is reached: interrupts, kicks, halts, its address space.
 *            translate and raise_vector are mandatory, the rest optional.
 *   clock    Xen system time.  Mandatory.
 *   offload  what is offloaded to the accelerator's kernel.  NULL on TCG and
 *            qtest, which have no such kernel.  Its functions are never NULL, but
 *            those of a capability that this kernel lacks must not be called;
 *            xen_emu_offload() (domain.h) returns NULL for it.  What is not
 *            offloaded is done by QEMU in guest memory, or not offered to the
 *            guest.
 *
 * accel-callbacks.h is the other direction: what an accelerator may call.
 *
 * Errors are negative errno.  Functions marked [fast] run in any thread without
 * the big QEMU lock (BQL) and never wait, in an RCU read section that keeps the
 * vCPU; [vcpu] ones in the thread of that vCPU, or in any thread while the VM
 * is stopped or its vCPUs are held, or under the BQL once that thread has ended;
 * the rest under the BQL, unless stated.
 */
#ifndef HW_XEN_EMU_ACCEL_H
#define HW_XEN_EMU_ACCEL_H

#include "hw/core/cpu.h"
#include "hw/xen/emu/page.h"
#include "hw/xen/emu/runstate-sums.h"

/* What can be offloaded, in the order of QAPI's XenKernelCapability. */
typedef enum XenAccelCap {
    XEN_ACCEL_CAP_HCALL,            /* hypercalls exit to QEMU */
    XEN_ACCEL_CAP_SHARED_INFO,      /* wall clock, 2-level bits */
    XEN_ACCEL_CAP_SHARED_INFO_HVA,
    XEN_ACCEL_CAP_RUNSTATE,
    XEN_ACCEL_CAP_RUNSTATE_FLAG,    /* XEN_RUNSTATE_UPDATE protocol */
    XEN_ACCEL_CAP_EVTCHN_2LEVEL,    /* MSI to event channel */
    XEN_ACCEL_CAP_EVTCHN_SEND,      /* sends and polls */
    XEN_ACCEL_CAP_TSC_UNSTABLE,
    XEN_ACCEL_CAP_TIMER,            /* single-shot timers */
    XEN_ACCEL_CAP_UPCALL_VECTOR,    /* own vectors of vCPUs, by LAPIC */
    XEN_ACCEL_CAP__MAX,
} XenAccelCap;

#define XEN_ACCEL_HAS(ops, cap) \
    (!!((ops)->caps & (1u << XEN_ACCEL_CAP_##cap)))

typedef struct XenVcpu XenVcpu;

typedef struct XenAccelCpuOps {
    /*
     * Optional.  vcpu_new: @v is being realized and its thread does not run
     * yet.  vcpu_leaving: its thread will end and be joined, but other functions
     * may still be called for it.  vcpu_free: @v is no longer in use.  Between
     * new and free the accelerator has its data of the vCPU in v->accel_data.
     * BQL.
     */
    void (*vcpu_new)(XenVcpu *v);
    void (*vcpu_leaving)(XenVcpu *v);
    void (*vcpu_free)(XenVcpu *v);

    /*
     * Optional: the number of physical address bits that the accelerator
     * supports for RAM, which CPUID may exceed.  vCPUs are realized.
     */
    unsigned (*phys_bits)(void);

    /*
     * Translates guest virtual to guest physical addresses in the current
     * address space of @cs.  @len: in, bytes wanted; out, contiguous bytes (at
     * most up to the end of the page).  -EFAULT: not mapped, or @write and not
     * writable. [vcpu]
     */
    int (*translate)(CPUState *cs, uint64_t gva, bool write,
                     uint64_t *gpa, uint64_t *len);

    /* Inject LAPIC @vector into @v, edge, as an MSI would. [fast] */
    void (*raise_vector)(XenVcpu *v, uint8_t vector);
    /*
     * The domain-wide callback vector: makes @v check its vcpu_info and enter
     * the vector, bypassing the LAPIC, as long as evtchn_upcall_pending is set.
     * [fast]  NULL: not supported, and not offered to the guest.
     */
    void (*raise_callback)(XenVcpu *v);

    /*
     * Optional: the callback vector has changed, or @v got or lost a vector of
     * its own.  The caller renotifies @v afterwards. [vcpu]
     */
    void (*upcall_changed)(XenVcpu *v);

    /*
     * Optional: flushes the TLBs of all vCPUs before @cs, which made the
     * hypercall, resumes. [vcpu]
     */
    void (*flush_tlbs)(CPUState *cs);

    /*
     * Optional: after @wait_ns (negative: never) the vCPU leaves the guest or
     * its halt, and its thread calls xen_vcpu_timer_expired() before the guest
     * resumes.  Replaces an earlier call.  It may be early or spurious. [fast]
     * False: not possible; the emulation has to use a thread of its own.
     */
    bool (*timer_in)(XenVcpu *v, int64_t wait_ns);

    /*
     * SCHEDOP_poll and SCHEDOP_block: @v halts as if by HLT after its hypercall
     * has returned 0, for at most @timeout_ns (negative: no limit).  It resumes
     * by wake(), by an interrupt that is not blocked, or spuriously, which
     * guests have to expect.  Its thread can do other work, and the engine may
     * list it as a poller until its next poll.  NULL: the guest polls without
     * halting.
     *
     * halt: [vcpu], in its hypercall.  wake: [fast]; not lost if it comes after
     * the vCPU became a poller and before it halts.
     */
    void (*halt)(XenVcpu *v, int64_t timeout_ns);
    void (*wake)(XenVcpu *v);
} XenAccelCpuOps;

typedef struct XenAccelClockOps {
    /* Xen system time in ns: what the guest's pvclock shows. [fast] */
    uint64_t (*system_time)(void);
    /* system_time is QEMU_CLOCK_VIRTUAL, on which QEMUTimers can wait. */
    bool is_virtual_clock;
    /*
     * The guest's TSC is QEMU_CLOCK_VIRTUAL at XEN_EMU_TSC_KHZ, so QEMU can
     * write vcpu_time_info.  Else the accelerator does.
     */
    bool tsc_is_virtual_clock;
    /*
     * Optional, for a kernel that writes time but does not support Xen areas
     * (no SHARED_INFO): it updates the time in the vcpu_info at @gpa. [vcpu]
     */
    int (*set_vcpu_info)(CPUState *cs, uint64_t gpa);
} XenAccelClockOps;

typedef struct XenAccelOffloadOps {
    /* SHARED_INFO */
    int (*set_callback_vector)(uint8_t vector);     /* 0: none */
    int (*set_long_mode)(bool long_mode);
    int (*get_long_mode)(bool *long_mode);
    /* @gpa XEN_GPA_NONE: none.  @hva: the overlay page in QEMU's memory. */
    int (*set_shared_info)(uint64_t gpa, void *hva);
    /*
     * [vcpu]  The accelerator updates the time info in it.  @hva: its address
     * in QEMU's memory, pinned until the next call, or NULL: only @gpa is
     * known.
     */
    int (*set_vcpu_info)(CPUState *cs, uint64_t gpa, void *hva);
    int (*set_time_info)(CPUState *cs, uint64_t gpa);       /* [vcpu] */

    /* UPCALL_VECTOR; [vcpu] */
    int (*set_upcall_vector)(CPUState *cs, uint8_t vector);

    /* RUNSTATE; [vcpu].  get_runstate: VCPUOP_get_runstate_info. */
    int (*set_runstate)(CPUState *cs, uint64_t gpa);
    int (*get_runstate)(CPUState *cs, XenRunstateSums *sums);
    /* RUNSTATE_FLAG: VMASST_TYPE_runstate_update_flag. */
    int (*set_runstate_flag)(bool on);

    /*
     * TIMER.  The single-shot timer of @cs raises @port at system time
     * @expires_ns (0: not armed).  @port 0: timers are not offloaded.  [vcpu]
     */
    int (*set_timer)(CPUState *cs, uint32_t port, uint64_t expires_ns);
    int (*get_timer)(CPUState *cs, uint64_t *expires_ns);
    /*
     * Between these no vCPU runs, and a thread that is about to enter the
     * kernel blocks with the locks that it holds.  So the caller must not wait
     * for a lock in between.
     */
    void (*hold_vcpus)(void);
    void (*release_vcpus)(void);

    /* EVTCHN_SEND.  2-level delivery of @port to @cs in the kernel. [fast] */
    int (*deliver)(CPUState *cs, uint32_t port);
    /*
     * Offloads the guest's sends to @port: they raise @target_port on @cs (an
     * IPI or loopback), or signal @fd (a back end; @cs NULL).  unassign: sends
     * exit to QEMU again.  Any thread, one at a time (offload/ports.c).
     */
    int (*assign_port)(uint32_t port, uint8_t type, CPUState *cs,
                       uint32_t target_port, int fd);
    int (*unassign_port)(uint32_t port);
    /* The kernel handles sends and polls; initially off. */
    int (*set_evtchn_send)(bool on);
} XenAccelOffloadOps;

typedef struct XenAccelOps {
    const char *name;           /* "kvm", "tcg", "qtest" */
    uint32_t caps;              /* 1 << XEN_ACCEL_CAP_*, in use */
    uint32_t caps_missing;      /* those that this kernel lacks */
    /*
     * An interrupt through the LAPIC and its EOI need the BQL, so guests are
     * not offered upcall vectors of vCPUs.
     */
    bool lapic_is_slow;
    /*
     * The guest makes hypercalls by OUT to this port, in the hypercall page only.
     * The accelerator checks each exit of a vCPU for that.  0: by VMCALL or
     * VMMCALL, also in its own code.
     */
    uint8_t hypercall_port;
    /* It calls xen_vcpu_pre_save() and xen_vcpu_post_load() by itself. */
    bool migrates_vcpus;

    /*
     * Optional: the VM resumes, or has stopped; device/vm-state.h has the
     * order.  BQL, no vCPU runs.
     */
    void (*vm_state)(bool running);

    XenAccelCpuOps cpu;
    XenAccelClockOps clock;
    const XenAccelOffloadOps *offload;
} XenAccelOps;

/*
 * The entry points of accelerators; only for accel/xen-emu.c and xen-hooks.c.
 * xen_emu_kvm_prepare() is called before KVM's own init, which calls
 * kvm_xen_init() if a Xen version is set; the ops of an accelerator after its
 * init, so those of KVM are limited to what the kernel supports by then.
 */
struct Object;
void xen_emu_kvm_prepare(struct Object *accel);
XenAccelOps *xen_emu_kvm_ops(void);
XenAccelOps *xen_emu_tcg_ops(void);
XenAccelOps *xen_emu_qtest_ops(void);
/* Once: adds the xen_* commands to the qtest protocol. */
void xen_emu_qtest_add_commands(void);

#endif
