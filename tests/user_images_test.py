# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Networks of users for images of any size and number of channels and classes.

Examples are the same in every run, but for the long form.
"""

from typing import Any, NamedTuple

from absl.testing import absltest
import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from ghn_tf.child import network
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.reading import models
from tests import twins

_layers = keras.layers
_FLOAT = recipe_lib.get("float")


class _Images(NamedTuple):
  """What a network is for."""

  height: int
  width: int
  channels: int
  classes: int


_IMAGES = st.builds(
  _Images,
  height=st.integers(1, 33),
  width=st.integers(1, 33),
  channels=st.integers(1, 5),
  classes=st.integers(1, 130),
)


def _convolution(x: Any, stride: int, padding: str) -> Any:
  return _layers.Conv2D(6, 3, stride, padding, activation="swish")(x)


def _depthwise(x: Any, stride: int, padding: str) -> Any:
  # Of several channels the architecture has them in another order.
  repeats = 2 if x.shape[-1] == 1 else 1
  x = _layers.DepthwiseConv2D(3, stride, padding, repeats)(x)
  return _layers.LeakyReLU(0.1)(_layers.BatchNormalization()(x))


def _max_pool(x: Any, stride: int, padding: str) -> Any:
  return _layers.MaxPooling2D(3, stride, padding)(x)


def _average_pool(x: Any, stride: int, padding: str) -> Any:
  return _layers.AveragePooling2D((2, 3), stride, padding)(x)


def _squeeze(x: Any, stride: int, padding: str) -> Any:
  del stride, padding
  y = _layers.GlobalAveragePooling2D(keepdims=True)(x)
  y = _layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(y)
  return _layers.Multiply()([x, y])


def _sum(x: Any, stride: int, padding: str) -> Any:
  del stride, padding
  return _layers.Add()([x, _layers.Conv2D(x.shape[-1], 5, padding="same")(x)])


def _flat_head(x: Any, classes: int) -> Any:
  return _layers.Dense(classes)(_layers.Flatten()(x))


def _mean_head(x: Any, classes: int) -> Any:
  return _layers.Dense(classes)(_layers.GlobalAveragePooling2D()(x))


def _convolutional_head(x: Any, classes: int) -> Any:
  x = _layers.GlobalMaxPooling2D(keepdims=True)(x)
  return _layers.Flatten()(_layers.Conv2D(classes, 1)(x))


@st.composite
def _models(draw) -> keras.Model:
  """A network for drawn images; windows may be larger than these."""
  images = draw(_IMAGES)
  image = keras.Input((images.height, images.width, images.channels))
  x = image
  for block in draw(
    st.lists(
      st.sampled_from(
        (_convolution, _depthwise, _max_pool, _average_pool, _squeeze, _sum)
      ),
      max_size=4,
    )
  ):
    fits = min(x.shape[1:3]) >= 3
    padding = draw(st.sampled_from(("same", "valid"))) if fits else "same"
    x = block(x, draw(st.integers(1, 3)), padding)
  head = draw(st.sampled_from((_flat_head, _mean_head, _convolutional_head)))
  return keras.Model(image, head(x, images.classes), name="drawn")


def _check(model: keras.Model) -> None:
  """A network and what is read of it give the same logits."""
  reading = models.read(model)
  architecture = reading.architecture
  assert architecture.input_shape == model.input_shape[1:]
  assert architecture.num_classes == model.output_shape[1]
  params = twins.calibrated(architecture, _FLOAT)
  twins.set_weights(model, reading, params)
  x = twins.images(architecture, 2)
  actual = network.apply(architecture, params, x, recipe=_FLOAT, training=False)
  # Both in float32, summed in another order.
  np.testing.assert_allclose(
    actual, twins.logits(model, reading, x), rtol=1e-3, atol=1e-4
  )
  keras.backend.clear_session()


def _check_many(number: int, derandomize: bool) -> None:
  hypothesis.settings(
    max_examples=number,
    deadline=None,
    database=None,
    derandomize=derandomize,
    suppress_health_check=list(hypothesis.HealthCheck),
    # An example takes a second, and shrinking would try thousands.
    phases=(hypothesis.Phase.generate,),
  )(hypothesis.given(_models())(_check))()


class UserImagesTest(tf.test.TestCase):
  def test_a_model_for_any_images_is_its_architecture(self):
    _check_many(15, derandomize=True)

  @pytest.mark.large
  def test_many_models_for_any_images_are_their_architectures(self):
    _check_many(1_000, derandomize=False)


if __name__ == "__main__":
  absltest.main()
