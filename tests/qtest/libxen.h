/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Xen guest in a qtest
 *
 * A XenVm is a machine with "-accel qtest,xen-version=4.17".  No vCPU runs; the
 * test makes the hypercalls, and reads and writes guest memory.  Time is
 * virtual: only qtest_clock_step() advances the clock.
 *
 * Hypercalls are made in the VM's layout, 64-bit or 32-bit.  They return the
 * guest's result: 0 or more, or one of Xen's errors, negative (-ENOENT...).
 * Functions that return nothing or a port assert success.
 */
#ifndef TESTS_QTEST_LIBXEN_H
#define TESTS_QTEST_LIBXEN_H

#include "libqtest.h"

/* Without it the headers define Xen 3's interface. */
#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#endif
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"

#define XEN_PAGE_SIZE       4096u
#define XEN_VM_DOMID        1
/* A valid address, in both layouts, without RAM. */
#define XEN_NO_RAM          UINT64_C(0xc0000000)
#define XEN_VM_MAX_VCPUS    64
#define XEN_VM_ACCEL        "-accel qtest,xen-version=4.17"

typedef struct XenVm {
    QTestState *qts;
    unsigned nr_vcpus;
    bool long_mode;
    uint64_t next_page;         /* next result of xen_vm_page() */
    uint64_t scratch;           /* page for arguments */
    uint64_t batch;             /* two pages for xen_evtchn_ops() */
    uint64_t shared_info;
    uint64_t vcpu_info[XEN_VM_MAX_VCPUS];
    /* 2-level: the vCPU that each port notifies */
    uint8_t vcpu_of[EVTCHN_2L_NR_CHANNELS];
    /* FIFO: the guest's own data, see libxen-evtchn.c */
    uint64_t control[XEN_VM_MAX_VCPUS];
    uint32_t head[XEN_VM_MAX_VCPUS][EVTCHN_FIFO_MAX_QUEUES];
    GArray *array;              /* uint64_t: addresses of array pages */
} XenVm;

/* A test that is run with both layouts. */
typedef struct XenTest {
    const char *name;
    void (*run)(const void *long_mode);     /* GINT_TO_POINTER(bool) */
} XenTest;

/* Adds @nr @tests as "xen/@suite/64/name" and ".../32/name". */
void xen_add_tests(const char *suite, const XenTest *tests, size_t nr);

/* A combination of layout and ABI. */
typedef struct XenVariant {
    const char *name;
    bool long_mode, fifo;
} XenVariant;

extern const XenVariant xen_variants[4];

typedef struct XenVariantTest {
    const char *name;
    void (*run)(const void *variant);       /* const XenVariant * */
    bool once;                              /* independent of the ABI */
} XenVariantTest;

/* Adds @nr @tests as "xen/@suite/2level/64/name" and so on. */
void xen_add_variant_tests(const char *suite, const XenVariantTest *tests,
                           size_t nr);

/*
 * Starts a VM whose guest has latched its layout, mapped shared_info and
 * registered each vCPU's vcpu_info; no upcall is set.  @options: further
 * options, or NULL.
 */
XenVm *xen_vm_start(unsigned nr_vcpus, bool long_mode, const char *options);
/* The same, without any hypercall.  @accel: replaces XEN_VM_ACCEL; or NULL. */
XenVm *xen_vm_start_bare(unsigned nr_vcpus, bool long_mode, const char *accel,
                         const char *options);
/*
 * Starts another QEMU for the same guest, as target of a migration.  The
 * guest's own data is copied; the caller stops @old.
 */
XenVm *xen_vm_start_target(const XenVm *old, const char *accel,
                           const char *options);
/* The hypercalls made by xen_vm_start(). */
void xen_vm_set_up(XenVm *vm);
void xen_vm_stop(XenVm *vm);

/*
 * Like qtest_wait_qemu() and qtest_quit(), which only poll every 100 ms whether
 * QEMU has exited: this would dominate tests with many QEMUs.
 */
void xen_qtest_wait(QTestState *qts);
void xen_qtest_quit(QTestState *qts);

/*
 * Maps ACPI's PM1 registers (status, enable, control) of machine "pc", as firmware
 * does; their I/O port.
 */
uint16_t xen_vm_show_pm1(XenVm *vm);

/*
 * S3, for machine "pc": the guest suspends, and the user wakes it up.  They wait
 * for the events SUSPEND and WAKEUP.
 */
void xen_vm_suspend(XenVm *vm);
void xen_vm_wake_up(XenVm *vm);

/* The name of a new file of @size zeroes, for xen_remove_file(). */
char *xen_new_file(size_t size);
/* Removes it, and frees the name. */
void xen_remove_file(char *path);

/* The address of an unused page, filled with zeroes. */
uint64_t xen_vm_page(XenVm *vm);
/* A page that can be RAM or option ROM, by a register of the chip set. */
#define XEN_VM_HIDEABLE 0xd0000
void xen_vm_show_page(XenVm *vm, bool show);
/*
 * Unplugs the memory device @id, the first one, which the guest ejects when it is
 * asked to, and then its backend @memdev.
 */
void xen_vm_remove_dimm(XenVm *vm, const char *id, const char *memdev);

/* Makes hypercall @nr with up to six arguments; the rest are 0. */
int64_t xen_call(XenVm *vm, unsigned vcpu, unsigned nr,
                 const uint64_t *arg, unsigned nr_args);
#define XEN_CALL(vm, vcpu, nr, ...)                                     \
    ({                                                                  \
        const uint64_t xen_args_[] = { __VA_ARGS__ };                   \
        xen_call(vm, vcpu, nr, xen_args_, ARRAY_SIZE(xen_args_));       \
    })
/*
 * Hypercalls of the form "command, pointer to argument": @arg of @len bytes is
 * copied to the guest before the call, and back afterwards.
 */
int64_t xen_op(XenVm *vm, unsigned vcpu, unsigned nr, unsigned cmd,
               void *arg, size_t len);
#define XEN_EVTCHN_OP(vm, vcpu, cmd, arg)                               \
    xen_op(vm, vcpu, __HYPERVISOR_event_channel_op, cmd, arg, sizeof(*(arg)))
/*
 * Encodes a structure in the guest's layout: fields of @format, with these
 * values (uint64_t each).  h, w, q: integers of 2, 4 and 8 bytes; l: a long, a
 * frame number or a pointer.  Returns its size.
 */
size_t xen_pack(const XenVm *vm, void *buf, const char *format,
                const uint64_t *value);
/* An operation of vCPU 0 with such an argument. */
int64_t xen_packed_op(XenVm *vm, unsigned nr, unsigned cmd,
                      const char *format, const uint64_t *value);
#define XEN_PACKED_OP(vm, nr, cmd, format, ...)                         \
    xen_packed_op(vm, nr, cmd, format, (const uint64_t[]) { __VA_ARGS__ })
/* vcpu_op by @vcpu for vCPU @target. */
int64_t xen_vcpu_op(XenVm *vm, unsigned vcpu, unsigned cmd, unsigned target,
                    void *arg, size_t len);

/* Writes the hypercall MSR; 0 or an error. */
int64_t xen_hypercall_page(XenVm *vm, uint64_t msr, bool long_mode);
/* Sends a command of the qtest protocol.  False: FAIL. */
bool xen_qtest_command(QTestState *qts, const char *line, uint64_t *value);
/* Sends a command, which must succeed. */
uint64_t xen_command(XenVm *vm, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* XENMEM_add_to_physmap: maps page @idx of @space at @gpa. */
int64_t xen_add_to_physmap(XenVm *vm, unsigned space, uint64_t idx,
                           uint64_t gpa);
int64_t xen_remove_from_physmap(XenVm *vm, uint64_t gpa);
int64_t xen_register_vcpu_info(XenVm *vm, unsigned vcpu, uint64_t gpa);

int64_t xen_set_param(XenVm *vm, uint32_t index, uint64_t value);
int64_t xen_get_param(XenVm *vm, uint32_t index, uint64_t *value);

/* ---------------------------------------------------------------- upcalls */

int64_t xen_set_upcall_vector(XenVm *vm, unsigned vcpu, uint8_t vector);
/* Returns whether @vector was requested in the LAPIC, and clears it. */
bool xen_take_vector(XenVm *vm, unsigned vcpu, uint8_t vector);
/* The number of upcalls by callback vector since the last call. */
unsigned xen_take_callbacks(XenVm *vm, unsigned vcpu);

/* --------------------------------------- event channels, libxen-evtchn.c */

uint32_t xen_bind_ipi(XenVm *vm, unsigned vcpu);
uint32_t xen_bind_virq(XenVm *vm, unsigned vcpu, unsigned virq);
/* Returns a port to which @remote can connect. */
uint32_t xen_alloc_unbound(XenVm *vm, uint16_t remote);
/* Connects to @remote; both ends are this guest's. */
uint32_t xen_bind_loopback(XenVm *vm, uint32_t remote);
int64_t xen_bind_vcpu(XenVm *vm, uint32_t port, unsigned vcpu);
int64_t xen_close(XenVm *vm, uint32_t port);
int64_t xen_send(XenVm *vm, uint32_t port);
int64_t xen_set_priority(XenVm *vm, uint32_t port, unsigned priority);
/* EVTCHNSTAT_*, or an error. */
int xen_port_status(XenVm *vm, uint32_t port);
/*
 * Operations op[0] to op[@nr - 1] of vCPU 0 by HYPERVISOR_multicall, with a few
 * commands of the protocol for all of them rather than for each, which would
 * take most of the time.  Sets @ret, and output fields in @op.
 */
void xen_evtchn_ops(XenVm *vm, evtchn_op_t *op, int64_t *ret, size_t nr);

/* Switches to FIFO: control blocks for all vCPUs, @nr_pages of event array. */
void xen_use_fifo(XenVm *vm, unsigned nr_pages);
int64_t xen_init_control(XenVm *vm, unsigned vcpu, uint64_t gpa,
                         uint32_t offset);
int64_t xen_expand_array(XenVm *vm, uint64_t gpa);
/* The address of the event word of @port. */
uint64_t xen_fifo_word(XenVm *vm, uint32_t port);

/* Bits in guest memory, in the current ABI. */
bool xen_is_pending(XenVm *vm, uint32_t port);
bool xen_is_masked(XenVm *vm, uint32_t port);
bool xen_upcall_pending(XenVm *vm, unsigned vcpu);
void xen_mask(XenVm *vm, uint32_t port);
/* By EVTCHNOP_unmask, which delivers a pending event. */
void xen_unmask(XenVm *vm, uint32_t port);

/*
 * The guest's upcall handler on @vcpu: handles all pending unmasked events.
 * Returns their number, and their ports in order of handling; asserts that
 * there are at most @max.
 */
unsigned xen_handle(XenVm *vm, unsigned vcpu, uint32_t *port, unsigned max);
/* Handles events, which must be exactly this one, or none (0). */
void xen_expect_event(XenVm *vm, unsigned vcpu, uint32_t port);

#endif
