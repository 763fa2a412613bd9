/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault injection, for tests of error paths
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/thread.h"
#include "hw/xen/emu/debug/fault-inject.h"

unsigned xen_faults_armed;

static QemuMutex lock;
static struct {
    unsigned after, times;
} faults[XEN_FAULT__MAX];

static void __attribute__((constructor)) fault_init(void)
{
    qemu_mutex_init(&lock);
}

unsigned xen_fault_arm(XenFault what, unsigned after, unsigned times)
{
    unsigned left;

    assert(bql_locked() && what < XEN_FAULT__MAX);
    QEMU_LOCK_GUARD(&lock);
    left = faults[what].times;
    faults[what].after = after;
    faults[what].times = times;
    if (times) {
        qatomic_or(&xen_faults_armed, 1u << what);
    } else {
        qatomic_and(&xen_faults_armed, ~(1u << what));
    }
    return left;
}

bool xen_fault_count(XenFault what)
{
    QEMU_LOCK_GUARD(&lock);
    if (!faults[what].times) {
        return false;
    }
    if (faults[what].after) {
        faults[what].after--;
        return false;
    }
    if (!--faults[what].times) {
        qatomic_and(&xen_faults_armed, ~(1u << what));
    }
    return true;
}
