// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// All kernels, as static functions of the one file that includes this.

#ifndef KERNELS_H_
#define KERNELS_H_

#include "binary.h"
#include "convolve.h"
#include "depthwise.h"
#include "move.h"
#include "pool.h"
#include "softmax.h"

#endif  // KERNELS_H_
