/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Being a Xen guest from a qtest
 *
 * A XenVm is a machine with "-accel qtest,xen-version=4.17": no vCPU runs; the
 * test makes the hypercalls and reads and writes the guest's memory.  All in
 * virtual time: only qtest_clock_step() moves the clock.
 *
 * Hypercalls go out in the VM's layout, 64-bit or 32-bit.  They return what the
 * guest would see: 0 or more, or Xen's error, negative (-ENOENT...).  Functions
 * that return nothing or a port assert that the operation works.
 */
#ifndef TESTS_QTEST_LIBXEN_H
#define TESTS_QTEST_LIBXEN_H

#include "libqtest.h"

/* Today's names: without it the headers give a guest of Xen 3 what it knew. */
#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#endif
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"

#define XEN_PAGE_SIZE       4096u
#define XEN_VM_DOMID        1
/* An address in both layouts with nothing behind it. */
#define XEN_NO_RAM          UINT64_C(0xc0000000)
#define XEN_VM_MAX_VCPUS    64
#define XEN_VM_ACCEL        "-accel qtest,xen-version=4.17"

typedef struct XenVm {
    QTestState *qts;
    unsigned nr_vcpus;
    bool long_mode;
    uint64_t next_page;         /* what xen_vm_page() gives next */
    uint64_t scratch;           /* a page for arguments */
    uint64_t batch;             /* two for xen_evtchn_ops() */
    uint64_t shared_info;
    uint64_t vcpu_info[XEN_VM_MAX_VCPUS];
    /* 2-level: whose handler takes a port's events, as a guest's kernel knows */
    uint8_t vcpu_of[EVTCHN_2L_NR_CHANNELS];
    /* FIFO, as the guest keeps it: see libxen-evtchn.c */
    uint64_t control[XEN_VM_MAX_VCPUS];
    uint32_t head[XEN_VM_MAX_VCPUS][EVTCHN_FIFO_MAX_QUEUES];
    GArray *array;              /* uint64_t, addresses of array pages */
} XenVm;

/* A test of both layouts. */
typedef struct XenTest {
    const char *name;
    void (*run)(const void *long_mode);     /* GINT_TO_POINTER(bool) */
} XenTest;

/* Adds the @nr of @tests as "xen/@suite/64/name" and ".../32/name". */
void xen_add_tests(const char *suite, const XenTest *tests, size_t nr);

/* Both layouts in both ABIs. */
typedef struct XenVariant {
    const char *name;
    bool long_mode, fifo;
} XenVariant;

extern const XenVariant xen_variants[4];

typedef struct XenVariantTest {
    const char *name;
    void (*run)(const void *variant);       /* const XenVariant * */
    bool once;                              /* the ABI makes no difference */
} XenVariantTest;

/* Adds the @nr of @tests as "xen/@suite/2level/64/name" and so on. */
void xen_add_variant_tests(const char *suite, const XenVariantTest *tests,
                           size_t nr);

/*
 * A VM that has latched its layout, with shared_info mapped and each vCPU's
 * vcpu_info registered; upcalls by nothing yet.  @options: more of QEMU's, or
 * NULL.
 */
XenVm *xen_vm_start(unsigned nr_vcpus, bool long_mode, const char *options);
/*
 * The same without any hypercall made.  @accel replaces XEN_VM_ACCEL; NULL: it.
 */
XenVm *xen_vm_start_bare(unsigned nr_vcpus, bool long_mode, const char *accel,
                         const char *options);
/*
 * Another QEMU for the same guest: a migration's target.  @old stays, for the
 * caller to stop; what the guest knows is copied.
 */
XenVm *xen_vm_start_target(const XenVm *old, const char *accel,
                           const char *options);
/* Its first steps, as xen_vm_start() does them. */
void xen_vm_set_up(XenVm *vm);
void xen_vm_stop(XenVm *vm);

/*
 * As qtest_wait_qemu() and qtest_quit(), which look every 100 ms only whether
 * QEMU has ended: with a QEMU for each test that is most of the time.
 */
void xen_qtest_wait(QTestState *qts);
void xen_qtest_quit(QTestState *qts);

/* Address of an unused page: all zeroes, since no firmware runs. */
uint64_t xen_vm_page(XenVm *vm);
/* A page that the chip set shows as RAM or hides behind the option ROMs. */
#define XEN_VM_HIDEABLE 0xd0000
void xen_vm_show_page(XenVm *vm, bool show);

/* Hypercall @nr with up to six arguments; the rest is 0. */
int64_t xen_call(XenVm *vm, unsigned vcpu, unsigned nr,
                 const uint64_t *arg, unsigned nr_args);
#define XEN_CALL(vm, vcpu, nr, ...)                                     \
    ({                                                                  \
        const uint64_t xen_args_[] = { __VA_ARGS__ };                   \
        xen_call(vm, vcpu, nr, xen_args_, ARRAY_SIZE(xen_args_));       \
    })
/*
 * Hypercalls "command, pointer to argument": @arg of @len bytes is copied to
 * the guest before and back after it.
 */
int64_t xen_op(XenVm *vm, unsigned vcpu, unsigned nr, unsigned cmd,
               void *arg, size_t len);
#define XEN_EVTCHN_OP(vm, vcpu, cmd, arg)                               \
    xen_op(vm, vcpu, __HYPERVISOR_event_channel_op, cmd, arg, sizeof(*(arg)))
/*
 * The structure with fields of @format and these values (uint64_t each) as a
 * compiler for the guest lays it out: h, w, q are integers of 2, 4 and 8 bytes,
 * l is a long, a frame number or a pointer.  Its size.
 */
size_t xen_pack(const XenVm *vm, void *buf, const char *format,
                const uint64_t *value);
/* vCPU 0's operation with such an argument. */
int64_t xen_packed_op(XenVm *vm, unsigned nr, unsigned cmd,
                      const char *format, const uint64_t *value);
#define XEN_PACKED_OP(vm, nr, cmd, format, ...)                         \
    xen_packed_op(vm, nr, cmd, format, (const uint64_t[]) { __VA_ARGS__ })
/* vcpu_op of @vcpu for vCPU @target. */
int64_t xen_vcpu_op(XenVm *vm, unsigned vcpu, unsigned cmd, unsigned target,
                    void *arg, size_t len);

/* A write of the hypercall MSR; 0 or an error. */
int64_t xen_hypercall_page(XenVm *vm, uint64_t msr, bool long_mode);
/* A command of the machine's.  False: it was refused. */
bool xen_qtest_command(QTestState *qts, const char *line, uint64_t *value);
/* One that must not be refused. */
uint64_t xen_command(XenVm *vm, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* XENMEM_add_to_physmap: page @idx of @space at @gpa. */
int64_t xen_add_to_physmap(XenVm *vm, unsigned space, uint64_t idx,
                           uint64_t gpa);
int64_t xen_remove_from_physmap(XenVm *vm, uint64_t gpa);
int64_t xen_register_vcpu_info(XenVm *vm, unsigned vcpu, uint64_t gpa);

int64_t xen_set_param(XenVm *vm, uint32_t index, uint64_t value);
int64_t xen_get_param(XenVm *vm, uint32_t index, uint64_t *value);

/* ---------------------------------------------------------------- upcalls */

int64_t xen_set_upcall_vector(XenVm *vm, unsigned vcpu, uint8_t vector);
/* @vector was requested in the LAPIC; the guest takes it. */
bool xen_take_vector(XenVm *vm, unsigned vcpu, uint8_t vector);
/* Upcalls by callback vector since the last call. */
unsigned xen_take_callbacks(XenVm *vm, unsigned vcpu);

/* --------------------------------------- event channels, libxen-evtchn.c */

uint32_t xen_bind_ipi(XenVm *vm, unsigned vcpu);
uint32_t xen_bind_virq(XenVm *vm, unsigned vcpu, unsigned virq);
/* A port for @remote to connect to. */
uint32_t xen_alloc_unbound(XenVm *vm, uint16_t remote);
/* The other end of @remote, both ends of this guest. */
uint32_t xen_bind_loopback(XenVm *vm, uint32_t remote);
int64_t xen_bind_vcpu(XenVm *vm, uint32_t port, unsigned vcpu);
int64_t xen_close(XenVm *vm, uint32_t port);
int64_t xen_send(XenVm *vm, uint32_t port);
int64_t xen_set_priority(XenVm *vm, uint32_t port, unsigned priority);
/* EVTCHNSTAT_*, or an error. */
int xen_port_status(XenVm *vm, uint32_t port);
/*
 * vCPU 0's operations op[0] to op[@nr - 1] by HYPERVISOR_multicall: a few
 * commands of the protocol for all rather than for each, which is what a long
 * list of them takes its time for.  Their results are in @ret, what they gave
 * in @op.
 */
void xen_evtchn_ops(XenVm *vm, evtchn_op_t *op, int64_t *ret, size_t nr);

/* FIFO with control blocks for all vCPUs and @nr_pages of event array. */
void xen_use_fifo(XenVm *vm, unsigned nr_pages);
int64_t xen_init_control(XenVm *vm, unsigned vcpu, uint64_t gpa,
                         uint32_t offset);
int64_t xen_expand_array(XenVm *vm, uint64_t gpa);
/* Where the word of @port is. */
uint64_t xen_fifo_word(XenVm *vm, uint32_t port);

/* What memory says, in the ABI that is in use. */
bool xen_is_pending(XenVm *vm, uint32_t port);
bool xen_is_masked(XenVm *vm, uint32_t port);
bool xen_upcall_pending(XenVm *vm, unsigned vcpu);
void xen_mask(XenVm *vm, uint32_t port);
/* By EVTCHNOP_unmask, which delivers what is pending. */
void xen_unmask(XenVm *vm, uint32_t port);

/*
 * The guest's upcall handler on @vcpu: takes all events that are deliverable.
 * Their ports, in the order in which it found them; at most @max, and asserts
 * that there are not more.
 */
unsigned xen_handle(XenVm *vm, unsigned vcpu, uint32_t *port, unsigned max);
/* The handler finds exactly this event, or (0) none. */
void xen_expect_event(XenVm *vm, unsigned vcpu, uint32_t port);

#endif
