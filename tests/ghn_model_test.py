# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the graph hypernetwork as a whole."""

import dataclasses
import pathlib

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import genotype
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import graph
from ghn_tf.ghn import model

_BRANCHES: dict[str, list] = {
  "normal": [("sep_conv_3x3", 0), ("conv_5x5", 1)],
  "normal_concat": [2],
  "reduce": [("max_pool_3x3", 0), ("conv_7x1_1x7", 1)],
  "reduce_concat": [2],
}
_TINY = ghn_config.GhnConfig(
  hidden_dim=8,
  max_channels=6,
  max_kernel=7,
  tap_features=6,
  kernel_features=10,
  vector_features=6,
)
# Sums of float32 in another order, over all levels of a graph.
_TOLERANCE = 2e-5


def _cells(n_cells: int, **arguments) -> spec.Architecture:
  return genotype.from_genotype(_BRANCHES, n_cells=n_cells, C=8, **arguments)


def _two_branches(order: str) -> spec.Architecture:
  """Two convolutions of the image, one with a BatchNorm, added."""
  builder = spec.Builder((8, 8, 3))
  nodes = {}
  for letter in order:
    if letter == "a":
      nodes["a"] = builder.add(
        ops.Op.CONV, builder.input, name="a", filters=4, use_bias=True
      )
    elif letter == "b":
      nodes["b"] = builder.add(
        ops.Op.CONV, builder.input, name="b", filters=4, kernel=(3, 3)
      )
    else:
      nodes["c"] = builder.add(ops.Op.BATCH_NORM, nodes["b"], name="c")
  total = builder.add(ops.Op.ADD, nodes["a"], nodes["c"])
  pooled = builder.add(ops.Op.GLOBAL_AVG_POOL, total)
  builder.add(ops.Op.DENSE, pooled, name="logits", filters=10, use_bias=True)
  return builder.build(order)


def _num_params(ghn: model.GHN, prefix: str = "") -> int:
  arrays = ghn.get_arrays()
  return sum(a.size for name, a in arrays.items() if name.startswith(prefix))


def _gradients(ghn: model.GHN, architectures) -> dict[str, np.ndarray]:
  """Returns the gradients of the sum of squares of all that is predicted."""
  with tf.GradientTape() as tape:
    loss = tf.add_n(
      [
        tf.nn.l2_loss(value)
        for params in ghn(architectures)
        for value in params.values()
      ]
    )
  gradients = tape.gradient(loss, ghn.trainable_variables)
  return {
    name: tf.convert_to_tensor(gradient).numpy()
    for name, gradient in zip(ghn.get_arrays(), gradients, strict=True)
  }


class ConfigTest(parameterized.TestCase):
  def test_ghn2_has_the_published_number_of_parameters(self):
    ghn = model.GHN(ghn_config.CONFIGS["ghn2"])
    expected = {
      "encoder/type_embedding": 480,
      "encoder/channel_embedding": 3_136,
      "encoder/spatial_embedding": 72,
      "encoder/message/": 2 * 1_072,  # along real and virtual edges
      "encoder/gru/": 6_336,
      "encoder/norm/": 64,
      "decoder/kernel/taps_": 511_104,
      "decoder/kernel/hidden_": 33_024,
      "decoder/kernel/output_": 1_052_672,
      "decoder/kernel/classes_": 650,
      "decoder/vector/hidden_": 2_112,
      "decoder/vector/output_": 8_320,
      "decoder/vector/classes_": 650,
    }
    actual = {prefix: _num_params(ghn, prefix) for prefix in expected}
    self.assertEqual(actual, expected)
    self.assertEqual(ghn.count_params(), 1_620_764)
    self.assertEqual(_num_params(ghn), 1_620_764)

  @parameterized.parameters(
    ({"num_classes": 1000, "max_kernel": 16}, 2_319_720),  # for ImageNet
    # GHN-1: no virtual edges, no layer norm.
    ({"max_distance": 1, "layer_norm": False}, 1_620_668),
  )
  def test_relatives_of_ghn2_have_theirs(self, changes, expected: int):
    config = dataclasses.replace(ghn_config.CONFIGS["ghn2"], **changes)
    self.assertEqual(model.GHN(config).count_params(), expected)

  def test_edge_is_below_two_megabytes(self):
    self.assertLess(
      4 * model.GHN(ghn_config.CONFIGS["edge"]).count_params(), 2e6
    )

  @parameterized.parameters(
    {"hidden_dim": 30},
    {"hidden_dim": 0},
    {"max_kernel": 3.0},
    {"max_distance": 0},
    {"layer_norm": 1},
    {"num_rounds": True},
  )
  def test_a_wrong_field_is_named(self, **changes):
    with self.assertRaisesRegex(ValueError, f"{next(iter(changes))} must be"):
      ghn_config.GhnConfig(**changes)

  @parameterized.parameters(
    ({"num_rounds": 10**9}, "num_rounds must be at most 16, got 1000000000"),
    ({"max_distance": 254}, "max_distance must be at most 253, got 254"),
    (
      {"hidden_dim": 10**6},
      r"hidden_dim \* hidden_dim, the size of an array, must be at most"
      " 16,777,216, got 1,000,000,000,000",
    ),
    ({"max_kernel": 2000}, r"hidden_dim \* max_kernel \* max_kernel \* tap"),
    ({"tap_features": 10**6}, "tap_features, the size of an array"),
    ({"kernel_features": 10**6}, "kernel_features, the size of an array"),
    ({"max_channels": 10**5}, "max_channels, the size of an array"),
    ({"num_classes": 10**6}, "num_classes, the size of an array"),
    ({"vector_features": 10**6}, "vector_features, the size of an array"),
  )
  def test_sizes_have_bounds(self, changes, message):
    # A checkpoint of a few bytes may claim any.
    with self.assertRaisesRegex(ValueError, message):
      ghn_config.GhnConfig(**changes)


class GhnTest(tf.test.TestCase, parameterized.TestCase):
  def test_every_parameter_is_predicted_once_in_its_shape(self):
    architectures = [_cells(4), _cells(1, norm=None, fc_layers=2)]
    for architecture, params in zip(
      architectures, model.GHN(_TINY)(architectures), strict=True
    ):
      self.assertEqual(
        {name: tuple(value.shape) for name, value in params.items()},
        {param.name: param.shape for param in architecture.param_specs},
      )
      self.assertEqual(
        sum(int(tf.size(value)) for value in params.values()),
        architecture.num_params,
      )
      for name, value in params.items():
        self.assertTrue(np.isfinite(value).all(), name)

  def test_many_architectures_at_once_are_as_one_by_one(self):
    ghn = model.GHN(_TINY)
    architectures = [_cells(3), _two_branches("abc"), _cells(3, ks=5)]
    for architecture, params in zip(
      architectures, ghn(architectures), strict=True
    ):
      (alone,) = ghn([architecture])
      self.assertAllClose(params, alone, _TOLERANCE, _TOLERANCE)

  @parameterized.parameters("bac", "bca")
  def test_order_of_nodes_does_not_matter(self, order: str):
    ghn = model.GHN(_TINY)
    (expected,) = ghn([_two_branches("abc")])
    (actual,) = ghn([_two_branches(order)])
    self.assertAllClose(actual, expected, _TOLERANCE, _TOLERANCE)

  def test_embeds_each_node(self):
    encoded = graph.encode([_cells(2), _two_branches("abc")])
    embeddings = model.GHN(_TINY).embed(encoded)
    self.assertEqual(
      embeddings.shape, [encoded.node_sets["op"].total_size, _TINY.hidden_dim]
    )

  def test_one_trace_serves_all_architectures(self):
    ghn = model.GHN(_TINY)
    for architectures in ([_cells(1)], [_cells(3)] * 2, [_two_branches("abc")]):
      _gradients(ghn, architectures)
    self.assertEqual(ghn.embed.experimental_get_tracing_count(), 1)

  def test_gradient_is_the_slope_of_the_loss(self):
    ghn = model.GHN(_TINY, seed=1)
    architectures = [_cells(1), _two_branches("abc")]
    weights: dict[str, np.ndarray] = {}
    rng = np.random.default_rng(0)

    def loss() -> tf.Tensor:
      terms = []
      for params in ghn(architectures):
        for name, value in params.items():
          if name not in weights:
            weights[name] = rng.standard_normal(value.shape)
          terms.append(
            tf.reduce_sum(tf.cast(value, tf.float64) * weights[name])
          )
      return tf.add_n(terms)

    with tf.GradientTape() as tape:
      value = loss()
    variables = ghn.trainable_variables
    gradients = [
      tf.convert_to_tensor(g) for g in tape.gradient(value, variables)
    ]
    self.assertNotEmpty(gradients)
    # Along the gradient, so that the slope is as large as can be.
    norm = float(tf.linalg.global_norm(gradients))
    step = 1e-3 / norm
    values = []
    for sign in (1, -2):
      for variable, gradient in zip(variables, gradients, strict=True):
        variable.assign_add(sign * step * gradient)
      values.append(float(loss()))
    slope = (values[0] - values[1]) / (2 * step)
    # A ReLU that changes sides and the rounding of float32 weights.
    self.assertAllClose(slope, norm**2, rtol=1e-2)

  def test_every_variable_gets_a_gradient(self):
    for name, gradient in _gradients(model.GHN(_TINY), [_cells(2)]).items():
      self.assertGreater(np.abs(gradient).max(), 0, name)

  def test_a_step_gives_the_same_bits_each_time(self):
    ghn = model.GHN(_TINY)
    architectures = [_cells(2), _two_branches("abc")]
    first = _gradients(ghn, architectures)
    for _ in range(5):
      self.assertAllClose(_gradients(ghn, architectures), first, 0, 0)

  def test_an_input_that_is_the_output_has_no_parameters(self):
    builder = spec.Builder((1, 1, 10))
    builder.add(ops.Op.FLATTEN, builder.input)
    self.assertEqual(model.GHN(_TINY)([builder.build("identity")]), [{}])

  def test_what_it_cannot_predict_is_one_plain_sentence(self):
    builder = spec.Builder((9, 9, 3))
    conv = builder.add(ops.Op.CONV, builder.input, filters=10, kernel=(9, 9))
    builder.add(ops.Op.GLOBAL_AVG_POOL, conv)
    with self.assertRaisesRegex(
      ValueError, r"^Node '\w+' \(conv\) .* a larger max_kernel\.$"
    ):
      model.GHN(_TINY)([builder.build("large")])

  def test_no_architecture_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "at least one architecture"):
      model.GHN(_TINY)([])


class ArraysTest(tf.test.TestCase, parameterized.TestCase):
  def test_names_follow_the_variables(self):
    ghn = model.GHN(_TINY)
    for array, variable in zip(
      ghn.get_arrays().values(), ghn.trainable_variables, strict=True
    ):
      self.assertAllEqual(array, variable)

  def test_initial_values_follow_the_seed(self):
    first, again = model.GHN(_TINY, seed=3), model.GHN(_TINY, seed=3)
    self.assertAllClose(first.get_arrays(), again.get_arrays(), 0, 0)
    other = model.GHN(_TINY, seed=4).get_arrays()
    for name, array in first.get_arrays().items():
      if not name.startswith("encoder/norm"):
        self.assertNotAllEqual(array, other[name])

  def test_initial_values_are_those_of_pytorch(self):
    arrays = model.GHN(ghn_config.CONFIGS["ghn2"]).get_arrays()
    # Uniform within 1 / sqrt(fan_in), of kernels and biases alike.
    for name, fan_in in (
      ("encoder/gru/kernel", 32),
      ("encoder/gru/bias", 32),
      ("encoder/message/kernel", 16),
      ("decoder/kernel/taps_kernel", 32),
      ("decoder/kernel/hidden_kernel", 128),
      ("decoder/kernel/output_kernel", 256),
      ("decoder/kernel/output_bias", 256),
      ("decoder/vector/output_kernel", 64),
    ):
      bound = fan_in**-0.5
      self.assertAllInRange(arrays[name], -bound, bound, name)
      self.assertGreater(np.abs(arrays[name]).max(), 0.9 * bound, name)
    self.assertAllClose(arrays["encoder/channel_embedding"].std(), 1, atol=0.05)

  def test_set_arrays_makes_another_ghn_predict_the_same(self):
    source, target = model.GHN(_TINY, seed=0), model.GHN(_TINY, seed=1)
    architectures = [_two_branches("abc")]
    self.assertNotAllClose(
      source(architectures)[0]["a/bias"], target(architectures)[0]["a/bias"]
    )
    target.set_arrays(source.get_arrays())
    self.assertAllClose(source(architectures), target(architectures), 0, 0)

  def test_arrays_that_do_not_fit_are_named_and_nothing_is_set(self):
    ghn = model.GHN(_TINY)
    before = ghn.get_arrays()
    arrays = {name: array + 1 for name, array in before.items()}
    arrays["decoder/surplus"] = arrays.pop("encoder/gru/bias")
    arrays["encoder/gru/kernel"] = arrays["encoder/gru/kernel"][:-1]
    with self.assertRaisesRegex(
      ValueError,
      "decoder/surplus is unknown; encoder/gru/bias is missing;"
      r" encoder/gru/kernel has shape \[7, 24\] instead of \[8, 24\]",
    ):
      ghn.set_arrays(arrays)
    self.assertAllClose(ghn.get_arrays(), before, 0, 0)


class CheckpointTest(tf.test.TestCase, parameterized.TestCase):
  def _save(self, arrays=None, **changes) -> pathlib.Path:
    ghn = model.GHN(_TINY, seed=5)
    arrays = ghn.get_arrays() if arrays is None else arrays
    metadata = {
      "format": ghn_config.FORMAT,
      "ghn": dataclasses.asdict(_TINY),
      "step": 3,
    } | changes
    path = pathlib.Path(self.create_tempfile().full_path)
    checkpoint.save(
      path,
      {
        "optimizer/000": np.zeros(2),
        **{f"ghn/{name}": array for name, array in arrays.items()},
      },
      metadata,
    )
    return path

  def _load(self, path: pathlib.Path) -> model.GHN:
    return model.from_arrays(path, *checkpoint.load(path))

  def test_gives_the_ghn_that_was_saved(self):
    ghn = self._load(self._save())
    self.assertEqual(ghn.config, _TINY)
    self.assertAllClose(
      ghn.get_arrays(), model.GHN(_TINY, seed=5).get_arrays(), 0, 0
    )

  @parameterized.parameters(
    ({"format": "other/9"}, "has the format 'other/9', expected 'ghn_tf/1'"),
    ({"ghn": {"hidden_dim": 8, "depth": 3}}, r"later version .*\['depth'\]"),
    ({"ghn": {"hidden_dim": 7}}, "hidden_dim must be a multiple of 4"),
    ({"ghn": {"hidden_dim": 16}}, "instead of"),
    ({"ghn": None}, "is damaged"),
  )
  def test_another_checkpoint_is_an_error(self, changes, message: str):
    with self.assertRaisesRegex(checkpoint.CheckpointError, message):
      self._load(self._save(**changes))

  def test_a_missing_array_is_an_error(self):
    arrays = model.GHN(_TINY).get_arrays()
    del arrays["encoder/gru/bias"]
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, "encoder/gru/bias is missing"
    ):
      self._load(self._save(arrays))

  @parameterized.parameters(
    (np.float32, np.nan), (np.float32, -np.inf), (np.float64, 1e39)
  )
  def test_weights_that_are_not_finite_are_an_error(self, kind, value):
    arrays = model.GHN(_TINY).get_arrays()
    name = "encoder/gru/bias"
    arrays[name] = arrays[name].astype(kind)
    arrays[name][1] = value
    with self.assertRaisesRegex(
      checkpoint.CheckpointError,
      f"{name} has 1 of {arrays[name].size} values that are not finite",
    ):
      self._load(self._save(arrays))


if __name__ == "__main__":
  absltest.main()
