# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import gradients
from ghn_tf.child import network
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.training import children

_Op = ops.Op


def _normal(shape, seed: int = 0) -> tf.Tensor:
  values = np.random.default_rng(seed).normal(size=shape)
  return tf.constant(values, tf.float32)


def _params(architecture: spec.Architecture) -> dict[str, tf.Tensor]:
  return {
    param.name: _normal(param.shape, seed)
    for seed, param in enumerate(architecture.param_specs)
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


class BackwardTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.product(
    recipe=("float", "w8a8", "w4a4"), mode=tuple(recipe_lib.Mode)
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
