/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest to be saved, instead of tests ("state=1" on the command line)
 */
#ifndef TESTS_BARE_SAVED_H
#define TESTS_BARE_SAVED_H

/*
 * Binds ports of all types on both CPUs, leaves some pending, arms timers,
 * writes the notes of xen-saved-guest.h and prints "ready".  Then CPU 0 only
 * handles events.  An event of port `idle` makes it send to itself and arm the
 * timer, and print a message when it has handled each.
 */
void saved_guest(void) __attribute__((noreturn));

#endif
