/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work for the thread of a vCPU; see work-list.h. */
#include <string.h>
#include <glib.h>
#include "hw/xen/emu/vcpu/work-list.h"

static unsigned find(const XenVcpuWorkList *list, XenVcpuFunc *func)
{
    unsigned i = 0;

    while (i < list->nr && list->work[i].func != func) {
        i++;
    }
    return i;
}

bool xen_vcpu_work_put(XenVcpuWorkList *list, XenVcpuFunc *func, uint64_t arg)
{
    bool was_scheduled = list->scheduled;
    unsigned i = find(list, func);

    g_assert(i < XEN_VCPU_MAX_WORKS);
    list->work[i] = (XenVcpuWork) { func, arg };
    list->nr = MAX(list->nr, i + 1);
    list->scheduled = true;
    return !was_scheduled;
}

void xen_vcpu_work_drop(XenVcpuWorkList *list, XenVcpuFunc *func)
{
    unsigned i = find(list, func);

    if (i < list->nr) {
        list->nr--;
        memmove(&list->work[i], &list->work[i + 1],
                (list->nr - i) * sizeof(list->work[0]));
    }
}

unsigned xen_vcpu_work_take(XenVcpuWorkList *list,
                            XenVcpuWork work[XEN_VCPU_MAX_WORKS])
{
    unsigned nr = list->nr;

    memcpy(work, list->work, nr * sizeof(list->work[0]));
    list->nr = 0;
    list->scheduled = false;
    return nr;
}
