/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entry point of a fuzz target, called by libFuzzer or by replay.c
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Always returns 0; aborts if the input triggers a bug. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
