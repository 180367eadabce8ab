# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import inspect
import os
import sys

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import names
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.quant import tfmot
from ghn_tf.spaces import space
from models import darts
from models import ds_cnn
from models import mobilenet
from models import resnet

_layers = keras.layers
_FLOAT = recipe_lib.get("float")
_SHAPE = (8, 8, 4)

_MODELS = (
  resnet.resnet8,
  resnet.resnet20,
  mobilenet.mobilenet_v1,
  mobilenet.mobilenet_v2,
  ds_cnn.ds_cnn,
  darts.darts,
)


def _model(*layers: keras.layers.Layer) -> keras.Model:
  return keras.Sequential([keras.Input(_SHAPE), *layers], name="model")


def _random_params(architecture: spec.Architecture) -> dict[str, tf.Tensor]:
  rng = np.random.default_rng(0)
  return {
    param.name: tf.constant(rng.normal(size=param.shape).astype(np.float32))
    for param in architecture.param_specs
  }


def _images(shape: tuple[int, int, int] = _SHAPE) -> tf.Tensor:
  rng = np.random.default_rng(1)
  return tf.constant(rng.normal(size=(4, *shape)).astype(np.float32))


def _calibrated(architecture: spec.Architecture, recipe=_FLOAT):
  return calibrate.calibrate(
    architecture,
    _random_params(architecture),
    [_images(architecture.input_shape)],
    recipe=recipe,
  )


def _pooled() -> spec.Architecture:
  """A network whose pools share the ranges of what they read."""
  builder = spec.Builder(_SHAPE)
  window = {"kernel": (2, 2), "strides": (2, 2)}
  x = builder.add(ops.Op.CONV, builder.input, filters=8, kernel=(3, 3))
  x = builder.add(ops.Op.BATCH_NORM, x)
  x = builder.add(ops.Op.AVG_POOL, x, **window)
  x = builder.add(ops.Op.RELU, x)  # fused into the pool
  conv = builder.add(ops.Op.DEPTHWISE_CONV, x, kernel=(3, 3))
  x = builder.add(ops.Op.ADD, builder.add(ops.Op.MAX_POOL, x), conv)
  x = builder.add(ops.Op.BATCH_NORM, x)  # stands alone
  x = builder.add(ops.Op.AVG_POOL, x, **window)
  x = builder.add(ops.Op.FLATTEN, x)
  builder.add(ops.Op.DENSE, x, filters=3, use_bias=True)
  return builder.build("pooled")


def _params_of(model: keras.Model) -> dict[str, tf.Tensor]:
  """A model's own weights, under the names of params."""
  params = {}
  for layer in model.layers:
    for weight in layer.weights:
      name = weight.name.split("/")[-1].split(":")[0]
      params[f"{layer.name}/{name.removeprefix('depthwise_')}"] = weight.value()
  return params


class FromKerasTest(tf.test.TestCase, parameterized.TestCase):
  def _check(self, model: keras.Model) -> spec.Architecture:
    """A model and its architecture with the model's weights agree."""
    for weight in model.weights:
      rng = np.random.default_rng(0)
      weight.assign(rng.uniform(0.1, 1, weight.shape))
    architecture = keras_io.from_keras(model)
    images = _images(architecture.input_shape)
    actual = network.apply(
      architecture, _params_of(model), images, recipe=_FLOAT, training=False
    )
    # Float32 sums in another order.
    self.assertAllClose(actual, model(images), 1e-4, 1e-4)
    return architecture

  @parameterized.parameters(*_MODELS)
  def test_has_the_layers_and_weights_of_its_model(self, build):
    model = build()
    architecture = keras_io.from_keras(model)
    self.assertEqual(architecture.name, model.name)
    self.assertEqual(architecture.input_shape, model.input_shape[1:])
    self.assertEqual(architecture.num_classes, model.output_shape[1])
    self.assertEqual(
      {node.name for node in architecture.nodes},
      {layer.name for layer in model.layers},
    )
    for index, node in enumerate(architecture.nodes[1:], 1):
      shape = model.get_layer(node.name).output_shape[1:]
      self.assertEqual(architecture.shapes[index], shape)
    trainable = sum(np.prod(w.shape) for w in model.trainable_weights)
    self.assertEqual(architecture.num_params, trainable)

  @parameterized.named_parameters(
    ("conv", lambda: _layers.Conv2D(3, (3, 2), (2, 1), "same")),
    ("conv_valid", lambda: _layers.Conv2D(3, 3, use_bias=False)),
    ("conv_dilated", lambda: _layers.Conv2D(3, 3, dilation_rate=2)),
    ("depthwise", lambda: _layers.DepthwiseConv2D(3, 2, "same")),
    ("depthwise_dilated", lambda: _layers.DepthwiseConv2D(3, dilation_rate=2)),
    ("batch_norm", lambda: _layers.BatchNormalization(epsilon=0.1)),
    ("batch_norm_axis", lambda: _layers.BatchNormalization(axis=3)),
    ("relu", lambda: _layers.ReLU()),
    ("relu6", lambda: _layers.ReLU(6)),
    ("activation", lambda: _layers.Activation("relu")),
    ("activation_relu6", lambda: _layers.Activation(tf.nn.relu6)),
    ("linear", lambda: _layers.Activation("linear")),
    ("max_pool", lambda: _layers.MaxPooling2D(3, 2, "same")),
    ("avg_pool", lambda: _layers.AveragePooling2D((3, 2), 1, "same")),
    ("zero_pad", lambda: _layers.ZeroPadding2D(((1, 2), (3, 0)))),
    ("crop", lambda: _layers.Cropping2D(((1, 2), (0, 1)))),
    ("dropout", lambda: _layers.Dropout(0.5)),
    ("conv_relu", lambda: _layers.Conv2D(3, 1, activation="relu")),
    (
      "depthwise_relu6",
      lambda: _layers.DepthwiseConv2D(1, activation=tf.nn.relu6),
    ),
  )
  def test_each_layer_computes_the_same(self, make):
    self._check(_model(make(), _layers.Flatten(), _layers.Dense(3)))

  def test_dense_layers_and_batch_norm_of_features(self):
    architecture = self._check(
      _model(
        _layers.GlobalAveragePooling2D(),
        _layers.Dense(5, activation="relu", use_bias=False, name="hidden"),
        _layers.BatchNormalization(),
        _layers.Dense(3),
      )
    )
    self.assertEqual(
      [node.op for node in architecture.nodes[2:4]],
      [ops.Op.DENSE, ops.Op.RELU],
    )

  def test_an_activation_is_a_node_that_leaves_the_layer_its_name(self):
    # Keras itself names a second layer conv2d_1.
    keras.backend.clear_session()
    architecture = self._check(
      _model(
        _layers.Conv2D(2, 1, activation="relu"),
        _layers.Conv2D(2, 1, activation="relu"),
        _layers.GlobalAveragePooling2D(),
      )
    )
    self.assertEqual(
      [param.name for param in architecture.param_specs],
      ["conv2d/kernel", "conv2d/bias", "conv2d_1/kernel", "conv2d_1/bias"],
    )

  @parameterized.parameters(2, 3, 5)
  def test_a_long_sum_is_a_chain(self, count):
    keras.backend.clear_session()
    image = keras.Input(_SHAPE)
    x = [_layers.Conv2D(3, 1, name=f"conv{i}")(image) for i in range(count)]
    # Two sums with Keras' own names, add and add_1.
    x = _layers.Add()([_layers.Add()(x), x[0]])
    model = keras.Model(image, _layers.GlobalAveragePooling2D()(x))
    architecture = self._check(model)
    adds = [n for n in architecture.nodes if n.op is ops.Op.ADD]
    self.assertLen(adds, count)

  def test_branches_and_repeated_inputs(self):
    image = keras.Input(_SHAPE)
    conv = _layers.Conv2D(3, 1)(image)
    both = _layers.Concatenate()([conv, image, conv])
    twice = _layers.Add()([both, both])
    self._check(keras.Model(image, _layers.GlobalAveragePooling2D()(twice)))

  def test_layers_that_the_model_does_not_use_do_not_count(self):
    image = keras.Input(_SHAPE)
    conv = _layers.Conv2D(3, 1, name="used")
    pool = _layers.GlobalAveragePooling2D()(conv(image))
    conv(keras.Input((4, 4, 4)))  # a call of another model
    _layers.Dense(7)(pool)
    architecture = keras_io.from_keras(keras.Model(image, pool))
    self.assertEqual(
      [p.name for p in architecture.param_specs][0], "used/kernel"
    )
    self.assertLen(architecture.nodes, 3)


class NamesTest(absltest.TestCase):
  def test_names_are_those_that_models_and_layers_may_have(self):
    for name in ("a/b", "a.b", ".a", "1a", "a-b", "A_", "a//"):
      model = _model(_layers.ReLU(name=name), _layers.Flatten())
      self.assertEqual(keras_io.from_keras(model).nodes[1].name, name)
      model = keras.Model(model.input, model.output, name=name)
      architecture = keras_io.from_keras(model)
      self.assertEqual(architecture.name, name)
      network = keras_io.to_keras(architecture, {}, _FLOAT)
      self.assertEqual(network.name, name)
      network.predict(np.ones((1, *_SHAPE)), verbose=0)
    refusals = (ValueError, tf.errors.InvalidArgumentError)
    for name in ("_a", "/a", "a>", "a b", "a:b", "a,b", "a\\b", "é", "a\n"):
      with self.assertRaises(refusals):
        model = _model(_layers.Conv2D(2, 1, name=name))
        model.predict(np.ones((1, *_SHAPE)), verbose=0)
      model = _model(_layers.Flatten())
      model = keras.Model(model.input, model.output, name=name)
      with self.assertRaises(refusals):
        model.predict(np.ones((1, *_SHAPE)), verbose=0)
      names.check(keras_io.from_keras(model).name, [])  # one that is near
      builder = spec.Builder((4, 4, 3))
      builder.add(ops.Op.FLATTEN, builder.input, name=name)
      with self.assertRaisesRegex(ValueError, "nodes named .*, but Keras"):
        builder.build("network")


class ToKerasTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(*_MODELS)
  def test_a_model_survives_the_round_trip(self, build):
    self._check_round_trip(keras_io.from_keras(build()))

  @parameterized.parameters(("edge", 0), ("edge", 1), ("convnets", 7))
  def test_a_sample_survives_the_round_trip(self, name: str, index: int):
    self._check_round_trip(space.sample(space.SPACES[name], 0, index))

  def _check_round_trip(self, architecture: spec.Architecture) -> None:
    model = keras_io.to_keras(architecture, _calibrated(architecture), _FLOAT)
    again = keras_io.from_keras(model)
    # Keras may order its layers in another way.
    self.assertEqual(again.fingerprint, architecture.fingerprint)
    self.assertEqual(
      {node.name: node.layer.attributes() for node in again.nodes},
      {node.name: node.layer.attributes() for node in architecture.nodes},
    )

  @parameterized.parameters("float", "w8a8", "w2a2")
  def test_every_param_and_statistic_is_in_its_layer(self, name):
    architecture = space.sample(space.SPACES["edge"], 2, 0)
    recipe = recipe_lib.get(name)
    params = _calibrated(architecture, recipe)
    model = keras_io.to_keras(architecture, params, recipe)
    found = {}
    for layer in model.layers:
      inner = layer.layer if isinstance(layer, tfmot.Wrapper) else layer
      for weight in layer.weights:
        suffix = weight.name.split("/")[-1].split(":")[0]
        suffix = suffix.removeprefix("depthwise_")
        found[f"{inner.name}/{suffix}"] = weight
    for key, value in params.items():
      if not key.endswith("/range"):
        self.assertAllEqual(found[key], value)

  def test_a_network_is_as_deep_as_it_likes(self):
    builder = spec.Builder((1, 1, 1))
    x = builder.input
    for _ in range(200):
      x = builder.add(ops.Op.RELU, x)
    builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    architecture = builder.build("deep")
    # Keras follows the layers by recursion.
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    self.addCleanup(sys.setrecursionlimit, limit)
    network = keras_io.to_keras(architecture, {}, _FLOAT)
    self.assertEqual(sys.getrecursionlimit(), len(inspect.stack()) + 150)
    self.assertAllEqual(network(tf.ones((1, 1, 1, 1))), [[1.0]])

  def test_ranges_and_kernels_sit_in_wrappers_named_by_node(self):
    builder = spec.Builder(_SHAPE)
    conv = builder.add(ops.Op.CONV, 0, name="conv", filters=2)
    relu = builder.add(ops.Op.RELU, conv, name="relu")
    pool = builder.add(ops.Op.AVG_POOL, relu, name="avg", kernel=(2, 2))
    builder.add(ops.Op.FLATTEN, pool, name="flat")
    architecture = builder.build("1.a/b-c")
    recipe = recipe_lib.get("w8a8")
    model = keras_io.to_keras(
      architecture, _calibrated(architecture, recipe), recipe
    )
    self.assertEqual(model.name, "1.a/b-c")
    self.assertEqual(
      [layer.name for layer in model.layers],
      ["input", "quant_input_range", "quant_conv", "relu"]
      + ["quant_relu_range", "avg", "flat"],
    )

  def test_in_training_each_range_follows_the_output_of_its_owner(self):
    architecture = _pooled()
    recipe = recipe_lib.get("w8a8")
    params = _calibrated(architecture, recipe)
    model = keras_io.to_keras(architecture, params, recipe)
    wrappers = [x for x in model.layers if x.name.endswith("_range")]
    owned = [wrapper.get_input_at(0) for wrapper in wrappers]
    *outputs, _ = keras.Model(model.input, [*owned, model.output])(
      2 * _images(), training=True
    )
    for wrapper, output in zip(wrappers, outputs, strict=True):
      ends = {v.name.split("_")[-1]: v.numpy() for v in wrapper.weights}
      key = wrapper.name.removeprefix("quant_").replace("_range", "/range")
      before = params[key].numpy()
      batch = [min(output.numpy().min(), 0), output.numpy().max()]
      # The moving average goes 1/50 of the way to each batch.
      self.assertAllClose(
        [ends["min:0"], ends["max:0"]], before + (batch - before) / 50, 1e-6
      )

  @parameterized.parameters("w8a8", "w4a4")
  def test_a_quantize_aware_model_learns(self, name):
    architecture, recipe = _pooled(), recipe_lib.get(name)
    model = keras_io.to_keras(
      architecture, _calibrated(architecture, recipe), recipe
    )
    model.compile(
      keras.optimizers.Adam(1e-2),
      keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    history = model.fit(
      _images(), np.arange(4) % 3, epochs=30, verbose=0, batch_size=4
    )
    losses = history.history["loss"]
    self.assertLess(losses[-1], losses[0] / 10)
    self.assertTrue(
      all(np.isfinite(variable).all() for variable in model.variables)
    )

  @parameterized.parameters(
    ("float", "kernel"), ("float", "moving_mean"), ("w8a8", "range")
  )
  def test_a_missing_param_is_named(self, name, suffix):
    architecture = keras_io.from_keras(
      _model(
        _layers.Conv2D(2, 1, name="conv"),
        _layers.BatchNormalization(name="bn"),
        _layers.Flatten(name="flat"),
      )
    )
    recipe = recipe_lib.get(name)
    params = _calibrated(architecture, recipe)
    key = next(key for key in params if key.endswith(suffix))
    del params[key]
    with self.assertRaisesRegex(ValueError, f"lack '{key}'; .*calibrate"):
      keras_io.to_keras(architecture, params, recipe)

  @parameterized.product(
    name=("float", "w4a8", "w4a4"),
    file=("model.keras", "model.h5", "saved_model"),
  )
  def test_a_saved_model_computes_the_same(self, name: str, file: str):
    builder = spec.Builder(_SHAPE)
    conv = builder.add(ops.Op.CONV, builder.input, filters=4, kernel=(3, 3))
    depthwise = builder.add(ops.Op.DEPTHWISE_CONV, conv, kernel=(3, 3))
    x = builder.add(ops.Op.BATCH_NORM, depthwise)
    x = builder.add(ops.Op.RELU, x)
    x = builder.add(ops.Op.CONCAT, x, conv)
    x = builder.add(ops.Op.BATCH_NORM, x)  # nothing to be folded into
    x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    builder.add(ops.Op.DENSE, x, filters=3, use_bias=True)
    architecture, recipe = builder.build("1.a/b-c"), recipe_lib.get(name)
    model = keras_io.to_keras(
      architecture, _calibrated(architecture, recipe), recipe
    )
    path = os.path.join(self.create_tempdir().full_path, file)
    model.save(path)
    loaded = keras.models.load_model(path)
    self.assertAllEqual(
      loaded(_images(), training=False), model(_images(), training=False)
    )
    # Not what a SavedModel alone gives, which cannot be changed.
    self.assertEqual(
      [type(layer) for layer in loaded.layers],
      [type(layer) for layer in model.layers],
    )


if __name__ == "__main__":
  absltest.main()
