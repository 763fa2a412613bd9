/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an accelerator does for Xen emulation
 *
 * KVM, TCG and qtest each fill in one XenAccelOps; nobody else asks which one is
 * in use.  It has three parts:
 *
 *   cpu      how a vCPU is reached: interrupts, kicks, halts, its address space.
 *            translate and raise_vector are mandatory, the rest optional.
 *   clock    Xen system time.  Mandatory.
 *   offload  what the accelerator's kernel does by itself.  NULL on TCG and qtest,
 *            which have no such kernel.  Its functions are never NULL, but those
 *            of a capability that this kernel lacks must not be called: callers
 *            ask xen_emu_offload() (domain.h) for the capability and get NULL
 *            then.  Whatever is not offloaded QEMU's own code does in guest
 *            memory, or the guest is told that it does not exist.
 *
 * accel-callbacks.h is the other direction: what an accelerator may call.
 *
 * Errors are negative errno.  Functions marked [fast] run in any thread without
 * the big QEMU lock (BQL) and never wait, in an RCU read section that keeps the
 * vCPU; [vcpu] ones in the thread of that vCPU, or in any thread while the VM is
 * stopped or its vCPUs are held; the rest under the BQL.
 */
#ifndef HW_XEN_EMU_ACCEL_H
#define HW_XEN_EMU_ACCEL_H

#include "hw/core/cpu.h"
#include "hw/xen/emu/page.h"
#include "hw/xen/emu/runstate-sums.h"

/* What the kernel does by itself, in the order of QAPI's XenKernelCapability. */
typedef enum XenAccelCap {
    XEN_ACCEL_CAP_HCALL,            /* hypercalls come to us at all */
    XEN_ACCEL_CAP_SHARED_INFO,      /* wall clock, 2-level bits */
    XEN_ACCEL_CAP_SHARED_INFO_HVA,
    XEN_ACCEL_CAP_RUNSTATE,
    XEN_ACCEL_CAP_RUNSTATE_FLAG,    /* XEN_RUNSTATE_UPDATE protocol */
    XEN_ACCEL_CAP_EVTCHN_2LEVEL,    /* MSI to event channel */
    XEN_ACCEL_CAP_EVTCHN_SEND,      /* sends and polls */
    XEN_ACCEL_CAP_TSC_UNSTABLE,
    XEN_ACCEL_CAP_TIMER,            /* single-shot timers */
    XEN_ACCEL_CAP_UPCALL_VECTOR,    /* a vCPU's own, by LAPIC */
    XEN_ACCEL_CAP__MAX,
} XenAccelCap;

#define XEN_ACCEL_HAS(ops, cap) \
    (!!((ops)->caps & (1u << XEN_ACCEL_CAP_##cap)))

typedef struct XenVcpu XenVcpu;

typedef struct XenAccelCpuOps {
    /*
     * Optional: @v is being realized and its thread does not run yet; it is
     * gone, and nobody looks at it any more.  Between the two the accelerator
     * keeps its own data of the vCPU in v->accel_data.  BQL.
     */
    void (*vcpu_new)(XenVcpu *v);
    void (*vcpu_free)(XenVcpu *v);

    /*
     * Optional: the accelerator has no memory at physical addresses of more
     * bits than this, whatever the guest is told.  vCPUs are realized.
     */
    unsigned (*phys_bits)(void);

    /*
     * Guest virtual to guest physical in the address space that @cs is in
     * now.  @len: in, bytes wanted; out, bytes that are contiguous (up to the
     * page's end).  -EFAULT: not mapped, or not writable when @write. [vcpu]
     */
    int (*translate)(CPUState *cs, uint64_t gva, bool write,
                     uint64_t *gpa, uint64_t *len);

    /* Inject LAPIC @vector into @v, edge, as an MSI would. [fast] */
    void (*raise_vector)(XenVcpu *v, uint8_t vector);
    /*
     * The domain-wide callback vector: make @v look at its vcpu_info and
     * enter the vector, past the LAPIC, while evtchn_upcall_pending is
     * set. [fast]  NULL: the guest cannot have one.
     */
    void (*raise_callback)(XenVcpu *v);

    /*
     * Optional: no vCPU uses what its TLB holds now once @cs, whose hypercall
     * asks for it, continues. [vcpu]
     */
    void (*flush_tlbs)(CPUState *cs);

    /*
     * Optional: in @wait_ns (negative: never) the thread of @v calls
     * xen_vcpu_timer_expired(), before the guest continues; the vCPU leaves the
     * guest or its halt for that.  The last call counts.  It may be early, and
     * come for nothing. [fast]  False: a thread of the emulation has to wait
     * instead.
     */
    bool (*timer_in)(XenVcpu *v, int64_t wait_ns);

    /*
     * SCHEDOP_poll and SCHEDOP_block: @v halts once its hypercall has returned
     * 0, as if by HLT, at most @timeout_ns (negative: no limit).  It resumes by
     * wake(), by an interrupt that it may take, or for no reason, which the
     * guest has to expect.  Its thread stays free for other work, and the
     * engine may keep it as a poller until its next poll.  NULL: the guest
     * polls without a pause.
     *
     * halt: [vcpu], in its hypercall.  wake is [fast], and is not lost when it
     * comes between the vCPU's becoming a poller and its halt.
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
     * Optional, for a kernel that writes time but knows no Xen areas (without
     * SHARED_INFO): it keeps the time in the vcpu_info at @gpa. [vcpu]
     */
    int (*set_vcpu_info)(CPUState *cs, uint64_t gpa);
} XenAccelClockOps;

typedef struct XenAccelOffloadOps {
    /* SHARED_INFO */
    int (*set_callback_vector)(uint8_t vector);     /* 0: none */
    int (*set_long_mode)(bool long_mode);
    int (*get_long_mode)(bool *long_mode);
    /* @gpa XEN_GPA_NONE: none.  @hva: where QEMU has that overlay page. */
    int (*set_shared_info)(uint64_t gpa, void *hva);
    /*
     * [vcpu]  The accelerator keeps the time info in there up to date.  @hva:
     * where QEMU has it, pinned until the next call; NULL: only @gpa is known.
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
     * TIMER.  The single-shot timer of @cs fires into @port at @expires_ns of
     * system time (0: not armed); @port 0: the kernel leaves timers to QEMU.
     * [vcpu]
     */
    int (*set_timer)(CPUState *cs, uint32_t port, uint64_t expires_ns);
    int (*get_timer)(CPUState *cs, uint64_t *expires_ns);
    /*
     * Between these no vCPU runs, and a thread that wants to enter the kernel
     * waits, whatever locks it has: so wait for nobody.
     */
    void (*hold_vcpus)(void);
    void (*release_vcpus)(void);

    /* EVTCHN_SEND.  2-level delivery of @port to @cs in the kernel. [fast] */
    int (*deliver)(CPUState *cs, uint32_t port);
    /*
     * The guest's sends to @port: deliver @target_port on @cs (an IPI or
     * loop-back), or signal @fd (a back end; @cs NULL).  unassign: all of it
     * comes to QEMU again.
     */
    int (*assign_port)(uint32_t port, uint8_t type, CPUState *cs,
                       uint32_t target_port, int fd);
    int (*unassign_port)(uint32_t port);
    /* The kernel looks at the guest's sends and polls; off at first. */
    int (*set_evtchn_send)(bool on);
} XenAccelOffloadOps;

typedef struct XenAccelOps {
    const char *name;           /* "kvm", "tcg", "qtest" */
    uint32_t caps;              /* 1 << XEN_ACCEL_CAP_*, in use */
    uint32_t caps_missing;      /* those that this kernel does not have */
    /*
     * A vCPU takes the BQL to be interrupted through its LAPIC and to end that:
     * guests are not told that a vCPU can have an upcall vector of its own.
     */
    bool lapic_is_slow;
    /* It calls xen_vcpu_pre_save() and xen_vcpu_post_load() by itself. */
    bool migrates_vcpus;

    /*
     * Optional: the VM resumes, or has stopped; device/vm-state.h has the order.
     * BQL, no vCPU runs.
     */
    void (*vm_state)(bool running);

    XenAccelCpuOps cpu;
    XenAccelClockOps clock;
    const XenAccelOffloadOps *offload;
} XenAccelOps;

/*
 * Each accelerator's entry; called by accel/xen-emu.c and xen-hooks.c only.
 * KVM's ops come by xen_emu_init(), and xen_emu_kvm_prepare() is called before
 * its own init, which asks whether it shall call kvm_xen_init().
 */
struct Object;
void xen_emu_kvm_prepare(struct Object *accel);
XenAccelOps *xen_emu_tcg_ops(void);
XenAccelOps *xen_emu_qtest_ops(void);
/* Once, after its ops: adds the xen_* commands to the qtest protocol. */
void xen_emu_qtest_add_commands(void);

#endif
