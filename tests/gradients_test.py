# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from typing import Any
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import gradients
from ghn_tf.child import grids
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.quant import fake_quant
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.training import children

_Op = ops.Op


def _normal(shape, seed: int = 0) -> tf.Tensor:
  values = np.random.default_rng(seed).normal(size=shape)
  return tf.constant(values, tf.float32)


def _params(architecture: spec.Architecture) -> dict[str, tf.Tensor]:
  # Not normal: of many such, 2 bits leave few that are not 0.
  rng = np.random.default_rng(0)
  return {
    param.name: tf.constant(rng.uniform(-1, 1, param.shape), tf.float32)
    for param in architecture.param_specs
  }


def _gradients(
  architecture: spec.Architecture,
  params: network.Params,
  images: tf.Tensor,
  recipe: recipe_lib.Recipe,
  seed: tuple[int, int] | None = None,
  training: bool = True,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
  pullbacks: network.Pullbacks = []
  logits = network.apply(
    architecture,
    params,
    images,
    recipe=recipe,
    training=training,
    seed=seed,
    pullbacks=pullbacks,
  )
  upstream = _normal(logits.shape, seed=8)
  return logits, gradients.backward(architecture, pullbacks, upstream)


def _straight_through(quantize):
  """Gives a function that rounds the gradient of the identity."""

  def wrapped(x, *args, **kwargs):
    return x + tf.stop_gradient(quantize(x, *args, **kwargs) - x)

  return wrapped


def _fake_quant(x, low, high, num_bits, narrow=False):
  """Returns x on its grid, arXiv 1712.05877, with 0 on the grid."""
  steps = 2**num_bits - 1 - narrow
  scale = (high - low) / steps
  zero = np.clip(np.round(-low / scale), 0, steps)
  return (np.clip(np.floor(x / scale + 0.5) + zero, 0, steps) - zero) * scale


def _windows(x, layer: ops.Layer, padded: float):
  """Returns what each window of an operation sees, [B, H, W, C, kh, kw]."""
  reach = [(size - 1) * layer.dilation + 1 for size in layer.kernel]
  margins = [(0, 0)]
  for axis in range(2):
    stride, size = layer.strides[axis], x.shape[1 + axis]
    total = max(0, (-(-size // stride) - 1) * stride + reach[axis] - size)
    total *= layer.padding == "same"
    margins.append((total // 2, total - total // 2))
  x = np.pad(x, [*margins, (0, 0)], constant_values=padded)
  slide: Any = np.lib.stride_tricks.sliding_window_view  # typed for one axis
  windows = slide(x, reach, axis=(1, 2))
  (down, right), every = layer.strides, layer.dilation
  return windows[:, ::down, ::right, :, ::every, ::every]


def _no_ties() -> spec.Architecture:
  """A small network of all operations that leaves nothing to rounding errors.

  On a grid, sums of few terms are exactly halfway between two values of another
  grid, or 0 before a ReLU, more often than by chance. Here a bias and averages
  of 9 keep them from it, and the seed of the params where there is none.
  """
  builder = spec.Builder((7, 7, 2))
  k = (3, 3)
  x = builder.add(_Op.CONV, builder.input, filters=4, kernel=k)
  x = builder.add(_Op.RELU, builder.add(_Op.BATCH_NORM, x))
  x = builder.add(_Op.CONV, x, filters=4, kernel=k, use_bias=True, dilation=2)
  y = builder.add(_Op.DEPTHWISE_CONV, x, kernel=k, use_bias=True)
  z = builder.add(_Op.DEPTHWISE_CONV, x, kernel=k, use_bias=True, dilation=2)
  x = builder.add(_Op.CONCAT, builder.add(_Op.RELU6, y), z)
  y = builder.add(_Op.MAX_POOL, x, kernel=k, padding="valid")
  z = builder.add(_Op.AVG_POOL, x, kernel=k, padding="valid")
  y = builder.add(
    _Op.CONV, y, filters=4, kernel=k, strides=(2, 2), use_bias=True
  )
  z = builder.add(_Op.CONV, z, filters=4, strides=(2, 2), use_bias=True)
  x = builder.add(_Op.ADD, y, z)
  x = builder.add(_Op.ZERO_PAD, x, margins=(0, 1, 0, 1))
  x = builder.add(_Op.CROP, x, margins=(1, 0, 1, 0))
  y = builder.add(_Op.GLOBAL_AVG_POOL, x)
  y = builder.add(_Op.BATCH_NORM, builder.add(_Op.DENSE, y, filters=8))
  z = builder.add(_Op.FLATTEN, x)
  z = builder.add(_Op.DENSE, z, filters=4, use_bias=True)
  x = builder.add(_Op.CONCAT, builder.add(_Op.RELU, y), z)
  builder.add(_Op.DENSE, x, filters=3, use_bias=True)
  return builder.build("no_ties")


class _Oracle:
  """A child in NumPy and float64 near the params that it is first run on.

  What those decide stays: the ranges, by how much each value is rounded, which
  side of a kink each is on, and which is the greatest of a window. So it is
  smooth, and its slope is the gradient that straight-through rounding means.
  """

  def __init__(self, architecture: spec.Architecture, recipe, images):
    self._architecture = architecture
    self._grids = grids.of(architecture, recipe)
    self._images = np.float64(images)
    self._decided: dict[Any, Any] = {}

  def __call__(self, params):
    """Returns the logits."""
    outputs: list[Any] = []
    output_ranges = ranges.output_ranges(self._architecture)
    bounds = ranges.bounds(self._architecture)
    for index, node in enumerate(self._architecture.nodes):
      x = self._run(index, node, [outputs[i] for i in node.inputs], params)
      output_range, grid = output_ranges[index], self._grids.outputs[index]
      if grid is not None:
        owner = output_range.owner
        low, high = self._decide(
          (owner, "range"),
          lambda x=x, grid=grid, owner=owner: np.array(
            range_rules.activation_range(tf.constant(x), grid, bounds[owner])
          ),
        )
        if output_range.rounds:
          rounded = _fake_quant(x, low, high, grid.num_bits)
          x = self._line((index, "output"), x, rounded, 1)
      outputs.append(x)
    return outputs[-1]

  def _decide(self, key, value):
    if key not in self._decided:
      self._decided[key] = value()
    return self._decided[key]

  def _line(self, key, x, y, slope):
    """Returns y at the x of the first call, and after that the line there."""
    first_x, first_y, slope = self._decide(key, lambda: (x, y, slope))
    return first_y + slope * (x - first_x)

  def _run(self, index: int, node: ops.Node, inputs, params):
    if node.op is _Op.INPUT:
      return self._images
    x, layer, line = inputs[0], node.layer, (index, "kink")
    match node.op:
      case _Op.CONV | _Op.DEPTHWISE_CONV | _Op.DENSE:
        return self._linear(index, node, x, params)
      case _Op.BATCH_NORM:
        axes = tuple(range(x.ndim - 1))
        x = (x - x.mean(axes)) / np.sqrt(x.var(axes) + layer.epsilon)
        return x * params[f"{node.name}/gamma"] + params[f"{node.name}/beta"]
      case _Op.RELU:
        return self._line(line, x, np.maximum(x, 0), x > 0)
      case _Op.RELU6:
        return self._line(line, x, np.clip(x, 0, 6), (x > 0) & (x < 6))
      case _Op.MAX_POOL:
        windows = _windows(x, layer, -np.inf)
        windows = windows.reshape((*windows.shape[:4], -1))
        place = self._decide(line, lambda: windows.argmax(-1)[..., np.newaxis])
        return np.take_along_axis(windows, place, -1)[..., 0]
      case _Op.AVG_POOL:
        return np.nanmean(_windows(x, layer, np.nan), axis=(4, 5))
      case _Op.GLOBAL_AVG_POOL:
        return x.mean((1, 2))
      case _Op.ADD:
        return inputs[0] + inputs[1]
      case _Op.CONCAT:
        return np.concatenate(inputs, -1)
      case _Op.FLATTEN:
        return x.reshape((len(x), -1))
    top, bottom, left, right = layer.margins
    if node.op is _Op.ZERO_PAD:
      return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    _, height, width, _ = x.shape
    return x[:, top : height - bottom, left : width - right]

  def _linear(self, index: int, node: ops.Node, x, params):
    kernel = params[f"{node.name}/kernel"]
    if (grid := self._grids.kernels[index]) is not None:
      axis = grids.CHANNEL_AXIS[node.op]
      limit = range_rules.kernel_limit(tf.constant(kernel), grid, axis).numpy()
      if axis == 2:
        limit = limit[:, np.newaxis]
      rounded = _fake_quant(kernel, -limit, limit, grid.num_bits, narrow=True)
      kernel = self._line((index, "kernel"), kernel, rounded, 1)
    if node.op is _Op.DENSE:
      y = x @ kernel
    elif node.op is _Op.CONV:
      y = np.einsum("bhwcij,ijco->bhwo", _windows(x, node.layer, 0), kernel)
    else:
      windows = _windows(x, node.layer, 0)
      y = np.einsum("bhwcij,ijc->bhwc", windows, kernel[..., 0])
    return y + params.get(f"{node.name}/bias", 0)


class BackwardTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.product(
    recipe=("float", "w8a8", "w4a4", "w2a2"), mode=tuple(recipe_lib.Mode)
  )
  def test_is_that_of_a_tape(self, recipe, mode):
    architecture = children.every_operation()
    params = _params(architecture)
    images = _normal((8, *architecture.input_shape), seed=9)
    arguments = (images, recipe_lib.get(recipe, mode), (1, 2))
    logits, ours = _gradients(architecture, params, *arguments)
    # Float values of straight-through rounding in another order would fall on
    # other sides of the next rounding, so only the tape sees them.
    with tf.GradientTape() as tape:
      tape.watch(params)
      with (
        mock.patch.object(
          fake_quant,
          "quantize_kernel",
          _straight_through(fake_quant.quantize_kernel),
        ),
        mock.patch.object(
          fake_quant,
          "quantize_activation",
          _straight_through(fake_quant.quantize_activation),
        ),
      ):
        expected, _ = _gradients(architecture, params, *arguments)
    theirs = tape.gradient(expected, params, _normal(logits.shape, seed=8))
    self.assertAllClose(logits, expected, 1e-3, 1e-3)
    self.assertEqual(list(ours), [p.name for p in architecture.param_specs])
    for name, gradient in theirs.items():
      self.assertGreater(np.abs(gradient).max(), 0, name)
      self.assertLess(
        np.linalg.norm(ours[name] - gradient),
        # Float32 sums in another order, through twenty operations.
        1e-3 * np.linalg.norm(gradient),
        name,
      )

  @parameterized.parameters("float", "w8a8", "w4a8", "w4a4", "w2a2")
  def test_is_the_slope_of_straight_through_rounding(self, name):
    architecture, recipe = _no_ties(), recipe_lib.get(name)
    params = _params(architecture)
    # Images of which no gradient cancels to what float32 does not resolve.
    images = _normal((4, *architecture.input_shape), seed=10)
    logits, ours = _gradients(architecture, params, images, recipe)
    oracle = _Oracle(architecture, recipe, images)
    exact = {key: np.float64(value) for key, value in params.items()}
    # Float32 sums against float64.
    self.assertAllClose(logits, oracle(exact), 1e-5, 1e-5)
    upstream = np.float64(_normal(logits.shape, seed=8))
    rng = np.random.default_rng(0)
    for key, value in exact.items():
      norm = np.linalg.norm(ours[key])
      self.assertGreater(norm, 0, key)
      for _ in range(3):
        step = 1e-6 * rng.normal(size=value.shape)
        above, below = (
          np.sum(oracle({**exact, key: value + change}) * upstream)
          for change in (step, -step)
        )
        # Float32 sums through twenty operations; an element that is wrong is
        # off by about the norm over the root of their number.
        self.assertAllClose(
          np.sum(ours[key] * step) / 1e-6,
          (above - below) / 2e-6,
          0,
          1e-4 * norm,
        )

  @parameterized.parameters(_Op.CONV, _Op.DEPTHWISE_CONV)
  def test_of_a_dilated_kernel_is_that_of_a_kernel_with_zeros(self, op):
    # TensorFlow has had wrong gradients here (tensorflow issue 56498).
    def architecture(kernel: int, dilation: int) -> spec.Architecture:
      builder = spec.Builder((11, 12, 2))
      x = builder.add(_Op.CONV, 0, filters=4, name="first")
      attributes = {"filters": 3} if op is _Op.CONV else {}
      x = builder.add(
        op,
        x,
        name="second",
        kernel=(kernel, kernel),
        dilation=dilation,
        **attributes,
      )
      builder.add(_Op.FLATTEN, x)
      return builder.build("dilated")

    dilated, dense = architecture(3, 2), architecture(5, 1)
    params = _params(dilated)
    spread = np.zeros(dense.param_specs[1].shape, np.float32)
    spread[::2, ::2] = params["second/kernel"]
    images = _normal((4, 11, 12, 2), seed=9)
    recipe = recipe_lib.get("float")
    _, ours = _gradients(dilated, params, images, recipe)
    params["second/kernel"] = tf.constant(spread)
    _, theirs = _gradients(dense, params, images, recipe)
    # Float32 sums of some hundred terms in another order.
    tolerance = 1e-4
    self.assertAllClose(
      ours["second/kernel"],
      theirs["second/kernel"][::2, ::2],
      tolerance,
      tolerance,
    )
    self.assertAllClose(
      ours["first/kernel"], theirs["first/kernel"], tolerance, tolerance
    )

  def test_stored_statistics_have_none(self):
    architecture = children.every_operation()
    images = _normal((2, *architecture.input_shape))
    recipe = recipe_lib.get("float")
    params = calibrate.calibrate(
      architecture, _params(architecture), [images], recipe=recipe
    )
    with self.assertRaisesRegex(ValueError, "used stored statistics"):
      _gradients(architecture, params, images, recipe, training=False)


if __name__ == "__main__":
  absltest.main()
