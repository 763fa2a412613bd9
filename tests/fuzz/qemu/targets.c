/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz targets for the Xen emulation; see qemu-fuzz.h. */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "system/address-spaces.h"
#include "system/memory.h"
#include "hw/core/boards.h"
#include "hw/i386/x86.h"
#include "hw/core/irq.h"
#include "hw/xen/emu/debug/fault-inject.h"
#include "hw/xen/emu/device/reset.h"
#include "hw/xen/emu/domain.h"
#include "hw/xen/emu/evtchn.h"
#include "hw/xen/interface/xen.h"
#include "hw/xen/interface/event_channel.h"
#include "system/kvm_xen.h"
#include "system/system.h"
#include "fuzz.h"
#include "qemu-fuzz.h"

/* Each costs microseconds; a program of 4 KiB has 170. */
#define MAX_STEPS       256
/* Of the domain, before that after each program; one costs as much as 20 steps. */
#define MAX_RESETS      2
/* Xenstore's and the console's ring are among the frames from here on. */
#define SPECIAL_GFN     (XEN_SPECIAL_AREA_ADDR / XEN_FUZZ_PAGE)

/* What system/main.c has, without which QEMU is not linked. */
int (*qemu_main)(void);

static uint8_t *guest_pages;    /* the host's address of XEN_FUZZ_FIRST_GFN */

bool xen_fuzz_next(XenFuzzProgram *p, Record *r)
{
    return p->steps++ < MAX_STEPS && record_next(&p->data, &p->size, r);
}

/* ----------------------------------------------------------------- values -- */

uint64_t xen_fuzz_gfn(Record *r)
{
    static const uint32_t places[] = {
        0, 0x9f,            /* real-mode RAM */
        0xa0,               /* video memory */
        0xc0, 0xd0, 0xe8,   /* shadow RAM, read-only or not */
        0xf0, 0xff, 0xfffff,    /* firmware */
        0x13ff,             /* the last frame of RAM */
        0x1400,             /* none */
        0xfec00, 0xfee00,   /* I/O APIC, messages */
        SPECIAL_GFN, SPECIAL_GFN + 1, SPECIAL_GFN + 2,
    };
    uint8_t b = record_u8(r);

    if (b < 160) {
        return XEN_FUZZ_FIRST_GFN + b % XEN_FUZZ_NR_GFNS;
    }
    if (b < 240) {
        return places[b % ARRAY_SIZE(places)];
    }
    return b < 252 ? record_u32(r) : record_u64(r);
}

uint64_t xen_fuzz_gpa(Record *r)
{
    uint64_t gfn = xen_fuzz_gfn(r);
    uint8_t b = record_u8(r);

    /* Aligned to 64, or anywhere, or near the end of the page. */
    return gfn * XEN_FUZZ_PAGE +
           (b < 64 ? b * 64 : b < 128 ? record_u16(r) % XEN_FUZZ_PAGE :
            b < 192 ? XEN_FUZZ_PAGE - (b - 128) : 0);
}

CPUState *xen_fuzz_cpu(uint8_t number)
{
    return qemu_get_cpu(number % XEN_FUZZ_VCPUS);
}

void xen_fuzz_write(uint64_t gpa, const void *data, size_t len)
{
    address_space_write(&address_space_memory, gpa,
                        (MemTxAttrs) { .memory = 1 }, data, len);
}

void xen_fuzz_read(uint64_t gpa, void *data, size_t len)
{
    address_space_read(&address_space_memory, gpa,
                       (MemTxAttrs) { .memory = 1 }, data, len);
}

/* ------------------------------------------------------------------ steps -- */

/* The guest writes to a page, which may be one that it shares. */
static void step_write(XenFuzzProgram *p, Record *r)
{
    static const uint32_t values[] = {
        0, UINT32_MAX, 1, 1u << EVTCHN_FIFO_PENDING,
        1u << EVTCHN_FIFO_LINKED, 1u << EVTCHN_FIFO_MASKED,
        1u << EVTCHN_FIFO_BUSY, 0x10001,
    };
    uint64_t gpa = xen_fuzz_gpa(r);
    uint8_t which = record_u8(r);
    uint32_t value = which < 128 ? values[which % ARRAY_SIZE(values)]
                                 : record_u32(r);

    xen_fuzz_write(gpa & ~UINT64_C(3), &value, sizeof(value));
}

static void step_clock(XenFuzzProgram *p, Record *r)
{
    /* At most 16 ms, or a period of 1 ms takes long to catch up with. */
    int64_t ns = record_u32(r) & 0xffffff;

    qemu_clock_advance_virtual_time(
        qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + ns);
}

static void step_main_loop(XenFuzzProgram *p, Record *r)
{
    main_loop_wait(true);
}

/* A lookup of a page or of an argument fails. */
static void step_fault(XenFuzzProgram *p, Record *r)
{
    XenFault what = record_u8(r) % XEN_FAULT__MAX;
    uint8_t after = record_u8(r) % 32;

    xen_fault_arm(what, after, record_u8(r) % 4);
}

#define NR_GSIS     24

static uint32_t high_gsis;

static void set_gsi(unsigned gsi, bool level)
{
    X86MachineState *machine = X86_MACHINE(qdev_get_machine());

    high_gsis = deposit32(high_gsis, gsi, 1, level);
    qemu_set_irq(machine->gsi[gsi], level);
}

static void step_gsi(XenFuzzProgram *p, Record *r)
{
    unsigned gsi = record_u8(r) % NR_GSIS;

    set_gsi(gsi, record_u8(r) & 1);
}

/* What the user does by QMP. */
static void step_inject(XenFuzzProgram *p, Record *r)
{
    xen_evtchn_inject(xen_emu_evtchn(), record_u8(r) % 64);
}

static void step_reset(XenFuzzProgram *p, Record *r)
{
    if (p->resets++ < MAX_RESETS) {
        g_assert(xen_emu_request_soft_reset(xen_fuzz_cpu(0)) == 0);
    }
}

/* ----------------------------------------------------------------- after -- */

static void check_domain(void)
{
    XenEvtchn *e = xen_emu_evtchn();
    struct evtchn_bind_ipi bind = { .vcpu = 1 };
    int ret;

    g_assert_cmpint(xen_emu_request_soft_reset(xen_fuzz_cpu(0)), ==, 0);
    g_assert_cmpint(xen_evtchn_abi(e), ==, XEN_EVTCHN_ABI_2L);
    ret = xen_evtchn_bind_ipi(e, &bind);
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpint(xen_evtchn_send(e, bind.port), ==, 0);
    g_assert_cmpint(xen_evtchn_close(e, bind.port), ==, 0);
}

static void run(XenFuzzStep *const *steps, size_t nr, const uint8_t *data,
                size_t size)
{
    XenFuzzProgram p = { data, size };
    Record r;

    while (xen_fuzz_next(&p, &r)) {
        steps[record_u8(&r) % nr](&p, &r);
    }
    for (unsigned i = 0; i < XEN_FAULT__MAX; i++) {
        xen_fault_arm(i, 0, 0);
    }
    for (unsigned i = 0; high_gsis; i++) {
        set_gsi(i, false);
    }
    xen_fuzz_grant_end();
    xen_fuzz_platform_end();
    main_loop_wait(true);
    /* Pages of Xen's that are taken away one by one: the map is built once. */
    memory_region_transaction_begin();
    check_domain();
    memory_region_transaction_commit();
    memset(guest_pages, 0, XEN_FUZZ_NR_GFNS * XEN_FUZZ_PAGE);
}

/*
 * Programs of this target use no I/O ports but those of PCI's configuration.  Ports'
 * regions are a few bytes each, and QEMU builds the maps of all address spaces anew
 * whenever a page of Xen's moves, which was half of a program's time.
 */
static void hide_ports(void)
{
    MemoryRegion *port;

    memory_region_transaction_begin();
    QTAILQ_FOREACH(port, &get_system_io()->subregions, subregions_link) {
        if (!g_str_has_prefix(memory_region_name(port), "pci-conf-")) {
            memory_region_set_enabled(port, false);
        }
    }
    memory_region_transaction_commit();
}

static void find_pages(void)
{
    MachineState *machine = MACHINE(qdev_get_machine());

    guest_pages = memory_region_get_ram_ptr(machine->ram) +
                  XEN_FUZZ_FIRST_GFN * XEN_FUZZ_PAGE;
}

/* --------------------------------------------------------------- targets -- */

static XenFuzzStep *const hypercall_steps[] = {
    xen_fuzz_call, xen_fuzz_call, xen_fuzz_call, xen_fuzz_multicall,
    step_gsi, step_inject, step_reset, step_write, step_clock,
    step_main_loop, step_fault, xen_fuzz_set_up, xen_fuzz_list,
};

static XenFuzzStep *const overlay_steps[] = {
    xen_fuzz_call, xen_fuzz_call, xen_fuzz_call, xen_fuzz_call, step_inject,
    xen_fuzz_pci, step_reset, step_write, step_clock,
    step_main_loop, step_fault, xen_fuzz_set_up, xen_fuzz_list,
};

static XenFuzzStep *const grant_steps[] = {
    xen_fuzz_grant_entry, xen_fuzz_grant_copy, xen_fuzz_grant_map,
    xen_fuzz_grant_unmap, xen_fuzz_grant_entry, xen_fuzz_grant_copy,
    xen_fuzz_call, step_reset, step_write, step_clock,
    step_main_loop, step_fault, xen_fuzz_set_up, xen_fuzz_list,
};

static XenFuzzStep *const unplug_steps[] = {
    xen_fuzz_platform, xen_fuzz_platform, xen_fuzz_pci, xen_fuzz_pci,
    xen_fuzz_state, xen_fuzz_call, step_reset, step_main_loop,
};

static XenFuzzStep *const state_steps[] = {
    xen_fuzz_state, xen_fuzz_state, xen_fuzz_state, xen_fuzz_call,
    xen_fuzz_call, step_inject, step_gsi, xen_fuzz_grant_map,
    xen_fuzz_grant_entry, step_write, step_clock,
    step_main_loop, step_fault, xen_fuzz_set_up, xen_fuzz_list,
};

static const struct {
    const char *name;
    XenFuzzStep *const *steps;
    size_t nr_steps;
    unsigned kinds;             /* of hypercalls */
    bool ports;                 /* other I/O ports than those of PCI are used */
} targets[] = {
#define TARGET(name, kinds, ports) \
    { #name, name##_steps, ARRAY_SIZE(name##_steps), kinds, ports }
    TARGET(hypercall, XEN_FUZZ_ALL, false),
    TARGET(overlay, XEN_FUZZ_AREAS | XEN_FUZZ_MEMORY, false),
    TARGET(grant, XEN_FUZZ_GRANTS | XEN_FUZZ_MEMORY, false),
    TARGET(unplug, XEN_FUZZ_MEMORY, true),
    TARGET(state, XEN_FUZZ_ALL, false),
}, *target;

/* Disks and NICs to unplug. */
#define OPTIONS \
    "-nodefaults", "-display", "none", "-m", "20", \
    "-machine", "pc", "-accel", "qtest,xen-version=4.17", \
    "-smp", stringify(XEN_FUZZ_VCPUS), \
    "-action", "panic=none", "-action", "watchdog=none", \
    "-blockdev", "driver=null-co,node-name=d0,size=1048576", \
    "-blockdev", "driver=null-co,node-name=d1,size=1048576", \
    "-device", "ide-hd,drive=d0,bus=ide.0,unit=0", \
    "-device", "ide-hd,drive=d1,bus=ide.1,unit=0", \
    "-netdev", "hubport,id=n0,hubid=0", "-device", "e1000,netdev=n0"

#define TARGET_OPTION   "--target="

/* Of libFuzzer, whose options are not ours; it ignores our own. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *options[] = { (*argv)[0], OPTIONS, NULL };
    sigset_t signals;

    for (int i = 1; i < *argc; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(targets); k++) {
            const char *name;

            if (strstart((*argv)[i], TARGET_OPTION, &name) &&
                g_str_equal(name, targets[k].name)) {
                target = &targets[k];
            }
        }
    }
    if (!target) {
        fprintf(stderr, "usage: %s " TARGET_OPTION "NAME OPTION...\n",
                (*argv)[0]);
        exit(2);
    }
    qemu_init(ARRAY_SIZE(options) - 1, (char **)options);
    find_pages();
    if (!target->ports) {
        hide_ports();
    }
    xen_fuzz_state_init();
    /* QEMU blocks those that it waits for; libFuzzer uses them, too. */
    sigfillset(&signals);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xen_fuzz_call_kinds = target->kinds;
    run(target->steps, target->nr_steps, data, size);
    return 0;
}
