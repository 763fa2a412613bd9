/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels: how this guest is told, and takes its events
 *
 * The ABI is that of the command line.  Every event that arrives is counted;
 * the handler is the usual one, for both ABIs.
 */
#ifndef TESTS_BARE_EVENTS_H
#define TESTS_BARE_EVENTS_H

#include "guest.h"

#define NR_PORTS    4096

/* How the guest is told of an upcall. */
enum Upcall {
    UPCALL_NONE,
    UPCALL_VECTOR,      /* callback vector, one for all */
    UPCALL_GSI,         /* CPU 0 only, as INTx */
    UPCALL_INTX,
    UPCALL_VCPU,        /* a vector a vCPU; stays until a soft reset */
};

extern const bool *const is_fifo;

/* Of each port: events taken, the CPU that took the last one, and hooks. */
extern _Atomic uint32_t port_count[NR_PORTS];
extern _Atomic uint32_t port_cpu[NR_PORTS];
extern void (*_Atomic port_handler[NR_PORTS])(uint32_t port);

/* Sets up the ABI, if it is not; what tests start from is UPCALL_VCPU. */
void events_set_up_abi(void);
void events_set_up(void);
/* All of that is gone: after a reset. */
void events_forget(void);
void events_forget_abi(void);
/* The bits of all ports and CPUs, which a reset leaves as they are. */
void events_clear_2level(void);
/*
 * The 2-level ABI after a reset, also where the command line says FIFO; then
 * that one, while other CPUs take events.
 */
void events_use_2level(void);
void events_switch_to_fifo(void);
long events_use(enum Upcall how);
/* The vector by which CPUs are then interrupted. */
uint8_t upcall_vector(enum Upcall how);

/* Closes all that was opened here, and clears counts. */
void events_close_all(void);

/* These fail the test, and give port 0, where Xen says no. */
uint32_t bind_ipi(unsigned cpu);
uint32_t bind_virq(unsigned virq, unsigned cpu);
/*
 * Two ports of this guest, connected; both notify CPU 0, which must be this
 * one, with interrupts on: the event that Xen raises at the second has been
 * taken.
 */
void bind_loopback(uint32_t port[2]);

/* 0 or minus an error. */
long port_bind_vcpu(uint32_t port, unsigned cpu);
long port_close(uint32_t port);
long port_send(uint32_t port);
long port_unmask(uint32_t port);
long port_set_priority(uint32_t port, unsigned priority);

/* In memory, as the guest's side of the ABI. */
bool port_is_pending(uint32_t port);
bool port_is_masked(uint32_t port);
void port_mask(uint32_t port);
void port_clear_pending(uint32_t port);
/* As Linux does: Xen is asked only where an event waits. */
void port_unmask_gently(uint32_t port);

#endif
