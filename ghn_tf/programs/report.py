# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Makes one HTML page of runs, tables, searches, devices and a network.

  python tools/report.py --run=runs/edge --table=runs/table.json \
    --network=models.resnet:resnet8 --checkpoint=runs/edge --recipe=w4a4 \
    --output=report.html

Any mix of these makes a page. It needs no other file and no network, and is for
every browser, light or dark, on a screen or a phone.
"""

import pathlib

from absl import flags

from ghn_tf import files
from ghn_tf import targets
from ghn_tf.child import sizes
from ghn_tf.evaluation import ranking_section
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import child as child_lib
from ghn_tf.programs import images
from ghn_tf.programs import program
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.report import edge_section
from ghn_tf.report import page
from ghn_tf.report import search_section
from ghn_tf.report import table_section

flags.adopt_module_key_flags(child_lib)

_RUN = flags.DEFINE_multi_string(
  "run", [], "Workdir of a training run, which may go on; may be repeated."
)
_TABLE = flags.DEFINE_multi_string(
  "table", [], "JSON file of ghn-evaluate; may be repeated."
)
_EDGE = flags.DEFINE_multi_string(
  "edge",
  [],
  "JSON file of ghn-emulate, or of ghn-to-tflite with --emulate; may be"
  " repeated.",
)
_SEARCH = flags.DEFINE_multi_string(
  "search", [], "Folder that ghn-search wrote; may be repeated."
)
_NETWORK = flags.DEFINE_string(
  "network",
  None,
  f"Network to look into, with the parameters that --checkpoint predicts:"
  f" {targets.HELP}.",
)
_CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  None,
  "Hypernetwork of --network: a checkpoint file, a training workdir, or the"
  " name of a pretrained one.",
)
_RECIPE = flags.DEFINE_string(
  "recipe",
  "w8a8",
  "How --network is rounded: bits of weights (w) and activations (a), and after"
  " pluses those of single layers: w4a4+stem=w8a8+logits=w8a8.",
)
_TITLE = flags.DEFINE_string(
  "title", None, "Title of the page; by default, what it is of."
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "Page to write, ending in .html.", required=True
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)


def _check() -> pathlib.Path:
  """Returns the page to write, which may be, if the flags fit each other."""
  output = pathlib.Path(_OUTPUT.value)
  if output.suffix != ".html":
    raise ValueError(f"--output must end in .html, got {_OUTPUT.value!r}.")
  shown = (_RUN, _TABLE, _SEARCH, _EDGE, _NETWORK)
  if not any(flag.value for flag in shown):
    names = ", ".join(f"--{flag.name}" for flag in shown)
    raise ValueError(f"Nothing to show: give one of {names}, or several.")
  if bool(_NETWORK.value) != bool(_CHECKPOINT.value):
    raise ValueError("--network and --checkpoint need each other.")
  check = program.check_effect
  check(_NETWORK.value, "--network", "recipe", "dataset", "image_size")
  of_child = ("head", "head_images", "calibration_images")
  check(_NETWORK.value, "--network", *of_child)
  if _NETWORK.value:
    targets.check_output(output, _NETWORK.value)
    images.check()
  files.check_writable(output, overwrite=_OVERWRITE.value)
  return output


def _network() -> page.Section:
  """Returns the section of --network."""
  recipe = recipe_lib.get(_RECIPE.value)
  path, _, metadata = checkpoint.find(_CHECKPOINT.value)
  architecture, _ = child_lib.target(_NETWORK.value)
  program.import_silently("tensorflow")
  from ghn_tf import predictor as predictor_lib
  from ghn_tf import preparation
  from ghn_tf.child import accuracy
  from ghn_tf.report import network_section
  from ghn_tf.spaces import extent

  predictor = predictor_lib.load(path)
  head = child_lib.head(predictor, architecture)
  program.check_effect(head == "fit", "--head=fit", "head_images")
  predictor.check_network(architecture, head)
  dataset = images.load(predictor, architecture)
  train, test = dataset.train, dataset.test
  child = child_lib.make(predictor, architecture, recipe, train, head)
  top1 = accuracy.top1(
    architecture,
    child.params,
    preparation.batches(test.images, test.labels, predictor.normalize),
    recipe,
    training=False,
  )
  notes = [
    f"Predicted by {_CHECKPOINT.value}, which was trained for"
    f" {metadata['step']:,} steps on {metadata['training']['dataset']}; as"
    f" {recipe.name}, with stored statistics, its top-1 accuracy is"
    f" {100 * top1:.1f} % on {len(test):,} test images of {dataset.name}."
  ]
  if head == "fit":
    notes.append("Its classifier was fitted to training images.")
  if outside := predictor.outside(architecture):
    notes.append(extent.tell(architecture.name, outside))
  return network_section.section(
    architecture,
    child.params,
    recipe,
    checkpoint=_CHECKPOINT.value,
    max_distance=predictor.ghn.config.max_distance,
    images=predictor.normalize(train.images[: sizes.BATCH_SIZE]),
    note=" ".join(notes),
  )


def report() -> None:
  """Writes the page that the flags ask for."""
  output = _check()
  sections = []
  if _RUN.value:
    from ghn_tf.report import run_section  # which imports matplotlib

    sections.append(run_section.section(_RUN.value))
  sections += table_section.sections(_TABLE.value)
  sections += ranking_section.sections(_TABLE.value)
  sections += search_section.sections(_SEARCH.value)
  sections += edge_section.sections(_EDGE.value)
  if _NETWORK.value:
    sections.append(_network())
  title = _TITLE.value or page.title(sections)
  files.write(output, page.render(title, sections))
  print(f"Written to {output}.")


def main() -> None:
  """Runs the program."""
  program.run(report)
