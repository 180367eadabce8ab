# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Steps of the image's channels, taken one by one and put together again."""

from ghn_tf.reading import assembly
from ghn_tf.reading import records
from ghn_tf.reading import steps

# By place.
_CHANNELS = tuple(f"channel {place} of the image" for place in range(4))


def channel(layer: str, place: int) -> steps.Step:
  """Returns one channel of the image, of which `stacked` reads all."""

  def pick(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    del a
    value = steps.only(values)
    number = value.shape[-1]
    if not value.is_image or number is None or number > len(_CHANNELS):
      raise records.ReadingError(
        "it takes a part of what it reads, one channel",
        "use a 1x1 Conv2D for fewer channels",
      )
    what = _CHANNELS[place % number]
    return value._replace(pending=assembly.Pending(layer, what))

  return steps.Step(pick)


def stacked(layer: str) -> steps.Step:
  """Returns the image of its channels, in any order."""

  def place(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    read = sorted(v.pending.what if v.pending else "" for v in values)
    if read != [*_CHANNELS[: values[0].shape[-1]]]:
      raise records.ReadingError(
        "it stacks others than the channels of the image, each once",
        "use Concatenate",
      )
    return steps.absorbed(layer).place(a, [values[0]._replace(pending=None)])

  return steps.Step(place, _CHANNELS)
