# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The graph hypernetwork: architectures in, parameters out."""

from collections.abc import Mapping, Sequence
import dataclasses
import math
import os
import types

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import spec
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import decoder
from ghn_tf.ghn import encoder
from ghn_tf.ghn import graph as graph_lib

# Of a hypernetwork's checkpoint; another one when its arrays or their meaning
# change.
FORMAT = "ghn_tf/1"

# Of the largest array of weights: 16 times that of "ghn2". A checkpoint could
# claim any size.
MAX_WEIGHTS = 1 << 24
# GHN-2 has 1 and 50. A byte holds the distance and two more.
_GREATEST = {"num_rounds": 16, "max_distance": 253}


_SWITCHES = ("layer_norm", "traits", "bounded_kernels")


@dataclasses.dataclass(frozen=True)
class GhnConfig:
  """Sizes of a hypernetwork; the defaults are GHN-2's for CIFAR-10.

  (arXiv 2110.13100.)

  Attributes:
    hidden_dim: D, width of the node states; a multiple of 4.
    max_channels: channels a kernel is decoded with; more are repeated.
    max_kernel: largest kernel height or width.
    num_classes: units of a dense classifier.
    max_distance: longest shortest path that becomes a virtual edge; 1 for none.
    num_rounds: how often messages go along all edges and against them.
    layer_norm: whether embeddings are normalized.
    traits: whether nodes tell activations, strides, dilation, windows of pools
      and resolution (`graph.TRAITS`), which GHN-2 does not see.
    bounded_kernels: whether kernels keep below He's scale, on which networks
      without BatchNorm depend.
    tap_features: width of the first layer of the kernel part.
    kernel_features: width of its second layer.
    vector_features: width of the first layer of the vector part.

  Raises:
    ValueError: on construction, naming the field that is wrong.
  """

  hidden_dim: int = 32
  max_channels: int = 64
  max_kernel: int = 11
  num_classes: int = 10
  max_distance: int = 50
  num_rounds: int = 1
  layer_norm: bool = True
  traits: bool = False
  bounded_kernels: bool = False
  tap_features: int = 128
  kernel_features: int = 256
  vector_features: int = 64

  def __post_init__(self):
    for name, value in dataclasses.asdict(self).items():
      expected = bool if name in _SWITCHES else int
      if type(value) is not expected or (expected is int and value < 1):
        raise ValueError(
          f"{name} must be {'a bool' if expected is bool else 'an int >= 1'},"
          f" got {value!r}."
        )
    if self.hidden_dim % 4:
      raise ValueError(
        f"hidden_dim must be a multiple of 4, got {self.hidden_dim}."
      )
    for name, greatest in _GREATEST.items():
      if (value := getattr(self, name)) > greatest:
        raise ValueError(f"{name} must be at most {greatest}, got {value}.")
    for names in (
      ("hidden_dim", "hidden_dim"),
      ("hidden_dim", "max_kernel", "max_kernel", "tap_features"),
      ("tap_features", "kernel_features"),
      ("kernel_features", "max_channels", "max_channels"),
      ("max_channels", "num_classes"),
      ("hidden_dim", "vector_features"),
      ("vector_features", "max_channels"),
    ):
      if (size := math.prod(getattr(self, n) for n in names)) > MAX_WEIGHTS:
        raise ValueError(
          f"{' * '.join(names)}, the size of an array, must be at most"
          f" {MAX_WEIGHTS:,}, got {size:,}."
        )


CONFIGS: Mapping[str, GhnConfig] = types.MappingProxyType(
  {
    "ghn2": GhnConfig(),
    # For networks of microcontrollers, up to 32 channels without repeats.
    "edge": GhnConfig(max_channels=32, tap_features=64, kernel_features=128),
  }
)


class GHN(keras.Model):
  """A graph hypernetwork that predicts all parameters of networks at once.

  >>> from ghn_tf.arch import ops
  >>> ghn = GHN(CONFIGS["edge"])
  >>> builder = spec.Builder((32, 32, 3))
  >>> pooled = builder.add(ops.Op.GLOBAL_AVG_POOL, builder.input)
  >>> _ = builder.add(ops.Op.DENSE, pooled, name="logits", filters=10)
  >>> (params,) = ghn([builder.build("linear")])
  >>> params["logits/kernel"].shape
  TensorShape([3, 10])

  Args:
    config: its sizes.
    seed: of the initial values.
  """

  def __init__(self, config: GhnConfig = CONFIGS["ghn2"], *, seed: int = 0):
    super().__init__(name="ghn")
    self.config = config
    rng = np.random.default_rng(seed)
    self._encoder = encoder.Encoder(
      dim=config.hidden_dim,
      num_classes=config.num_classes,
      max_kernel=config.max_kernel,
      virtual_edges=config.max_distance > 1,
      num_rounds=config.num_rounds,
      layer_norm=config.layer_norm,
      traits=config.traits,
      rng=rng,
    )
    self._decoder = decoder.Decoder(
      dim=config.hidden_dim,
      max_channels=config.max_channels,
      max_kernel=config.max_kernel,
      num_classes=config.num_classes,
      tap_features=config.tap_features,
      kernel_features=config.kernel_features,
      vector_features=config.vector_features,
      bounded_kernels=config.bounded_kernels,
      rng=rng,
    )
    self.built = True  # all variables exist, whatever will be called
    # The relaxed signature lets one trace serve graphs of all sizes.
    self.embed = tf.function(
      self._encoder,
      input_signature=[graph_lib.relaxed_spec()],
      autograph=False,
    )

  def __call__(
    self, architectures: Sequence[spec.Architecture]
  ) -> list[dict[str, tf.Tensor]]:
    """Returns the parameters of each architecture, keyed by `ParamSpec.name`.

    Args:
      architectures: A of them, predicted together as one by one.

    Raises:
      ValueError: a kernel or a classifier that this hypernetwork cannot give.
    """
    # Out of `call`, Keras would add all arguments to the message.
    for architecture in architectures:
      self._decoder.check(architecture)
    return super().__call__(architectures)

  def call(
    self, architectures: Sequence[spec.Architecture]
  ) -> list[dict[str, tf.Tensor]]:
    """See `__call__`."""
    graph = graph_lib.encode(
      architectures, max_distance=self.config.max_distance
    )
    return self._decoder(self.embed(graph), architectures)

  def get_arrays(self) -> dict[str, np.ndarray]:
    """Returns a copy of all weights by name."""
    return {name: v.numpy() for name, v in self._named_variables().items()}

  def set_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Sets all weights.

    Args:
      arrays: as `get_arrays` returns them.

    Raises:
      ValueError: missing, unknown or wrongly shaped arrays; nothing is set.
    """
    variables = self._named_variables()
    shapes = {name: tuple(v.shape) for name, v in variables.items()}
    if problems := misfits(arrays, shapes):
      raise ValueError(
        f"The arrays do not fit {self.config}: {'; '.join(problems)}."
      )
    for name, variable in variables.items():
      variable.assign(arrays[name])

  def _named_variables(self) -> dict[str, tf.Variable]:
    return {
      f"{layer.name}/{name}": variable
      for layer in (self._encoder, self._decoder)
      for name, variable in layer.arrays.items()
    }


def misfits(
  arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]
) -> list[str]:
  """Returns a phrase for each missing, unknown or wrongly shaped array."""
  problems = [f"{name} is missing" for name in shapes.keys() - arrays.keys()]
  problems += [f"{name} is unknown" for name in arrays.keys() - shapes.keys()]
  problems += [
    f"{name} has shape {list(arrays[name].shape)} instead of {list(shape)}"
    for name, shape in shapes.items()
    if name in arrays and arrays[name].shape != shape
  ]
  return sorted(problems)


def from_checkpoint(path: str | os.PathLike[str]) -> GHN:
  """Returns the hypernetwork that a checkpoint holds.

  Raises:
    checkpoint.CheckpointError: the file is missing or damaged, or see `config`.
  """
  return from_arrays(path, *checkpoint.load(path))


def config(
  path: str | os.PathLike[str], metadata: checkpoint.Metadata
) -> GhnConfig:
  """Returns the sizes of the hypernetwork in a checkpoint of these metadata.

  Raises:
    checkpoint.CheckpointError: it is of another format or a later version.
  """
  if metadata.get("format") != FORMAT:
    raise checkpoint.CheckpointError(
      f"{path} has the format {metadata.get('format')!r}, expected {FORMAT!r};"
      " use the version of ghn_tf that wrote it."
    )
  return checkpoint.options(path, GhnConfig, metadata.get("ghn"))


def from_arrays(
  path: str | os.PathLike[str],
  arrays: Mapping[str, np.ndarray],
  metadata: checkpoint.Metadata,
) -> GHN:
  """Returns the hypernetwork in a checkpoint that was loaded from a path.

  Raises:
    checkpoint.CheckpointError: see `config`; or its arrays do not fit.
  """
  ghn = GHN(config(path, metadata))
  prefix = "ghn/"
  try:
    ghn.set_arrays(
      {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
      }
    )
  except ValueError as error:
    raise checkpoint.CheckpointError(
      f"{path} does not hold its hypernetwork: {error}"
    ) from error
  return ghn
