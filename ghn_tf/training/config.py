# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""All choices of a training run, each with its default, bounds and meaning."""

from collections.abc import Sequence
import dataclasses
import math
import os
from typing import Any, get_args

from ghn_tf import data
from ghn_tf import image_batches
from ghn_tf.ghn import config as ghn_config_lib
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import splits
from ghn_tf.training import meta_batch

# As a recipe: another one for every network.
ANY = "any"
OPTIMIZERS = ("adam", "muon")
SCHEDULES = ("constant", "multistep", "cosine")
# How the networks of a step are divided, see `ghn_tf.training.distribution`.
STRATEGIES = ("none", "mirrored", "multi_worker")


def _option(
  default: Any,
  meaning: str,
  *,
  minimum: float | None = None,
  maximum: float | None = None,
  choices: Sequence[str] | None = None,
  may_change: bool = False,
  before: Any = None,
) -> Any:
  """A field with its bounds.

  Args:
    default: its value where none is given.
    meaning: what it does.
    minimum: least value.
    maximum: greatest value.
    choices: all values.
    may_change: whether a resumed run may differ in it.
    before: what runs did before there was this option, if not the default.
  """
  return dataclasses.field(
    default=default,
    metadata={
      "help": meaning,
      "minimum": minimum,
      "maximum": maximum,
      "choices": choices,
      "may_change": may_change,
      "before": before,
    },
  )


def kind(field: dataclasses.Field[Any]) -> type:
  """Returns the type of an option's values: of `int | None` it is int."""
  return (get_args(field.type) or (field.type,))[0]


@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """How a hypernetwork is trained; the defaults are GHN-2's on CIFAR-10.

  GHN-2 is arXiv 2110.13100. What each field does stands in its metadata under
  "help", from where the flag of the same name takes it.

  Raises:
    ValueError: on construction, naming the field that is of another type or
      out of its bounds.
  """

  dataset: str = _option(
    "cifar10",
    f"Images: {data.HELP}.",
  )
  image_size: int | None = _option(
    None, "Height and width to resize images to; their own if None.", minimum=8
  )
  space: str = _option(
    "edge",
    "Search space of the architectures.",
    choices=tuple(space_lib.SPACES),
  )
  architectures: str | None = _option(
    None,
    "Folder of architectures made by tools/make_architectures.py to train on;"
    " drawn from --space without end if None.",
  )
  max_macs: int | None = _option(
    None,
    "Largest number of multiply-accumulates of an architecture; the space's"
    " own limit if None.",
    minimum=1,
  )
  max_params: int | None = _option(
    None,
    "Largest number of parameters of an architecture; the space's own limit"
    " if None.",
    minimum=1,
  )
  ghn: str = _option(
    "ghn2", "Hypernetwork.", choices=tuple(ghn_config_lib.CONFIGS)
  )
  hidden_dim: int | None = _option(
    None, "Width of its node states; as in --ghn if None.", minimum=4
  )
  kernel_features: int | None = _option(
    None,
    "Width of the layer that its kernels are decoded from; as in --ghn if"
    " None.",
    minimum=1,
  )
  max_channels: int | None = _option(
    None,
    "Channels it decodes kernels with, more are repeated; as in --ghn if None.",
    minimum=1,
  )
  max_kernel: int | None = _option(
    None, "Largest kernel height and width; as in --ghn if None.", minimum=1
  )
  max_distance: int | None = _option(
    None,
    "Longest shortest path that becomes a virtual edge, 1 for none; as in --ghn"
    " if None.",
    minimum=1,
  )
  traits: bool | None = _option(
    None,
    "Whether it sees activations, strides, dilation, windows of pools and"
    " resolution, each from zero on; as in --ghn if None.",
  )
  bits: bool | None = _option(
    None,
    "Whether it sees the bits of kernels and activations, from zero on; as in"
    " --ghn if None, and with --recipe=any it does.",
  )
  bounded_kernels: bool | None = _option(
    None,
    "Whether kernels keep below He's scale; as in --ghn if None.",
  )
  recipe: str = _option(
    "float",
    f"Quantization that the children are trained in; {ANY} draws one for each,"
    " for every second with other bits in single layers.",
    choices=(*recipe_lib.RECIPES, ANY),
  )
  quantization_mode: str = _option(
    recipe_lib.Mode.SIM.value,
    "What stands for rounding in training: sim, straight-through rounding;"
    " noise, uniform noise of one step. Evaluation rounds.",
    choices=tuple(mode.value for mode in recipe_lib.Mode),
  )
  per_channel: bool = _option(
    True, "Whether convolution kernels have a range for each output channel."
  )
  seed: int = _option(
    0,
    "Seed of all randomness, together with the step.",
    minimum=0,
    maximum=splits.MAX_TRAIN_SEED,
  )
  steps: int = _option(
    211_200, "Number of updates of the hypernetwork.", minimum=1
  )
  meta_batch_size: int = _option(
    8, "Number of architectures in a step.", minimum=1
  )
  image_batch_size: int = _option(
    64, "Number of images that each network of a step sees.", minimum=2
  )
  crop_padding: int = _option(
    image_batches.CROP_PADDING,
    "Black pixels around an image before it is cropped at random; 0 for no"
    " crop.",
    minimum=0,
  )
  optimizer: str = _option(
    "adam",
    "adam for all weights; muon for the matrices and adam for the rest.",
    choices=OPTIMIZERS,
  )
  learning_rate: float = _option(
    1e-3, "Largest step size of the optimizer.", minimum=0
  )
  matrix_rate: float = _option(
    0.2,
    "Root mean square of Muon's update of a matrix, in learning rates.",
    minimum=0,
  )
  matrix_decay: float = _option(
    0.1,
    "Part of a matrix that Muon takes off in a step, in learning rates. It"
    " bounds the scale of kernels, on which networks without BatchNorm depend.",
    minimum=0,
  )
  schedule: str = _option(
    "multistep",
    "Learning rate over time: constant; multistep, a tenth after 2/3 and again"
    " after 5/6 of the steps; cosine, down to 0 at the last step.",
    choices=SCHEDULES,
  )
  warmup_steps: int = _option(
    0, "Steps in which the learning rate rises linearly from 0.", minimum=0
  )
  weight_decay: float = _option(
    1e-5,
    "Factor of the L2 penalty's gradient, added before the optimizer's step.",
    minimum=0,
  )
  clip_norm: float = _option(
    5.0, "Largest norm of the gradient of all variables.", minimum=1e-6
  )
  average_decay: float = _option(
    0.9999,
    "Decay of the moving average of all weights, which is what is evaluated and"
    " used; after n updates it is (1 + n) / (10 + n) if that is less, so that"
    " an average begins with the last tenth of a run. 0 for the weights"
    " themselves.",
    minimum=0,
    maximum=1 - 1e-6,
    before=0.0,
  )
  clip_network_norm: float = _option(
    1.0,
    "Largest norm of the gradient of one network's parameters, so that none"
    " decides a step alone.",
    minimum=1e-6,
    before=1e30,  # none; infinity is not in JSON
  )
  label_smoothing: float = _option(
    0.0, "Probability spread evenly over all classes.", minimum=0, maximum=1
  )
  max_skipped_steps: int = _option(
    20,
    "Updates that may be skipped in a row, because a loss or gradient was not"
    " finite, before training stops.",
    minimum=0,
    may_change=True,
  )
  log_every_steps: int = _option(
    20, "Steps between two records of metrics.", minimum=1, may_change=True
  )
  evaluate_every_steps: int = _option(
    1000,
    "Steps between two evaluations on architectures that are held out.",
    minimum=1,
    may_change=True,
  )
  evaluation_architectures: int = _option(
    10, "Number of architectures held out for evaluation.", minimum=0
  )
  evaluation_images: int = _option(
    1000,
    "Number of validation images that an evaluation uses.",
    minimum=1,
    may_change=True,
  )
  checkpoint_every_steps: int = _option(
    250, "Steps between two checkpoints.", minimum=1, may_change=True
  )
  keep_checkpoints: int = _option(
    3,
    "Number of newest checkpoints to keep, beside the best by validation.",
    minimum=1,
    may_change=True,
  )
  parallel_children: int = _option(
    2,
    "Children that run at once, each in its own thread.",
    minimum=1,
    may_change=True,
  )

  def __post_init__(self):
    for field in dataclasses.fields(self):
      value, rule = getattr(self, field.name), field.metadata
      choices, low, high = rule["choices"], rule["minimum"], rule["maximum"]
      if choices is not None and value not in choices:
        raise ValueError(
          f"{field.name} must be one of {list(choices)}, got {value!r}."
        )
      if value is None:
        if field.default is None:
          continue
        raise ValueError(f"{field.name} needs a value, got None.")
      # JSON may have a float without a point.
      allowed = (float, int) if kind(field) is float else (kind(field),)
      if type(value) not in allowed:
        raise ValueError(
          f"{field.name} must be of type {kind(field).__name__}, got {value!r}."
        )
      # Written so that NaN fails too.
      if low is not None and not value >= low:
        raise ValueError(f"{field.name} must be >= {low}, got {value}.")
      if high is not None and not value <= high:
        raise ValueError(f"{field.name} must be <= {high}, got {value}.")

    if self.architectures is not None and self.architectures[:1] != "~":
      # Who reads the metadata of a checkpoint may be in another folder.
      folder = os.path.abspath(self.architectures)
      object.__setattr__(self, "architectures", folder)
    limited = [n for n in ("max_macs", "max_params") if getattr(self, n)]
    if self.architectures is not None and limited:
      raise ValueError(
        f"{limited} limit what is drawn, not what is stored in"
        f" architectures={self.architectures!r}; give the limits to"
        " tools/make_architectures.py."
      )

  def ghn_config(self, num_classes: int) -> ghn_config_lib.GhnConfig:
    """Returns the sizes of the hypernetwork for a number of classes."""
    names = (
      *("hidden_dim", "kernel_features", "max_channels", "max_kernel"),
      *("max_distance", "traits", "bits", "bounded_kernels"),
    )
    changes = {name: getattr(self, name) for name in names}
    if self.recipe == ANY and self.bits is None:
      changes["bits"] = True
    return dataclasses.replace(
      ghn_config_lib.CONFIGS[self.ghn],
      num_classes=num_classes,
      **{name: value for name, value in changes.items() if value is not None},
    )

  def source(
    self, image_shape: tuple[int, int, int], num_classes: int
  ) -> meta_batch.Source:
    """Returns where architectures come from, for a data set of images.

    Args:
      image_shape: height, width and channels.
      num_classes: number of logits.

    Raises:
      ValueError: --architectures names no stored architectures, or some for
        other images or classes.
    """
    if self.architectures is None:
      limits = {
        name: getattr(self, name)
        for name in ("max_macs", "max_params")
        if getattr(self, name) is not None
      }
      collection = splits.collection(self.space, image_shape, num_classes)
      return dataclasses.replace(collection, **limits)
    from ghn_tf.convnets250k import store  # TensorFlow, which flags do without

    stored = store.StoredCollection(self.architectures)
    first = stored.train(0)
    expected = (image_shape, num_classes)
    if (first.input_shape, first.num_classes) != expected:
      raise ValueError(
        f"The architectures in {self.architectures} take images of shape"
        f" {list(first.input_shape)} and give {first.num_classes} logits, but"
        f" {self.dataset!r} has {list(image_shape)} and {num_classes} classes."
      )
    return stored

  def learning_rate_at(self, step: int) -> float:
    """Returns the learning rate of a step, counted from 0."""
    if step < self.warmup_steps:
      return self.learning_rate * (step + 1) / self.warmup_steps
    factor = 1.0
    if self.schedule == "multistep":  # GHN-2: after epochs 200, 250 of 300
      done = step / self.steps
      factor = 0.1 ** ((done >= 2 / 3) + (done >= 5 / 6))
    elif self.schedule == "cosine":
      rest = (self.steps - step) / (self.steps - self.warmup_steps)
      factor = (1 - math.cos(math.pi * rest)) / 2
    return self.learning_rate * factor

  def decisive_fields(self) -> dict[str, Any]:
    """Returns the fields in which a resumed run must not differ."""
    fields = {
      field.name: getattr(self, field.name)
      for field in dataclasses.fields(self)
      if not field.metadata["may_change"]
    }
    if self.schedule == "constant":
      del fields["steps"]  # it may go on for longer
    return fields
