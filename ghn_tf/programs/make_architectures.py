# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Makes, describes and draws architectures.

The published data set ConvNets-250K, as `tfds.load("convnets250k/edge")` reads:

  python tools/make_architectures.py --space=edge --data_dir=DIR --workers=2

One of your own, under a name:

  python tools/make_architectures.py --space=edge --data_dir=DIR \
    --name=small --train=10000 --max_macs=3000000 --seed=7

The distributions of a space, and one network:

  python tools/make_architectures.py --space=edge --describe --output=edge.png
  python tools/make_architectures.py --draw=models.resnet:resnet8 \
    --output=resnet8.png

Whether every stored network can be read, keeps the limits and is in one split:

  python tools/make_architectures.py --space=edge --data_dir=DIR --audit

Whether a network of your own can be predicted, layer by layer:

  python tools/make_architectures.py --check=model.keras
"""

from collections.abc import Iterable, Iterator, Mapping
import contextlib
import dataclasses
import io
import itertools
import pathlib
import re
import sys
import time

from absl import flags
from absl import logging

from ghn_tf import checking
from ghn_tf import files
from ghn_tf import targets
from ghn_tf.arch import spec
from ghn_tf.convnets250k import dataset
from ghn_tf.convnets250k import records
from ghn_tf.programs import beam
from ghn_tf.programs import program
from ghn_tf.report import picture_files
from ghn_tf.spaces import extent
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import splits

flags.adopt_module_key_flags(beam)

_SPACE = flags.DEFINE_enum(
  "space", "edge", list(space_lib.SPACES), "Search space to draw from."
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir", None, "Folder of TensorFlow Datasets to write the data set to."
)
_NAME = flags.DEFINE_string(
  "name",
  None,
  "Name of a data set of your own, convnets250k/<name>; the flags below are for"
  " such a one.",
)
_TRAIN = flags.DEFINE_integer(
  "train", 10_000, "Number of architectures of train.", lower_bound=1
)
_VAL = flags.DEFINE_integer(
  "val", 100, "Number of architectures of val and of test.", lower_bound=1
)
_SEED = flags.DEFINE_integer(
  "seed",
  0,
  "Seed of train; val and test do not depend on it.",
  lower_bound=0,
  upper_bound=splits.MAX_TRAIN_SEED,
)
_LIMITS = {
  f"{end}_{size}": flags.DEFINE_integer(
    f"{end}_{size}",
    None,
    f"{word} number of {what}; that of the space if None.",
    lower_bound=0,
  )
  for end, word in (("min", "Least"), ("max", "Greatest"))
  for size, what in (
    ("nodes", "nodes"),
    ("macs", "multiply-accumulates"),
    ("params", "parameters"),
  )
}
_IMAGE_SHAPE = flags.DEFINE_list(
  "image_shape", ["32", "32", "3"], "Height, width and channels of images."
)
_NUM_CLASSES = flags.DEFINE_integer(
  "num_classes", 10, "Number of logits.", lower_bound=1
)
_DESCRIBE = flags.DEFINE_bool(
  "describe",
  False,
  "Whether to print the distributions instead: of the data set that is in"
  " --data_dir, or else of the space.",
)
_CHECK = flags.DEFINE_string(
  "check",
  None,
  "Network to check instead, all of its layers, and its figures beside those of"
  f" the space; the status is 1 if it is refused. A target, {targets.HELP}.",
)
_AUDIT = flags.DEFINE_bool(
  "audit",
  False,
  "Whether to read the whole data set that is in --data_dir instead, and to"
  " report what is damaged, outside the limits, or in two splits.",
)
_DRAW = flags.DEFINE_string(
  "draw",
  None,
  "Network to draw instead: <split>-<index> of the space, or a target.",
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "Picture to write, ending in .png or .svg."
)

# Of a space that is not stored, so many training architectures are described.
_DESCRIBED = 2000


def _collection() -> splits.Collection:
  """Returns what the flags ask for: the published splits, or others."""
  given = ",".join(_IMAGE_SHAPE.value)
  try:
    height, width, channels = map(int, _IMAGE_SHAPE.value)
  except ValueError:
    raise ValueError(
      f"--image_shape needs height, width and channels, got {given}."
    ) from None
  if min(height, width, channels) < 1:
    raise ValueError(f"--image_shape needs positive sizes, got {given}.")
  published = splits.collection(
    _SPACE.value, (height, width, channels), _NUM_CLASSES.value
  )
  if _NAME.value is None:
    return published
  limits = {
    name: flag.value for name, flag in _LIMITS.items() if flag.value is not None
  }
  families, gated = published.families, published.gated
  return dataclasses.replace(
    published,
    space=dataclasses.replace(published.space, **limits),
    families=families and dataclasses.replace(families, **limits),
    gated=gated and dataclasses.replace(gated, **limits),
    beyond=(),
    num_train=_TRAIN.value,
    num_val=_VAL.value,
    seed=_SEED.value,
    reserved=published,
  )


def _check_flags() -> None:
  """Raises ValueError for flags that do not go together."""
  own = (_TRAIN, _VAL, _SEED, *_LIMITS.values(), _IMAGE_SHAPE, _NUM_CLASSES)
  given = [f"--{f.name}" for f in own if flags.FLAGS[f.name].present]
  if given and _NAME.value is None:
    raise ValueError(
      f"{', '.join(given)} would change the published data set; give yours a"
      " --name."
    )
  # Architectures have names that begin with it.
  is_name = re.fullmatch("[A-Za-z][A-Za-z0-9_]*", _NAME.value or "")
  if _NAME.value is not None and not is_name:
    raise ValueError(
      "--name must be A-Z, a-z, 0-9 and underscores, a letter first, got"
      f" {_NAME.value!r}."
    )
  if _NAME.value in space_lib.SPACES:
    raise ValueError(
      f"--name={_NAME.value} is that of a published data set; choose another."
    )
  if not any((_DATA_DIR.value, _DRAW.value, _DESCRIBE.value, _CHECK.value)):
    raise ValueError("Give --data_dir, the folder of the data set.")
  if _DRAW.value and not _OUTPUT.value:
    raise ValueError("--draw needs --output, the picture to write.")


def _builder(collection: splits.Collection) -> dataset.ConvNets250K:
  config: str | dataset.Config = _SPACE.value
  if _NAME.value is not None:
    config = dataset.Config(
      name=_NAME.value,
      description=f"Architectures of the space {_SPACE.value}.",
      collection=collection,
    )
  elif _SPACE.value not in dataset.ConvNets250K.builder_configs:
    raise ValueError(
      f"Space {_SPACE.value!r} is not published; give your data set a --name."
    )
  return dataset.ConvNets250K(data_dir=_DATA_DIR.value, config=config)


def make(collection: splits.Collection) -> None:
  """Writes a data set and says what is in it."""
  import tensorflow_datasets as tfds

  options = beam.options()
  builder = _builder(collection)
  if builder.is_prepared():
    raise ValueError(
      f"{builder.data_path} exists; choose another --name or --data_dir, or"
      " remove it."
    )
  collection.train(0)  # shows limits that no network meets before any work
  if "://" not in _DATA_DIR.value:  # else in a bucket
    files.check_writable(pathlib.Path(builder.data_path).parent / "probe")
  start = time.monotonic()
  if not sys.stderr.isatty():
    tfds.disable_progress_bar()
  # TFDS tells of a download and its unknown size.
  with beam.telling(), contextlib.redirect_stdout(io.StringIO()):
    builder.download_and_prepare(
      download_config=tfds.download.DownloadConfig(beam_options=options)
    )
  seconds = time.monotonic() - start
  count = sum(collection.sizes.values())
  print(
    f"{count:,} architectures, {builder.info.dataset_size:,} bytes, in"
    f" {builder.data_path}: {seconds:.0f} s, {count / seconds:,.0f} a second."
  )
  _print_checksums(builder)


def _print_checksums(builder: dataset.ConvNets250K) -> None:
  """Prints the checksum of each split; published ones must be as published.

  Raises:
    ValueError: one is not.
  """
  from ghn_tf.convnets250k import store

  published = dataset.checksums(builder.builder_config.name)
  wrong = []
  for split in builder.info.splits:
    stored = store.Store(builder.data_path, split).records()
    checksum = records.checksum(stored)
    verdict = ""
    if split in published:
      verdict = "as published"
      if checksum != published[split]:
        verdict = "NOT AS PUBLISHED"
        wrong.append(split)
    print(f"{split:10}  sha256 {checksum}  {verdict}")
  if wrong:
    raise ValueError(
      f"The splits {wrong} in {builder.data_path} are not those that were"
      f" published as version {builder.version}: this version of the code draws"
      " other architectures."
    )


def _stored_or_drawn(
  collection: splits.Collection,
) -> Mapping[str, Iterable[spec.Architecture]]:
  """Returns the architectures to describe, by split; none is empty."""
  from ghn_tf.convnets250k import store

  if _DATA_DIR.value is not None:
    path = _builder(collection).data_path
    return {
      split: store.Store(path, split) for split in store.split_names(path)
    }
  sizes = {**collection.sizes, "train": min(_DESCRIBED, collection.num_train)}
  return {
    split: collection.architectures(split, 0, sizes[split])
    for split, size in collection.sizes.items()
    if size
  }


def describe(collection: splits.Collection) -> None:
  """Prints the distributions of all splits, and draws them."""
  from ghn_tf.report import pictures
  from ghn_tf.report import statistics
  from ghn_tf.training import metrics

  with metrics.progress_bar(None, 0) as bar:

    def counted(
      architectures: Iterable[spec.Architecture],
    ) -> Iterator[spec.Architecture]:
      for architecture in architectures:
        bar.update()
        yield architecture

    measured = {
      split: statistics.measure(counted(architectures))
      for split, architectures in _stored_or_drawn(collection).items()
    }
  print(statistics.table(measured))
  if _OUTPUT.value:
    figure = pictures.distributions(measured, _NAME.value or _SPACE.value)
    picture_files.save(figure, _OUTPUT.value)
    print(f"\nDrawn in {_OUTPUT.value}.")


def check(collection: splits.Collection) -> int:
  """Prints whether a network can be predicted; returns the exit status."""
  space, limits = collection.space, extent.of_space(collection.space)
  with program.importing():
    reading = targets.read(_CHECK.value)
  channels, classes = space.input_shape[2], space.num_classes
  print(found := checking.check(reading, limits, channels, classes))
  return 0 if found.is_ok else 1


def audit(collection: splits.Collection) -> None:
  """Reads a whole data set and prints what is wrong with it.

  Raises:
    ValueError: something is.
  """
  from ghn_tf.convnets250k import audit as audit_lib
  from ghn_tf.training import metrics

  builder = _builder(collection)
  with metrics.progress_bar(None, 0) as bar:
    found = audit_lib.audit(builder.data_path, collection, bar.update)
  fields = dataclasses.fields(audit_lib.SplitAudit)
  print("split     ", *(field.name.rjust(14) for field in fields))
  for split, result in found.items():
    print(f"{split:10}", *(f"{n:14,}" for n in dataclasses.astuple(result)))
  wrong = [split for split, result in found.items() if not result.is_clean]
  if _NAME.value is None:  # of one's own, the sizes are in its flags alone
    sizes = {split: result.number for split, result in found.items()}
    wrong += [s for s, n in collection.sizes.items() if sizes.get(s, 0) != n]
  if wrong:
    raise ValueError(f"{builder.data_path} is not clean in {wrong}; see above.")
  _print_checksums(builder)


def draw(collection: splits.Collection) -> None:
  """Draws one network."""
  from ghn_tf.report import pictures

  split, _, index = _DRAW.value.rpartition("-")
  if split in splits.SPLITS and index.isdecimal():
    size = collection.sizes.get(split, 0)
    if split != "train" and int(index) >= size:
      raise ValueError(
        f"--draw={_DRAW.value}: {split} of {_SPACE.value} has {size}"
        " architectures."
      )
    (architecture,) = itertools.islice(
      collection.architectures(split, int(index), int(index) + 1), 1
    )
  else:
    with program.importing():
      architecture = targets.load(_DRAW.value)
  picture_files.save(pictures.graph(architecture), _OUTPUT.value)
  print(
    f"{architecture.name}: {len(architecture.nodes)} nodes,"
    f" {architecture.macs:,} multiply-accumulates,"
    f" {architecture.num_params:,} parameters. Drawn in {_OUTPUT.value}."
  )


def make_architectures() -> int:
  """Does what the flags ask for; returns the exit status."""
  _check_flags()
  collection = _collection()
  if _OUTPUT.value:
    picture_files.file_format(_OUTPUT.value)
    files.check_writable(_OUTPUT.value)
  if _CHECK.value:
    return check(collection)
  if _DRAW.value:
    draw(collection)
    return 0
  program.import_silently("tensorflow")
  if _DESCRIBE.value:
    describe(collection)
  elif _AUDIT.value:
    audit(collection)
  else:
    make(collection)
  return 0


def main() -> None:
  """Runs the program."""
  # Beam and TFDS tell every step they take.
  logging.set_verbosity(logging.ERROR)
  program.run(make_architectures)
