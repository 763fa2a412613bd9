/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check that fast paths do not take the BQL
 *
 * Hooks the function pointer by which QEMU takes the BQL, which is there for
 * its lock profiler.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/stats64.h"
#include "qemu/thread.h"
#include "hw/xen/emu/debug/bql-check.h"

static __thread unsigned depth;

static QemuMutexLockFunc lock_bql;      /* the old pointer; NULL: no check */
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
        error_report("%s:%d takes the BQL on a fast path of Xen emulation",
                     file, line);
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
