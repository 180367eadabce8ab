# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Weights of the public GHN-2 (arXiv 2110.13100) as arrays of ours."""

from collections.abc import Mapping
import math

import numpy as np

from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import encoder
from ghn_tf.ghn import graph
from ghn_tf.ghn import model

# Of messages along the edges of the network, and along all with virtual ones.
_MESSAGES = ("gnn.mlp", "gnn.mlp_ve")
_DECODER = {
  "kernel/taps": "decoder.fc.0",
  "kernel/hidden": "decoder.conv.0",
  "kernel/output": "decoder.conv.2",
  "kernel/classes": "decoder.class_layer_predictor.1",
  "vector/hidden": "decoder_1d.fc.0",
  "vector/output": "decoder_1d.fc.2",
  "vector/classes": "bias_class.1",
}


def convert(
  state: Mapping[str, np.ndarray],
) -> tuple[ghn_config.GhnConfig, dict[str, np.ndarray]]:
  """Returns configuration and arrays, for `GHN.set_arrays`.

  Args:
    state: a GHN-2 by PyTorch's names and layouts: linear [out, in], convolution
      [out, in, 1, 1]. It decides max_kernel and the number of classes.

  Raises:
    ValueError: missing, unknown or wrongly shaped arrays.
  """
  config = _config(state)
  if problems := model.misfits(state, shapes(config)):
    raise ValueError(
      f"These are not the weights of a GHN-2: {'; '.join(problems)}."
    )
  return config, _encoder(state) | _decoder(state, config)


def _weight(state: Mapping[str, np.ndarray], name: str) -> np.ndarray:
  """Returns the kernel [in, out] of a linear or 1x1 convolutional layer."""
  array = state[f"{name}.weight"]
  return array.reshape(array.shape[:2]).T


def _encoder(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the arrays of the encoder."""

  def weights(layer: int) -> list[np.ndarray]:
    return [_weight(state, f"{kind}.fc.{layer}") for kind in _MESSAGES]

  def biases(layer: int) -> list[np.ndarray]:
    return [state[f"{kind}.fc.{layer}.bias"] for kind in _MESSAGES]

  return {
    "encoder/type_embedding": state["embed.weight"],
    "encoder/channel_embedding": state["shape_enc.embed_channel.weight"],
    "encoder/spatial_embedding": state["shape_enc.embed_spatial.weight"],
    "encoder/message/hidden_kernel": np.stack(weights(0), axis=1),
    "encoder/message/hidden_bias": np.stack(biases(0)),
    "encoder/message/kernel": np.stack(weights(2)),
    "encoder/message/bias": np.stack(biases(2)),
    "encoder/gru/kernel": state["gnn.gru.weight_ih"].T,
    "encoder/gru/bias": state["gnn.gru.bias_ih"],
    "encoder/gru/recurrent_kernel": state["gnn.gru.weight_hh"].T,
    "encoder/gru/recurrent_bias": state["gnn.gru.bias_hh"],
    "encoder/norm/gamma": state["ln.weight"],
    "encoder/norm/beta": state["ln.bias"],
  }


def _decoder(
  state: Mapping[str, np.ndarray], config: ghn_config.GhnConfig
) -> dict[str, np.ndarray]:
  """Returns the arrays of the decoder."""
  arrays = {}
  for ours, theirs in _DECODER.items():
    arrays[f"decoder/{ours}_kernel"] = _weight(state, theirs)
    arrays[f"decoder/{ours}_bias"] = state[f"{theirs}.bias"]
  taps = (config.tap_features, config.max_kernel, config.max_kernel)
  channels = (config.max_channels, config.max_channels)
  for name in ("kernel", "bias"):
    # Theirs have the axes of the output in PyTorch's order: features, kh, kw;
    # c_out, c_in; and one of scale and offset, c.
    array = arrays[f"decoder/kernel/taps_{name}"]
    array = array.reshape(*array.shape[:-1], *taps)
    arrays[f"decoder/kernel/taps_{name}"] = np.moveaxis(array, -3, -1)
    array = arrays[f"decoder/kernel/output_{name}"]
    array = array.reshape(*array.shape[:-1], *channels)
    arrays[f"decoder/kernel/output_{name}"] = array.swapaxes(-1, -2)
    array = arrays[f"decoder/vector/output_{name}"]
    array = array.reshape(*array.shape[:-1], 2, config.max_channels)
    arrays[f"decoder/vector/output_{name}"] = array
  return arrays


def _config(state: Mapping[str, np.ndarray]) -> ghn_config.GhnConfig:
  """Returns the configuration; its releases differ in two sizes."""
  try:
    num_classes = len(state["bias_class.1.bias"])
    num_taps = len(state["decoder.fc.0.bias"])
  except KeyError as error:
    raise ValueError(
      f"{error} is missing: these are not the weights of a GHN-2."
    ) from error
  max_kernel = math.isqrt(num_taps // ghn_config.GhnConfig.tap_features)
  return ghn_config.GhnConfig(num_classes=num_classes, max_kernel=max_kernel)


def shapes(config: ghn_config.GhnConfig) -> dict[str, tuple[int, ...]]:
  """Returns the shape of every array of a GHN-2, by PyTorch's names."""
  dim, classes = config.hidden_dim, config.num_classes
  channels, hidden = config.max_channels, config.kernel_features
  num_channels = len(encoder.channel_vocabulary(classes)) + 1
  num_spatial = len(encoder.spatial_vocabulary(config.max_kernel)) + 1
  layers = {
    "decoder.fc.0": (config.tap_features * config.max_kernel**2, dim),
    "decoder.conv.0": (hidden, config.tap_features, 1, 1),
    "decoder.conv.2": (channels**2, hidden, 1, 1),
    "decoder.class_layer_predictor.1": (classes, channels, 1, 1),
    "decoder_1d.fc.0": (config.vector_features, dim),
    "decoder_1d.fc.2": (2 * channels, config.vector_features),
    "bias_class.1": (classes, channels),
    "ln": (dim,),
  }
  for kind in _MESSAGES:
    layers[f"{kind}.fc.0"] = (dim // 2, dim)
    layers[f"{kind}.fc.2"] = (dim, dim // 2)
  result: dict[str, tuple[int, ...]] = {
    "embed.weight": (len(graph.NODE_TYPES), dim),
    "shape_enc.embed_channel.weight": (num_channels, dim // 4),
    "shape_enc.embed_spatial.weight": (num_spatial, dim // 4),
  }
  for name, shape in layers.items():
    result[f"{name}.weight"] = shape
    result[f"{name}.bias"] = shape[:1]
  for suffix in ("ih", "hh"):
    result[f"gnn.gru.weight_{suffix}"] = (3 * dim, dim)
    result[f"gnn.gru.bias_{suffix}"] = (3 * dim,)
  return result
