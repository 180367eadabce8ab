// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// A plugin for QEMU that counts how often every block of code runs in the first
// run of the network, and which operator it is for. What it needs of
// qemu-plugin.h, which distributions leave out, is declared here (version 1 of
// that interface, QEMU 4.2 to 8.2).
//
// Arguments, with addresses in hexadecimal: out=PATH, between=FROM-TO of what
// calls the operators, stop=FROM-TO of what calls that, and for each operator
// owner=NUMBER-ADDRESS of its function.
// Written: "block OPERATOR ADDRESS BYTES TIMES" and "jumps OPERATOR TIMES",
// where an operator is -1 for what is between them.

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tb tb;
typedef struct insn insn;
typedef uint64_t plugin_id;

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id,
                                                  void (*)(plugin_id, tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(tb *,
                                                 void (*)(unsigned, void *),
                                                 int, void *);
extern void qemu_plugin_register_atexit_cb(plugin_id,
                                           void (*)(plugin_id, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const tb *);
extern insn *qemu_plugin_tb_get_insn(const tb *, size_t);
extern uint64_t qemu_plugin_tb_vaddr(const tb *);
extern const void *qemu_plugin_insn_data(const insn *);

int qemu_plugin_version = 1;

enum { OPERATORS = 4096, BETWEEN = 0, NO_CALLBACK_FLAGS = 0 };

// times: of each operator, that in between first.
typedef struct block {
  struct block *next;
  uint64_t address, size;
  uint64_t *times;
} block;

static block *blocks;
static uint64_t jumps[OPERATORS + 1], entries[OPERATORS + 1], end;
static uint64_t between[2], stop[2];
static int last_operator, here;
static enum { BEFORE, RUNNING, DONE } state;
static char path[4096];

static int is_in(const uint64_t *range, uint64_t address) {
  return address >= range[0] && address < range[1];
}

static void run(unsigned cpu, void *data) {
  block *b = data;
  (void)cpu;
  if (state == BEFORE && b->address == between[0]) state = RUNNING;
  if (state == RUNNING && is_in(stop, b->address)) state = DONE;
  if (state != RUNNING) return;
  if (b->address != end) ++jumps[here];
  if (is_in(between, b->address)) here = BETWEEN;
  for (int i = 1; i <= last_operator; ++i) {
    if (entries[i] == b->address) here = i;
  }
  ++b->times[here];
  end = b->address + b->size;
}

static void translate(plugin_id id, tb *code) {
  block *b = calloc(1, sizeof(*b));
  (void)id;
  b->address = qemu_plugin_tb_vaddr(code);
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(code); ++i) {
    const uint8_t *bytes =
        qemu_plugin_insn_data(qemu_plugin_tb_get_insn(code, i));
    // As QEMU tells it, the last one may have half of the next, which it looks
    // at, and leaves to the next block if it goes on behind the end of a page.
    b->size += bytes[1] >> 3 >= 0x1d ? 4 : 2;
  }
  b->times = calloc((size_t)last_operator + 1, sizeof(*b->times));
  b->next = blocks;
  blocks = b;
  qemu_plugin_register_vcpu_tb_exec_cb(code, run, NO_CALLBACK_FLAGS, b);
}

static void write_counts(plugin_id id, void *data) {
  FILE *file = fopen(path, "w");
  (void)id, (void)data;
  if (!file) return;
  for (int i = 0; i <= last_operator; ++i) {
    if (jumps[i]) {
      fprintf(file, "jumps %d %llu\n", i - 1, (unsigned long long)jumps[i]);
    }
    for (const block *b = blocks; b; b = b->next) {
      if (b->times[i]) {
        fprintf(file, "block %d %llu %llu %llu\n", i - 1,
                (unsigned long long)b->address, (unsigned long long)b->size,
                (unsigned long long)b->times[i]);
      }
    }
  }
  fclose(file);
}

static void read_range(const char *text, uint64_t *range) {
  char *rest;
  range[0] = strtoull(text, &rest, 16);
  range[1] = strtoull(rest + 1, NULL, 16);
}

int qemu_plugin_install(plugin_id id, const void *info, int count,
                        char **arguments) {
  (void)info;
  for (int i = 0; i < count; ++i) {
    const char *text = arguments[i], *value = strchr(text, '=') + 1;
    if (!strncmp(text, "out=", 4)) {
      snprintf(path, sizeof(path), "%s", value);
    } else if (!strncmp(text, "between=", 8)) {
      read_range(value, between);
    } else if (!strncmp(text, "stop=", 5)) {
      read_range(value, stop);
    } else {
      uint64_t owner[2];
      read_range(value, owner);
      if (owner[0] >= OPERATORS) return 1;
      entries[owner[0] + 1] = owner[1];
      if ((int)owner[0] + 1 > last_operator) last_operator = (int)owner[0] + 1;
    }
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(id, write_counts, NULL);
  return 0;
}
