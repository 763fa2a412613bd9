/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry of "info xen" in the monitor's table of "info" commands
 *
 * hmp-commands-info.hx includes it in the middle of that table, so it may be
 * included once only.  Where Xen emulation is built, hw/xen/emu/monitor/xen-qmp-cmds.c
 * registers the command.
 */
#ifdef CONFIG_XEN_EMU
    {
        .name       = "xen",
        .args_type  = "",
        .params     = "",
        .help       = "show the state of Xen emulation",
    },
#endif
