/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bare-metal support: CPUs, traps, page tables, devices of a PC
 *
 * Memory below 4 GiB is identity-mapped.  Each CPU has a stack, whose address
 * gives the number of the CPU.
 *
 * A variable that other CPUs or interrupt handlers change is _Atomic.  Memory
 * that a device or the hypervisor changes has a type whose accesses are those
 * of the program, Live32 for example, or is accessed by LIVE().
 */
#ifndef TESTS_BARE_CPU_H
#define TESTS_BARE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "layout.h"

#ifdef __x86_64__
#define IS_64BIT        1
#define KERNEL_CODE     SEL_CODE64
#else
#define IS_64BIT        0
#define KERNEL_CODE     SEL_CODE32
#endif

#define PAGE_SIZE       4096u
#define PAGE_ALIGNED    __attribute__((aligned(4096)))
#define ARRAY_SIZE(a)   (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)       ((a) < (b) ? (a) : (b))
#define MAX(a, b)       ((a) > (b) ? (a) : (b))

/* volatile: each access to @x is made exactly once. */
#define LIVE(x)         (*(volatile __typeof__(x) *)&(x))
typedef volatile uint32_t Live32;   /* volatile: a device's, or shared */
typedef volatile uint64_t Live64;   /* volatile: i386 needs x87 for _Atomic */

/* ------------------------------------------------------------ instructions */

static inline void barrier(void)
{
    asm volatile("" : : : "memory");
}

static inline void cpu_relax(void)
{
    asm volatile("pause" : : : "memory");
}

static inline void interrupts_off(void)
{
    asm volatile("cli" : : : "memory");
}

static inline void interrupts_on(void)
{
    asm volatile("sti" : : : "memory");
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t val)
{
    asm volatile("wrmsr"
                 : : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32))
                 : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t reg[4])
{
    asm volatile("cpuid"
                 : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3])
                 : "0"(leaf), "2"(subleaf));
}

static inline void outb(uint16_t port, uint8_t val)
{
    asm volatile("outb %0, %1" : : "a"(val), "d"(port));
}

static inline void outw(uint16_t port, uint16_t val)
{
    asm volatile("outw %0, %1" : : "a"(val), "d"(port));
}

static inline void outl(uint16_t port, uint32_t val)
{
    asm volatile("outl %0, %1" : : "a"(val), "d"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t val;

    asm volatile("inb %1, %0" : "=a"(val) : "d"(port));
    return val;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t val;

    asm volatile("inl %1, %0" : "=a"(val) : "d"(port));
    return val;
}

/* -------------------------------------------------------------------- CPUs */

/* At most MAX_CPUS. */
extern unsigned nr_cpus;

extern char stacks[];

/* The number of this CPU, which is its vCPU number. */
static inline unsigned this_cpu(void)
{
    char here;
    size_t offset = (size_t)&here - (size_t)stacks;

    /* Other stacks are used for traps from ring 3, on CPU 0. */
    return offset < MAX_CPUS * STACK_SIZE ? offset / STACK_SIZE : 0;
}

/* Sets up CPU 0; cpus_start() starts the others, which then wait for calls. */
void cpu_init(void);
void cpus_start(void);
/*
 * INIT, which ends whatever @cpu does; then SIPI, by which it starts from the
 * beginning and waits for calls again.  Not for CPU 0.
 */
void cpu_stop(unsigned cpu);
void cpu_start(unsigned cpu);

/*
 * Starts @func(@arg) on @cpu, with interrupts enabled, without waiting for it.
 * One call at a time per CPU.
 */
void cpu_call(unsigned cpu, void (*func)(void *), void *arg);
/* Waits until it has returned, with interrupts enabled. */
void cpu_wait(unsigned cpu);
/* Both, on all CPUs concurrently, including this one; @arg is shared. */
void cpu_call_all(void (*func)(void *), void *arg);

/*
 * @func handles interrupts of @vector, with interrupts disabled.  An exception
 * with a handler is no fault; NULL: it is one again.
 */
void set_handler(uint8_t vector, void (*func)(void));

/* The number of interrupts per CPU and vector. */
extern _Atomic uint32_t interrupts[MAX_CPUS][256];

/* ------------------------------------------------- code that may fault */

#define NO_FAULT    (-1)

/* The vector of the fault, or NO_FAULT. */
int try_wrmsr(uint32_t msr, uint64_t val);
int try_write(Live32 *p, uint32_t val);

/*
 * Runs code in another mode than that of C: at @ip in segment @cs, with these
 * registers, interrupts disabled and a separate stack, until it executes
 * int $VECTOR_RETURN, which saves the registers here.  Only on CPU 0.  traps.S
 * has the offsets.
 */
struct Run {
    uint64_t ax, bx, cx, dx, si, di, bp, r8, r9, r10;
    uint64_t cs, ss, sp, ip;
    uint64_t flags;         /* EFLAGS; bit 1 is always set */
};

/*
 * Sets run->ip to @snippet, and disables interrupts.  The vector of the fault, or
 * NO_FAULT.
 */
int run_snippet(struct Run *run, unsigned cs, const char *snippet);

/* call_rax calls the address in RAX; out writes to HYPERCALL_PORT. */
extern const char snippet_vmcall[], snippet_vmmcall[], snippet_call_rax[];
extern const char snippet_wrmsr[], snippet_out[];

/* ------------------------------------------------------------------ memory */

enum {
    MAP_READ_ONLY = 1,
    MAP_WRITABLE = 3,
    MAP_NONE = 0,
};

/* Maps page @index of the window to @gpa; returns its address. */
void *page_map(unsigned index, uint64_t gpa, int how);

/* ----------------------------------------------------------------- devices */

void lapic_eoi(void);
void lapic_ipi(unsigned cpu, uint8_t vector);
void lapic_nmi(unsigned cpu);
void lapic_smi(unsigned cpu);

/* Of CPU 0: by its MSR.  Only from LAPIC_OFF to LAPIC_XAPIC it needs lapic_init(). */
enum LapicMode { LAPIC_OFF, LAPIC_XAPIC, LAPIC_X2APIC };
void lapic_set_mode(enum LapicMode mode);
bool lapic_has_x2apic(void);
/* Of this CPU, by the spurious interrupt vector register. */
void lapic_set_enabled(bool enabled);

/*
 * Puts a handler of SMIs where CPUs other than 0 enter SMM.  One at a time; it
 * counts in *smi_count().
 */
void smi_set_up(void);
uint32_t *smi_count(void);

/* Routes @gsi, level-triggered, to VECTOR_LINE on CPU 0; masks it. */
void ioapic_route(unsigned gsi);
void ioapic_mask(unsigned gsi);

uint32_t pci_read(unsigned devfn, unsigned offset);
void pci_write(unsigned devfn, unsigned offset, uint32_t val);
/* The devfn of such a device on bus 0, or -1. */
int pci_find(uint16_t vendor, uint16_t device);

#endif
