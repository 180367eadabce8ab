// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Runs the images that come with the project, and compares their logits. Prints
// by semihosting: under an emulator or a debugger.

#include "@NETWORK@.h"
#include "test_images.h"

static void call_host(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

enum { WRITE0 = 4, EXIT = 0x18 };

static void print_number(int number) {
  char text[12], *next = text + 11;
  unsigned rest = number < 0 ? 0u - (unsigned)number : (unsigned)number;
  *next = 0;
  do {
    *--next = (char)('0' + rest % 10);
  } while (rest /= 10);
  if (number < 0) *--next = '-';
  call_host(WRITE0, next);
}

int main(void) {
  int different = 0;
  for (int image = 0; image < TEST_IMAGES; ++image) {
    for (int i = 0; i < (int)sizeof test_images[0]; ++i) {
      @NETWORK@_input[i] = test_images[image][i];
    }
    @NETWORK@_run();
    for (int i = 0; i < (int)sizeof test_outputs[0]; ++i) {
      different += @NETWORK@_output[i] != test_outputs[image][i];
      call_host(WRITE0, i ? " " : "");
      print_number(@NETWORK@_output[i]);
    }
    call_host(WRITE0, "\n");
  }
  call_host(WRITE0, "codes that differ: ");
  print_number(different);
  call_host(WRITE0, "\n");
  call_host(EXIT, (const void *)0x20026);  // The application exits.
  return different;
}
