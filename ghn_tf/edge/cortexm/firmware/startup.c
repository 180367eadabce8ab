// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Starts the core: there is no system, and no C library.

#include <stddef.h>
#include <stdint.h>

extern uint32_t stack_top, data_start, data_end, data_image, bss_start, bss_end;

int main(void);
void reset(void);

static void halt(void) {
  for (;;) __asm__ volatile("wfi");
}

void reset(void) {
#ifdef __ARM_FEATURE_MVE
  // Turns vectors on, in the register CPACR.
  *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20;
  __asm__ volatile("dsb\n\tisb");
#endif
  __builtin_memcpy(&data_start, &data_image,
                   (size_t)((char *)&data_end - (char *)&data_start));
  __builtin_memset(&bss_start, 0,
                   (size_t)((char *)&bss_end - (char *)&bss_start));
  main();
  halt();
}

// Of the exceptions only those of the core, which all end it.
__attribute__((section(".vectors"), used)) const void *const vectors[16] = {
    &stack_top, (void *)reset, (void *)halt, (void *)halt,
    (void *)halt, (void *)halt, (void *)halt, 0, 0, 0, 0,
    (void *)halt, (void *)halt, 0, (void *)halt, (void *)halt,
};
