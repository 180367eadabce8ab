# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Networks as users write them, of Keras 2 or 3, small.

Each function takes the module of Keras. What is for the input alone does
nothing here, so that a network and its architecture give the same logits.
"""

from collections.abc import Callable, Mapping
from typing import Any

IMAGE = (16, 16, 3)


def _model(keras: Any, image: Any, x: Any, classes: int = 10) -> Any:
  x = keras.layers.Dense(classes, name="logits")(x)
  return keras.Model(image, x, name="network")


def _tutorial(keras: Any) -> Any:
  """That of TensorFlow's tutorial on image classification."""
  layers = keras.layers
  augmentation = keras.Sequential(
    [
      keras.Input(IMAGE),
      layers.RandomFlip("horizontal"),
      layers.RandomRotation(0.1),
      layers.RandomZoom(0.1),
    ],
    name="augmentation",
  )
  return keras.Sequential(
    [
      keras.Input(IMAGE),
      augmentation,
      layers.Rescaling(1.0),
      layers.Conv2D(8, 3, padding="same", activation="relu"),
      layers.MaxPooling2D(),
      layers.Conv2D(8, 3, padding="same", activation="relu"),
      layers.MaxPooling2D(),
      layers.Dropout(0.2),
      layers.Flatten(),
      layers.Dense(16, activation="relu"),
      layers.Dense(10, activation="softmax"),
    ],
    name="tutorial",
  )


def _mlp(keras: Any) -> Any:
  """That of TensorFlow's beginners."""
  layers = keras.layers
  return keras.Sequential(
    [
      keras.Input((12, 12)),
      layers.Flatten(),
      layers.Dense(16, activation="relu"),
      layers.Dropout(0.2),
      layers.Dense(10),
    ],
    name="mlp",
  )


def _cnn(keras: Any) -> Any:
  """That of TensorFlow's tutorial on convolutional networks."""
  layers = keras.layers
  return keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      layers.Conv2D(32, (3, 3), activation="relu"),
      layers.MaxPooling2D((2, 2)),
      layers.Conv2D(64, (3, 3), activation="relu"),
      layers.MaxPooling2D((2, 2)),
      layers.Conv2D(64, (3, 3), activation="relu"),
      layers.Flatten(),
      layers.Dense(64, activation="relu"),
      layers.Dense(10),
    ],
    name="cnn",
  )


def _keyword_spotting(keras: Any) -> Any:
  """MLPerf Tiny's, DS-CNN (arXiv 1711.07128), for spectrograms."""
  layers = keras.layers

  def unit(convolution: Any, x: Any) -> Any:
    x = layers.BatchNormalization()(convolution(x))
    return layers.Activation("relu")(x)

  image = keras.Input((49, 10, 1))
  window = {"strides": (2, 2), "padding": "same"}
  x = unit(layers.Conv2D(64, (10, 4), **window), image)
  x = layers.Dropout(0.2)(x)
  for _ in range(4):
    x = unit(layers.DepthwiseConv2D((3, 3), padding="same"), x)
    x = unit(layers.Conv2D(64, (1, 1), padding="same"), x)
  x = layers.AveragePooling2D((25, 5))(layers.Dropout(0.4)(x))
  x = layers.Dense(12, activation="softmax")(layers.Flatten()(x))
  return keras.Model(image, x, name="keyword_spotting")


def _noise(keras: Any) -> Any:
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.GaussianNoise(0.1)(image)
  x = layers.Conv2D(8, 3)(x)
  x = layers.SpatialDropout2D(0.1)(x)
  x = layers.ActivityRegularization(l2=0.1)(layers.ReLU()(x))
  x = layers.GlobalAveragePooling2D(keepdims=True)(x)
  x = layers.SpatialDropout2D(0.1)(x)
  x = layers.Dropout(0.1, noise_shape=(None, 1, 1, 8))(x)
  x = layers.Reshape((8,))(x)
  return _model(keras, image, layers.AlphaDropout(0.1)(x))


def _nested(keras: Any) -> Any:
  layers = keras.layers
  stem = keras.Sequential(
    [keras.Input(IMAGE), layers.Conv2D(8, 3, name="conv")], name="stem"
  )
  inner = keras.Input((14, 14, 8))
  x = layers.Conv2D(8, 1, name="conv")(inner)
  x = layers.Add(name="add")([x, inner])
  block = keras.Model(inner, layers.ReLU(name="relu")(x), name="block")
  outer = keras.Input((14, 14, 8))
  body = keras.Model(outer, block(outer), name="body")
  image = keras.Input(IMAGE)
  x = layers.GlobalAveragePooling2D()(body(stem(image)))
  return _model(keras, image, x)


def _shared(keras: Any) -> Any:
  """Layers without weights, and a model of such, called several times."""
  layers = keras.layers
  relu, pool = layers.ReLU(name="relu"), layers.MaxPooling2D(name="pool")
  again = keras.Sequential(
    [keras.Input((16, 16, 8)), layers.ReLU(), layers.Dropout(0.1)], name="both"
  )
  image = keras.Input(IMAGE)
  x = relu(layers.Conv2D(8, 3, padding="same")(image))
  x = again(relu(layers.Conv2D(8, 3, padding="same")(x)))
  x = again(layers.Conv2D(8, 3, padding="same")(x))
  x = pool(pool(x))
  return _model(keras, image, layers.Flatten()(x))


def _separable(keras: Any) -> Any:
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.SeparableConv2D(8, 3, strides=2, activation="relu")(image)
  x = layers.SeparableConv2D(12, 3, use_bias=False, padding="same")(x)
  x = layers.BatchNormalization(axis=3)(x)
  return _model(keras, image, layers.GlobalAveragePooling2D()(x))


def _mobilenet_head(keras: Any) -> Any:
  """Pixels in place of vectors: classifier and softmax behind 1x1."""
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Conv2D(8, 3, activation=keras.activations.relu)(image)
  x = layers.GlobalAveragePooling2D(keepdims=True)(x)
  x = layers.BatchNormalization()(layers.Conv2D(6, 1, activation="relu")(x))
  x = layers.Conv2D(10, 1, padding="same", name="logits")(x)
  x = layers.Softmax()(layers.Reshape((10,))(x))
  return keras.Model(image, x, name="head")


def _reshaped_mean(keras: Any) -> Any:
  """MobileNet's older head, and a sum of both kinds of pixels."""
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Conv2D(8, 3, activation="relu")(image)
  mean = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x))
  most = layers.MaxPooling2D(14)(x)
  x = layers.Concatenate()([mean, layers.Add()([mean, most])])
  return _model(keras, image, layers.Flatten()(x))


def _squeezenet_head(keras: Any) -> Any:
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Conv2D(8, 3, activation="relu")(image)
  x = layers.Conv2D(10, 1, activation="relu")(x)
  x = layers.GlobalAveragePooling2D()(x)
  return keras.Model(image, layers.Activation("softmax")(x), name="squeeze")


def _dense_on_pixels(keras: Any) -> Any:
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Dense(8, activation="relu")(image)
  x = layers.Dense(4)(layers.AveragePooling2D(4)(x))
  return _model(keras, image, layers.Flatten()(x))


def _functions(keras: Any) -> Any:
  """Without layers where functions are shorter."""
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Conv2D(8, 3, padding="same")(image * 1.0 + 0.0)
  y = layers.Conv2D(8, 3, padding="same", activation="relu6")(x)
  x = _concat(keras)([_relu(keras)(x + y), _relu6(keras)(y)])
  return _model(keras, image, _mean(keras)(x))


def _relu(keras: Any) -> Callable[[Any], Any]:
  return keras.ops.relu if hasattr(keras, "ops") else _tf().nn.relu


def _relu6(keras: Any) -> Callable[[Any], Any]:
  return keras.ops.relu6 if hasattr(keras, "ops") else _tf().nn.relu6


def _concat(keras: Any) -> Callable[[Any], Any]:
  if hasattr(keras, "ops"):
    return lambda x: keras.ops.concatenate(x, axis=-1)
  return lambda x: _tf().concat(x, axis=3)


def _mean(keras: Any) -> Callable[[Any], Any]:
  if hasattr(keras, "ops"):
    return lambda x: keras.ops.mean(x, axis=(1, 2))
  return lambda x: _tf().reduce_mean(x, [-2, 1])


def _tf() -> Any:
  import tensorflow as tf

  return tf


def _one_dimension(keras: Any) -> Any:
  layers = keras.layers
  series = keras.Input((32, 3))
  x = layers.Conv1D(8, 5, strides=2, padding="causal")(series)
  x = layers.ReLU()(layers.BatchNormalization()(x))
  x = layers.DepthwiseConv1D(3, strides=2, padding="same")(x)
  x = layers.SpatialDropout1D(0.1)(layers.ZeroPadding1D(1)(x))
  x = layers.SeparableConv1D(8, 3, activation="relu")(x)
  x = layers.AveragePooling1D(2)(layers.MaxPooling1D(2, 1, "same")(x))
  x = layers.Cropping1D((1, 0))(layers.Dense(6)(x))
  return _model(keras, series, layers.GlobalAveragePooling1D()(x))


def _flat_series(keras: Any) -> Any:
  layers = keras.layers
  series = keras.Input((16, 3))
  x = layers.Conv1D(4, 3, dilation_rate=2, activation="relu")(series)
  return _model(keras, series, layers.Flatten()(x))


def _resized(keras: Any) -> Any:
  layers = keras.layers
  image = keras.Input((None, None, 3))
  x = layers.Resizing(16, 16)(image)
  x = layers.Normalization()(x)
  x = layers.Conv2D(8, 3)(x)
  return _model(keras, image, layers.GlobalAveragePooling2D()(x))


def _squeeze_and_excitation(keras: Any) -> Any:
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Conv2D(8, 3, activation="swish")(image)
  y = layers.GlobalAveragePooling2D()(x)
  y = layers.Reshape((1, 1, 8))(y)
  y = layers.Conv2D(4, 1, activation="relu")(y)
  y = layers.Conv2D(8, 1, activation="sigmoid")(y)
  x = layers.multiply([y, x])
  y = layers.GlobalMaxPooling2D(keepdims=True)(x)
  y = layers.Dense(8)(y)
  x = layers.Multiply()([x, layers.Activation("hard_sigmoid")(y)])
  x = layers.LeakyReLU()(layers.Conv2D(8, 3)(x))
  x = layers.Conv2D(8, 3)(x)
  x = layers.Multiply()([x, layers.ReLU(6.0)(x + 3.0) * (1 / 6)])
  x = layers.ReLU(negative_slope=0.1)(layers.GlobalMaxPooling2D()(x))
  x = layers.Dense(10, activation="sigmoid")(x)
  return keras.Model(image, x, name="gated")


def _from_the_left(keras: Any) -> Any:
  """Products as they are read, (x * relu6(x + 3)) / 6, of MobileNetV3."""
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Conv2D(8, 3, activation=layers.LeakyReLU(0.1))(image)
  x = layers.Conv2D(8, 3)(x)
  x = x * _relu6(keras)(x + 3) / 6
  y = layers.Conv2D(8, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
  x = layers.Multiply()([layers.ReLU(6.0)(y + 3.0), x]) * 0.16667
  return _model(keras, image, layers.GlobalAveragePooling2D()(x))


def _slopes(keras: Any) -> Any:
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(8, 3, strides=2)(image))
  x = layers.Conv2D(8, 7)(x)
  x = layers.Flatten()(layers.PReLU()(x))
  x = layers.PReLU()(layers.Dense(8)(x))
  return _model(keras, image, x)


def _extremes(keras: Any) -> Any:
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Conv2D(8, 3)(image)
  y = layers.Conv2D(8, 3, padding="same")(x)
  z = layers.Subtract()([x, y]) - x
  x = layers.Maximum()([x, y, z])
  x = layers.Minimum()([x, layers.Conv2D(8, 3, padding="same")(z)])
  return _model(keras, image, layers.GlobalAveragePooling2D()(x))


def _grouped(keras: Any) -> Any:
  """As in ResNeXt (arXiv 1611.05431), and groups of one channel."""
  layers = keras.layers
  image = keras.Input(IMAGE)
  x = layers.Conv2D(8, 3, activation="relu")(image)
  y = layers.Conv2D(8, 3, groups=4, padding="same", use_bias=False)(x)
  x = layers.Add()([x, layers.ReLU()(layers.BatchNormalization()(y))])
  x = layers.Conv2D(8, 3, groups=8, activation="relu")(x)
  x = layers.Conv2D(16, 1, groups=8)(x)
  return _model(keras, image, layers.GlobalAveragePooling2D()(x))


# What becomes of each is an architecture.
UNDERSTOOD: Mapping[str, Callable[[Any], Any]] = {
  "tutorial": _tutorial,
  "mlp": _mlp,
  "cnn": _cnn,
  "keyword_spotting": _keyword_spotting,
  "noise": _noise,
  "nested": _nested,
  "shared": _shared,
  "separable": _separable,
  "mobilenet_head": _mobilenet_head,
  "reshaped_mean": _reshaped_mean,
  "squeezenet_head": _squeezenet_head,
  "dense_on_pixels": _dense_on_pixels,
  "functions": _functions,
  "one_dimension": _one_dimension,
  "flat_series": _flat_series,
  "resized": _resized,
  "gated": _squeeze_and_excitation,
  "from_the_left": _from_the_left,
  "slopes": _slopes,
  "extremes": _extremes,
  "grouped": _grouped,
}
