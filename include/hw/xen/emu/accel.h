/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an accelerator does for Xen emulation
 *
 * The emulation works without any of this except the first three functions:
 * where a function is NULL or a capability bit is clear, QEMU's own code does
 * the job in guest memory.  KVM, TCG and qtest each fill in one XenAccelOps,
 * in accel/<name>/xen-emu-<name>.c; nobody else asks which one is in use.
 *
 * Errors are negative errno.  Functions marked [fast] run in any thread without
 * the big QEMU lock (BQL) and never wait; [vcpu] ones in the thread of that
 * vCPU, or in any thread while the VM is stopped; the rest under the BQL.
 */
#ifndef HW_XEN_EMU_ACCEL_H
#define HW_XEN_EMU_ACCEL_H

#include "hw/core/cpu.h"
#include "hw/xen/emu/page.h"

/* What the kernel does by itself; for query-xen and for the choices below. */
typedef enum XenAccelCap {
    XEN_ACCEL_CAP_HCALL,            /* hypercalls come to us at all */
    XEN_ACCEL_CAP_SHARED_INFO,      /* wall clock, 2-level bits */
    XEN_ACCEL_CAP_SHARED_INFO_HVA,
    XEN_ACCEL_CAP_RUNSTATE,
    XEN_ACCEL_CAP_RUNSTATE_FLAG,    /* XEN_RUNSTATE_UPDATE protocol */
    XEN_ACCEL_CAP_EVTCHN_2LEVEL,    /* MSI to event channel */
    XEN_ACCEL_CAP_EVTCHN_SEND,      /* sends, timers, polls, upcall vector */
    XEN_ACCEL_CAP_TSC_UNSTABLE,
    XEN_ACCEL_CAP__MAX,
} XenAccelCap;

#define XEN_ACCEL_HAS(ops, cap) \
    (!!((ops)->caps & (1u << XEN_ACCEL_CAP_##cap)))

typedef struct XenAccelOps {
    const char *name;           /* "kvm", "tcg", "qtest" */
    uint32_t caps;              /* 1 << XEN_ACCEL_CAP_*, in use */
    uint32_t caps_missing;      /* those that this kernel does not have */
    /*
     * A vCPU takes the BQL to be interrupted through its LAPIC and to end that:
     * guests are not told that a vCPU can have an upcall vector of its own.
     */
    bool lapic_is_slow;

    /* Optional: @cs is being realized; its thread does not run yet. BQL. */
    void (*vcpu_new)(CPUState *cs);

    /*
     * Guest virtual to guest physical in the address space that @cs is in
     * now.  @len: in, bytes wanted; out, bytes that are contiguous (up to the
     * page's end).  -EFAULT: not mapped, or not writable when @write. [vcpu]
     */
    int (*translate)(CPUState *cs, uint64_t gva, bool write,
                     uint64_t *gpa, uint64_t *len);

    /* Xen system time in ns: what the guest's pvclock shows. [fast] */
    uint64_t (*system_time)(void);

    /* Inject LAPIC @vector into @cs, edge, as an MSI would. [fast] */
    void (*raise_vector)(CPUState *cs, uint8_t vector);

    /*
     * The domain-wide callback vector: make @cs look at its vcpu_info and
     * enter the vector, past the LAPIC, while evtchn_upcall_pending is
     * set. [fast]
     */
    void (*raise_callback)(CPUState *cs);

    /*
     * Optional: no vCPU uses what its TLB holds now once @cs, whose hypercall
     * asks for it, goes on. [vcpu]
     */
    void (*flush_tlbs)(CPUState *cs);

    /* Tell the accelerator, each optional. */
    int (*set_callback_vector)(uint8_t vector);     /* 0: none */
    int (*set_long_mode)(bool long_mode);
    int (*get_long_mode)(bool *long_mode);
    /* @gpa XEN_GPA_NONE: none.  @hva: where QEMU has that overlay page. */
    int (*set_shared_info)(uint64_t gpa, void *hva);
    /* [vcpu]; @hva NULL: a place in guest RAM known by @gpa alone */
    int (*set_vcpu_info)(CPUState *cs, uint64_t gpa, void *hva);
    int (*set_upcall_vector)(CPUState *cs, uint8_t vector);
    int (*set_time_info)(CPUState *cs, uint64_t gpa);
    int (*set_runstate)(CPUState *cs, uint64_t gpa);

    /*
     * The single-shot timer of @cs fires into @port at @expires_ns of system
     * time (0: not armed); @port 0: the kernel leaves timers to QEMU.
     * -ENOSYS or NULL: QEMU's timers do it. [vcpu]
     */
    int (*set_timer)(CPUState *cs, uint32_t port, uint64_t expires_ns);
    int (*get_timer)(CPUState *cs, uint64_t *expires_ns);

    /* 2-level delivery of @port to @cs in the kernel. [fast] */
    int (*deliver)(CPUState *cs, uint32_t port);
    /*
     * The guest's sends to @port: deliver @target_port on @cs (an IPI or
     * loop-back), or signal @fd (a back end; @cs NULL).  unassign: all of it
     * comes to QEMU again.
     */
    int (*assign_port)(uint32_t port, uint8_t type, CPUState *cs,
                       uint32_t target_port, int fd);
    int (*unassign_port)(uint32_t port);
    /* Sends, polls and timers in the kernel on or off as a whole. */
    int (*set_evtchn_send)(bool on);

    /*
     * The vCPU thread sleeps for SCHEDOP_poll, at most @timeout_ns (negative:
     * no limit), until wake(cs), an interrupt or a request to leave; wake is
     * [fast].  The hypercall then returns 0.
     */
    void (*sleep)(CPUState *cs, int64_t timeout_ns);
    /*
     * Instead of sleep, where a vCPU must not block its thread: it halts once
     * the hypercall has returned 0, and goes on as sleep would.  The engine
     * keeps it as a poller until then.
     */
    void (*halt)(CPUState *cs, int64_t timeout_ns);
    void (*wake)(CPUState *cs);
} XenAccelOps;

#endif
