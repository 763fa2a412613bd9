/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qtest protocol commands that act as the instructions of a Xen guest
 *
 *  > xen_hypercall VCPU LONG_MODE CPL NR A0 A1 A2 A3 A4 A5
 *  < OK RESULT
 *
 * A hypercall by vCPU VCPU, from 64-bit code if LONG_MODE is 1.  Addresses are
 * guest physical addresses.
 *
 *  > xen_hypercall_page VCPU LONG_MODE MSR
 *  < OK RESULT
 *
 * WRMSR of value MSR to the hypercall MSR, which also latches the layout.
 *
 *  > xen_cpuid VCPU LEAF SUBLEAF REGISTER
 *  < OK VALUE
 *
 * CPUID in the hypervisor's range; REGISTER 0 to 3 is EAX to EDX.  FAIL if Xen
 * has no such leaf.
 *
 *  > xen_take_vector VCPU VECTOR
 *  < OK VALUE
 *
 * 1 if VECTOR is requested in the LAPIC of VCPU, which then handles it.
 *
 *  > xen_take_callbacks VCPU
 *  < OK VALUE
 *
 * The number of upcalls of VCPU by callback vector since the last such command.
 *
 *  > xen_fault VCPU WHAT AFTER TIMES
 *  < OK LEFT
 *
 * Injects a fault: see debug/fault-inject.h.  VCPU is ignored.
 *
 *  > xen_set_clock VCPU NS
 *  < OK NS
 *
 * Sets Xen's system time to NS and returns the old one.  It advances with the
 * clock that the test steps.  The guest's time areas do not change: timers see
 * the same when the clock of a KVM guest is set.  VCPU is ignored.
 *
 *  > xen_grant_copy, xen_grant_map ...
 *
 * A back end's use of grants: see xen-emu-qtest-grant.c.
 *
 * Numbers are as in C; RESULT and VALUE are hexadecimal with 64 bits.  An
 * invalid command is answered by FAIL and a reason.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "hw/xen/emu/accel-callbacks.h"
#include "hw/xen/emu/debug/fault-inject.h"
#include "hw/xen/emu/hypercall.h"
#include "hw/xen/emu/qemu-compat.h"
#include "system/qtest.h"
#include "xen-emu-qtest.h"

#define MAX_ARGS    10
#define MAX_CPL     3

static bool cmd_hypercall(CPUState *cs, const uint64_t *arg, uint64_t *result)
{
    XenHypercall hc = {
        .cs = cs,
        .long_mode = arg[1],
        .cpl = arg[2],
        .nr = arg[3],
    };

    if (arg[1] > 1 || arg[2] > MAX_CPL) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(hc.arg); i++) {
        hc.arg[i] = hc.long_mode ? arg[4 + i] : (uint32_t)arg[4 + i];
    }
    *result = xen_hypercall(&hc);
    return true;
}

static bool cmd_hypercall_page(CPUState *cs, const uint64_t *arg,
                               uint64_t *result)
{
    if (arg[1] > 1) {
        return false;
    }
    *result = xen_hypercall_page_write(cs, arg[2], arg[1]);
    return true;
}

static bool cmd_cpuid(CPUState *cs, const uint64_t *arg, uint64_t *result)
{
    uint32_t regs[4];

    if (arg[1] > UINT32_MAX || arg[2] > UINT32_MAX ||
        arg[3] >= ARRAY_SIZE(regs) ||
        !xen_emu_cpuid(cs, arg[1], arg[2], regs)) {
        return false;
    }
    *result = regs[arg[3]];
    return true;
}

static bool cmd_take_vector(CPUState *cs, const uint64_t *arg,
                            uint64_t *result)
{
    if (arg[1] > UINT8_MAX) {
        return false;
    }
    *result = xen_emu_qtest_take_vector(cs, arg[1]);
    return true;
}

static bool cmd_take_callbacks(CPUState *cs, const uint64_t *arg,
                               uint64_t *result)
{
    *result = xen_emu_qtest_take_callbacks(cs);
    return true;
}

static bool cmd_fault(CPUState *cs, const uint64_t *arg, uint64_t *result)
{
    if (arg[1] >= XEN_FAULT__MAX) {
        return false;
    }
    *result = xen_fault_arm(arg[1], arg[2], arg[3]);
    return true;
}

static bool cmd_set_clock(CPUState *cs, const uint64_t *arg, uint64_t *result)
{
    *result = xen_emu_system_time();
    xen_emu_qtest_set_system_time(arg[1]);
    return true;
}

static const struct {
    const char *name;
    unsigned nr_args;
    XenQtestCommand *run;
} commands[] = {
    { "xen_hypercall", 10, cmd_hypercall },
    { "xen_hypercall_page", 3, cmd_hypercall_page },
    { "xen_cpuid", 4, cmd_cpuid },
    { "xen_take_vector", 2, cmd_take_vector },
    { "xen_take_callbacks", 1, cmd_take_callbacks },
    { "xen_fault", 4, cmd_fault },
    { "xen_set_clock", 2, cmd_set_clock },
    { "xen_grant_copy", 6, xen_emu_qtest_grant_copy },
    { "xen_grant_map", 4, xen_emu_qtest_grant_map },
    { "xen_grant_peek", 3, xen_emu_qtest_grant_peek },
    { "xen_grant_poke", 4, xen_emu_qtest_grant_poke },
    { "xen_grant_unmap", 2, xen_emu_qtest_grant_unmap },
};

/* True if @words are exactly @nr numbers, which @arg gets. */
static bool parse_args(gchar **words, unsigned nr, uint64_t *arg)
{
    for (unsigned i = 0; i < nr; i++) {
        if (!words[i] || qemu_strtou64(words[i], NULL, 0, &arg[i])) {
            return false;
        }
    }
    return !words[nr];
}

static bool process_command(CharFrontend *chr, gchar **words)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        uint64_t arg[MAX_ARGS], result;
        CPUState *cs;

        if (!g_str_equal(words[0], commands[i].name)) {
            continue;
        }
        if (!parse_args(words + 1, commands[i].nr_args, arg)) {
            qtest_sendf(chr, "FAIL %s takes %u numbers\n", commands[i].name,
                        commands[i].nr_args);
            return true;
        }
        cs = arg[0] <= INT_MAX ? qemu_get_cpu(arg[0]) : NULL;
        if (!cs) {
            qtest_sendf(chr, "FAIL no such vCPU\n");
        } else if (!commands[i].run(cs, arg, &result)) {
            qtest_sendf(chr, "FAIL invalid argument\n");
        } else {
            qtest_sendf(chr, "OK 0x%" PRIx64 "\n", result);
        }
        return true;
    }
    return false;
}

void xen_emu_qtest_add_commands(void)
{
    qtest_set_command_cb(process_command);
}
