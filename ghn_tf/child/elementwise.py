# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The functions of operations on each value by itself; see `functions`."""

import tensorflow as tf

from ghn_tf import constants

_raw = tf.raw_ops


def relu(layer, inputs, params):
  """Returns max(x, 0)."""
  del layer, params
  y = _raw.Relu(features=inputs[0])
  return y, lambda upstream, needed: (
    (_raw.ReluGrad(gradients=upstream, features=y),),
    {},
  )


def relu6(layer, inputs, params):
  """Returns min(max(x, 0), 6)."""
  del layer, params
  y = _raw.Relu6(features=inputs[0])
  return y, lambda upstream, needed: (
    (_raw.Relu6Grad(gradients=upstream, features=y),),
    {},
  )


def leaky_relu(layer, inputs, params):
  """Returns x, and slope * x below 0."""
  del params
  (x,), alpha = inputs, layer.slope
  return _raw.LeakyRelu(features=x, alpha=alpha), lambda upstream, needed: (
    (_raw.LeakyReluGrad(gradients=upstream, features=x, alpha=alpha),),
    {},
  )


def prelu(layer, inputs, params):
  """Returns x, and below 0 x times the slope of its channel."""
  del layer
  (x,), alpha = inputs, params["alpha"]
  zero = constants.constant(0.0, x.dtype)
  below = _raw.Minimum(x=x, y=zero)
  axes = constants.constant(tuple(range(len(x.shape) - 1)))

  def pullback(upstream, needed):
    del needed
    is_above = _raw.Greater(x=x, y=zero)
    scaled = _raw.Mul(x=upstream, y=alpha)
    back = _raw.SelectV2(condition=is_above, t=upstream, e=scaled)
    own = _raw.Sum(input=_raw.Mul(x=upstream, y=below), axis=axes)
    return (back,), {"alpha": own}

  return (
    _raw.AddV2(x=_raw.Relu(features=x), y=_raw.Mul(x=below, y=alpha)),
    pullback,
  )


def sigmoid(layer, inputs, params):
  """Returns 1 / (1 + exp(-x))."""
  del layer, params
  y = _raw.Sigmoid(x=inputs[0])
  return y, lambda upstream, needed: ((_raw.SigmoidGrad(y=y, dy=upstream),), {})


def hard_sigmoid(layer, inputs, params):
  """Returns slope * x + 0.5, between 0 and 1."""
  del params
  (x,) = inputs
  slope, half, zero, one = (
    constants.constant(value, x.dtype) for value in (layer.slope, 0.5, 0.0, 1.0)
  )
  line = _raw.AddV2(x=_raw.Mul(x=x, y=slope), y=half)

  def pullback(upstream, needed):
    del needed
    is_inside = _raw.LogicalAnd(
      x=_raw.Greater(x=line, y=zero), y=_raw.Less(x=line, y=one)
    )
    inside = _raw.Cast(x=is_inside, DstT=x.dtype)
    return (_raw.Mul(x=_raw.Mul(x=upstream, y=slope), y=inside),), {}

  y = _raw.ClipByValue(t=line, clip_value_min=zero, clip_value_max=one)
  return y, pullback


def add(layer, inputs, params):
  """Returns x + y."""
  del layer, params
  y = _raw.AddV2(x=inputs[0], y=inputs[1])
  return y, lambda upstream, needed: ((upstream, upstream), {})


def subtract(layer, inputs, params):
  """Returns x - y."""
  del layer, params
  y = _raw.Sub(x=inputs[0], y=inputs[1])
  return y, lambda upstream, needed: ((upstream, _raw.Neg(x=upstream)), {})


def multiply(layer, inputs, params):
  """Returns x * y, where y [B, C] is one factor for each channel."""
  del layer, params
  x, y = inputs
  factor = y
  if len(y.shape) < len(x.shape):
    shape = (y.shape[0], 1, 1, y.shape[1])
    factor = _raw.Reshape(tensor=y, shape=constants.constant(shape))

  def pullback(upstream, needed):
    del needed
    of_factor = _raw.Mul(x=upstream, y=x)
    if factor is not y:
      of_factor = _raw.Sum(input=of_factor, axis=constants.constant((1, 2)))
    return (_raw.Mul(x=upstream, y=factor), of_factor), {}

  return _raw.Mul(x=x, y=factor), pullback
