/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error codes: each hypercall and operation, with each invalid argument
 *
 * Each row is a call and its result, which is what Xen returns to an
 * unprivileged HVM guest.  Fields of structures are as for xen_pack().
 * Operations whose errors depend on earlier calls have tests of their own:
 * memory, gnttab, pirq, hvm-param; event channels are in tests/unit.
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "libxen.h"

#include "hw/xen/interface/grant_table.h"
#include "hw/xen/interface/hvm/hvm_op.h"
#include "hw/xen/interface/memory.h"
#include "hw/xen/interface/physdev.h"
#include "hw/xen/interface/sched.h"
#include "hw/xen/interface/vcpu.h"
#include "hw/xen/interface/version.h"

#define NR_VCPUS        2

/*
 * Placeholders for arguments: a pointer to the structure; an invalid pointer.
 */
#define STRUCT          UINT64_C(0x5555555555555555)
#define BAD             XEN_NO_RAM
/* A page filled with zeroes. */
#define PAGE            UINT64_C(0x6666666666666666)

typedef struct Row {
    int ret;
    unsigned nr;
    uint64_t arg[4];
    const char *format;
    uint64_t value[6];
} Row;

#define VCPU_OP(ret, cmd, vcpu, ...) \
    { ret, __HYPERVISOR_vcpu_op, { cmd, vcpu, __VA_ARGS__ } }

static const Row vcpu_rows[] = {
    /* The vCPU is checked first. */
    VCPU_OP(-ENOENT, VCPUOP_is_up, NR_VCPUS),
    VCPU_OP(-ENOENT, VCPUOP_is_up, 511),
    VCPU_OP(-ENOENT, VCPUOP_is_up, 0xffffffff),
    VCPU_OP(-ENOENT, VCPUOP_register_vcpu_info, NR_VCPUS, BAD),
    VCPU_OP(-ENOENT, VCPUOP_set_periodic_timer, NR_VCPUS, BAD),
    VCPU_OP(-ENOENT, 99, NR_VCPUS),
    VCPU_OP(-ENOSYS, 99, 0),
    VCPU_OP(-ENOSYS, 0x7fffffff, 0),
    VCPU_OP(-EEXIST, VCPUOP_initialise, 1, BAD),
    VCPU_OP(0, VCPUOP_up, 1),
    VCPU_OP(1, VCPUOP_is_up, 0),
    VCPU_OP(-EFAULT, VCPUOP_get_runstate_info, 0, BAD),
    VCPU_OP(-EFAULT, VCPUOP_register_runstate_memory_area, 0, BAD),
    VCPU_OP(-EFAULT, VCPUOP_set_periodic_timer, 0, BAD),
    VCPU_OP(-EFAULT, VCPUOP_set_singleshot_timer, 0, BAD),
    VCPU_OP(-EFAULT, VCPUOP_register_vcpu_info, 0, BAD),
    VCPU_OP(-EFAULT, VCPUOP_register_vcpu_time_memory_area, 0, BAD),
    VCPU_OP(0, VCPUOP_stop_periodic_timer, 1),
    /* A vCPU can only set its own single-shot timer. */
    VCPU_OP(-EINVAL, VCPUOP_set_singleshot_timer, 1, BAD),
    VCPU_OP(-EINVAL, VCPUOP_stop_singleshot_timer, 1),
    VCPU_OP(-EINVAL, VCPUOP_send_nmi, 0, PAGE),
    VCPU_OP(-EINVAL, VCPUOP_get_physid, 0, PAGE),
    /* Already registered; crosses a page boundary, not aligned; no RAM. */
    { -EINVAL, __HYPERVISOR_vcpu_op, { VCPUOP_register_vcpu_info, 0, STRUCT },
      "qww", { 0x2000, 0, 0 } },
    { -ENXIO, __HYPERVISOR_vcpu_op, { VCPUOP_register_vcpu_info, 0, STRUCT },
      "qww", { 0x2000, 4096 - 63, 0 } },
    { -ENXIO, __HYPERVISOR_vcpu_op, { VCPUOP_register_vcpu_info, 0, STRUCT },
      "qww", { 0x2000, 2, 0 } },
    { -EINVAL, __HYPERVISOR_vcpu_op, { VCPUOP_register_vcpu_info, 0, STRUCT },
      "qww", { UINT64_MAX, 0, 0 } },
    /* Below the minimum, above the maximum. */
    { -EINVAL, __HYPERVISOR_vcpu_op, { VCPUOP_set_periodic_timer, 0, STRUCT },
      "q", { 999999 } },
    { -EINVAL, __HYPERVISOR_vcpu_op, { VCPUOP_set_periodic_timer, 0, STRUCT },
      "q", { UINT64_MAX } },
    { 0, __HYPERVISOR_vcpu_op, { VCPUOP_set_periodic_timer, 0, STRUCT },
      "q", { 1000000 } },
    VCPU_OP(0, VCPUOP_stop_periodic_timer, 0),
};

#define SCHED_OP(ret, cmd, arg, format, ...) \
    { ret, __HYPERVISOR_sched_op, { cmd, arg }, format, { __VA_ARGS__ } }

static const Row sched_rows[] = {
    SCHED_OP(-ENOSYS, 99, STRUCT, "w", 0),
    SCHED_OP(0, SCHEDOP_yield, BAD, NULL, 0),
    SCHED_OP(-EFAULT, SCHEDOP_shutdown, BAD, NULL, 0),
    SCHED_OP(-EFAULT, SCHEDOP_poll, BAD, NULL, 0),
    SCHED_OP(-EFAULT, SCHEDOP_remote_shutdown, BAD, NULL, 0),
    SCHED_OP(-EFAULT, SCHEDOP_watchdog, BAD, NULL, 0),
    SCHED_OP(-EPERM, SCHEDOP_pin_override, BAD, NULL, 0),
    /* Too many ports, ports in unmapped memory, invalid ports */
    SCHED_OP(-EINVAL, SCHEDOP_poll, STRUCT, "lwq", PAGE, 129, 0),
    SCHED_OP(-EFAULT, SCHEDOP_poll, STRUCT, "lwq", BAD, 1, 0),
    SCHED_OP(-EFAULT, SCHEDOP_poll, STRUCT, "lwq", BAD, 128, 0),
    SCHED_OP(0, SCHEDOP_poll, STRUCT, "lwq", BAD, 0, 1),
    /* Domains by number only */
    SCHED_OP(-ESRCH, SCHEDOP_remote_shutdown, STRUCT, "hw", 5, 0),
    SCHED_OP(-ESRCH, SCHEDOP_remote_shutdown, STRUCT, "hw", DOMID_SELF, 0),
    SCHED_OP(-EPERM, SCHEDOP_remote_shutdown, STRUCT, "hw", XEN_VM_DOMID, 0),
    SCHED_OP(-EPERM, SCHEDOP_remote_shutdown, STRUCT, "hw", 0, 0),
    SCHED_OP(-EINVAL, SCHEDOP_watchdog, STRUCT, "ww", 1, 100),
    SCHED_OP(-EINVAL, SCHEDOP_watchdog, STRUCT, "ww", 3, 100),
    SCHED_OP(1, SCHEDOP_watchdog, STRUCT, "ww", 0, 100),
    SCHED_OP(2, SCHEDOP_watchdog, STRUCT, "ww", 0, 100),
    SCHED_OP(-ENOSPC, SCHEDOP_watchdog, STRUCT, "ww", 0, 100),
    SCHED_OP(0, SCHEDOP_watchdog, STRUCT, "ww", 1, 0),
    SCHED_OP(-EINVAL, SCHEDOP_watchdog, STRUCT, "ww", 1, 0),
    SCHED_OP(0, SCHEDOP_watchdog, STRUCT, "ww", 2, 0),
};

#define EVTCHN_OP(ret, cmd, format, ...) \
    { ret, __HYPERVISOR_event_channel_op, { cmd, STRUCT }, format, \
      { __VA_ARGS__ } }
#define EVTCHN_BAD(cmd) \
    { -EFAULT, __HYPERVISOR_event_channel_op, { cmd, BAD } }

static const Row evtchn_rows[] = {
    EVTCHN_OP(-ENOSYS, 14, "w", 0),
    EVTCHN_OP(-ENOSYS, 0xffffffff, "w", 0),
    EVTCHN_BAD(EVTCHNOP_bind_interdomain), EVTCHN_BAD(EVTCHNOP_bind_virq),
    EVTCHN_BAD(EVTCHNOP_bind_pirq), EVTCHN_BAD(EVTCHNOP_close),
    EVTCHN_BAD(EVTCHNOP_send), EVTCHN_BAD(EVTCHNOP_status),
    EVTCHN_BAD(EVTCHNOP_alloc_unbound), EVTCHN_BAD(EVTCHNOP_bind_ipi),
    EVTCHN_BAD(EVTCHNOP_bind_vcpu), EVTCHN_BAD(EVTCHNOP_unmask),
    EVTCHN_BAD(EVTCHNOP_reset), EVTCHN_BAD(EVTCHNOP_init_control),
    EVTCHN_BAD(EVTCHNOP_expand_array), EVTCHN_BAD(EVTCHNOP_set_priority),
    EVTCHN_OP(-ESRCH, EVTCHNOP_alloc_unbound, "hhw", 5, 0, 0),
    EVTCHN_OP(-EPERM, EVTCHNOP_alloc_unbound, "hhw", 0, DOMID_SELF, 0),
    EVTCHN_OP(-ESRCH, EVTCHNOP_bind_interdomain, "hww", 5, 1, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_bind_interdomain, "hww", DOMID_SELF, 0, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_bind_interdomain, "hww", DOMID_SELF, 99, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_bind_interdomain, "hww", 0, 99, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_bind_virq, "www", 24, 0, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_bind_virq, "www", VIRQ_CONSOLE, 1, 0),
    EVTCHN_OP(-ENOENT, EVTCHNOP_bind_virq, "www", VIRQ_TIMER, NR_VCPUS, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_bind_pirq, "www", 256, 0, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_bind_pirq, "www", UINT32_MAX, 0, 0),
    EVTCHN_OP(-ENOENT, EVTCHNOP_bind_ipi, "ww", NR_VCPUS, 0),
    EVTCHN_OP(-ENOENT, EVTCHNOP_bind_ipi, "ww", UINT32_MAX, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_close, "w", 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_close, "w", 99),
    EVTCHN_OP(-EINVAL, EVTCHNOP_close, "w", UINT32_MAX),
    EVTCHN_OP(-EINVAL, EVTCHNOP_send, "w", 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_send, "w", 99),
    EVTCHN_OP(-EINVAL, EVTCHNOP_send, "w", UINT32_MAX),
    EVTCHN_OP(-ESRCH, EVTCHNOP_status, "hw", 5, 1),
    EVTCHN_OP(-EINVAL, EVTCHNOP_status, "hw", DOMID_SELF, UINT32_MAX),
    EVTCHN_OP(-ENOENT, EVTCHNOP_bind_vcpu, "ww", 1, NR_VCPUS),
    EVTCHN_OP(-EINVAL, EVTCHNOP_bind_vcpu, "ww", 99, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_unmask, "w", UINT32_MAX),
    EVTCHN_OP(-ESRCH, EVTCHNOP_reset, "h", 5),
    EVTCHN_OP(-EPERM, EVTCHNOP_reset, "h", 0),
    EVTCHN_OP(-ENOENT, EVTCHNOP_init_control, "qww", 0x2000, 0, NR_VCPUS),
    EVTCHN_OP(-EINVAL, EVTCHNOP_init_control, "qww", 0x2000, 4, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_init_control, "qww", 0x2000, 4096 - 64, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_init_control, "qww", UINT64_MAX, 0, 0),
    EVTCHN_OP(-EOPNOTSUPP, EVTCHNOP_expand_array, "q", 0x2000),
    EVTCHN_OP(-ENOSYS, EVTCHNOP_set_priority, "ww", 1, 0),
    EVTCHN_OP(-EINVAL, EVTCHNOP_set_priority, "ww", UINT32_MAX, 0),
};

#define HVM_OP(ret, cmd, arg, format, ...) \
    { ret, __HYPERVISOR_hvm_op, { cmd, arg }, format, { __VA_ARGS__ } }

static const Row hvm_rows[] = {
    HVM_OP(-EFAULT, HVMOP_set_param, BAD, NULL, 0),
    HVM_OP(-EFAULT, HVMOP_get_param, BAD, NULL, 0),
    HVM_OP(-EFAULT, HVMOP_get_time, BAD, NULL, 0),
    HVM_OP(0, HVMOP_get_time, PAGE, NULL, 0),
    HVM_OP(-EFAULT, HVMOP_xentrace, BAD, NULL, 0),
    HVM_OP(0, HVMOP_xentrace, STRUCT, "hh", 0xfff, 28),
    HVM_OP(-EINVAL, HVMOP_xentrace, STRUCT, "hh", 0x1000, 4),
    HVM_OP(-EINVAL, HVMOP_xentrace, STRUCT, "hh", 1, 29),
    HVM_OP(-EFAULT, HVMOP_get_mem_type, BAD, NULL, 0),
    HVM_OP(-ESRCH, HVMOP_get_mem_type, STRUCT, "hhhhq", 5, 0, 0, 0, 1),
    HVM_OP(-EPERM, HVMOP_get_mem_type, STRUCT, "hhhhq", 0, 0, 0, 0, 1),
    HVM_OP(0, HVMOP_get_mem_type, STRUCT, "hhhhq", DOMID_SELF, 0, 0, 0,
           UINT64_MAX),
    HVM_OP(-EFAULT, HVMOP_set_evtchn_upcall_vector, BAD, NULL, 0),
    HVM_OP(-EINVAL, HVMOP_set_evtchn_upcall_vector, STRUCT, "ww", 0, 15),
    HVM_OP(-EINVAL, HVMOP_set_evtchn_upcall_vector, STRUCT, "ww", 9, 15),
    HVM_OP(-ENOENT, HVMOP_set_evtchn_upcall_vector, STRUCT, "ww", NR_VCPUS,
           16),
    HVM_OP(0, HVMOP_guest_request_vm_event, 0, NULL, 0),
    HVM_OP(-EINVAL, HVMOP_guest_request_vm_event, PAGE, NULL, 0),
    HVM_OP(0, HVMOP_flush_tlbs, 0, NULL, 0),
    HVM_OP(-EINVAL, HVMOP_flush_tlbs, PAGE, NULL, 0),
    HVM_OP(-EFAULT, HVMOP_pagetable_dying, BAD, NULL, 0),
    HVM_OP(-EINVAL, HVMOP_pagetable_dying, STRUCT, "hhhhq", DOMID_SELF),
    HVM_OP(-EOPNOTSUPP, HVMOP_pagetable_dying, STRUCT, "hhhhq", 0),
    HVM_OP(-ESRCH, HVMOP_pagetable_dying, STRUCT, "hhhhq", 5),
    HVM_OP(-EOPNOTSUPP, HVMOP_altp2m, PAGE, NULL, 0),
    /*
     * Operations for device models, which have a hypercall of their own today
     */
    HVM_OP(-ENOSYS, 2, PAGE, NULL, 0), HVM_OP(-ENOSYS, 3, PAGE, NULL, 0),
    HVM_OP(-ENOSYS, 4, PAGE, NULL, 0), HVM_OP(-ENOSYS, 6, PAGE, NULL, 0),
    HVM_OP(-ENOSYS, 99, PAGE, NULL, 0),
};

#define CALL(ret, nr, ...)      { ret, nr, { __VA_ARGS__ } }
#define VERSION_OP(ret, cmd, arg) \
    CALL(ret, __HYPERVISOR_xen_version, cmd, arg)
#define MEMORY_OP(ret, cmd, arg) \
    CALL(ret, __HYPERVISOR_memory_op, cmd, arg)
#define PHYSDEV_OP(ret, cmd, arg) \
    CALL(ret, __HYPERVISOR_physdev_op, cmd, arg)

static const Row other_rows[] = {
    VERSION_OP(0x40011, XENVER_version, BAD),
    VERSION_OP(-EFAULT, XENVER_extraversion, BAD),
    VERSION_OP(-EFAULT, XENVER_compile_info, BAD),
    VERSION_OP(-EFAULT, XENVER_capabilities, BAD),
    VERSION_OP(-EFAULT, XENVER_changeset, BAD),
    VERSION_OP(-EFAULT, XENVER_platform_parameters, BAD),
    VERSION_OP(-EFAULT, XENVER_get_features, BAD),
    VERSION_OP(4096, XENVER_pagesize, 0),
    VERSION_OP(-EINVAL, XENVER_pagesize, PAGE),
    VERSION_OP(-EFAULT, XENVER_guest_handle, BAD),
    VERSION_OP(-EFAULT, XENVER_commandline, BAD),
    VERSION_OP(-EPERM, XENVER_build_id, PAGE),
    VERSION_OP(-ENOSYS, 3 + XENVER_build_id, PAGE),
    VERSION_OP(-ENOSYS, 99, PAGE),
    { -EINVAL, __HYPERVISOR_xen_version, { XENVER_get_features, STRUCT },
      "ww", { XENFEAT_NR_SUBMAPS, 0 } },

    MEMORY_OP(-EFAULT, XENMEM_add_to_physmap, BAD),
    MEMORY_OP(-EFAULT, XENMEM_add_to_physmap_batch, BAD),
    MEMORY_OP(-EFAULT, XENMEM_remove_from_physmap, BAD),
    MEMORY_OP(-EFAULT, XENMEM_memory_map, BAD),
    MEMORY_OP(-EFAULT, XENMEM_current_reservation, BAD),
    MEMORY_OP(-EFAULT, XENMEM_maximum_reservation, BAD),
    MEMORY_OP(-EFAULT, XENMEM_maximum_gpfn, BAD),
    MEMORY_OP(-EFAULT, XENMEM_get_vnumainfo, BAD),
    MEMORY_OP(-EFAULT, XENMEM_acquire_resource, BAD),
    MEMORY_OP(0, XENMEM_decrease_reservation, BAD),
    MEMORY_OP(-EOPNOTSUPP, XENMEM_exchange, BAD),
    MEMORY_OP(-EPERM, XENMEM_set_memory_map, BAD),
    MEMORY_OP(-EPERM, XENMEM_set_pod_target, BAD),
    MEMORY_OP(-EPERM, XENMEM_get_pod_target, BAD),
    MEMORY_OP(-ENOSYS, XENMEM_machphys_mfn_list, BAD),
    MEMORY_OP(-ENOSYS, XENMEM_machphys_mapping, BAD),
    MEMORY_OP(-ENOSYS, XENMEM_machine_memory_map, BAD),
    MEMORY_OP(-ENOSYS, 63, BAD),
    { -EOPNOTSUPP, __HYPERVISOR_memory_op, { XENMEM_get_vnumainfo, STRUCT },
      "hh", { DOMID_SELF, 0 } },
    { -EINVAL, __HYPERVISOR_memory_op, { XENMEM_get_vnumainfo, STRUCT },
      "hh", { DOMID_SELF, 1 } },
    { -ESRCH, __HYPERVISOR_memory_op, { XENMEM_get_vnumainfo, STRUCT },
      "hh", { 5, 0 } },
    { -EPERM, __HYPERVISOR_memory_op, { XENMEM_acquire_resource, STRUCT },
      "h", { 0 } },
    { -ESRCH, __HYPERVISOR_memory_op, { XENMEM_acquire_resource, STRUCT },
      "h", { 5 } },

    PHYSDEV_OP(-EFAULT, PHYSDEVOP_map_pirq, BAD),
    PHYSDEV_OP(-EFAULT, PHYSDEVOP_unmap_pirq, BAD),
    PHYSDEV_OP(-EFAULT, PHYSDEVOP_eoi, BAD),
    PHYSDEV_OP(-EFAULT, PHYSDEVOP_irq_status_query, BAD),
    PHYSDEV_OP(-EFAULT, PHYSDEVOP_get_free_pirq, BAD),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_set_iopl, PAGE),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_set_iobitmap, PAGE),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_apic_read, PAGE),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_apic_write, PAGE),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_alloc_irq_vector, PAGE),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_pirq_eoi_gmfn_v1, PAGE),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_pirq_eoi_gmfn_v2, PAGE),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_setup_gsi, PAGE),
    PHYSDEV_OP(-ENOSYS, PHYSDEVOP_pci_device_add, PAGE),
    PHYSDEV_OP(-ENOSYS, 99, PAGE),

    /* The type is checked before the command. */
    CALL(0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
         VMASST_TYPE_runstate_update_flag),
    CALL(0, __HYPERVISOR_vm_assist, VMASST_CMD_disable,
         VMASST_TYPE_runstate_update_flag),
    CALL(-ENOSYS, __HYPERVISOR_vm_assist, 7,
         VMASST_TYPE_runstate_update_flag),
    CALL(-EINVAL, __HYPERVISOR_vm_assist, 7, 0),
    CALL(-EINVAL, __HYPERVISOR_vm_assist, VMASST_CMD_enable, 63),

    CALL(0, __HYPERVISOR_set_timer_op, 0),

    CALL(0, __HYPERVISOR_multicall, BAD, 0),
    CALL(-EFAULT, __HYPERVISOR_multicall, BAD, 1),

    CALL(-EPERM, __HYPERVISOR_platform_op, PAGE),
    CALL(-EPERM, __HYPERVISOR_console_io, 0, 1, PAGE),
    CALL(-EPERM, __HYPERVISOR_sysctl, PAGE),
    CALL(-EPERM, __HYPERVISOR_domctl, PAGE),
    CALL(-EPERM, __HYPERVISOR_hypfs_op, 0),
    CALL(-EPERM, __HYPERVISOR_dm_op, DOMID_SELF, 0),
    CALL(-E2BIG, __HYPERVISOR_dm_op, DOMID_SELF, 3),
    CALL(-ESRCH, __HYPERVISOR_dm_op, 5, 0),
    CALL(-EOPNOTSUPP, __HYPERVISOR_xenpmu_op, 0, PAGE),
    CALL(-EINVAL, __HYPERVISOR_mmuext_op, PAGE, 0, 0, DOMID_SELF),
    CALL(-EPERM, __HYPERVISOR_mmuext_op, PAGE, 0, 0, 0),
    CALL(-ESRCH, __HYPERVISOR_mmuext_op, PAGE, 0, 0, 5),
};

/* Hypercalls for PV guests, obsolete ones, and undefined ones. */
static const uint32_t unknown[] = {
    __HYPERVISOR_set_trap_table, __HYPERVISOR_mmu_update,
    __HYPERVISOR_set_gdt, __HYPERVISOR_stack_switch,
    __HYPERVISOR_set_callbacks, __HYPERVISOR_fpu_taskswitch, 6,
    __HYPERVISOR_set_debugreg, __HYPERVISOR_get_debugreg,
    __HYPERVISOR_update_descriptor, 11, __HYPERVISOR_update_va_mapping, 16, 19,
    __HYPERVISOR_update_va_mapping_otherdomain, __HYPERVISOR_iret,
    __HYPERVISOR_set_segment_base, __HYPERVISOR_xsm_op, __HYPERVISOR_nmi_op,
    __HYPERVISOR_callback_op, __HYPERVISOR_xenoprof_op,
    __HYPERVISOR_kexec_op, __HYPERVISOR_tmem_op, __HYPERVISOR_argo_op,
    43, 47, __HYPERVISOR_arch_0, __HYPERVISOR_arch_1, 55, 56, 63, 64, 1000,
    0x80000000, 0xffffffff,
};

static XenVm *start(const void *long_mode)
{
    return xen_vm_start(NR_VCPUS, GPOINTER_TO_INT(long_mode), "-nodefaults");
}

static uint64_t real_value(uint64_t value, uint64_t page)
{
    return value == PAGE ? page : value;
}

static int64_t run_row(XenVm *vm, const Row *row, uint64_t page)
{
    uint64_t arg[ARRAY_SIZE(row->arg)], value[ARRAY_SIZE(row->value)];
    uint8_t buf[64] = { 0 };

    if (row->format) {
        for (size_t i = 0; i < ARRAY_SIZE(value); i++) {
            value[i] = real_value(row->value[i], page);
        }
        xen_pack(vm, buf, row->format, value);
        qtest_memwrite(vm->qts, vm->scratch, buf, sizeof(buf));
    }
    for (size_t i = 0; i < ARRAY_SIZE(arg); i++) {
        arg[i] = row->arg[i] == STRUCT ? vm->scratch
                                       : real_value(row->arg[i], page);
    }
    return xen_call(vm, 0, row->nr, arg, ARRAY_SIZE(arg));
}

static int64_t count_ports(XenVm *vm)
{
    QDict *info = qtest_qmp_assert_success_ref(vm->qts,
        "{ 'execute': 'query-xen' }");
    int64_t ports = qdict_get_int(info, "ports");

    qobject_unref(info);
    return ports;
}

static void run_rows(const void *long_mode, const Row *row, size_t nr)
{
    XenVm *vm = start(long_mode);
    uint64_t page = xen_vm_page(vm);
    int64_t ports = count_ports(vm);
    uint32_t port;

    for (size_t i = 0; i < nr; i++) {
        int64_t ret = run_row(vm, &row[i], page);

        if (ret != row[i].ret) {
            g_error("row %zu: hypercall %u, command %" PRIu64 ": %" PRId64
                    " instead of %d", i, row[i].nr, row[i].arg[0], ret,
                    row[i].ret);
        }
    }
    /* The failed calls have changed nothing. */
    g_assert_cmpint(count_ports(vm), ==, ports);
    port = xen_bind_ipi(vm, 1);
    xen_unmask(vm, port);
    g_assert_cmpint(xen_send(vm, port), ==, 0);
    xen_expect_event(vm, 1, port);
    xen_vm_stop(vm);
}

static void test_vcpu(const void *long_mode)
{
    run_rows(long_mode, vcpu_rows, ARRAY_SIZE(vcpu_rows));
}

static void test_sched(const void *long_mode)
{
    run_rows(long_mode, sched_rows, ARRAY_SIZE(sched_rows));
}

static void test_evtchn(const void *long_mode)
{
    run_rows(long_mode, evtchn_rows, ARRAY_SIZE(evtchn_rows));
}

static void test_hvm(const void *long_mode)
{
    run_rows(long_mode, hvm_rows, ARRAY_SIZE(hvm_rows));
}

static void test_other(const void *long_mode)
{
    run_rows(long_mode, other_rows, ARRAY_SIZE(other_rows));
}

static void test_unknown(const void *long_mode)
{
    XenVm *vm = start(long_mode);

    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        int64_t ret = XEN_CALL(vm, 0, unknown[i], vm->scratch, vm->scratch);

        if (ret != -ENOSYS) {
            g_error("hypercall %u: %" PRId64, unknown[i], ret);
        }
    }
    xen_vm_stop(vm);
}

/* A structure that is partly in memory. */
static void test_half(const void *long_mode)
{
    XenVm *vm = xen_vm_start(NR_VCPUS, GPOINTER_TO_INT(long_mode),
                             "-nodefaults -m 128M");
    uint64_t end = UINT64_C(128) << 20;
    uint64_t wrap = vm->long_mode ? UINT64_MAX - 3 : 0xfffffffc;

    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_event_channel_op,
                             EVTCHNOP_bind_ipi, end - 4), ==, -EFAULT);
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_event_channel_op,
                             EVTCHNOP_bind_ipi, end - 8), ==, 0);
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_xen_version,
                             XENVER_capabilities, end - 4), ==, -EFAULT);
    /* Around the end of the guest's address space */
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_xen_version,
                             XENVER_get_features, wrap), <, 0);
    xen_vm_stop(vm);
}

/* Each entry has its own result; an invalid entry address ends the call. */
static void test_multicall(const void *long_mode)
{
    XenVm *vm = start(long_mode);
    unsigned word = vm->long_mode ? 8 : 4;
    uint64_t page = xen_vm_page(vm), last = (UINT64_C(128) << 20) - 8 * word;
    static const struct {
        uint64_t nr;
        int ret;
    } entries[] = {
        { __HYPERVISOR_xen_version, 0x40011 },
        { __HYPERVISOR_multicall, -EINVAL },
        { __HYPERVISOR_tmem_op, -ENOSYS },
        { __HYPERVISOR_domctl, -EPERM },
    };

    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        qtest_writel(vm->qts, page + i * 8 * word, entries[i].nr);
    }
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_multicall, page,
                             ARRAY_SIZE(entries)), ==, 0);
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        uint64_t gpa = page + i * 8 * word + word;
        int64_t ret = vm->long_mode ? (int64_t)qtest_readq(vm->qts, gpa)
                                    : (int32_t)qtest_readl(vm->qts, gpa);

        g_assert_cmpint(ret, ==, entries[i].ret);
    }

    qtest_writel(vm->qts, last, __HYPERVISOR_xen_version);
    g_assert_cmpint(XEN_CALL(vm, 0, __HYPERVISOR_multicall, last, 2), ==,
                    -EFAULT);
    g_assert_cmphex(qtest_readl(vm->qts, last + word), ==, 0x40011);
    xen_vm_stop(vm);
}

int main(int argc, char **argv)
{
    static const XenTest tests[] = {
        { "vcpu-op", test_vcpu },
        { "sched-op", test_sched },
        { "event-channel-op", test_evtchn },
        { "hvm-op", test_hvm },
        { "other", test_other },
        { "unknown", test_unknown },
        { "half", test_half },
        { "multicall", test_multicall },
    };

    g_test_init(&argc, &argv, NULL);
    xen_add_tests("errors", tests, ARRAY_SIZE(tests));
    return g_test_run();
}
