# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What each part of the project may know; layering_test.py checks it."""

from typing import NamedTuple


class Layer(NamedTuple):
  """What a layer may know; a name stands for all that is below it.

  Attributes:
    own: what of this project it may reach, by its imports or theirs.
    third_party: what it may import.
    through: what else it may reach, by the imports of its imports alone.
  """

  own: tuple[str, ...] = ()
  third_party: tuple[str, ...] = ()
  through: tuple[str, ...] = ()


_TENSORFLOW = ("absl.logging", "numpy", "tensorflow", "tf_keras")
_TENSORBOARD = "tensorboard.plugins.hparams"
_TFMOT = "tensorflow_model_optimization"
# The floors of the house: what stands on one may know those below it, as far as
# the table says. ghn and child know nothing of each other.
_ARCH = ("ghn_tf.arch", "ghn_tf.strict_json")
# How .tflite files are laid out, for all that read them.
_FORMAT = ("ghn_tf.flatbuffer", "ghn_tf.tflite_schema")
_IMAGES = (
  *("ghn_tf.files", "ghn_tf.image_checks", "ghn_tf.image_files"),
  "ghn_tf.image_sets",
)
_IMAGES_WITH = (*_TENSORFLOW, "PIL", "tensorflow_datasets")
_GROUND = (
  *_ARCH,
  *_FORMAT,
  "ghn_tf.constants",
  "ghn_tf.data",
  "ghn_tf.files",
  "ghn_tf.image_batches",
  *_IMAGES,
  "ghn_tf.processors",
  "ghn_tf.signals",
)
_READING = (*_ARCH, *_FORMAT, "ghn_tf.files", "ghn_tf.reading")
_MIDDLE = (
  *_GROUND,
  *("ghn_tf.child", "ghn_tf.convnets250k", "ghn_tf.ghn", "ghn_tf.quant"),
  *("ghn_tf.reading", "ghn_tf.spaces"),
)
_TRAINED_WITH = (
  *("PIL", "google.protobuf", "psutil", _TENSORBOARD),
  *("tensorflow_datasets", "tensorflow_gnn", "tqdm"),
)
_PREDICTED_WITH = (*_TENSORFLOW, *_TRAINED_WITH, _TFMOT)
_STARTED_WITH = (
  *_PREDICTED_WITH,
  "absl",
  "ai_edge_litert",
  "apache_beam",
  "flatbuffers",
  "matplotlib",
  "plotly",
  "scipy",
)
_ALL = (
  *_MIDDLE,
  "ghn_tf.checking",
  "ghn_tf.edge",
  "ghn_tf.evaluation",
  "ghn_tf.export",
  "ghn_tf.finetuning",
  "ghn_tf.finetuning_callbacks",
  "ghn_tf.predictor",
  "ghn_tf.preparation",
  "ghn_tf.report",
  "ghn_tf.search",
  "ghn_tf.targets",
  "ghn_tf.training",
)

# What those reach that use a predictor.
_PREDICTING = (
  *_MIDDLE,
  *("ghn_tf.checking", "ghn_tf.edge", "ghn_tf.predictor"),
  *("ghn_tf.preparation", "ghn_tf.training"),
)
# What programs share.
_FLAGS = tuple(
  f"ghn_tf.programs.{name}" for name in ("child", "images", "outputs")
)

# What pages are made of.
_PAGE = (
  "ghn_tf.files",
  *("ghn_tf.report.json_files", "ghn_tf.report.page", "ghn_tf.report.pareto"),
  *("ghn_tf.report.parts", "ghn_tf.strict_json"),
)
# What was measured of networks, and which score ranks them best.
_RANKED = (
  *_ARCH,
  *("ghn_tf.evaluation.correlation", "ghn_tf.evaluation.network_report"),
  *("ghn_tf.evaluation.ranking", "ghn_tf.evaluation.settings"),
  *("ghn_tf.files", "ghn_tf.quant.recipe", "ghn_tf.report.json_files"),
  *("ghn_tf.report.markdown", "ghn_tf.spaces"),
)
_SHOWN_NETWORK = Layer(
  (*_ARCH, "ghn_tf.child", "ghn_tf.constants", "ghn_tf.ghn.graph")
  + ("ghn_tf.image_checks", "ghn_tf.quant", "ghn_tf.report"),
  ("numpy", "tensorflow"),
  (*_TENSORFLOW, "plotly", "tensorflow_gnn"),
)
_BEAM_PROGRAM = Layer(
  (*_ALL, *_FLAGS, "ghn_tf.programs.beam", "ghn_tf.programs.jobs")
  + ("ghn_tf.programs.program",),
  ("absl",),
  _STARTED_WITH,
)
_PIPELINE = Layer(_ALL, (*_TENSORFLOW, "apache_beam"), _PREDICTED_WITH)

# Keras models of children, and back.
_KERAS_MODELS = Layer(
  (*_READING, "ghn_tf.child", "ghn_tf.constants", "ghn_tf.image_checks")
  + ("ghn_tf.quant",),
  _TENSORFLOW,
  (_TFMOT,),
)

# A module belongs to the longest name here that it equals or is below of.
LAYERS = {
  # What is a network? Files, small tensors, images. What does a file cost?
  "ghn_tf.arch": Layer(_ARCH, ("numpy",)),
  "ghn_tf.constants": Layer((), ("tensorflow",)),
  "ghn_tf.data": Layer(_IMAGES, ("numpy",), _IMAGES_WITH),
  "ghn_tf.edge": Layer(
    (*_FORMAT, "ghn_tf.edge", "ghn_tf.files", "ghn_tf.image_checks")
    + ("ghn_tf.processors", "ghn_tf.quant.recipe"),
    (*_TENSORFLOW, "ai_edge_litert", "flatbuffers", "tflite_runtime"),
  ),
  "ghn_tf.files": Layer(),
  "ghn_tf.processors": Layer(),
  "ghn_tf.signals": Layer(),
  "ghn_tf.flatbuffer": Layer((), ("numpy",)),
  "ghn_tf.image_batches": Layer(
    ("ghn_tf.data", *_IMAGES), ("numpy",), _IMAGES_WITH
  ),
  "ghn_tf.image_checks": Layer((), ("numpy",)),
  "ghn_tf.image_files": Layer(("ghn_tf.files",), ("PIL", *_TENSORFLOW)),
  "ghn_tf.image_sets": Layer(
    ("ghn_tf.files", "ghn_tf.image_files"), _IMAGES_WITH
  ),
  "ghn_tf.strict_json": Layer(),
  "ghn_tf.tflite_schema": Layer(("ghn_tf.flatbuffer",), (), ("numpy",)),
  # Which network is a user's model?
  "ghn_tf.reading": Layer(_READING, (), ("numpy",)),
  # Which are drawn? How are numbers rounded, and parameters predicted?
  "ghn_tf.spaces": Layer((*_ARCH, "ghn_tf.spaces"), ("numpy",)),
  "ghn_tf.quant": Layer(("ghn_tf.constants", "ghn_tf.quant"), _TENSORFLOW),
  "ghn_tf.quant.recipe": Layer(),
  "ghn_tf.quant.tfmot": Layer(
    ("ghn_tf.constants", "ghn_tf.quant"), (*_TENSORFLOW, _TFMOT)
  ),
  "ghn_tf.ghn": Layer(
    (*_ARCH, "ghn_tf.constants", "ghn_tf.files", "ghn_tf.ghn"),
    (*_TENSORFLOW, "tensorflow_gnn"),
  ),
  "ghn_tf.ghn.checkpoint": Layer(
    ("ghn_tf.files", "ghn_tf.strict_json"), ("absl.logging", "numpy")
  ),
  "ghn_tf.ghn.config": Layer(),
  "ghn_tf.ghn.graph": Layer(_ARCH, ("numpy", "tensorflow_gnn")),
  # Running a network with given parameters. The stored set.
  "ghn_tf.child": Layer(
    (*_ARCH, "ghn_tf.child", "ghn_tf.constants", "ghn_tf.image_checks")
    + ("ghn_tf.quant",),
    _TENSORFLOW,
  ),
  "ghn_tf.child.keras_io": _KERAS_MODELS,
  "ghn_tf.child.keras_trained": _KERAS_MODELS,
  "ghn_tf.convnets250k": Layer(
    (*_ARCH, "ghn_tf.convnets250k", "ghn_tf.spaces"),
    (*_TENSORFLOW, "google.protobuf", "tensorflow_datasets"),
  ),
  "ghn_tf.convnets250k.records": Layer(_ARCH, (), ("numpy",)),
  # How does a hypernetwork learn?
  "ghn_tf.training": Layer(
    (*_MIDDLE, "ghn_tf.training"), _TENSORFLOW, _TRAINED_WITH
  ),
  "ghn_tf.training.benchmark": Layer(
    (*_MIDDLE, "ghn_tf.training"), _TENSORFLOW, (*_TRAINED_WITH, _TFMOT)
  ),
  "ghn_tf.training.errors": Layer(),
  "ghn_tf.training.metrics": Layer(
    ("ghn_tf.files", "ghn_tf.training.tensorboard", "ghn_tf.training.writing"),
    ("numpy", "psutil", "tqdm"),
    (*_TENSORFLOW, _TENSORBOARD),
  ),
  "ghn_tf.training.rendezvous": Layer(),
  "ghn_tf.training.tensorboard": Layer(
    ("ghn_tf.training.writing",), (*_TENSORFLOW, _TENSORBOARD)
  ),
  "ghn_tf.training.writing": Layer((), ("tensorflow",)),
  # What a user calls, and what is looked at.
  "ghn_tf.predictor": Layer(
    (*_MIDDLE, "ghn_tf.checking", "ghn_tf.edge", "ghn_tf.preparation")
    + ("ghn_tf.training",),
    _TENSORFLOW,
    _PREDICTED_WITH,
  ),
  "ghn_tf.preparation": Layer(_MIDDLE, _TENSORFLOW, _PREDICTED_WITH),
  "ghn_tf.export": Layer(_PREDICTING, (), _PREDICTED_WITH),
  "ghn_tf.finetuning": Layer(
    (*_PREDICTING, "ghn_tf.finetuning_callbacks"), _TENSORFLOW, _PREDICTED_WITH
  ),
  "ghn_tf.finetuning_callbacks": Layer(
    ("ghn_tf.files", "ghn_tf.training"), _TENSORFLOW, _PREDICTED_WITH
  ),
  "ghn_tf.checking": Layer((*_READING, "ghn_tf.spaces"), (), ("numpy",)),
  "ghn_tf.targets": Layer(_READING, (), ("numpy",)),
  "ghn_tf.report": Layer(
    (*_ARCH, "ghn_tf.files", "ghn_tf.report", "ghn_tf.training.metrics")
    + ("ghn_tf.training.tensorboard", "ghn_tf.training.writing"),
    ("matplotlib", "numpy"),
    (*_TENSORFLOW, *_TRAINED_WITH, "plotly"),
  ),
  "ghn_tf.report.edge_drawings": Layer(
    (*_FORMAT, "ghn_tf.edge"), (), ("numpy",)
  ),
  "ghn_tf.report.edge_section": Layer(
    (*_FORMAT, *_PAGE, "ghn_tf.edge", "ghn_tf.report.edge_drawings"),
    (),
    ("numpy", "plotly"),
  ),
  "ghn_tf.report.kernels": _SHOWN_NETWORK,
  "ghn_tf.report.network_graph": _SHOWN_NETWORK,
  "ghn_tf.report.network_section": _SHOWN_NETWORK,
  "ghn_tf.report.page": Layer((), ("plotly",)),
  "ghn_tf.report.search_section": Layer(_PAGE, (), ("plotly",)),
  "ghn_tf.report.table_section": Layer(_PAGE, (), ("plotly",)),
  # How good are they?
  "ghn_tf.evaluation": Layer(_ALL, (*_TENSORFLOW, "scipy"), _PREDICTED_WITH),
  "ghn_tf.evaluation.clock": Layer((), ("apache_beam",)),
  "ghn_tf.evaluation.correlation": Layer((), ("numpy", "scipy")),
  "ghn_tf.evaluation.network_report": Layer(_RANKED, (), ("numpy",)),
  "ghn_tf.evaluation.pipeline": _PIPELINE,
  "ghn_tf.evaluation.ranking": Layer(_RANKED, ("numpy",), ("scipy",)),
  "ghn_tf.search": Layer(
    _ALL, (*_TENSORFLOW, "apache_beam", "scipy"), _STARTED_WITH
  ),
  "ghn_tf.search.settings": Layer(("ghn_tf.quant.recipe",), ("absl",)),
  "ghn_tf.evaluation.work": _PIPELINE,
  "ghn_tf.evaluation.ranking_section": Layer(
    (*_RANKED, *_PAGE), (), ("numpy", "plotly", "scipy")
  ),
  # The programs.
  "ghn_tf.train": Layer(
    (*_MIDDLE, "ghn_tf.programs.program", "ghn_tf.training"),
    ("absl",),
    (*_TENSORFLOW, *_TRAINED_WITH),
  ),
  "ghn_tf.programs": Layer(
    (*_ALL, *_FLAGS, "ghn_tf.programs.program"), ("absl",), _STARTED_WITH
  ),
  "ghn_tf.programs.program": Layer((), ("absl",)),
  "ghn_tf.programs.beam": Layer(
    ("ghn_tf.processors", "ghn_tf.programs.program"), ("absl", "apache_beam")
  ),
  "ghn_tf.programs.evaluate": _BEAM_PROGRAM,
  "ghn_tf.programs.jobs": _BEAM_PROGRAM,
  "ghn_tf.programs.search": _BEAM_PROGRAM,
  "ghn_tf.programs.make_architectures": Layer(
    (*_ALL, "ghn_tf.programs.beam", "ghn_tf.programs.program"),
    ("absl", "tensorflow_datasets"),
    _STARTED_WITH,
  ),
  "ghn_tf.programs.import_ghn2": Layer(
    (*_ARCH, "ghn_tf.constants", "ghn_tf.files", "ghn_tf.ghn")
    + ("ghn_tf.programs.program",),
    ("absl", "numpy", "torch"),
    (*_TENSORFLOW, "tensorflow_gnn"),
  ),
  "tools": Layer(("ghn_tf.programs",), (), (*_ALL, *_STARTED_WITH, "torch")),
  "models": Layer((), ("tf_keras",)),
}
