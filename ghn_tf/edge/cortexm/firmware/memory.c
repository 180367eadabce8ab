// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// What compilers call to copy and fill memory, which a C library has. Weak, so
// that a library's come before these.

#include <stddef.h>
#include <stdint.h>

#define WEAK __attribute__((weak))

// Else GCC, up to version 9, makes calls of these of their own loops.
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

WEAK void *memcpy(void *to, const void *from, size_t size) {
  uint8_t *t = to;
  const uint8_t *f = from;
  for (; size >= 4; size -= 4, t += 4, f += 4) {
    uint32_t word;
    __builtin_memcpy(&word, f, 4);
    __builtin_memcpy(t, &word, 4);
  }
  while (size--) *t++ = *f++;
  return to;
}

WEAK void *memset(void *to, int value, size_t size) {
  uint8_t *t = to;
  const uint32_t word = 0x01010101u * (uint8_t)value;
  for (; size >= 4; size -= 4, t += 4) __builtin_memcpy(t, &word, 4);
  while (size--) *t++ = (uint8_t)value;
  return to;
}

// The same by the names that Arm's compilers call; with a number, at addresses
// that it divides.
#define ARM(name, parameters, call)                \
  void __aeabi_##name parameters;                  \
  void __aeabi_##name##4 parameters;               \
  void __aeabi_##name##8 parameters;               \
  WEAK void __aeabi_##name parameters { call; }    \
  WEAK void __aeabi_##name##4 parameters { call; } \
  WEAK void __aeabi_##name##8 parameters { call; }

ARM(memcpy, (void *to, const void *from, size_t size), memcpy(to, from, size))
ARM(memset, (void *to, size_t size, int value), memset(to, value, size))
ARM(memclr, (void *to, size_t size), memset(to, 0, size))
