/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen guest support: hypercalls, shared pages, clocks
 *
 * Structures are those of Xen's public headers, compiled for this guest's
 * width.
 */
#ifndef TESTS_BARE_GUEST_H
#define TESTS_BARE_GUEST_H

#include "cpu.h"

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/physdev.h"
#include "hw/xen/interface/sched.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/version.h"
#include "hw/xen/interface/hvm/hvm_op.h"
#include "hw/xen/interface/hvm/params.h"

/* Xen's error numbers. */
enum {
    XEN_EPERM = 1, XEN_ENOENT = 2, XEN_ESRCH = 3, XEN_EFAULT = 14,
    XEN_EEXIST = 17, XEN_EINVAL = 22, XEN_ENOSPC = 28, XEN_ENOSYS = 38,
    XEN_ETIME = 62,
};

#define XEN_MSR_HYPERCALL   0x40000000
#define XEN_LEAF(n)         (0x40000000 + (n))

typedef volatile struct shared_info SharedInfo;     /* volatile: Xen's */
typedef volatile struct vcpu_info VcpuInfo;         /* volatile: Xen's */
typedef volatile struct vcpu_time_info VcpuTime;    /* volatile: Xen's */
typedef volatile struct vcpu_runstate_info VcpuRunstate;    /* and this */
typedef volatile xen_ulong_t EventBits;             /* volatile: Xen's too */

extern uint8_t hypercall_page[PAGE_SIZE];
/* guest_map_shared_info() moves it. */
extern SharedInfo *shared_info;
extern VcpuInfo *vcpu_info[MAX_CPUS];

/* The CPU has VMCALL, not VMMCALL. */
bool guest_is_intel(void);
/*
 * The value of @key on the command line ("key=value"), which ends at a blank or
 * at the end of the string; or NULL.
 */
const char *guest_option(const char *key);
bool guest_is(const char *key, const char *value);

/*
 * The page makes hypercalls by an OUT to HYPERCALL_PORT, since the host's KVM does
 * not support Xen; VMCALL and VMMCALL make none then.
 */
bool guest_calls_by_port(void);

/* KVM handles SCHEDOP_poll itself, in its own way. */
bool guest_polls_in_kernel(void);

/* Through the hypercall page, with up to five arguments; the rest are 0. */
long do_hypercall(unsigned long nr, long arg0, long arg1, long arg2, long arg3,
                  long arg4);
#define HYPERCALL_(nr, a, b, c, d, e, ...) \
    do_hypercall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define hypercall(nr, ...) HYPERCALL_(nr, __VA_ARGS__, 0, 0, 0, 0, 0)

/* Arguments by pointer. */
#define EVTCHN_OP(cmd, arg) \
    hypercall(__HYPERVISOR_event_channel_op, cmd, arg)
#define SCHED_OP(cmd, arg)  hypercall(__HYPERVISOR_sched_op, cmd, arg)
#define MEMORY_OP(cmd, arg) hypercall(__HYPERVISOR_memory_op, cmd, arg)
#define HVM_OP(cmd, arg)    hypercall(__HYPERVISOR_hvm_op, cmd, arg)
#define VCPU_OP(cmd, vcpu, arg) \
    hypercall(__HYPERVISOR_vcpu_op, cmd, vcpu, arg)

/*
 * Sets up the hypercall page, shared info, and vcpu_info in shared info or as
 * registered.
 */
void guest_set_up(void);
/* Maps shared info at guest physical page @place < SHARED_INFO_PLACES. */
#define SHARED_INFO_PLACES 2
long guest_map_shared_info(unsigned place);
/* VCPUOP_register_vcpu_info */
long guest_register_vcpu_info(unsigned cpu, VcpuInfo *at);
long guest_set_param(uint32_t index, uint64_t val);
long guest_get_param(uint32_t index, uint64_t *val);

/* Xen's system time in ns, by this CPU's vcpu_time_info. */
uint64_t system_time(void);

#endif
