# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""ConvNets-250K: a TensorFlow Datasets builder of architectures.

  from ghn_tf.convnets250k import dataset  # registers the data set
  ds = tfds.load("convnets250k/edge", split="train", data_dir=...)

An example is one record (`records`) and nothing else: with two features,
the bytes of a `tf.train.Example` would differ from process to process. Examples
stand in the order of their indices, not shuffled, so that a shard and
a place in it tell an index. They are made by an Apache Beam pipeline, in which
every worker draws ranges of indices by itself; the bytes do not depend on the
workers.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils.lazy_imports_utils import (
  apache_beam as beam,
)

from ghn_tf.convnets250k import records
from ghn_tf.spaces import splits

# Indices that a worker draws at a time: some tenths of a second.
_RANGE = 500

_CHECKSUMS = pathlib.Path(__file__).parent / "checksums.json"

_DESCRIPTION = """\
Architectures of convolutional networks, to train and evaluate graph
hypernetworks on: no weights and no images.
"""
_CITATION = """\
@inproceedings{knyazev2021parameter,
  title={Parameter Prediction for Unseen Deep Architectures},
  author={Knyazev, Boris and Drozdzal, Michal and Taylor, Graham W. and
          Romero-Soriano, Adriana},
  booktitle={Advances in Neural Information Processing Systems},
  year={2021}
}
@article{yun2023ghnqat,
  title={{GHN-QAT}: Training Graph Hypernetworks to Predict
         Quantization-Robust Parameters of Unseen Limited Precision Neural
         Networks},
  author={Yun, Stone and Wong, Alexander},
  journal={arXiv preprint arXiv:2309.13773},
  year={2023}
}
"""


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
  """A collection of splits.

  Attributes:
    collection: what is stored.
  """

  collection: splits.Collection | None = dataclasses.field(
    default=None, repr=False
  )


def checksums(config_name: str) -> Mapping[str, str]:
  """Returns `records.checksum` of each split as published, or nothing."""
  content = json.loads(_CHECKSUMS.read_text(encoding="utf-8"))
  return content.get(f"{config_name}/{ConvNets250K.VERSION}", {})


def _examples(
  collection: splits.Collection, split: str, start: int
) -> Iterator[tuple[int, dict[str, Any]]]:
  stop = min(start + _RANGE, collection.sizes[split])
  drawn = collection.architectures(split, start, stop)
  for index, architecture in enumerate(drawn, start):
    yield index, {"architecture": records.encode(architecture, index)}


class ConvNets250K(tfds.core.GeneratorBasedBuilder):
  """Builds ConvNets-250K."""

  name = "convnets250k"
  VERSION = tfds.core.Version("1.1.0")
  RELEASE_NOTES: Mapping[str, str] = {
    "1.0.0": "First version.",
    "1.1.0": "Every seventh network of train, and all of the new split gated,"
    " have squeeze-and-excitation or other activations than ReLU.",
  }
  BUILDER_CONFIGS = [
    Config(name=name, collection=splits.collection(name), description=text)
    for name, text in (
      ("edge", "Networks for microcontrollers, 1 to 30 million MACs."),
      ("convnets", "The convolutional part of DeepNets-1M."),
    )
  ]

  def _info(self) -> tfds.core.DatasetInfo:
    return self.dataset_info_from_configs(
      description=_DESCRIPTION,
      citation=_CITATION,
      features=tfds.features.FeaturesDict(
        {
          "architecture": tfds.features.Tensor(shape=(), dtype=np.object_),
        }
      ),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
    del dl_manager  # nothing is downloaded
    return {
      split: self._generate_examples(split)
      for split, size in self.builder_config.collection.sizes.items()
      if size
    }

  def _generate_examples(self, split: str) -> Any:
    collection = self.builder_config.collection
    return (
      f"Ranges of {split}"
      >> beam.Create(range(0, collection.sizes[split], _RANGE))
      | f"Spread {split}" >> beam.Reshuffle()
      | f"Draw {split}"
      >> beam.FlatMap(lambda start: _examples(collection, split, start))
    )
