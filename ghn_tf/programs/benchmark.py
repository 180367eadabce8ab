# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Measures how fast training and prediction are, and against what.

  python tools/benchmark.py --space=edge --recipe=w4a4 --output=edge.json

Every round does one training step on new networks, and then runs the same
children with fixed params as traced functions, warmed up: the floor, below
which nothing that runs these children can come. A round has both, so that a
machine whose speed varies slows both; ratios are medians over rounds.

The cost of the hypernetwork alone, from 50 to 2,000 nodes:

  python tools/benchmark.py --sweep --output=sweep.json
"""

import json

from absl import flags

from ghn_tf import data
from ghn_tf import files
from ghn_tf.ghn import config as ghn_config
from ghn_tf.programs import program
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import space as space_lib
from ghn_tf.training import config as training_config

_SPACE = flags.DEFINE_enum(
  "space", "edge", list(space_lib.SPACES), "Search space of the children."
)
_RECIPE = flags.DEFINE_enum(
  "recipe",
  "w4a4",
  [*recipe_lib.RECIPES, training_config.ANY],
  "Quantization of the children.",
)
_META_BATCH_SIZE = flags.DEFINE_integer(
  "meta_batch_size", 8, "Number of networks in a step.", lower_bound=1
)
_IMAGE_BATCH_SIZE = flags.DEFINE_integer(
  "image_batch_size",
  64,
  "Number of images that each network of a step sees.",
  lower_bound=2,
)
_GHN = flags.DEFINE_enum(
  "ghn", "ghn2", list(ghn_config.CONFIGS), "Hypernetwork."
)
_PARALLEL_CHILDREN = flags.DEFINE_integer(
  "parallel_children", 2, "Children that run at once.", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer(
  "rounds", 5, "Rounds to take the median of.", lower_bound=1
)
_WARMUP_STEPS = flags.DEFINE_integer(
  "warmup_steps",
  60,
  "Steps before the first round, in which memory grows to what a run takes, and"
  " oneDNN compiles kernels for most shapes of the space.",
  lower_bound=1,
)
_SWEEP = flags.DEFINE_bool(
  "sweep",
  False,
  "Whether to measure the hypernetwork alone, on networks of growing size.",
)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to write.")


def run() -> None:
  """Does what the flags ask for."""
  if _OUTPUT.value:
    files.check_writable(_OUTPUT.value)
  config = training_config.TrainConfig(
    dataset=data.SAMPLE,
    space=_SPACE.value,
    ghn=_GHN.value,
    recipe=_RECIPE.value,
    meta_batch_size=_META_BATCH_SIZE.value,
    image_batch_size=_IMAGE_BATCH_SIZE.value,
    parallel_children=_PARALLEL_CHILDREN.value,
    evaluation_architectures=0,
  )

  program.import_silently("tensorflow")
  from ghn_tf.training import benchmark
  from ghn_tf.training import children

  children.configure(_PARALLEL_CHILDREN.value)
  if _SWEEP.value:
    result = benchmark.sweep(_GHN.value, _ROUNDS.value)
  else:
    result = benchmark.benchmark(config, _WARMUP_STEPS.value, _ROUNDS.value)
  print(json.dumps(result, indent=2))
  if _OUTPUT.value:
    files.write(_OUTPUT.value, json.dumps(result, indent=2) + "\n")


def main() -> None:
  """Runs the program."""
  program.run(run)
