/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instead of tests ("state=1" on the command line): a guest to be saved
 */
#ifndef TESTS_BARE_SAVED_H
#define TESTS_BARE_SAVED_H

/*
 * Binds ports of all types on both CPUs, has some pending, arms timers, writes
 * what xen-saved-guest.h says and then "ready"; from then on CPU 0 only takes
 * events.  One of the port `idle` makes it send to itself and arm the timer, and
 * say so when it has taken both.
 */
void saved_guest(void) __attribute__((noreturn));

#endif
