/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libFuzzer calls with each input, and replay.c in its place
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Always returns 0; ends the process if the input finds a bug. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
