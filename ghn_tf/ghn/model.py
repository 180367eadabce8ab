# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The graph hypernetwork: architectures in, parameters out."""

from collections.abc import Mapping, Sequence
import os

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import spec
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import decoder
from ghn_tf.ghn import encoder
from ghn_tf.ghn import graph as graph_lib

_GREATEST = np.finfo(np.float32).max


class GHN(keras.Model):
  """A graph hypernetwork that predicts all parameters of networks at once.

  >>> from ghn_tf.arch import ops
  >>> ghn = GHN(ghn_config.CONFIGS["edge"])
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

  def __init__(
    self,
    config: ghn_config.GhnConfig = ghn_config.CONFIGS["ghn2"],
    *,
    seed: int = 0,
  ):
    # Of all that is in it, whatever policy the user has set for other models.
    super().__init__(name="ghn", dtype="float32")
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
      bits=config.bits,
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

  def check(self, architecture: spec.Architecture) -> None:
    """Raises ValueError for a network that it cannot predict for.

    It has a kernel or a classifier that it cannot give, or too many edges.
    """
    self._decoder.check(architecture)
    graph_lib.check(architecture, self.config.max_distance)

  def __call__(
    self,
    architectures: Sequence[spec.Architecture],
    bits: Sequence[np.ndarray] | None = None,
  ) -> list[dict[str, tf.Tensor]]:
    """Returns the parameters of each architecture, keyed by `ParamSpec.name`.

    Args:
      architectures: A of them, predicted together as one by one.
      bits: for each the bits around its nodes, [nodes, 2], as `child.grids` has
        them; needed if the hypernetwork is told bits, and of no matter else.

    Raises:
      ValueError: a network that this hypernetwork cannot predict for, or no
        bits where they are needed.
    """
    # Out of `call`, Keras would add all arguments to the message.
    for architecture in architectures:
      self.check(architecture)
    if not self.config.bits:
      bits = None
    elif bits is None:
      raise ValueError(
        "This hypernetwork predicts for the bits that it is told; give it those"
        " of each network, child.grids.bits(architecture, recipe)."
      )
    return super().__call__(architectures, bits)

  def call(
    self,
    architectures: Sequence[spec.Architecture],
    bits: Sequence[np.ndarray] | None = None,
  ) -> list[dict[str, tf.Tensor]]:
    """See `__call__`."""
    graph = graph_lib.encode(
      architectures, bits, max_distance=self.config.max_distance
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
      ValueError: missing, unknown or wrongly shaped arrays, or values that are
        not finite; nothing is set.
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
  """Returns a phrase for each array that is not as it should be.

  It is missing, unknown, of another shape or, of which the first is named, has
  values that are not finite.
  """
  problems = [f"{name} is missing" for name in shapes.keys() - arrays.keys()]
  problems += [f"{name} is unknown" for name in arrays.keys() - shapes.keys()]
  problems += [
    f"{name} has shape {list(arrays[name].shape)} instead of {list(shape)}"
    for name, shape in shapes.items()
    if name in arrays and arrays[name].shape != shape
  ]
  for name, array in arrays.items():
    # Written so that NaN counts too, and what float64 alone can hold.
    if wrong := np.count_nonzero(~(np.abs(array) <= _GREATEST)):
      problems.append(
        f"{name} has {wrong:,} of {array.size:,} values that are not finite in"
        " float32"
      )
      break  # mostly all others have them too
  return sorted(problems)


def config(
  path: str | os.PathLike[str], metadata: checkpoint.Metadata
) -> ghn_config.GhnConfig:
  """Returns the sizes of the hypernetwork in a checkpoint of these metadata.

  Raises:
    checkpoint.CheckpointError: it is of another format or a later version.
  """
  if metadata.get("format") != ghn_config.FORMAT:
    raise checkpoint.CheckpointError(
      f"{path} has the format {metadata.get('format')!r}, expected"
      f" {ghn_config.FORMAT!r}; use the version of ghn_tf that wrote it."
    )
  return checkpoint.options(path, ghn_config.GhnConfig, metadata.get("ghn"))


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
