/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs: descriptor tables, traps, startup of other CPUs, calls on other CPUs
 */
#include "cpu.h"
#include "symbols.h"
#include "tap.h"

#define GATE_INTERRUPT  0x8e00
#define GATE_RING_3     0x6000
#define TSS_AVAILABLE   0x89

#define LAST_TRAP       31

/* Pushed by trap_common in traps.S. */
struct TrapFrame {
#if IS_64BIT
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
    uint64_t vector, error, ip, cs, flags, sp, ss;
#else
    uint32_t di, si, bp, unused_sp, bx, dx, cx, ax;
    uint32_t vector, error, ip, cs, flags;
#endif
};

struct Gate {
    uint16_t offset_low, selector, type, offset_high;
#if IS_64BIT
    uint32_t offset_top, zero;
#endif
};

struct TaskState {
#if IS_64BIT
    uint32_t unused;
    uint64_t sp0;
    uint32_t rest[23];
#else
    uint32_t unused;
    uint32_t sp0, ss0;
    uint32_t rest[23];
#endif
} __attribute__((packed));

struct TablePointer {
    uint16_t limit;
    uintptr_t base;
} __attribute__((packed));

/* The function to call on a CPU, and where to resume after a fault. */
struct Cpu {
    void (*_Atomic func)(void *);
    void *_Atomic arg;
    _Atomic bool up;
    uintptr_t resume_ip;        /* 0: a fault is fatal */
    int fault;
};

unsigned nr_cpus = 1;
_Atomic uint32_t interrupts[MAX_CPUS][256];

static struct Cpu cpus[MAX_CPUS];
static struct Gate idt[256];
static struct TaskState tss;
static void (*handlers[256])(void);
static char ring0_stack[STACK_SIZE] __attribute__((aligned(16)));
static char run_stack_area[STACK_SIZE] __attribute__((aligned(16)));
static _Atomic bool running;

static void fault(struct TrapFrame *frame)
{
    struct Cpu *cpu = &cpus[this_cpu()];

    if (running && this_cpu() == 0) {
        frame->ip = (uintptr_t)run_abort;
    } else if (cpu->resume_ip) {
        frame->ip = cpu->resume_ip;
    } else {
        tap_bail_out("CPU %u: exception %u, error %lx at %lx", this_cpu(),
                     (unsigned)frame->vector, (unsigned long)frame->error,
                     (unsigned long)frame->ip);
    }
    cpu->fault = frame->vector;
    frame->cs = KERNEL_CODE;
#if IS_64BIT
    frame->ss = SEL_DATA;
#endif
}

void trap(struct TrapFrame *frame)
{
    unsigned vector = frame->vector;

    if (vector <= LAST_TRAP && !handlers[vector]) {
        fault(frame);
        return;
    }
    interrupts[this_cpu()][vector]++;
    if (handlers[vector]) {
        handlers[vector]();
    }
}

void set_handler(uint8_t vector, void (*func)(void))
{
    handlers[vector] = func;
}

static void load_idt(void)
{
    struct TablePointer p = { sizeof(idt) - 1, (uintptr_t)idt };

    asm volatile("lidt %0" : : "m"(p));
}

static void make_idt(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(idt); i++) {
        uintptr_t entry = (uintptr_t)trap_entries + i * 16;

        idt[i] = (struct Gate) {
            .offset_low = entry,
            .offset_high = entry >> 16,
            .selector = KERNEL_CODE,
            .type = GATE_INTERRUPT | (i == VECTOR_RETURN ? GATE_RING_3 : 0),
        };
    }
}

static void make_tss(void)
{
    uint64_t base = (uintptr_t)&tss, limit = sizeof(tss) - 1;

    tss.sp0 = (uintptr_t)ring0_stack + sizeof(ring0_stack);
#if !IS_64BIT
    tss.ss0 = SEL_DATA;
#endif
    gdt[SEL_TSS / 8] = limit | (base & 0xffffff) << 16 |
                       (uint64_t)TSS_AVAILABLE << 40 | (base >> 24) << 56;
    gdt[SEL_TSS / 8 + 1] = base >> 32;
    asm volatile("ltr %w0" : : "r"(SEL_TSS));
}

static void eoi_only(void)
{
    lapic_eoi();
}

void cpu_init(void)
{
    make_idt();
    load_idt();
    make_tss();
    set_handler(VECTOR_CALL, eoi_only);
}

void cpu_call(unsigned cpu, void (*func)(void *), void *arg)
{
    cpus[cpu].arg = arg;
    barrier();
    cpus[cpu].func = func;
    barrier();
    lapic_ipi(cpu, VECTOR_CALL);
}

void cpu_wait(unsigned cpu)
{
    WAIT_FOR(!cpus[cpu].func);
    if (cpus[cpu].func) {
        tap_bail_out("CPU %u does not finish its work", cpu);
    }
}

void cpu_call_all(void (*func)(void *), void *arg)
{
    unsigned self = this_cpu();

    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        if (cpu != self) {
            cpu_call(cpu, func, arg);
        }
    }
    func(arg);
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        if (cpu != self) {
            cpu_wait(cpu);
        }
    }
}

/* The main loop of all CPUs but the first. */
static void work(struct Cpu *cpu)
{
    cpu->up = true;
    for (;;) {
        interrupts_off();
        if (!cpu->func) {
            /*
             * STI takes effect after the HLT, so no interrupt is lost in
             * between.
             */
            asm volatile("sti; hlt" : : : "memory");
            continue;
        }
        interrupts_on();
        cpu->func(cpu->arg);
        barrier();
        cpu->func = NULL;
    }
}

void start(unsigned cpu)
{
    if (cpu == 0) {
        bare_main();
    }
    load_idt();
    lapic_init();
    work(&cpus[cpu]);
}

void cpu_stop(unsigned cpu)
{
    lapic_stop(cpu);
    cpus[cpu].up = false;
    cpus[cpu].func = NULL;
}

void cpu_start(unsigned cpu)
{
    lapic_start(cpu, AP_START >> 12);
    WAIT_FOR(cpus[cpu].up);
    if (!cpus[cpu].up) {
        tap_bail_out("CPU %u did not start", cpu);
    }
}

void cpus_start(void)
{
    char *to = (char *)AP_START;

    for (const char *from = ap_begin; from < ap_end; from++) {
        *to++ = *from;
    }
    nr_cpus = MIN(machine_cpus(), MAX_CPUS);
    for (unsigned cpu = 1; cpu < nr_cpus; cpu++) {
        cpu_stop(cpu);
        cpu_start(cpu);
    }
}

/* Runs one instruction that may fault, and resumes at the label. */
#define TRY(cpu, instruction, ...)                                      \
    do {                                                                \
        (cpu)->fault = NO_FAULT;                                        \
        asm volatile(PUT_ADDRESS                                        \
                     instruction "\n"                                   \
                     "1:"                                               \
                     : [resume] "=m"((cpu)->resume_ip)                  \
                     : __VA_ARGS__                                      \
                     : "memory");                                       \
        (cpu)->resume_ip = 0;                                           \
    } while (0)

#if IS_64BIT
#define PUT_ADDRESS "movq $1f, %[resume]\n"
#else
#define PUT_ADDRESS "movl $1f, %[resume]\n"
#endif

int try_wrmsr(uint32_t msr, uint64_t val)
{
    struct Cpu *cpu = &cpus[this_cpu()];

    TRY(cpu, "wrmsr", "c"(msr), "a"((uint32_t)val),
        "d"((uint32_t)(val >> 32)));
    return cpu->fault;
}

int try_write(Live32 *p, uint32_t val)
{
    struct Cpu *cpu = &cpus[this_cpu()];

    TRY(cpu, "movl %[val], (%[p])", [val] "r"(val), [p] "r"(p));
    return cpu->fault;
}

int run_snippet(struct Run *run, unsigned cs, const char *snippet)
{
    cpus[0].fault = NO_FAULT;
    run->cs = cs;
    run->ss = cs & 3 ? SEL_USER_DATA : SEL_DATA;
    run->sp = (uintptr_t)run_stack_area + sizeof(run_stack_area) - 16;
    run->ip = (uintptr_t)snippet;
    run->flags |= 2;
    interrupts_off();
    running = true;
    run_in(run);
    running = false;
    interrupts_on();
    return cpus[0].fault;
}
