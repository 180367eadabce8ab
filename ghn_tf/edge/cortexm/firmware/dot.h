// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Products of laid out inputs with two filters.

#ifndef DOT_H_
#define DOT_H_

#include "columns.h"
#include "lanes.h"

#ifndef __ARM_FEATURE_MVE

// weights: per group 4 of the first filter and 4 of the second. columns: per
// group 4 of each of three pixels, even ones first. sums: of the first filter
// with the three pixels, then of the second, each from its bias on.
KERNEL void dot_3(const int8_t *weights, const int16_t *columns, int groups,
                  const int32_t *bias, int32_t *sums);

// The same with the first pixel only.
KERNEL void dot_1(const int8_t *weights, const int16_t *columns, int groups,
                  const int32_t *bias, int32_t *sums);

// Pairs of filters at three pixels, up to their codes.
//
// Attributes: columns as above; bias, multiplier and shift of the next filters;
// output: of the next filter at the first pixel; step: to the next pixel;
// pair_bytes: of the weights of a pair; twice_zero: 1 + 2 * zero of the output;
// pairs: how many there are, at least one.
typedef struct {
  const int16_t *columns;
  const int32_t *bias, *multiplier;
  const int8_t *shift;
  int8_t *output;
  int32_t step, pair_bytes, twice_zero, pairs;
} block;

#ifdef __ARM_FEATURE_DSP
// Runs a block of small sums (is_small of rescaling) that are clamped to int8.
KERNEL void run_block(const int8_t *weights, block *b);
#endif

static void dot_1(const int8_t *weights, const int16_t *columns, int groups,
                  const int32_t *bias, int32_t *sums) {
  int32_t first = bias[0], second = bias[1];
  for (; groups; --groups, weights += 8, columns += STEP) {
    const uint32_t a = load_word(weights), b = load_word(weights + 4);
    const uint32_t even = load_word(columns), odd = load_word(columns + 2);
    first = multiply_pairs(even, even_bytes(a), first);
    first = multiply_pairs(odd, odd_bytes(a), first);
    second = multiply_pairs(even, even_bytes(b), second);
    second = multiply_pairs(odd, odd_bytes(b), second);
  }
  sums[0] = first;
  sums[PIXELS] = second;
}

#ifdef __ARM_FEATURE_DSP

// Assembly finds parameters where they are, not by name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"

// 12 products in 20 instructions of a group, which take all registers:
//   r0, r1: weights and columns; r4 to r9: sums of both filters at each pixel;
//   r2, r10: even and odd weights of the first filter; r3, r11: of the second;
//   r12, lr: even and odd inputs of a pixel. On the stack: where weights end.
#define GROUP                  \
  "ldrd r10, r11, [r0], #8\n"  \
  "sxtb16 r2, r10\n"           \
  "sxtb16 r10, r10, ror #8\n"  \
  "sxtb16 r3, r11\n"           \
  "sxtb16 r11, r11, ror #8\n"  \
  "ldrd r12, lr, [r1], #8\n"   \
  "smlad r4, r12, r2, r4\n"    \
  "smlad r5, r12, r3, r5\n"    \
  "smlad r4, lr, r10, r4\n"    \
  "smlad r5, lr, r11, r5\n"    \
  "ldrd r12, lr, [r1], #8\n"   \
  "smlad r6, r12, r2, r6\n"    \
  "smlad r7, r12, r3, r7\n"    \
  "smlad r6, lr, r10, r6\n"    \
  "smlad r7, lr, r11, r7\n"    \
  "ldrd r12, lr, [r1], #8\n"   \
  "smlad r8, r12, r2, r8\n"    \
  "smlad r9, r12, r3, r9\n"    \
  "smlad r8, lr, r10, r8\n"    \
  "smlad r9, lr, r11, r9\n"

__attribute__((naked)) static void dot_3(const int8_t *weights,
                                         const int16_t *columns, int groups,
                                         const int32_t *bias, int32_t *sums) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "add r12, r0, r2, lsl #3\n"
      "push {r12}\n"
      "ldrd r4, r5, [r3]\n"
      "mov r6, r4\n"
      "mov r7, r5\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "lsls r12, r2, #31\n"
      "bne 2f\n"
      "1:\n" GROUP
      "2:\n" GROUP
      "ldr r12, [sp]\n"
      "cmp r0, r12\n"
      "bne 1b\n"
      "ldr r12, [sp, #40]\n"
      "str r4, [r12]\n"
      "str r6, [r12, #4]\n"
      "str r8, [r12, #8]\n"
      "str r5, [r12, #12]\n"
      "str r7, [r12, #16]\n"
      "str r9, [r12, #20]\n"
      "add sp, #4\n"
      "pop {r4-r11, pc}\n");
}

// Three codes of a filter: as rescale_small, saturated. half: half of a step,
// and zero, before the shift.
#define CODE(sum, multiplier, half, shift)          \
  "lsl " sum ", " sum ", #1\n"                      \
  "smmulr " sum ", " sum ", " multiplier "\n"       \
  "add " sum ", " sum ", " sum ", asr #31\n"        \
  "add " sum ", " sum ", " half "\n"                \
  "asr " sum ", " sum ", " shift "\n"               \
  "ssat " sum ", #8, " sum "\n"
#define CODES(a, b, c, multiplier, shift)            \
  "mvn r12, " shift "\n"                             \
  "lsl r12, lr, r12\n"                               \
  "rsb " shift ", " shift ", #0\n"                   \
  CODE(a, multiplier, "r12", shift)                  \
  CODE(b, multiplier, "r12", shift)                  \
  CODE(c, multiplier, "r12", shift)

// The fields of block are at 0, 4 and so on. On the stack: the end of the
// pair's weights, and the block.
__attribute__((naked)) static void run_block(const int8_t *weights, block *b) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "sub sp, #8\n"
      "str r1, [sp, #4]\n"
      "3:\n"
      "ldr r3, [sp, #4]\n"
      "ldr r12, [r3, #4]\n"
      "ldrd r4, r5, [r12], #8\n"
      "str r12, [r3, #4]\n"
      "ldr r1, [r3]\n"
      "ldr r2, [r3, #24]\n"
      "mov r6, r4\n"
      "mov r7, r5\n"
      "mov r8, r4\n"
      "mov r9, r5\n"
      "add r12, r0, r2\n"
      "str r12, [sp]\n"
      // Skips 80 bytes for each group that four times some have too many; pc is
      // behind the nop.
      "and r12, r2, #24\n"
      "rsb r12, r12, #32\n"
      "and r12, r12, #24\n"
      "add r12, r12, r12, lsl #2\n"
      "lsl r12, r12, #1\n"
      "add pc, r12\n"
      "nop\n"
      "1:\n" GROUP GROUP GROUP GROUP
      "ldr r12, [sp]\n"
      "cmp r0, r12\n"
      "bne 1b\n"
      "ldr r3, [sp, #4]\n"
      "ldr r12, [r3, #8]\n"
      "ldrd r10, r11, [r12], #8\n"
      "str r12, [r3, #8]\n"
      "ldr r12, [r3, #12]\n"
      "ldrsb r1, [r12], #1\n"
      "ldrsb r2, [r12], #1\n"
      "str r12, [r3, #12]\n"
      "ldr lr, [r3, #28]\n"
      CODES("r4", "r6", "r8", "r10", "r1")
      CODES("r5", "r7", "r9", "r11", "r2")
      "ldr r12, [r3, #16]\n"
      "ldr lr, [r3, #20]\n"
      "strb r5, [r12, #1]\n"
      "strb r4, [r12], #2\n"
      "str r12, [r3, #16]\n"
      "add r12, lr\n"
      "strb r6, [r12, #-2]\n"
      "strb r7, [r12, #-1]\n"
      "add r12, lr\n"
      "strb r8, [r12, #-2]\n"
      "strb r9, [r12, #-1]\n"
      "ldr r12, [r3, #32]\n"
      "subs r12, #1\n"
      "str r12, [r3, #32]\n"
      "bne 3b\n"
      "add sp, #8\n"
      "pop {r4-r11, pc}\n");
}

#pragma GCC diagnostic pop

#else

static void dot_3(const int8_t *weights, const int16_t *columns, int groups,
                  const int32_t *bias, int32_t *sums) {
  int32_t a0 = bias[0], a1 = a0, a2 = a0, b0 = bias[1], b1 = b0, b2 = b0;
  // In the order in which inputs are laid out: even ones first.
  static const uint8_t order[] = {0, 2, 1, 3};
  for (; groups; --groups, weights += 8, columns += STEP) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int32_t a = weights[order[i]], b = weights[4 + order[i]];
      a0 += a * columns[i];
      b0 += b * columns[i];
      a1 += a * columns[4 + i];
      b1 += b * columns[4 + i];
      a2 += a * columns[8 + i];
      b2 += b * columns[8 + i];
    }
  }
  sums[0] = a0, sums[1] = a1, sums[2] = a2;
  sums[3] = b0, sums[4] = b1, sums[5] = b2;
}

#endif  // __ARM_FEATURE_DSP

#endif  // __ARM_FEATURE_MVE

#endif  // DOT_H_
