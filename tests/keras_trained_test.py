# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import keras_io
from ghn_tf.child import keras_trained
from ghn_tf.child import random_params
from ghn_tf.quant import recipe as recipe_lib
from models import ds_cnn
from models import mobilenet
from models import resnet

_SHAPE = (32, 32, 3)
_IMAGES = tf.constant(
  np.random.default_rng(1).normal(size=(8, *_SHAPE)), tf.float32
)


def _made(build, recipe: recipe_lib.Recipe):
  """A network, its calibrated params, and its Keras model."""
  architecture = keras_io.from_keras(build(_SHAPE, 10))
  params = calibrate.calibrate(
    architecture,
    random_params.he_normal(architecture),
    [_IMAGES],
    recipe=recipe,
  )
  return architecture, params, keras_io.to_keras(architecture, params, recipe)


def _named_like_wrappers(shape, classes: int) -> keras.Model:
  """A network whose layers are named as TFMOT or we name some of ours."""
  layers = keras.layers
  image = keras.Input(shape, name="quant_image")
  x = layers.Conv2D(4, 3, 2, name="long_range")(image)
  x = layers.BatchNormalization(name="quant_bn")(x)
  x = layers.PReLU(shared_axes=[1, 2], name="quant_slopes")(x)
  x = layers.DepthwiseConv2D(3, name="quant_wise_range")(x)
  x = layers.ReLU(name="act_range")(x)
  x = layers.GlobalAveragePooling2D(name="quant_mean_range")(x)
  return keras.Model(image, layers.Dense(classes, name="quant_")(x), name="n")


class PartsTest(parameterized.TestCase):
  def _check(
    self,
    found: keras_trained.Trained,
    architecture: spec.Architecture,
    params,
    recipe: recipe_lib.Recipe,
  ) -> None:
    self.assertEqual(found.architecture, architecture)
    self.assertEqual(found.architecture.name, architecture.name)
    self.assertEqual(found.recipe, recipe)
    self.assertCountEqual(found.params, params)
    for name, value in params.items():
      np.testing.assert_array_equal(found.params[name], value, name)

  @parameterized.product(
    build=(
      resnet.resnet8,
      ds_cnn.ds_cnn,
      mobilenet.mobilenet_v2,
      _named_like_wrappers,
    ),
    name=("float", "w8a8", "w2a4"),
  )
  def test_are_those_that_the_model_was_made_of(self, build, name):
    recipe = recipe_lib.get(name)
    architecture, params, model = _made(build, recipe)
    self._check(keras_trained.parts(model), architecture, params, recipe)

  @parameterized.parameters(
    {"name": "w4a4+stem_conv=w8a8+logits=w8a4"},
    {"name": "w4a4", "per_channel": False},
    {"name": "w4a4", "range_rule": recipe_lib.RangeRule.MAX},
  )
  def test_recipes_come_back(self, **arguments):
    recipe = recipe_lib.get(**arguments)
    architecture, params, model = _made(resnet.resnet8, recipe)
    self._check(keras_trained.parts(model), architecture, params, recipe)

  @parameterized.parameters(
    ("conv", "quant_conv", "other", "named 'quant_conv'"),
    ("conv", "other", "quant_conv", "named 'quant_conv'"),
    ("act_range", "other", "act", "named 'quant_act_range'"),
    ("other", "quant_act_range", "act", "named 'quant_act_range'"),
  )
  def test_a_wrapper_of_another_layers_name_is_named(
    self, conv: str, norm: str, act: str, message: str
  ):
    def build(shape, classes: int) -> keras.Model:
      image = keras.Input(shape)
      x = keras.layers.Conv2D(classes, 3, 8, name=conv)(image)
      x = keras.layers.BatchNormalization(name=norm)(x)
      x = keras.layers.ReLU(name=act)(x)
      return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))

    _made(build, recipe_lib.get("float"))
    with self.assertRaisesRegex(ValueError, f"{message}.*; rename one"):
      _made(build, recipe_lib.get("w4a4"))

  @parameterized.parameters(".keras", ".h5", "")
  def test_a_saved_model_has_them_too(self, suffix):
    recipe = recipe_lib.get("w4a4")
    architecture, params, model = _made(ds_cnn.ds_cnn, recipe)
    path = os.path.join(self.create_tempdir().full_path, f"model{suffix}")
    model.save(path)
    loaded = keras.models.load_model(path)
    self._check(keras_trained.parts(loaded), architecture, params, recipe)

  def test_what_was_trained_on_is_another(self):
    recipe = recipe_lib.get("w4a4")
    _, params, model = _made(ds_cnn.ds_cnn, recipe)
    model.compile("sgd", "mse")
    model.fit(_IMAGES, tf.ones((8, 10)), verbose=0)
    found = keras_trained.parts(model)
    self.assertEqual(found.recipe, recipe)
    changed = [
      name
      for name, value in params.items()
      if not np.array_equal(found.params[name], value)
    ]
    # A bias before a BatchNorm has no gradient.
    self.assertGreater(len(changed), len(params) // 2)

  def test_a_damaged_file_is_named(self):
    *_, model = _made(ds_cnn.ds_cnn, recipe_lib.get("float"))
    path = os.path.join(self.create_tempdir().full_path, "model.keras")
    model.save(path)
    with open(path, "rb") as file:
      content = bytearray(file.read())
    content[len(content) // 2] ^= 255  # among the weights, so the CRC is wrong
    for damaged in (content, content[: len(content) // 2], b""):
      with open(path, "wb") as file:
        file.write(damaged)
      with self.assertRaisesRegex(ValueError, "model.keras' cannot be read"):
        keras_trained.load(path)

  def test_another_model_is_named(self):
    model = keras.Sequential([keras.Input(_SHAPE), keras.layers.Flatten()])
    for wrong in (None, "model.keras", model):
      with self.assertRaisesRegex(ValueError, "Expected a functional"):
        keras_trained.parts(wrong)


if __name__ == "__main__":
  absltest.main()
