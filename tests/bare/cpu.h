/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare machine: CPUs, traps, page tables, devices of a PC
 *
 * There is no operating system: memory below 4 GiB is mapped one to one, each
 * CPU has a stack, and a CPU is known by the stack that it is on.
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

/* volatile: @x is read or written once each time that the program says so. */
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

/* How many the machine has, at most MAX_CPUS. */
extern unsigned nr_cpus;

extern char stacks[];

/* The number of this CPU, which is its vCPU number. */
static inline unsigned this_cpu(void)
{
    char here;
    size_t offset = (size_t)&here - (size_t)stacks;

    /* A stack outside is that of a trap from ring 3, on CPU 0. */
    return offset < MAX_CPUS * STACK_SIZE ? offset / STACK_SIZE : 0;
}

/* Sets up CPU 0; cpus_start() the others, which then wait for work. */
void cpu_init(void);
void cpus_start(void);

/*
 * Has @cpu call @func with @arg, interrupts on, and does not wait for it.
 * One at a time for each CPU.
 */
void cpu_call(unsigned cpu, void (*func)(void *), void *arg);
/* Waits for the end of that, with interrupts on. */
void cpu_wait(unsigned cpu);
/* Both, on all CPUs at once, this one too; @arg is shared. */
void cpu_call_all(void (*func)(void *), void *arg);

/* Is called for an interrupt of @vector, interrupts off. */
void set_handler(uint8_t vector, void (*func)(void));

/* How many there were of each vector, on each CPU. */
extern _Atomic uint32_t interrupts[MAX_CPUS][256];

/* ------------------------------------------------- what may raise a fault */

#define NO_FAULT    (-1)

/* A fault's vector, or NO_FAULT. */
int try_wrmsr(uint32_t msr, uint64_t val);
int try_write(Live32 *p, uint32_t val);

/*
 * Code that is run in another mode than C: at @ip in segment @cs, with these
 * registers, interrupts off and a stack of its own, until it executes
 * int $VECTOR_RETURN.  The registers are then what they were there.  Only on
 * CPU 0.  Known to traps.S by offset.
 */
struct Run {
    uint64_t ax, bx, cx, dx, si, di, bp, r8, r9, r10;
    uint64_t cs, ss, sp, ip;
};

/* @ip is one of the snippets.  A fault's vector, or NO_FAULT. */
int run_snippet(struct Run *run, unsigned cs, const char *snippet);

/* call_rax calls what AX points to. */
extern const char snippet_vmcall[], snippet_vmmcall[], snippet_call_rax[];
extern const char snippet_wrmsr[];

/* ------------------------------------------------------------------ memory */

enum {
    MAP_READ_ONLY = 1,
    MAP_WRITABLE = 3,
    MAP_NONE = 0,
};

/* Maps page @index of the window to guest physical @gpa; the address. */
void *page_map(unsigned index, uint64_t gpa, int how);

/* ----------------------------------------------------------------- devices */

void lapic_eoi(void);
void lapic_ipi(unsigned cpu, uint8_t vector);

/* Line @gsi of the I/O APIC, level, to VECTOR_LINE on CPU 0; or off. */
void ioapic_route(unsigned gsi);
void ioapic_mask(unsigned gsi);

uint32_t pci_read(unsigned devfn, unsigned offset);
void pci_write(unsigned devfn, unsigned offset, uint32_t val);
/* The device of that kind on the first bus, or -1. */
int pci_find(uint16_t vendor, uint16_t device);

#endif
