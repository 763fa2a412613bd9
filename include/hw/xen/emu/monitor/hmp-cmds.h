/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen emulation's entries in the table of HMP commands
 *
 * Included by hmp-commands.hx inside that table, so there is no include guard.
 * hw/xen/emu/monitor/xenstore-qmp-cmds.c registers the functions.
 */
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
