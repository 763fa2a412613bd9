/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of ours in the monitor's table of commands
 *
 * hmp-commands.hx includes it in the middle of that table, so it may be included
 * once only.  Where Xen emulation is built, hw/xen/emu/monitor/ registers them.
 */
#ifdef CONFIG_XEN_EMU
    {
        .name       = "xenstore-list",
        .args_type  = "path:s",
        .params     = "path",
        .help       = "list the children of a xenstore node",
    },
    {
        .name       = "xenstore-read",
        .args_type  = "path:s",
        .params     = "path",
        .help       = "show a xenstore node's value and permissions",
    },
    {
        .name       = "xenstore-write",
        .args_type  = "path:s,value:s",
        .params     = "path value",
        .help       = "write a xenstore node",
    },
#endif
