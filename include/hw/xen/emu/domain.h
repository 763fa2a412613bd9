/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data of the Xen domain that this machine emulates
 *
 * The configuration, the accelerator, the event-channel engine, the guest's
 * layout, the table of vCPUs, and whether delivery is offloaded.  This is the
 * lowest layer: it depends on no other code, and is filled in by the highest
 * (device/, accel/xen-emu.c).
 *
 * Life cycle: xen_emu_enable() (emu.h) creates the only XenEmu before the machine
 * is created; the machine then creates the devices, and vCPUs register when
 * they are realized.  Only vCPUs are ever freed.  xen_emu must exist for all
 * accessors but xen_emu_is_on().
 *
 * Threads: any, unless stated.  Data that changes while the guest runs (long
 * mode, the offload flag, the table of vCPUs) is read atomically and written
 * under the BQL.
 */
#ifndef HW_XEN_EMU_DOMAIN_H
#define HW_XEN_EMU_DOMAIN_H

#include "hw/core/cpu.h"
#include "qemu/atomic.h"
#include "qemu/notify.h"
#include "qemu/rcu.h"
#include "hw/xen/emu/accel.h"
#include "hw/xen/emu/layout.h"
#include "hw/xen/emu/page.h"

#define XEN_EMU_VERSION(major, minor)   ((uint32_t)(major) << 16 | (minor))

/* For messages about what does not work without Xen: how to get it. */
#define XEN_EMU_HINT \
    "Use -machine pc-i440fx-xen or pc-q35-xen, or -accel kvm,xen-version=4.17 " \
    "(or -accel tcg,...).\n"
#define XEN_EMU_IS_OFF  "Xen is not emulated (-accel ...,xen-version=...)"

typedef enum XenEmuAbi {
    XEN_EMU_ABI_AUTO,
    XEN_EMU_ABI_2LEVEL,
    XEN_EMU_ABI_FIFO,
} XenEmuAbi;

/* How guests make hypercalls on KVM: xen-hypercalls. */
typedef enum XenEmuHypercalls {
    XEN_EMU_HYPERCALLS_AUTO,    /* KVM if possible */
    XEN_EMU_HYPERCALLS_KVM,     /* VM[M]CALL, intercepted by KVM's Xen support */
    XEN_EMU_HYPERCALLS_PAGE,    /* OUT in the hypercall page */
} XenEmuHypercalls;

/* The accelerator's properties, xen-*. */
typedef struct XenEmuConfig {
    uint32_t version;           /* XEN_EMU_VERSION(); 0: no Xen */
    bool version_given;         /* also if it is 0 */
    const char *other_given;    /* another property that was set last; or NULL */
    char extraversion[16];      /* XEN_EXTRAVERSION_LEN; ".0-qemu" */
    uint16_t gnttab_max_frames; /* 64 */
    uint16_t evtchn_max_pirq;   /* 256 */
    XenEmuAbi evtchn_abi;
    XenEmuHypercalls hypercalls;
    bool tsc_stable;            /* vcpu_time_info may have the flag; true */
    uint32_t kvm_caps_mask;     /* x-kvm-xen-caps: bits that may be used */
    char *kvm_fail;             /* x-kvm-xen-fail, see xen-internal.h; NULL */
    bool bql_check;             /* x-xen-bql-check: see debug/bql-check.h */
    bool upcall_vector;         /* x-xen-upcall-vector: see cpuid.c */
} XenEmuConfig;

/* The event-channel engine, evtchn.h. */
typedef struct XenEvtchn XenEvtchn;

typedef struct XenEmu {
    XenEmuConfig config;
    XenAccelOps *accel;
    XenPageCache pages;
    XenEvtchn *evtchn;          /* from xen_evtchn_create() on */
    bool long_mode;             /* latched layout, as migrated */
    bool delivery_offloaded;    /* see xen_emu_delivery_is_offloaded() */
    bool was_called;            /* see xen_emu_was_called() */
    uint64_t console_pfn;       /* of the primary console; 0: none */
    uint32_t console_port;      /* the guest's port */
} XenEmu;

/* NULL if xen-version is not set. */
extern XenEmu *xen_emu;

/* Xen is emulated and its devices exist. */
static inline bool xen_emu_is_on(void)
{
    return xen_emu && xen_emu->evtchn;
}

static inline const XenEmuConfig *xen_emu_config(void)
{
    return &xen_emu->config;
}

static inline const XenAccelOps *xen_emu_accel(void)
{
    return xen_emu->accel;
}

/*
 * The operations for what is offloaded, if the accelerator has capability @cap
 * (a XenAccelCap without its prefix); NULL: QEMU does it.
 */
#define xen_emu_offload(cap) \
    (XEN_ACCEL_HAS(xen_emu_accel(), cap) ? xen_emu_accel()->offload : NULL)

/* Xen system time in ns. [fast] */
static inline uint64_t xen_emu_system_time(void)
{
    return xen_emu_accel()->clock.system_time();
}

static inline XenEvtchn *xen_emu_evtchn(void)
{
    return xen_emu->evtchn;
}

/* All guest pages that the emulation keeps pinned. */
static inline XenPageCache *xen_emu_pages(void)
{
    return &xen_emu->pages;
}

static inline bool xen_emu_long_mode(void)
{
    return qatomic_read(&xen_emu->long_mode);
}

static inline const XenGuestLayout *xen_emu_layout(void)
{
    return &xen_guest_layout[xen_emu_long_mode()];
}

/*
 * KVM delivers 2-level events and can have the guest's single-shot timers.  Set
 * by offload/delivery.c; without its lock the value may be out of date.
 */
static inline bool xen_emu_delivery_is_offloaded(void)
{
    return qatomic_read(&xen_emu->delivery_offloaded);
}

/*
 * A hypercall has come to QEMU since the last system reset.  Not those that KVM
 * handles by itself, but no guest gets along with these alone.
 */
static inline bool xen_emu_was_called(void)
{
    return qatomic_read(&xen_emu->was_called);
}

static inline void xen_emu_note_call(void)
{
    if (unlikely(!xen_emu_was_called())) {
        qatomic_set(&xen_emu->was_called, true);
    }
}

/*
 * Frame and port of the primary console, for HVM parameters; 0: no console.
 * BQL.
 */
static inline uint64_t xen_emu_console_pfn(void)
{
    return xen_emu->console_pfn;
}

static inline uint32_t xen_emu_console_port(void)
{
    return xen_emu->console_port;
}

static inline void xen_emu_set_console(uint64_t pfn, uint32_t port)
{
    xen_emu->console_pfn = pfn;
    xen_emu->console_port = port;
}

/* Only for device/shared-info-ops.c and offload/delivery.c.  BQL. */
static inline void xen_emu_set_layout(bool long_mode)
{
    qatomic_set(&xen_emu->long_mode, long_mode);
}

static inline void xen_emu_set_delivery_offloaded(bool offloaded)
{
    qatomic_set(&xen_emu->delivery_offloaded, offloaded);
}

/*
 * Phases of a domain reset (device/reset.h), at a system reset and at
 * SHUTDOWN_soft_reset:
 *
 *   MACHINE only at a system reset, before the other phases
 *   BEGIN   before the reset: event channels, grants and xenstore still work
 *   RINGS   event channels and grants have been reset; ports and pages that a
 *           toolstack would set up are created
 *   END     after the reset, even if it failed halfway
 *
 * No vCPU runs during a reset.  The wake-up from S3 does not reset the domain,
 * although QEMU resets devices and vCPUs then.
 */
typedef enum XenResetPhase {
    XEN_RESET_MACHINE,
    XEN_RESET_BEGIN,
    XEN_RESET_RINGS,
    XEN_RESET_END,
} XenResetPhase;

/*
 * The data of @n->notify is a XenResetPhase *.  It may poll the main loop.
 * Removed by notifier_remove().  BQL.
 */
void xen_emu_add_reset_notifier(Notifier *n);
/* For device/reset.c.  BQL. */
void xen_emu_notify_reset(XenResetPhase phase);

/*
 * @n->notify is called each time when the VM runs on, without data: the last
 * step before the vCPUs do, when all that a load has brought is in force
 * (device/vm-state.h).  BQL, as for notifier_remove(), which ends it.
 */
void xen_emu_add_resume_notifier(Notifier *n);
/* For device/vm-state.c.  BQL. */
void xen_emu_notify_resume(void);

/*
 * Whether the guest sleeps in S3: from its suspend until its kernel makes a hypercall
 * again, so also while firmware wakes up.  Back ends rest meanwhile: the chip set's
 * reset opens SMRAM, which grants would reach, and firmware uses RAM that the guest has
 * granted.  Any thread.
 */
bool xen_emu_is_asleep(void);

/*
 * @n->notify is called, without data, in the main loop: in the middle of the suspend,
 * when vCPUs have stopped; and soon after it has ended.  It may poll the main loop.
 * BQL, as for notifier_remove(), which ends it.
 */
void xen_emu_add_sleep_notifier(Notifier *n);
/* For device/vm-state.c and offload/delivery.c; true: in the main loop.  BQL. */
void xen_emu_set_asleep(bool asleep);

/*
 * Per-vCPU state.  Fields belong to the file that is named.  Registered
 * addresses are in CPUX86State (env.xen_*), in upstream's migration format.
 */
struct XenVcpu {
    struct rcu_head rcu;        /* first, for call_rcu() */
    unsigned id;                /* valid even when cs->cpu_index no longer is */
    CPUState *cs;               /* holds a reference */
    struct XenVcpuTimer *timer;         /* vcpu/timer.c */
    struct XenRunstate *runstate;       /* vcpu/runstate.c */
    struct XenVcpuWorkList *work;       /* vcpu/work.c; BQL */
    /* vcpu/areas.c */
    XenGuestPage kernel_info;   /* vcpu_info, if KVM has its host address */
    uint8_t last_time[XEN_VCPU_INFO_TIME_SIZE]; /* before a reset; 0: none */
    /* offload/delivery.c; BQL */
    uint8_t accel_vector;       /* for upcalls, as set in the accelerator */
    bool vector_refused;        /* by the accelerator */
    /* offload/timers.c */
    uint32_t kernel_timer_port; /* 0: QEMU has the timer; BQL */
    bool timer_stays;           /* in QEMU until it is armed again; atomic */
    bool timer_update_queued;   /* as work of the vCPU; atomic */
    void *accel_data;           /* the accelerator's, see XenAccelCpuOps */
};

/*
 * vCPU number @id (Xen's number is QEMU's cpu_index), or NULL.  The result is
 * valid in an RCU read-side critical section, with the BQL, or in the vCPU's
 * own thread: vCPUs can be unplugged.
 */
XenVcpu *xen_vcpu_get(unsigned id);

/*
 * @v, which was looked up in an RCU read-side critical section, has been
 * unplugged since.  With the BQL, which only then protects it from that.
 */
static inline bool xen_vcpu_is_gone(XenVcpu *v)
{
    return xen_vcpu_get(v->id) != v;
}

/* The first vCPU whose number is at least @id, or NULL.  As xen_vcpu_get(). */
XenVcpu *xen_vcpu_next(unsigned id);

/* Runs the statement with @v (declared here) for each vCPU, by number. */
#define XEN_FOREACH_VCPU(v) \
    for (XenVcpu *v = xen_vcpu_next(0); v; \
         v = xen_vcpu_next((v)->id + 1))

/*
 * Sets vCPU number @id to @v.  If @v is NULL, the old entry must not be freed
 * before an RCU grace period has elapsed.  BQL.
 */
void xen_vcpu_set(unsigned id, XenVcpu *v);

#endif
