/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the start of the first CPU to power-off
 */
#include "guest.h"
#include "saved.h"
#include "tap.h"

/* The PM control registers as set up by SeaBIOS, and the value for S5. */
#define PM_CONTROL_PC   0x604
#define PM_SLEEP        0x2000

void power_off(void)
{
    struct sched_shutdown op = { .reason = SHUTDOWN_poweroff };

    SCHED_OP(SCHEDOP_shutdown, &op);
    outw(PM_CONTROL_PC, PM_SLEEP);
    for (;;) {
        asm volatile("cli; hlt");
    }
}

void bare_main(void)
{
    pic_off();
    cpu_init();
    lapic_init();
    guest_set_up();
    interrupts_on();
    cpus_start();
    if (guest_option("state")) {
        saved_guest();
    }
    tests_run(guest_option("tests"));
    power_off();
}
