# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Finds networks for a chip without training any.

  python tools/search.py --checkpoint=edge_cifar10 --space=edge --recipe=w8a8 \
    --target=cortex_m4 --max_latency_ms=100 --max_flash=131072 \
    --num_candidates=10000 --output=found

Draws candidates from a space, a stored set, or variations of a network of your
own, refuses those that would cost too much by an estimate, scores the others by
their accuracy with predicted parameters, and emulates the best. Writes those
that no other is better than as .tflite files, with a table and a picture.

What was found is kept in --output until all is done: the same command goes on
where it was stopped. Candidates are divided among processes (--workers) or the
machines of a cluster (--runner).
"""

import dataclasses
import os
import pathlib
import shlex
import sys
import time
from typing import Any

from absl import flags

from ghn_tf import data
from ghn_tf import files
from ghn_tf import targets
from ghn_tf.arch import spec
from ghn_tf.edge import emulation
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import beam
from ghn_tf.programs import images
from ghn_tf.programs import jobs
from ghn_tf.programs import program
from ghn_tf.search import settings as settings_lib
from ghn_tf.spaces import space as space_lib

flags.adopt_module_key_flags(jobs)

_DEFAULTS = settings_lib.Settings()

_SPACE = flags.DEFINE_enum(
  "space",
  None,
  sorted(space_lib.SPACES),
  "Search space that candidates are drawn from.",
)
_ARCHITECTURES = flags.DEFINE_string(
  "architectures",
  None,
  "Folder of a stored set that candidates are read from, in its order, as"
  " ghn-architectures makes it.",
)
_SPLIT = flags.DEFINE_string("split", "train", "Split of --architectures.")
_NETWORK = flags.DEFINE_string(
  "network",
  None,
  "Network whose variations are candidates, in width, depth, windows and"
  f" expansions: {targets.HELP}.",
)
_RECIPE = flags.DEFINE_string(
  "recipe", _DEFAULTS.recipe, "How networks are rounded, such as w8a8 or w4a4."
)
_TARGET = flags.DEFINE_enum(
  "target", _DEFAULTS.target, [*emulation.TARGETS], "Device that is emulated."
)
_MAX_MACS = flags.DEFINE_integer(
  "max_macs", None, "Most multiply-accumulates of an inference.", lower_bound=1
)
_MAX_ARENA = flags.DEFINE_integer(
  "max_arena", None, "Most bytes of memory for activations.", lower_bound=1
)
_MAX_FLASH = flags.DEFINE_integer(
  "max_flash",
  None,
  "Most bytes of constants, and of code where the target counts it.",
  lower_bound=1,
)
_MAX_LATENCY_MS = flags.DEFINE_float(
  "max_latency_ms", None, "Most milliseconds of an inference.", lower_bound=0
)
_OBJECTIVES = flags.DEFINE_list(
  "objectives",
  [*_DEFAULTS.objectives],
  "Costs that are weighed against accuracy, of"
  f" {', '.join(settings_lib.COSTS)}.",
)
_NUM_CANDIDATES = flags.DEFINE_integer(
  "num_candidates",
  _DEFAULTS.num_candidates,
  "Number of candidates to draw, those that are then refused among them.",
  lower_bound=3,
)
_STRATEGY = flags.DEFINE_enum(
  "strategy",
  _DEFAULTS.strategy,
  settings_lib.STRATEGIES,
  "How candidates are drawn: at random, or as relatives of the best of those"
  " before.",
)
_POPULATION = flags.DEFINE_integer(
  "population",
  _DEFAULTS.population,
  "Of evolution: candidates that are drawn at a time, and how many of the best"
  " are parents.",
  lower_bound=2,
)
_SCORE = flags.DEFINE_enum(
  "score",
  _DEFAULTS.score,
  settings_lib.SCORES,
  "What candidates are compared by: accuracy with predicted parameters, or what"
  " others rank networks by without training any.",
)
_HEAD = flags.DEFINE_enum(
  "head",
  _DEFAULTS.head,
  settings_lib.HEADS,
  "Where classifiers come from: predict, as the other parameters; fit, solved"
  " for in closed form with labelled training images, which takes longer and"
  " goes with any classes.",
)
_NUM_IMAGES = flags.DEFINE_integer(
  "num_images",
  _DEFAULTS.num_images,
  "Validation images that each candidate is scored by.",
  lower_bound=64,
)
_NUM_REFINED = flags.DEFINE_integer(
  "num_refined",
  _DEFAULTS.num_refined,
  "How many of the best are scored anew, by --refined_images.",
  lower_bound=0,
)
_REFINED_IMAGES = flags.DEFINE_integer(
  "refined_images",
  _DEFAULTS.refined_images,
  "Validation images by which --num_refined are scored anew.",
  lower_bound=64,
)
_HEAD_IMAGES = flags.DEFINE_integer(
  "head_images",
  _DEFAULTS.head_images,
  "Training images that classifiers of candidates are fitted to.",
  lower_bound=64,
)
_NUM_CONFIRMED = flags.DEFINE_integer(
  "num_confirmed",
  _DEFAULTS.num_confirmed,
  "How many of the best become files and are emulated.",
  lower_bound=1,
)
_NUM_PROBES = flags.DEFINE_integer(
  "num_probes",
  _DEFAULTS.num_probes,
  "Candidates that are emulated first, to estimate the costs of all; up to four"
  " times as many while that is off by more than 30 %.",
  lower_bound=3,
)
_TEST_IMAGES = flags.DEFINE_integer(
  "test_images",
  _DEFAULTS.test_images,
  "Test images that the accuracy of files is measured by.",
  lower_bound=1,
)
_SEED = flags.DEFINE_integer(
  "seed", 0, "Another one gives other candidates.", lower_bound=0
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "Folder to write to.", required=True
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite",
  False,
  "Whether to replace a search that exists; the files of its networks are"
  " removed.",
)


def _settings() -> settings_lib.Settings:
  """Returns what the flags ask for.

  Raises:
    ValueError: the target does not tell a cost that it takes.
  """
  limits = {
    "macs": _MAX_MACS.value,
    "arena_bytes": _MAX_ARENA.value,
    "flash_bytes": _MAX_FLASH.value,
    "latency_ms": _MAX_LATENCY_MS.value,
  }
  settings = settings_lib.Settings(
    recipe=_RECIPE.value,
    target=_TARGET.value,
    limits={name: limit for name, limit in limits.items() if limit is not None},
    objectives=tuple(_OBJECTIVES.value),
    num_candidates=_NUM_CANDIDATES.value,
    strategy=_STRATEGY.value,
    population=_POPULATION.value,
    score=_SCORE.value,
    head=_HEAD.value,
    num_images=_NUM_IMAGES.value,
    num_refined=_NUM_REFINED.value,
    refined_images=_REFINED_IMAGES.value,
    head_images=_HEAD_IMAGES.value,
    num_confirmed=_NUM_CONFIRMED.value,
    num_probes=_NUM_PROBES.value,
    test_images=_TEST_IMAGES.value,
    seed=_SEED.value,
  )
  lacking = emulation.lacks(settings.target)
  for name in settings.estimated:
    if name in lacking:
      others = [own for own in settings_lib.COSTS if own not in lacking]
      raise ValueError(
        f"--target={settings.target} tells no {name}; give --objectives and"
        f" limits of {', '.join(others)}, or another target."
      )
  return settings


def _check_effects(settings: settings_lib.Settings) -> None:
  """Raises ValueError for a flag that others leave without effect."""
  check = program.check_effect
  check(_ARCHITECTURES.value, "--architectures", "split")
  is_evolved = settings.strategy == settings_lib.EVOLVED
  check(is_evolved, f"--strategy={settings_lib.EVOLVED}", "population")
  by_accuracy = settings.score == settings_lib.HYPERNETWORK
  own = ("num_images", "refined_images", "head_images")
  check(by_accuracy, f"--score={settings_lib.HYPERNETWORK}", *own)
  check(settings.head == "fit", "--head=fit", "head_images")
  check(settings.num_refined, "--num_refined", "refined_images")
  costs = ", ".join(settings_lib.COSTS[1:])
  needed = f"a limit or one of --objectives of {costs}"
  check(settings.estimated, needed, "num_probes")


def _space() -> space_lib.SearchSpace | spec.Architecture | None:
  """Returns the space or the network of candidates; None if they are stored.

  Raises:
    ValueError: the flags name none, several, or a network that is not there.
  """
  named = [_SPACE.value, _ARCHITECTURES.value, _NETWORK.value]
  if sum(map(bool, named)) != 1:
    raise ValueError(
      "Give one of --space, --architectures and --network to take candidates"
      " from."
    )
  if _SPACE.value:
    space = space_lib.SPACES[_SPACE.value]
    if size := images.IMAGE_SIZE.value:
      shape = (size, size, space.input_shape[2])
      space = dataclasses.replace(space, input_shape=shape)
    return space
  if _ARCHITECTURES.value:
    if images.IMAGE_SIZE.value:
      raise ValueError("Stored networks take images of their own --image_size.")
    folder = pathlib.Path(_ARCHITECTURES.value)
    if not folder.is_dir():
      raise ValueError(
        f"--architectures={_ARCHITECTURES.value} is no folder; make one with"
        " ghn-architectures."
      )
    return None
  with program.importing():
    return images.resized(targets.load(_NETWORK.value))


def _source(
  space: space_lib.SearchSpace | spec.Architecture | None, job: Any
) -> tuple[Any, list[int]]:
  """Returns the `candidates.Source`, of a space for the classes of the images.

  Args:
    space: see `_space`.
    job: with the images.

  Returns:
    The source, and the numbers of training, validation and test images.
  """
  from ghn_tf.search import candidates

  if space is None:
    stored = candidates.FromStore(_ARCHITECTURES.value, _SPLIT.value)
    if len(stored) < _NUM_CANDIDATES.value:
      raise ValueError(
        f"{_ARCHITECTURES.value} has {len(stored):,} networks of the split"
        f" {_SPLIT.value!r}; give at most as many --num_candidates."
      )
    shape = stored.draw(0).architecture.input_shape
    found = job.images_of_size(shape[:2])
    return stored, _sizes(found)
  found = job.images_of_size(space.input_shape[:2])
  if isinstance(space, spec.Architecture):
    return candidates.FromNetwork(space, _SEED.value), _sizes(found)
  space = dataclasses.replace(space, num_classes=found.num_classes)
  return candidates.FromSpace(space, _SEED.value), _sizes(found)


def _sizes(dataset: data.Dataset) -> list[int]:
  return [len(p) for p in (dataset.train, dataset.validation, dataset.test)]


def search() -> None:
  """Does what the flags ask for."""
  start = time.monotonic()
  settings = _settings()
  _check_effects(settings)
  images.check()
  space = _space()
  folder = pathlib.Path(_OUTPUT.value)
  files.check_writable(folder / "search.json", overwrite=_OVERWRITE.value)
  # What needs no TensorFlow comes first, as wrong input should not wait for it.
  checkpoint.find(jobs.CHECKPOINT.value)
  # Processes begin anew with each population, for longer than one takes.
  is_sampled = settings.strategy == settings_lib.SAMPLED
  options = beam.options(much_to_do=is_sampled)

  program.import_silently("tensorflow")
  from ghn_tf.evaluation import clock
  from ghn_tf.evaluation import pipeline
  from ghn_tf.search import output
  from ghn_tf.search import run as run_lib

  job = jobs.resolved()
  source, sizes = _source(space, job)
  settings = settings.within(*sizes)
  shared = beam.temp_location(options)
  parent = shared or os.path.join(os.path.abspath(folder), "records")
  records, probed = (
    pipeline.folder(job, parent, (what, source))
    for what in (settings, settings.of_files)
  )
  found = run_lib.Search(settings, source, job, options, records, probed)
  try:
    with clock.running(records, start) as seconds, beam.telling():
      result = found.run()
      took = seconds()
  except KeyboardInterrupt as stop:
    raise KeyboardInterrupt("the same command goes on where it was") from stop
  content = {
    "command": shlex.join(["ghn-search", *sys.argv[1:]]),
    "checkpoint": jobs.CHECKPOINT.value,
    "steps": job.predictor.metadata.get("step", 0),
    "dataset": job.dataset,
    "source": _SPACE.value or _ARCHITECTURES.value or _NETWORK.value,
    "seconds": took,
  }
  output.write(folder, result, settings, content)
  # In its own folder, with what searches within other limits left there; from a
  # shared one others may take the probes, too.
  pipeline.remove(records if shared else parent)
  print(output.markdown(result, settings, content))
  for error in result.errors:
    print(f"Not emulated: {error}")
  print(f"Written to {folder}: files, search.md, search.png, search.json.")


def main() -> None:
  """Runs the program."""
  program.run(search)
