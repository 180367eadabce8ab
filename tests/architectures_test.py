# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Many sampled networks: each is encoded and runs, some as Keras models."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from ghn_tf import graph
from ghn_tf.arch import spec
from ghn_tf.arch import splits
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.quant import recipe as recipe_lib

# How many of each space. One in so many becomes a Keras model too, which takes
# ten times as long as running it.
_DEFAULT = {"edge": 40, "convnets": 20}
_ALL, _CHUNK, _KERAS_EVERY = 5_000, 100, 20


def _zeros(architecture: spec.Architecture) -> dict[str, tf.Tensor]:
  """Params and BatchNorm statistics of the right shapes."""
  params = {p.name: tf.zeros(p.shape) for p in architecture.param_specs}
  for param in architecture.param_specs:
    if param.kind is spec.ParamKind.GAMMA:
      node = architecture.nodes[param.node].name
      params[f"{node}/moving_mean"] = tf.zeros(param.shape)
      params[f"{node}/moving_variance"] = tf.ones(param.shape)
  return params


class _Architectures(parameterized.TestCase):
  """The properties; the classes below choose how many."""

  def check(self, space: str, start: int, stop: int) -> None:
    collection = splits.collection(space)
    architectures = [collection.train(index) for index in range(start, stop)]
    encoded = graph.encode(architectures)
    self.assertEqual(int(encoded.num_components), len(architectures))
    image = tf.zeros((1, *collection.space.input_shape))
    recipe = recipe_lib.get("float")
    for index, architecture in enumerate(architectures, start):
      params = _zeros(architecture)
      logits = network.apply(
        architecture, params, image, recipe=recipe, training=False
      )
      np.testing.assert_array_equal(logits, np.zeros((1, 10)))
      if index % _KERAS_EVERY == 0:
        self._check_keras(architecture, params)

  def _check_keras(
    self, architecture: spec.Architecture, params: dict[str, tf.Tensor]
  ) -> None:
    model = keras_io.to_keras(architecture, params, recipe_lib.get("float"))
    self.assertEqual(model.output_shape, (None, 10))
    self.assertEqual(
      sum(np.prod(w.shape) for w in model.trainable_weights),
      architecture.num_params,
    )
    again = keras_io.from_keras(model)
    self.assertEqual(again.fingerprint, architecture.fingerprint)
    keras.backend.clear_session()


class ArchitecturesTest(_Architectures):
  @parameterized.parameters(*_DEFAULT.items())
  def test_sampled_networks_encode_and_run(self, space: str, count: int):
    self.check(space, 0, count)


@pytest.mark.large
class AllArchitecturesTest(_Architectures):
  @parameterized.parameters(
    (space, start) for space in _DEFAULT for start in range(0, _ALL, _CHUNK)
  )
  def test_sampled_networks_encode_and_run(self, space: str, start: int):
    self.check(space, start, start + _CHUNK)


if __name__ == "__main__":
  absltest.main()
