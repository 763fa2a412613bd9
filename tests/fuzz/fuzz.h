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

/* libFuzzer's own mutations, of bytes. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Optional; see libFuzzer's documentation. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t size_a,
                                 const uint8_t *b, size_t size_b,
                                 uint8_t *out, size_t max_size, unsigned seed);

#endif
