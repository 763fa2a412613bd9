/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypercall page: code that Xen writes to a page of the guest
 *
 * Hypercall n is called at offset 32 n.  The code loads the number and executes
 * VMCALL or VMMCALL, depending on the CPU's vendor; or OUT, if the accelerator
 * cannot intercept these.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "system/address-spaces.h"
#include "hw/xen/emu/domain.h"
#include "hw/i386/kvm/xen_overlay.h"
#include "cpu.h"
#include "internal.h"
#include "trace.h"

#define STUB_SIZE   32
#define NR_STUBS    (XEN_EMU_PAGE_SIZE / STUB_SIZE)

#define MAX_TRAP    3

/* The instruction that makes the hypercall. */
typedef struct Trap {
    uint8_t code[MAX_TRAP], len;
} Trap;

static Trap choose_trap(bool intel)
{
    static const Trap vmcall = { { 0x0f, 0x01, 0xc1 }, 3 };
    static const Trap vmmcall = { { 0x0f, 0x01, 0xd9 }, 3 };
    uint8_t port = xen_emu_accel()->hypercall_port;

    if (port) {
        return (Trap) { { 0xe6, port }, 2 };    /* out %al, $port */
    }
    return intel ? vmcall : vmmcall;
}

/* mov $nr, %eax; the trap; ret */
static void put_stub(uint8_t *p, uint32_t nr, const Trap *trap)
{
    p[0] = 0xb8;
    stl_le_p(p + 1, nr);
    memcpy(p + 5, trap->code, trap->len);
    p[5 + trap->len] = 0xc3;
}

/* A hypercall that cannot be called like a function: ud2. */
static void put_undefined(uint8_t *p)
{
    p[0] = 0x0f;
    p[1] = 0x0b;
}

static bool is_writable(uint64_t gpa)
{
    XenGuestPage page;
    bool found;

    xen_guest_page_init(&page, NULL, NULL);
    found = !xen_guest_page_set(xen_emu_pages(), &page, gpa,
                                XEN_EMU_PAGE_SIZE);
    xen_guest_page_unset(xen_emu_pages(), &page);
    return found;
}

int xen_hypercall_page_write(CPUState *cs, uint64_t msr_value, bool long_mode)
{
    const MemTxAttrs attrs = { .memory = 1 };
    uint64_t gpa = msr_value & ~(uint64_t)(XEN_EMU_PAGE_SIZE - 1);
    bool intel = IS_INTEL_CPU(&X86_CPU(cs)->env);
    Trap trap = choose_trap(intel);
    uint8_t page[XEN_EMU_PAGE_SIZE];

    /* The low bits select a page; according to CPUID there is only one. */
    if (gpa != msr_value) {
        return -EFAULT;
    }
    /* A write to ROM would be lost without an error. */
    if (!is_writable(gpa)) {
        return -EFAULT;
    }

    memset(page, 0xcc, sizeof(page));       /* int3 between the stubs */
    for (unsigned nr = 0; nr < NR_STUBS; nr++) {
        if (nr == __HYPERVISOR_iret) {
            put_undefined(page + nr * STUB_SIZE);
        } else {
            put_stub(page + nr * STUB_SIZE, nr, &trap);
        }
    }
    if (address_space_write(&address_space_memory, gpa, attrs, page,
                            sizeof(page)) != MEMTX_OK) {
        return -EFAULT;
    }
    trace_xen_hypercall_page(cs->cpu_index, gpa, long_mode, intel);

    BQL_LOCK_GUARD();
    return xen_set_long_mode(long_mode) ? -EFAULT : 0;
}
