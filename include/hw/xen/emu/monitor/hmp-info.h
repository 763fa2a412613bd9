/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry of "info xen" in the table of HMP "info" commands
 *
 * Included by hmp-commands-info.hx inside that table, so there is no include
 * guard.  hw/xen/emu/monitor/xen-qmp-cmds.c registers the function.
 */
    {
        .name       = "xen",
        .args_type  = "",
        .params     = "",
        .help       = "show the state of Xen emulation",
    },
