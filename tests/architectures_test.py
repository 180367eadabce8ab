# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Many sampled networks: each is encoded and runs.

Some of them are trained and become Keras models too, which takes ten times as
long as running them.
"""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import spec
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.ghn import graph
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import splits
from ghn_tf.training import children

_FLOAT = recipe_lib.get("float")
_BEYOND = ("wide", "deep", "dense", "bnfree", "gated")
# How many of each space by default, of `train` and of each split beyond it.
_DEFAULT = {"edge": (20, 2), "convnets": (4, 1)}
_ALL, _CHUNK, _KERAS_EVERY = 5_000, 100, 20


def _params(architecture: spec.Architecture) -> dict[str, tf.Tensor]:
  """Random params that keep a signal's size, and BatchNorm statistics."""
  rng = np.random.default_rng(0)
  params = {}
  for param in architecture.param_specs:
    if param.kind is spec.ParamKind.GAMMA:
      node = architecture.nodes[param.node].name
      params[f"{node}/moving_mean"] = tf.zeros(param.shape)
      params[f"{node}/moving_variance"] = tf.ones(param.shape)
      params[param.name] = tf.ones(param.shape)
    elif len(param.shape) == 1:
      params[param.name] = tf.zeros(param.shape)
    else:
      # He's initialization; a kernel of a depthwise convolution has one input.
      is_depthwise = param.shape[-1] == 1 and len(param.shape) == 4
      fan_in = np.prod(param.shape[: 2 if is_depthwise else -1])
      kernel = rng.standard_normal(param.shape, np.float32)
      params[param.name] = tf.constant(kernel * np.sqrt(2 / fan_in))
  return params


class _Architectures(parameterized.TestCase):
  """The properties; the classes below choose how many."""

  def check(self, space: str, split: str, start: int, stop: int) -> None:
    collection = splits.collection(space)
    architectures = list(collection.architectures(split, start, stop))
    encoded = graph.encode(architectures)
    self.assertEqual(int(encoded.num_components), len(architectures))
    images = tf.random.stateless_normal(
      (2, *collection.space.input_shape), (0, 1)
    )
    for index, architecture in enumerate(architectures, start):
      params = _params(architecture)
      logits = network.apply(
        architecture, params, images, recipe=_FLOAT, training=False
      )
      self.assertEqual(logits.shape, (2, 10))
      self.assertTrue(np.isfinite(logits).all(), architecture.name)
      if index % _KERAS_EVERY == 0:
        self._check_gradient(architecture, params, images)
        self._check_keras(architecture, params)

  def _check_gradient(
    self,
    architecture: spec.Architecture,
    params: dict[str, tf.Tensor],
    images: tf.Tensor,
  ) -> None:
    trained = {p.name: params[p.name] for p in architecture.param_specs}
    result = children.run_child(
      architecture, trained, images, tf.constant([3, 7]), _FLOAT
    )
    self.assertTrue(result.is_finite(), architecture.name)
    classifier = f"{architecture.nodes[-1].name}/kernel"
    self.assertTrue(np.any(result.gradients[classifier]), architecture.name)

  def _check_keras(
    self, architecture: spec.Architecture, params: dict[str, tf.Tensor]
  ) -> None:
    model = keras_io.to_keras(architecture, params, _FLOAT)
    self.assertEqual(model.output_shape, (None, 10))
    self.assertEqual(
      sum(np.prod(w.shape) for w in model.trainable_weights),
      architecture.num_params,
    )
    again = keras_io.from_keras(model)
    self.assertEqual(again.fingerprint, architecture.fingerprint)
    keras.backend.clear_session()


class ArchitecturesTest(_Architectures):
  @parameterized.parameters(*_DEFAULT)
  def test_sampled_networks_encode_and_run(self, space: str):
    num_train, num_beyond = _DEFAULT[space]
    self.check(space, "train", 0, num_train)
    for split in _BEYOND:
      self.check(space, split, 0, num_beyond)


@pytest.mark.large
class AllArchitecturesTest(_Architectures):
  @parameterized.parameters(
    *(
      (space, "train", i) for space in _DEFAULT for i in range(0, _ALL, _CHUNK)
    ),
    *((space, split, 0) for space in _DEFAULT for split in _BEYOND),
  )
  def test_sampled_networks_encode_and_run(
    self, space: str, split: str, start: int
  ):
    self.check(space, split, start, start + _CHUNK)


if __name__ == "__main__":
  absltest.main()
