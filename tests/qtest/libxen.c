/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Xen guest in a qtest: the VM and its hypercalls
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/syscall.h>
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "libxen.h"

#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/hvm/hvm_op.h"
#include "hw/xen/interface/hvm/params.h"

/* Not used by firmware. */
#define FIRST_PAGE      (16u << 20)
#define NR_HCALL_ARGS   6
/* The i440FX's register for 0xd0000 to 0xd7fff, two bits per half. */
#define PAM_REG         0x5c
/* Less than libqtest's own timeout. */
#define EXIT_TIMEOUT_MS (30 * 1000)

void xen_add_tests(const char *suite, const XenTest *tests, size_t nr)
{
    for (size_t i = 0; i < 2 * nr; i++) {
        bool long_mode = i % 2;
        g_autofree char *path = g_strdup_printf("xen/%s/%d/%s", suite,
                                                long_mode ? 64 : 32,
                                                tests[i / 2].name);

        qtest_add_data_func(path, GINT_TO_POINTER(long_mode),
                            tests[i / 2].run);
    }
}

const XenVariant xen_variants[4] = {
    { "2level/64", true, false },
    { "2level/32", false, false },
    { "fifo/64", true, true },
    { "fifo/32", false, true },
};

void xen_add_variant_tests(const char *suite, const XenVariantTest *tests,
                           size_t nr)
{
    for (size_t i = 0; i < ARRAY_SIZE(xen_variants) * nr; i++) {
        const XenVariant *v = &xen_variants[i / nr];
        const XenVariantTest *test = &tests[i % nr];
        g_autofree char *path = g_strdup_printf("xen/%s/%s/%s", suite, v->name,
                                                test->name);

        if (!test->once || !v->fifo) {
            qtest_add_data_func(path, v, test->run);
        }
    }
}

XenVm *xen_vm_start_bare(unsigned nr_vcpus, bool long_mode, const char *accel,
                         const char *options)
{
    XenVm *vm = g_new0(XenVm, 1);

    g_assert(nr_vcpus <= XEN_VM_MAX_VCPUS);
    vm->nr_vcpus = nr_vcpus;
    vm->long_mode = long_mode;
    vm->next_page = FIRST_PAGE;
    vm->array = g_array_new(false, false, sizeof(uint64_t));
    /* The first -accel that works is used, and libqtest appends its own. */
    vm->qts = qtest_initf("%s -smp %u %s", accel ?: XEN_VM_ACCEL, nr_vcpus,
                          options ?: "");
    vm->scratch = xen_vm_page(vm);
    vm->batch = xen_vm_page(vm);
    xen_vm_page(vm);
    return vm;
}

XenVm *xen_vm_start_target(const XenVm *old, const char *accel,
                           const char *options)
{
    XenVm *vm = g_memdup2(old, sizeof(*old));

    vm->array = g_array_copy(old->array);
    vm->qts = qtest_initf("%s -smp %u %s", accel ?: XEN_VM_ACCEL,
                          vm->nr_vcpus, options ?: "");
    return vm;
}

char *xen_new_file(size_t size)
{
    g_autoptr(GError) err = NULL;
    char *path;
    int fd = g_file_open_tmp("xen-qtest-XXXXXX", &path, &err);

    g_assert_no_error(err);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    close(fd);
    return path;
}

void xen_remove_file(char *path)
{
    unlink(path);
    g_free(path);
}

void xen_vm_set_up(XenVm *vm)
{
    uint64_t page;

    g_assert_cmpint(xen_hypercall_page(vm, xen_vm_page(vm), vm->long_mode),
                    ==, 0);
    vm->shared_info = xen_vm_page(vm);
    g_assert_cmpint(xen_add_to_physmap(vm, XENMAPSPACE_shared_info, 0,
                                       vm->shared_info), ==, 0);
    page = xen_vm_page(vm);
    for (unsigned i = 0; i < vm->nr_vcpus; i++) {
        vm->vcpu_info[i] = page + i * sizeof(struct vcpu_info);
        g_assert_cmpint(xen_register_vcpu_info(vm, i, vm->vcpu_info[i]),
                        ==, 0);
    }
}

XenVm *xen_vm_start(unsigned nr_vcpus, bool long_mode, const char *options)
{
    XenVm *vm = xen_vm_start_bare(nr_vcpus, long_mode, NULL, options);

    xen_vm_set_up(vm);
    return vm;
}

void xen_vm_stop(XenVm *vm)
{
    xen_qtest_quit(vm->qts);
    g_array_free(vm->array, true);
    g_free(vm);
}

/* Waits until QEMU has exited; libqtest then gets the exit status. */
static void await_exit(QTestState *qts)
{
    int fd = syscall(SYS_pidfd_open, qtest_pid(qts), 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };

    if (fd >= 0) {
        poll(&p, 1, EXIT_TIMEOUT_MS);
        close(fd);
    }
}

void xen_qtest_wait(QTestState *qts)
{
    await_exit(qts);
    qtest_wait_qemu(qts);
}

void xen_qtest_quit(QTestState *qts)
{
    /* -1 after xen_qtest_wait(). */
    if (qtest_pid(qts) > 0) {
        kill(qtest_pid(qts), SIGTERM);
        await_exit(qts);
    }
    qtest_quit(qts);
}

uint64_t xen_vm_page(XenVm *vm)
{
    uint64_t gpa = vm->next_page;

    vm->next_page += XEN_PAGE_SIZE;
    return gpa;
}

void xen_vm_show_page(XenVm *vm, bool show)
{
    qtest_outl(vm->qts, 0xcf8, 0x80000000 | PAM_REG);
    qtest_outb(vm->qts, 0xcfc, show ? 3 : 0);
}

/* A PC's ACPI memory hot-plug: ports, and a bit in MEM_CONTROL. */
#define MEM_SELECT      0xa00
#define MEM_CONTROL     0xa14
#define MEM_EJECT       8

void xen_vm_remove_dimm(XenVm *vm, const char *id, const char *memdev)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'device_del', "
                             "'arguments': { 'id': %s } }", id);
    qtest_outl(vm->qts, MEM_SELECT, 0);
    qtest_outb(vm->qts, MEM_CONTROL, MEM_EJECT);
    qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'object-del', "
                             "'arguments': { 'id': %s } }", memdev);
}

bool xen_qtest_command(QTestState *qts, const char *line, uint64_t *value)
{
    g_auto(GStrv) words = qtest_machine_command(qts, line);

    return g_str_equal(words[0], "OK") && words[1] &&
           qemu_strtou64(words[1], NULL, 0, value) == 0;
}

uint64_t xen_command(XenVm *vm, const char *format, ...)
{
    g_autofree char *line = NULL;
    uint64_t value = 0;
    va_list ap;

    va_start(ap, format);
    line = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_assert_true(xen_qtest_command(vm->qts, line, &value));
    return value;
}

int64_t xen_call(XenVm *vm, unsigned vcpu, unsigned nr,
                 const uint64_t *arg, unsigned nr_args)
{
    uint64_t a[NR_HCALL_ARGS] = { 0 };
    uint64_t ret;

    g_assert(nr_args <= NR_HCALL_ARGS);
    memcpy(a, arg, nr_args * sizeof(*a));
    ret = xen_command(vm, "xen_hypercall %u %d 0 %u 0x%" PRIx64 " 0x%" PRIx64
                      " 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64,
                      vcpu, vm->long_mode, nr,
                      a[0], a[1], a[2], a[3], a[4], a[5]);
    return vm->long_mode ? (int64_t)ret : (int32_t)ret;
}

int64_t xen_op(XenVm *vm, unsigned vcpu, unsigned nr, unsigned cmd,
               void *arg, size_t len)
{
    int64_t ret;

    qtest_memwrite(vm->qts, vm->scratch, arg, len);
    ret = XEN_CALL(vm, vcpu, nr, cmd, vm->scratch);
    qtest_memread(vm->qts, vm->scratch, arg, len);
    return ret;
}

size_t xen_pack(const XenVm *vm, void *buf, const char *format,
                const uint64_t *value)
{
    size_t len = 0, align = 1;

    for (; *format; format++, value++) {
        size_t word = vm->long_mode ? 8 : 4;
        size_t size = *format == 'h' ? 2 : *format == 'w' ? 4 :
                      *format == 'q' ? 8 : word;
        size_t field_align = MIN(size, word), at = ROUND_UP(len, field_align);

        memset((char *)buf + len, 0, at - len);
        stn_le_p((char *)buf + at, size, *value);
        len = at + size;
        align = MAX(align, field_align);
    }
    memset((char *)buf + len, 0, ROUND_UP(len, align) - len);
    return ROUND_UP(len, align);
}

int64_t xen_packed_op(XenVm *vm, unsigned nr, unsigned cmd,
                      const char *format, const uint64_t *value)
{
    uint8_t buf[128];

    g_assert_cmpuint(strlen(format), <=, sizeof(buf) / 8);
    return xen_op(vm, 0, nr, cmd, buf, xen_pack(vm, buf, format, value));
}

int64_t xen_vcpu_op(XenVm *vm, unsigned vcpu, unsigned cmd, unsigned target,
                    void *arg, size_t len)
{
    int64_t ret;

    if (!arg) {
        return XEN_CALL(vm, vcpu, __HYPERVISOR_vcpu_op, cmd, target);
    }
    qtest_memwrite(vm->qts, vm->scratch, arg, len);
    ret = XEN_CALL(vm, vcpu, __HYPERVISOR_vcpu_op, cmd, target, vm->scratch);
    qtest_memread(vm->qts, vm->scratch, arg, len);
    return ret;
}

int64_t xen_hypercall_page(XenVm *vm, uint64_t msr, bool long_mode)
{
    return xen_command(vm, "xen_hypercall_page 0 %d 0x%" PRIx64, long_mode,
                       msr);
}

int64_t xen_add_to_physmap(XenVm *vm, unsigned space, uint64_t idx,
                           uint64_t gpa)
{
    return XEN_PACKED_OP(vm, __HYPERVISOR_memory_op, XENMEM_add_to_physmap,
                         "hhwll", DOMID_SELF, 0, space, idx,
                         gpa / XEN_PAGE_SIZE);
}

int64_t xen_remove_from_physmap(XenVm *vm, uint64_t gpa)
{
    return XEN_PACKED_OP(vm, __HYPERVISOR_memory_op,
                         XENMEM_remove_from_physmap, "hl", DOMID_SELF,
                         gpa / XEN_PAGE_SIZE);
}

int64_t xen_register_vcpu_info(XenVm *vm, unsigned vcpu, uint64_t gpa)
{
    struct vcpu_register_vcpu_info op = {
        .mfn = gpa / XEN_PAGE_SIZE,
        .offset = gpa % XEN_PAGE_SIZE,
    };

    return xen_vcpu_op(vm, vcpu, VCPUOP_register_vcpu_info, vcpu, &op,
                       sizeof(op));
}

int64_t xen_set_param(XenVm *vm, uint32_t index, uint64_t value)
{
    struct xen_hvm_param op = {
        .domid = DOMID_SELF, .index = index, .value = value,
    };

    return xen_op(vm, 0, __HYPERVISOR_hvm_op, HVMOP_set_param, &op,
                  sizeof(op));
}

int64_t xen_get_param(XenVm *vm, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param op = { .domid = DOMID_SELF, .index = index };
    int64_t ret = xen_op(vm, 0, __HYPERVISOR_hvm_op, HVMOP_get_param, &op,
                         sizeof(op));

    *value = op.value;
    return ret;
}

int64_t xen_set_upcall_vector(XenVm *vm, unsigned vcpu, uint8_t vector)
{
    struct xen_hvm_evtchn_upcall_vector op = {
        .vcpu = vcpu, .vector = vector,
    };

    return xen_op(vm, 0, __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector,
                  &op, sizeof(op));
}

uint16_t xen_vm_show_pm1(XenVm *vm)
{
    const uint32_t device = 0x80000000 | 1 << 11 | 3 << 8, base = 0x600;

    qtest_outl(vm->qts, 0xcf8, device | 0x40);
    qtest_outl(vm->qts, 0xcfc, base | 1);
    qtest_outl(vm->qts, 0xcf8, device | 0x80);
    qtest_outb(vm->qts, 0xcfc, 1);
    return base;
}

void xen_vm_suspend(XenVm *vm)
{
    /* PM1 control: SLP_EN, and S3 as this chip set encodes it. */
    qtest_outw(vm->qts, xen_vm_show_pm1(vm) + 4, 1 << 13 | 1 << 10);
    qtest_qmp_eventwait(vm->qts, "SUSPEND");
}

void xen_vm_wake_up(XenVm *vm)
{
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_wakeup' }");
    qtest_qmp_eventwait(vm->qts, "WAKEUP");
}

bool xen_take_vector(XenVm *vm, unsigned vcpu, uint8_t vector)
{
    return xen_command(vm, "xen_take_vector %u %u", vcpu, vector);
}

unsigned xen_take_callbacks(XenVm *vm, unsigned vcpu)
{
    return xen_command(vm, "xen_take_callbacks %u", vcpu);
}
