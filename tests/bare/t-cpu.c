/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercall instructions, modes and registers; the hypercall page; CPUID
 */
#include "guest.h"
#include "layout.h"
#include "tap.h"

#define VERSION         0x40011
#define GARBAGE         0xdeadbeef00000000ull
#define GENERAL_PROTECTION 13
#define IOPL_3          (3 << 12)

/* The mode a hypercall is made from: that of this program, or another. */
struct Mode {
    unsigned cs;
    bool is64;
};

static const struct Mode native = { KERNEL_CODE, IS_64BIT };
static const struct Mode native_ring3 = {
    IS_64BIT ? SEL_USER_CODE64 : SEL_USER_CODE32, IS_64BIT,
};
#if IS_64BIT
static const struct Mode compat = { SEL_CODE32, false };
static const struct Mode compat_ring3 = { SEL_USER_CODE32, false };
#endif

/* @high: the upper halves of argument registers, which 32-bit code ignores. */
static struct Run make_call(const struct Mode *mode, uint64_t nr, uint64_t arg0,
                            uint64_t arg1, uint64_t high)
{
    struct Run run = { .ax = nr };

    if (mode->is64) {
        run.di = arg0;
        run.si = arg1;
    } else {
        run.bx = arg0 | high;
        run.cx = arg1 | high;
    }
    return run;
}

static uint64_t call_by(const struct Mode *mode, const char *snippet,
                        uint64_t nr, uint64_t arg0, uint64_t arg1)
{
    struct Run run = make_call(mode, nr, arg0, arg1, 0);

    CHECK_EQ(run_snippet(&run, mode->cs, snippet), NO_FAULT);
    return run.ax;
}

static uint64_t call_page(const struct Mode *mode, unsigned nr, uint64_t arg0,
                          uint64_t arg1)
{
    struct Run run = make_call(mode, nr, arg0, arg1, 0);

    run.ax = (uintptr_t)hypercall_page + nr * 32;
    CHECK_EQ(run_snippet(&run, mode->cs, snippet_call_rax), NO_FAULT);
    return run.ax;
}

/* What the hypercall page executes. */
static const char *own_snippet(void)
{
    if (guest_calls_by_port()) {
        return snippet_out;
    }
    return guest_is_intel() ? snippet_vmcall : snippet_vmmcall;
}

/* Xen's error as found in the register of the result. */
static uint64_t error_in(const struct Mode *mode, int error)
{
    return mode->is64 ? -(uint64_t)error : (uint32_t)-error;
}

static void check_version(const struct Mode *mode, const char *snippet)
{
    CHECK_EQ(call_by(mode, snippet, __HYPERVISOR_xen_version, XENVER_version,
                     0), VERSION);
}

/* Where hypercalls are by port, the host's kernel answers these itself. */
static void check_instruction(const struct Mode *mode, const char *snippet)
{
    if (guest_calls_by_port()) {
        test_skip("hypercalls are by port");
    } else {
        check_version(mode, snippet);
    }
}

TEST_EARLY(vmcall, "vmcall")
{
    check_instruction(&native, snippet_vmcall);
}

TEST_EARLY(vmmcall, "vmmcall")
{
    check_instruction(&native, snippet_vmmcall);
}

TEST_EARLY(page, "hypercall-page")
{
    CHECK(!guest_calls_by_port() || hypercall_page[6] == HYPERCALL_PORT);
    CHECK_EQ(call_page(&native, __HYPERVISOR_xen_version, XENVER_version, 0),
             VERSION);
    CHECK_EQ(call_page(&native, 127, 0, 0), error_in(&native, XEN_ENOSYS));
}

static void check_unknown(const struct Mode *mode)
{
    static const uint32_t numbers[] = { 0x3f, 0x7f, 0x80, 0x7fffffff };

    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        CHECK_EQ(call_by(mode, own_snippet(), numbers[i], 0, 0),
                 error_in(mode, XEN_ENOSYS));
    }
}

TEST_EARLY(unknown, "unknown-hypercall")
{
    check_unknown(&native);
}

/* All other registers are preserved. */
static void check_preserved(const struct Mode *mode)
{
    struct Run run = {
        .ax = __HYPERVISOR_xen_version, .bx = 0xb0b1b2b3, .cx = 0xc0c1c2c3,
        .dx = 0xd0d1d2d3, .si = 0x51525354, .di = 0xd1d2d3d4,
        .bp = 0xb1b2b3b4, .r8 = 0x81828384, .r9 = 0x91929394,
        .r10 = 0xa1a2a3a4,
    }, before;

    if (mode->is64) {
        run.di = XENVER_version;
    } else {
        run.bx = XENVER_version;
    }
    before = run;
    CHECK_EQ(run_snippet(&run, mode->cs, own_snippet()), NO_FAULT);
    CHECK_EQ(run.ax, VERSION);
    CHECK_EQ(run.bx, before.bx);
    CHECK_EQ(run.cx, before.cx);
    CHECK_EQ(run.dx, before.dx);
    CHECK_EQ(run.si, before.si);
    CHECK_EQ(run.di, before.di);
    CHECK_EQ(run.bp, before.bp);
    CHECK_EQ(run.r8, before.r8);
    CHECK_EQ(run.r9, before.r9);
    CHECK_EQ(run.r10, before.r10);
}

TEST_EARLY(preserved, "registers-preserved")
{
    check_preserved(&native);
}

static int call_with_flags(const struct Mode *mode, uint64_t flags,
                           uint64_t *result)
{
    struct Run run = make_call(mode, __HYPERVISOR_sched_op, SCHEDOP_yield, 0,
                               0);
    int fault;

    run.flags = flags;
    fault = run_snippet(&run, mode->cs, own_snippet());
    *result = run.ax;
    return fault;
}

/* The port is accessible only if the guest's kernel allows it. */
static void check_ring3_by_port(const struct Mode *mode)
{
    uint64_t result;

    CHECK_EQ(call_with_flags(mode, 0, &result), GENERAL_PROTECTION);
    CHECK_EQ(call_with_flags(mode, IOPL_3, &result), NO_FAULT);
    CHECK_EQ(result, error_in(mode, XEN_EPERM));
}

static void check_ring3(const struct Mode *mode)
{
    if (guest_calls_by_port()) {
        check_ring3_by_port(mode);
        return;
    }
    CHECK_EQ(call_by(mode, own_snippet(), __HYPERVISOR_xen_version,
                     XENVER_version, 0), error_in(mode, XEN_EPERM));
    CHECK_EQ(call_page(mode, __HYPERVISOR_sched_op, SCHEDOP_yield, 0),
             error_in(mode, XEN_EPERM));
    CHECK_EQ(call_by(mode, own_snippet(), 0x7f, 0, 0),
             error_in(mode, XEN_EPERM));
}

TEST_EARLY(ring3, "ring3-refused")
{
    check_ring3(&native_ring3);
}

/*
 * KVM emulates the other vendor's instruction in ring 0 only, and may have
 * patched it there.
 */
TEST_EARLY(ring3_other, "ring3-other-instruction")
{
    const char *other = guest_is_intel() ? snippet_vmmcall : snippet_vmcall;
    struct Run run = make_call(&native_ring3, __HYPERVISOR_xen_version,
                               XENVER_version, 0, 0);
    int fault;

    if (guest_calls_by_port()) {
        test_skip("hypercalls are by port");
        return;
    }
    fault = run_snippet(&run, native_ring3.cs, other);
    if (fault == NO_FAULT) {
        CHECK_EQ(run.ax, error_in(&native_ring3, XEN_EPERM));
    } else {
        CHECK(guest_is("accel", "kvm"));
        CHECK_EQ(fault, GENERAL_PROTECTION);
    }
}

#if IS_64BIT

TEST_EARLY(compat_vmcall, "compat-vmcall")
{
    check_instruction(&compat, snippet_vmcall);
}

TEST_EARLY(compat_vmmcall, "compat-vmmcall")
{
    check_instruction(&compat, snippet_vmmcall);
}

TEST_EARLY(compat_page, "compat-hypercall-page")
{
    CHECK_EQ(call_page(&compat, __HYPERVISOR_xen_version, XENVER_version, 0),
             VERSION);
}

TEST_EARLY(compat_unknown, "compat-unknown-hypercall")
{
    check_unknown(&compat);
}

TEST_EARLY(compat_preserved, "compat-registers-preserved")
{
    check_preserved(&compat);
}

TEST_EARLY(compat_r3, "compat-ring3-refused")
{
    check_ring3(&compat_ring3);
}

/* The upper halves are left over from 64-bit code. */
TEST_EARLY(compat_halves, "compat-upper-halves")
{
    static char extra[XEN_EXTRAVERSION_LEN];
    struct Run run = make_call(&compat, __HYPERVISOR_xen_version | GARBAGE,
                               XENVER_extraversion, (uintptr_t)extra, GARBAGE);

    extra[0] = 1;
    extra[XEN_EXTRAVERSION_LEN - 1] = 1;
    CHECK_EQ(run_snippet(&run, compat.cs, own_snippet()), NO_FAULT);
    CHECK_EQ(run.ax, 0);
    CHECK(extra[0] != 1);
    CHECK_EQ(extra[XEN_EXTRAVERSION_LEN - 1], 0);
}

TEST_EARLY(number, "number-is-32-bits")
{
    CHECK_EQ(call_by(&native, own_snippet(),
                     __HYPERVISOR_xen_version | GARBAGE, XENVER_version, 0),
             VERSION);
}

/* The layout is that of the caller, not that of shared_info. */
TEST_EARLY(compat_layout, "compat-argument-layout")
{
    struct {
        uint32_t domid_and_size, space, idx, gpfn;
    } op32 = { DOMID_SELF, XENMAPSPACE_shared_info, 0, 0 };

    op32.gpfn = (uintptr_t)shared_info / PAGE_SIZE;
    CHECK_EQ(call_by(&compat, own_snippet(), __HYPERVISOR_memory_op,
                     XENMEM_add_to_physmap, (uintptr_t)&op32), 0);
    op32.idx = 1;
    CHECK_EQ(call_by(&compat, own_snippet(), __HYPERVISOR_memory_op,
                     XENMEM_add_to_physmap, (uintptr_t)&op32),
             error_in(&compat, XEN_EINVAL));
}

/* Index of the wall clock's seconds in a 32-bit guest's shared_info. */
#define WC_SEC_32   577

/*
 * Xen latches the mode of the code that writes the MSR.  KVM latches whether
 * the vCPU is in long mode, which includes compatibility mode; but QEMU does it
 * where hypercalls are by port.
 */
TEST_EARLY(latch, "mode-latched-by-msr")
{
    Live32 *wc_sec_32 = (Live32 *)shared_info + WC_SEC_32;
    struct Run run = {
        .ax = (uintptr_t)hypercall_page, .cx = XEN_MSR_HYPERCALL,
    };

    CHECK_EQ(*wc_sec_32, 0);
    CHECK_EQ(run_snippet(&run, compat.cs, snippet_wrmsr), NO_FAULT);
    CHECK_EQ(*wc_sec_32 != 0,
             !guest_is("accel", "kvm") || guest_calls_by_port());
    CHECK_EQ(try_wrmsr(XEN_MSR_HYPERCALL, (uintptr_t)hypercall_page),
             NO_FAULT);
    /* These words have become event masks. */
    for (int i = -1; i <= 1; i++) {
        wc_sec_32[i] = 0;
    }
    CHECK(shared_info->wc_sec != 0);
}

#endif

#define BIOS_PAGE   0xf0000

static const uint64_t bad_pages[] = {
    1ull << 40,             /* no memory */
    0xffffffffffff0000,
    0xfee00000,             /* the LAPIC */
    BIOS_PAGE,              /* read-only */
};

/* Firmware may leave its own copy writable. */
static bool bios_is_writable(void)
{
    Live32 *p = (Live32 *)(uintptr_t)BIOS_PAGE;
    uint32_t was = *p;
    bool changed;

    *p = ~was;
    changed = *p != was;
    *p = was;
    return changed;
}

TEST_EARLY(msr, "msr-invalid-page")
{
    uint32_t code = *(uint32_t *)hypercall_page;

    for (unsigned i = 0; i < ARRAY_SIZE(bad_pages); i++) {
        int fault;

        if (bad_pages[i] == BIOS_PAGE && bios_is_writable()) {
            continue;
        }
        fault = try_wrmsr(XEN_MSR_HYPERCALL, bad_pages[i]);
        if (fault != GENERAL_PROTECTION) {
            test_failed(__FILE__, __LINE__, "0x%llx: fault %d",
                        (unsigned long long)bad_pages[i], fault);
        }
    }
    /* Index 0 is the only page. */
    CHECK_EQ(try_wrmsr(XEN_MSR_HYPERCALL, (uintptr_t)hypercall_page + 1),
             GENERAL_PROTECTION);
    CHECK_EQ(*(uint32_t *)hypercall_page, code);
    check_version(&native, own_snippet());
}

TEST_EARLY(msr_compat, "msr-other-page")
{
    static uint8_t other[PAGE_SIZE] PAGE_ALIGNED;

    CHECK_EQ(try_wrmsr(XEN_MSR_HYPERCALL, (uintptr_t)other), NO_FAULT);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        if (other[i] != hypercall_page[i]) {
            test_failed(__FILE__, __LINE__, "byte %u differs", i);
            break;
        }
    }
    CHECK_EQ(try_wrmsr(XEN_MSR_HYPERCALL, (uintptr_t)hypercall_page),
             NO_FAULT);
}

static void check_leaves(void *unused)
{
    uint32_t reg[4];

    cpuid(XEN_LEAF(0), 0, reg);
    CHECK(reg[0] >= XEN_LEAF(4) && reg[0] < XEN_LEAF(0x100));
    CHECK_EQ(reg[1], 0x566e6558);       /* "XenVMMXenVMM" */
    CHECK_EQ(reg[2], 0x65584d4d);
    CHECK_EQ(reg[3], 0x4d4d566e);

    cpuid(XEN_LEAF(1), 0, reg);
    CHECK_EQ(reg[0], VERSION);

    cpuid(XEN_LEAF(2), 0, reg);
    CHECK_EQ(reg[0], 1);
    CHECK_EQ(reg[1], XEN_MSR_HYPERCALL);

    cpuid(XEN_LEAF(4), 0, reg);
    CHECK(reg[0] & 1 << 3);             /* EBX is valid: */
    CHECK_EQ(reg[1], this_cpu());
    CHECK(reg[0] & 1 << 6);             /* a vCPU's upcall vector */

    cpuid(1, 0, reg);
    CHECK(reg[2] & 1u << 31);           /* hypervisor present */
}

TEST_EARLY(leaves, "cpuid-leaves")
{
    cpu_call_all(check_leaves, NULL);
}

/*
 * The time leaf: how the TSC is provided and its frequency, the factors from it to
 * system time, and the host's frequency, which is the same here.
 */
TEST_EARLY(time_leaf, "cpuid-time")
{
    VcpuTime *t = &shared_info->vcpu_info[0].time;
    uint32_t reg[4], khz;

    cpuid(XEN_LEAF(3), 1, reg);
    CHECK_EQ(reg[0], 0);
    CHECK_EQ(reg[2], t->tsc_to_system_mul);
    CHECK_EQ((int8_t)reg[3], t->tsc_shift);
    cpuid(XEN_LEAF(3), 0, reg);
    CHECK_EQ(reg[0] & ~7u, 0);          /* emulated, reliable, RDTSCP */
    CHECK_EQ(reg[1], 0);                /* mode: emulate if necessary */
    CHECK(reg[2] > 100000);             /* kHz */
    CHECK_EQ(reg[3], 0);                /* incarnation */
    khz = reg[2];
    cpuid(XEN_LEAF(3), 2, reg);
    CHECK_EQ(reg[0], khz);
}
