# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Candidates that are emulated first, to estimate what the others cost."""

from collections.abc import Callable, Mapping
import math

from absl import logging

from ghn_tf.evaluation import work
from ghn_tf.search import candidates
from ghn_tf.search import costs as costs_lib
from ghn_tf.search import settings as settings_lib
from ghn_tf.spaces import tape

# Emulates candidates, each with its numbers; see `scoring.Emulate`.
Emulate = Callable[
  [Mapping[str, tuple[int, candidates.Numbers]]], list[work.Record]
]

# Probes are made until nine in ten estimates are off by at most this share, or
# there are so many times those that were asked for.
_MOST_ERROR = 0.3
_MOST_PROBES = 4


def model(
  settings: settings_lib.Settings,
  source: candidates.Source,
  emulate: Emulate,
) -> costs_lib.Model:
  """Returns how costs follow from architectures, as some candidates tell it.

  Says how well they do, and warns if that is badly.

  Args:
    settings: of the search.
    source: of the candidates.
    emulate: does so with some of them.

  Raises:
    ValueError: too few can be emulated.
  """
  if not settings.estimated:
    return costs_lib.Model({})
  most = min(_MOST_PROBES * settings.num_probes, settings.num_candidates)
  number = min(settings.num_probes, most)
  found = _fitted(number, settings, source, emulate)
  while number < most and max(found.errors.values()) > _MOST_ERROR:
    number = min(2 * number, most)
    logging.info("%s There will be %d.", told(found), number)
    found = _fitted(number, settings, source, emulate)
  logging.info("%s", told(found))
  for name, error in found.errors.items():
    if error > _MOST_ERROR:
      harm = "candidates beyond its limit are scored in vain"
      if name not in settings.limits:
        harm = "candidates are taken for cheaper or dearer than they are"
      logging.warning(
        "The estimate of %s may be off by %.0f %%: %s; give more --num_probes"
        " than %d.",
        *(name, 100 * error, harm, settings.num_probes),
      )
  return found


def told(found: costs_lib.Model) -> str:
  """Returns how well costs are estimated, in a sentence."""
  errors = ", ".join(
    f"{name} {100 * error:.2g} %" for name, error in found.errors.items()
  )
  return (
    f"Costs are estimated from {found.num_networks} probes; of these, told from"
    f" the others, nine in ten are off by at most: {errors}."
  )


def _fitted(
  number: int,
  settings: settings_lib.Settings,
  source: candidates.Source,
  emulate: Emulate,
) -> costs_lib.Model:
  """Returns how costs follow from architectures by so many probes."""
  limit = settings.limits.get(settings_lib.MACS, math.inf)
  drawn: dict[int, tape.Drawn] = {}
  for index in range(settings.num_candidates):
    if len(drawn) == number:
      break
    try:
      found = source.draw(index)
    except ValueError:  # which is told of when candidates are drawn
      continue
    if found.architecture.macs <= limit:
      drawn[index] = found
  records = emulate({str(i): (i, own.numbers) for i, own in drawn.items()})
  networks, costs, errors = [], [], []
  for found, record in zip(drawn.values(), records, strict=True):
    if "error" in record:
      errors.append(record["error"])
      continue
    networks.append(found.architecture)
    names = settings.estimated
    costs.append({name: record["costs"][name] for name in names})
  try:
    return costs_lib.fit(networks, costs)
  except ValueError as error:
    raise ValueError(" ".join([str(error), *errors[:3]])) from error
