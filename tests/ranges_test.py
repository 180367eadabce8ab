# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
import math

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import ranges
from ghn_tf.spaces import space

_Op = ops.Op
_INF = math.inf
_ANY = (-_INF, _INF)


class _Drawing(spec.Builder):
  """A network drawn by hand: 8 channels throughout, 1x1 kernels."""

  def __init__(self):
    super().__init__((8, 8, 8), "image")

  def conv(self, name: str, source: int) -> int:
    return self.add(_Op.CONV, source, name=name, filters=8)

  def draw(self, op: ops.Op, name: str, *sources: int) -> int:
    window = {"kernel": (2, 2)} if op in (_Op.MAX_POOL, _Op.AVG_POOL) else {}
    return self.add(op, *sources, name=name, **window)

  def finish(self, source: int) -> spec.Architecture:
    if len(self.shape(source)) == 3:
      source = self.draw(_Op.GLOBAL_AVG_POOL, "pool", source)
    self.add(_Op.DENSE, source, name="logits", filters=3)
    return self.build("drawing")


def _ranges(architecture: spec.Architecture) -> dict[str, str]:
  """Node -> owner of its range, with a ! where rounded; no entry if fused."""
  found = {}
  for node, output in zip(
    architecture.nodes, ranges.output_ranges(architecture), strict=True
  ):
    if output is not None:
      owner = architecture.nodes[output.owner].name
      found[node.name] = owner + "!" * output.rounds
  return found


def _conv_bn_relu(d: _Drawing) -> int:
  bn = d.draw(_Op.BATCH_NORM, "bn", d.conv("conv", d.input))
  return d.draw(_Op.RELU, "relu", bn)


def _conv_relu6(d: _Drawing) -> int:
  return d.draw(_Op.RELU6, "relu6", d.conv("conv", d.input))


def _conv_bn(d: _Drawing) -> int:
  return d.draw(_Op.BATCH_NORM, "bn", d.conv("conv", d.input))


def _residual(d: _Drawing) -> int:
  conv = d.conv("conv", d.input)
  return d.draw(_Op.RELU, "relu", d.draw(_Op.ADD, "add", conv, d.input))


def _conv_with_two_readers(d: _Drawing) -> int:
  conv = d.conv("conv", d.input)
  bn = d.draw(_Op.BATCH_NORM, "bn", conv)
  return d.draw(_Op.ADD, "add", d.draw(_Op.RELU, "relu", conv), bn)


def _relu_relu(d: _Drawing) -> int:
  relu = d.draw(_Op.RELU, "relu", d.conv("conv", d.input))
  return d.draw(_Op.RELU6, "relu6", relu)


def _equal_relus(d: _Drawing) -> int:
  # Two operations of a cell often begin with a ReLU of the same input.
  conv = d.conv("conv", d.input)
  relus = [d.draw(_Op.RELU, name, conv) for name in ("relu1", "relu2")]
  return d.draw(_Op.ADD, "add", *(d.conv(f"c{r}", r) for r in relus))


def _different_relus(d: _Drawing) -> int:
  conv = d.conv("conv", d.input)
  relu = d.draw(_Op.RELU, "relu", conv)
  return d.draw(_Op.ADD, "add", relu, d.draw(_Op.RELU6, "relu6", conv))


def _equal_pairs(d: _Drawing, op: ops.Op, *orders: tuple[int, int]) -> int:
  convs = [d.conv(name, d.input) for name in ("left", "right")]
  one, two = (
    d.draw(op, name, *(convs[i] for i in order))
    for name, order in zip(("one", "two"), orders, strict=True)
  )
  return d.draw(
    _Op.CONCAT, "concat", d.conv("c", two), d.draw(_Op.RELU, "relu", one)
  )


def _equal_sums(d: _Drawing) -> int:
  return _equal_pairs(d, _Op.ADD, (0, 1), (1, 0))


def _different_differences(d: _Drawing) -> int:
  return _equal_pairs(d, _Op.SUBTRACT, (0, 1), (1, 0))


def _concat(d: _Drawing) -> int:
  conv = d.conv("conv", d.input)
  relu = d.draw(_Op.RELU, "relu", d.conv("conv2", d.input))
  pool = d.draw(_Op.MAX_POOL, "max", d.input)
  return d.draw(_Op.CONCAT, "concat", conv, relu, pool)


def _concat_of_what_others_read(d: _Drawing) -> int:
  relu = d.draw(_Op.RELU, "relu", d.conv("conv", d.input))
  return d.draw(_Op.CONCAT, "concat", relu, d.conv("conv2", relu))


def _concat_with_itself(d: _Drawing) -> int:
  conv = d.conv("conv", d.input)
  return d.draw(_Op.CONCAT, "concat", conv, conv)


def _concat_of_equal_relus(d: _Drawing) -> int:
  conv = d.conv("conv", d.input)
  relus = [d.draw(_Op.RELU, name, conv) for name in ("relu1", "relu2")]
  return d.draw(_Op.CONCAT, "concat", relus[0], d.conv("conv2", relus[1]))


def _concat_of_concat(d: _Drawing) -> int:
  inner = d.draw(_Op.CONCAT, "inner", *(d.conv(n, 0) for n in "ab"))
  return d.draw(_Op.CONCAT, "outer", inner, d.conv("c", 0))


def _concat_bn_relu(d: _Drawing) -> int:
  concat = d.draw(_Op.CONCAT, "concat", d.conv("a", 0), d.conv("b", 0))
  bn = d.draw(_Op.BATCH_NORM, "bn", concat)
  return d.draw(_Op.RELU, "relu", bn)


def _pools(d: _Drawing) -> int:
  average = d.draw(_Op.AVG_POOL, "avg", d.conv("conv", d.input))
  return d.draw(_Op.AVG_POOL, "avg2", d.draw(_Op.MAX_POOL, "max", average))


def _average_relu(d: _Drawing) -> int:
  average = d.draw(_Op.AVG_POOL, "avg", d.conv("conv", d.input))
  return d.draw(_Op.RELU, "relu", average)


def _average_equal_relus(d: _Drawing) -> int:
  average = d.draw(_Op.AVG_POOL, "avg", d.conv("conv", d.input))
  relus = [d.draw(_Op.RELU, name, average) for name in ("relu1", "relu2")]
  return d.draw(_Op.CONCAT, "concat", relus[0], d.conv("conv2", relus[1]))


def _average_read_otherwise(d: _Drawing) -> int:
  average = d.draw(_Op.AVG_POOL, "avg", d.conv("conv", d.input))
  relu = d.draw(_Op.RELU, "relu", average)
  return d.draw(_Op.ADD, "add", relu, average)


def _max_relu(d: _Drawing) -> int:
  return d.draw(
    _Op.RELU, "relu", d.draw(_Op.MAX_POOL, "max", d.conv("conv", d.input))
  )


def _pad_crop_flatten(d: _Drawing) -> int:
  x = d.add(_Op.ZERO_PAD, d.conv("conv", 0), name="pad", margins=(1, 1, 1, 1))
  x = d.add(_Op.CROP, x, name="crop", margins=(1, 0, 1, 0))
  return d.draw(_Op.FLATTEN, "flatten", x)


def _dense_bn_relu(d: _Drawing) -> int:
  mean = d.draw(_Op.GLOBAL_AVG_POOL, "mean", d.input)
  dense = d.add(_Op.DENSE, mean, name="dense", filters=8)
  bn = d.draw(_Op.BATCH_NORM, "bn", dense)
  return d.draw(_Op.RELU, "relu", bn)


class OutputRangesTest(parameterized.TestCase):
  @parameterized.parameters(
    # A convolution stores what comes out of its BatchNorm and ReLU.
    (_conv_bn_relu, {"relu": "relu!"}),
    (_conv_relu6, {"relu6": "relu6!"}),
    (_conv_bn, {"bn": "bn!"}),
    (_residual, {"conv": "conv!", "relu": "relu!"}),
    (
      _conv_with_two_readers,
      {"conv": "conv!", "relu": "relu!", "bn": "bn!", "add": "add!"},
    ),
    (_relu_relu, {"relu": "relu!", "relu6": "relu6!"}),
    (
      _equal_relus,
      {
        "relu1": "relu1!",
        "relu2": "relu2!",
        "c2": "c2!",
        "c3": "c3!",
        "add": "add!",
      },
    ),
    (
      _different_relus,
      {"conv": "conv!", "relu": "relu!", "relu6": "relu6!", "add": "add!"},
    ),
    # A file has one of equal sums, which not only the ReLU reads.
    (
      _equal_sums,
      {
        **{"left": "left!", "right": "right!", "one": "one!", "two": "two!"},
        "concat": "concat!",
      },
    ),
    (
      _different_differences,
      {
        **{"left": "left!", "right": "right!", "two": "two!"},
        "concat": "concat!",
      },
    ),
    # Operands that nobody else reads are stored in the concat alone.
    (_concat, {"max": "image", "concat": "concat!"}),
    (_concat_of_what_others_read, {"relu": "relu!", "concat": "concat!"}),
    (_concat_with_itself, {"conv": "conv!", "concat": "concat!"}),
    (
      _concat_of_equal_relus,
      {"relu1": "relu1!", "relu2": "relu2!", "concat": "concat!"},
    ),
    (_concat_of_concat, {"inner": "inner!", "outer": "outer!"}),
    (_concat_bn_relu, {"concat": "concat!", "relu": "relu!"}),
    # A pool keeps the range; only an average gives new values.
    (
      _pools,
      {"conv": "conv!", "avg": "conv!", "max": "conv", "avg2": "conv!"},
    ),
    (_average_relu, {"conv": "conv!", "relu": "conv!"}),
    (
      _average_equal_relus,
      {
        "conv": "conv!",
        "relu1": "conv!",
        "relu2": "conv!",
        "concat": "concat!",
      },
    ),
    (
      _average_read_otherwise,
      {"conv": "conv!", "avg": "conv!", "relu": "relu!", "add": "add!"},
    ),
    (_max_relu, {"conv": "conv!", "max": "conv", "relu": "relu!"}),
    (
      _pad_crop_flatten,
      {"conv": "conv!", "pad": "conv", "crop": "conv", "flatten": "conv"},
    ),
    # A dense layer has no per-channel range to fold a BatchNorm into.
    (_dense_bn_relu, {"mean": "mean!", "dense": "dense!", "relu": "relu!"}),
  )
  def test_by_hand(
    self, draw: Callable[[_Drawing], int], expected: dict[str, str]
  ):
    drawing = _Drawing()
    found = _ranges(drawing.finish(draw(drawing)))
    self.assertEqual(found.pop("image"), "image!")
    self.assertEqual(found.pop("logits"), "logits!")
    found.pop("pool", None)
    self.assertEqual(found, expected)

  @parameterized.parameters(*space.SPACES)
  def test_what_is_read_is_stored_or_absorbed_by_its_reader(self, name: str):
    for index in range(20):
      architecture = space.sample(space.SPACES[name], 1, index)
      outputs = ranges.output_ranges(architecture)
      self.assertEqual(outputs[0], ranges.OutputRange(0, rounds=True))
      last = len(architecture.nodes) - 1
      self.assertEqual(outputs[-1], ranges.OutputRange(last, rounds=True))
      for reader in architecture.nodes:
        for source in reader.inputs:
          if outputs[source] is None:
            self.assertIn(
              reader.op, (_Op.BATCH_NORM, _Op.RELU, _Op.RELU6, _Op.CONCAT)
            )
          else:
            owner = outputs[outputs[source].owner]
            self.assertEqual(owner.owner, outputs[source].owner)


class IsFoldedTest(parameterized.TestCase):
  @parameterized.parameters(
    (_conv_bn_relu, True),
    (_conv_with_two_readers, False),
    (_concat_bn_relu, False),
    (_dense_bn_relu, False),
  )
  def test_only_into_the_convolution_it_alone_reads(self, draw, expected):
    drawing = _Drawing()
    architecture = drawing.finish(draw(drawing))
    (index,) = (
      i for i, n in enumerate(architecture.nodes) if n.op is _Op.BATCH_NORM
    )
    self.assertEqual(ranges.is_folded(architecture, index), expected)


class BoundsTest(parameterized.TestCase):
  @parameterized.parameters(
    (_conv_bn_relu, {"conv": _ANY, "bn": _ANY, "relu": (0, _INF)}),
    (_conv_relu6, {"relu6": (0, 6), "pool": (0, 6)}),
    (_relu_relu, {"relu": (0, _INF), "relu6": (0, 6)}),
    (_residual, {"image": _ANY, "add": _ANY, "relu": (0, _INF)}),
    (_different_relus, {"add": (0, _INF)}),
    (_concat, {"relu": (0, _INF), "max": _ANY, "concat": _ANY}),
    (_average_equal_relus, {"avg": _ANY, "relu1": (0, _INF)}),
    (_pad_crop_flatten, {"pad": _ANY, "flatten": _ANY}),
  )
  def test_by_hand(self, draw, expected):
    drawing = _Drawing()
    architecture = drawing.finish(draw(drawing))
    bounds = dict(
      zip(
        (node.name for node in architecture.nodes),
        ranges.bounds(architecture),
        strict=True,
      )
    )
    self.assertEqual({name: bounds[name] for name in expected}, expected)
    self.assertEqual(bounds["logits"], _ANY)

  def test_of_sums_and_concats_of_relus(self):
    drawing = _Drawing()
    conv = drawing.conv("conv", drawing.input)
    relu6 = drawing.draw(_Op.RELU6, "relu6", conv)
    twice = drawing.draw(_Op.ADD, "twice", relu6, relu6)
    relu = drawing.draw(_Op.RELU, "relu", conv)
    open_ = drawing.draw(_Op.ADD, "open", twice, relu)
    closed = drawing.draw(_Op.CONCAT, "closed", twice, relu6)
    drawing.finish(drawing.draw(_Op.CONCAT, "all", closed, open_))
    bounds = ranges.bounds(drawing.build("sums"))
    self.assertEqual(bounds[twice], (0, 12))
    self.assertEqual(bounds[closed], (0, 12))
    self.assertEqual(bounds[open_], (0, _INF))


if __name__ == "__main__":
  absltest.main()
