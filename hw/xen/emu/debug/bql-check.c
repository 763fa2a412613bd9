/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths that must not take the big QEMU lock: the check that they do not
 *
 * QEMU takes the BQL through a pointer, for the sake of its lock profiler.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/stats64.h"
#include "qemu/thread.h"
#include "hw/xen/emu/debug/bql-check.h"

static __thread unsigned depth;

static QemuMutexLockFunc lock_bql;      /* what the pointer was; or NULL */
static Stat64 checked;

void xen_fast_begin(void)
{
    depth++;
}

void xen_fast_end(void)
{
    if (--depth == 0 && lock_bql) {
        stat64_add(&checked, 1);
    }
}

static void lock_bql_if_slow(QemuMutex *bql, const char *file, int line)
{
    if (depth) {
        error_report("%s:%d takes the big lock on a path of Xen emulation "
                     "that must not", file, line);
        abort();
    }
    lock_bql(bql, file, line);
}

void xen_fast_check(void)
{
    lock_bql = qatomic_read(&bql_mutex_lock_func);
    qatomic_set(&bql_mutex_lock_func, lock_bql_if_slow);
}

uint64_t xen_fast_checked(void)
{
    return stat64_get(&checked);
}
