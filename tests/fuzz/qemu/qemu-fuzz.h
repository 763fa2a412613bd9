/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz targets for the Xen emulation in a whole QEMU
 *
 * An input is a program (records.h): what a hostile guest, its devices and its
 * user do.  A machine is started once, under qtest, so that no vCPU runs; steps
 * call the code of the emulation directly, with the BQL, in the main thread.  After
 * each input the domain is reset, and the guest's pages below are cleared; what
 * outlives that, such as the virtual clock, is not seen by the guest.
 *
 * The files: targets.c has the machine, the targets and what is checked after an
 * input, calls.c the hypercalls, state.c save and load,
 * grant.c the back ends' use of grants, platform.c unplug.
 */
#ifndef TESTS_FUZZ_QEMU_FUZZ_H
#define TESTS_FUZZ_QEMU_FUZZ_H

#include "hw/core/cpu.h"
#include "records.h"

#define XEN_FUZZ_VCPUS      2
#define XEN_FUZZ_PAGE       4096u

/* The guest's frames; firmware uses none of them. */
#define XEN_FUZZ_FIRST_GFN  0x1000u
enum {
    XEN_FUZZ_NR_POOL = 16,      /* what is shared with Xen goes there */
    XEN_FUZZ_NR_ARGS = 4,       /* arguments of hypercalls */
    XEN_FUZZ_NR_GFNS = XEN_FUZZ_NR_POOL + XEN_FUZZ_NR_ARGS,
};

/* What is left of a program, for steps of more than one record. */
typedef struct XenFuzzProgram {
    const uint8_t *data;
    size_t size;
    unsigned steps;             /* so far */
    unsigned resets;            /* of the domain, among these */
    bool loaded;                /* a state, which takes most of a program's time */
} XenFuzzProgram;

/* The next record; false: there is none, or the program is too long. */
bool xen_fuzz_next(XenFuzzProgram *p, Record *r);

/* A step: its arguments are the rest of @r. */
typedef void XenFuzzStep(XenFuzzProgram *p, Record *r);

/* ------------------------------------------------------- values of a step -- */

/* Often a frame of the guest's or another that matters, sometimes any number. */
uint64_t xen_fuzz_gfn(Record *r);
uint64_t xen_fuzz_gpa(Record *r);
CPUState *xen_fuzz_cpu(uint8_t number);

/* As the guest does it: RAM, or what hides it; anything else is ignored. */
void xen_fuzz_write(uint64_t gpa, const void *data, size_t len);
void xen_fuzz_read(uint64_t gpa, void *data, size_t len);

/* ------------------------------------------------------ calls.c -- */

/* Kinds of hypercalls, for targets that are about some. */
enum {
    XEN_FUZZ_EVENTS = 1,
    XEN_FUZZ_AREAS = 2,
    XEN_FUZZ_MEMORY = 4,
    XEN_FUZZ_GRANTS = 8,
    XEN_FUZZ_OTHERS = 16,
    XEN_FUZZ_ALL = 31,
};

/* The kinds that xen_fuzz_call and xen_fuzz_multicall make. */
extern unsigned xen_fuzz_call_kinds;

XenFuzzStep xen_fuzz_call, xen_fuzz_multicall;
/* Fills the list that arguments point to. */
XenFuzzStep xen_fuzz_list;
/* What a driver does first; random arguments rarely do. */
XenFuzzStep xen_fuzz_set_up;
/*
 * A hypercall with these arguments by a vCPU, continued as an accelerator does.
 * Returns its result.
 */
int64_t xen_fuzz_hypercall(CPUState *cs, bool long_mode, uint8_t cpl,
                           uint64_t nr, const uint64_t arg[6], bool kick);

/* ------------------------------------------------------ state.c -- */

/* Once, before the first step. */
void xen_fuzz_state_init(void);
/* Saves the state, changes it, and loads it. */
XenFuzzStep xen_fuzz_state;

/* ------------------------------------------------------ grant.c -- */

XenFuzzStep xen_fuzz_grant_entry, xen_fuzz_grant_copy, xen_fuzz_grant_map,
            xen_fuzz_grant_unmap;
void xen_fuzz_grant_end(void);

/* --------------------------------------------------- platform.c -- */

XenFuzzStep xen_fuzz_platform, xen_fuzz_pci;
/* As the reset of the machine: brings hidden devices back. */
void xen_fuzz_platform_end(void);

#endif
