# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""GHN-QAT (arXiv 2309.13773) for TensorFlow.

A graph hypernetwork, trained with quantization in the loop, predicts in one
forward pass the parameters of convolutional networks that it never saw.

Vocabulary, the same in code, flags and documentation:
  network       any CNN, in whatever form; what follows are its forms
  architecture  what a network is: `arch.spec.Architecture`, no TensorFlow
  operation     what a node of it computes: `arch.ops.Op`
  primitive     what cells sum, one operation or several in a row (DARTS's word)
  graph         architectures encoded as one `tfgnn.GraphTensor`
  embedding     one vector per graph node
  params        predicted kernels, scales and biases, keyed by name
  child         an architecture with params
  recipe        how numbers are rounded: `quant.recipe.Recipe`
  target        a user's own network: a function's dotted path, or a file

Public names; others may change at any time, these as CHANGELOG.md says:
  arch.genotype.from_genotype
  arch.ops.Op
  arch.serialization.from_json
  arch.serialization.to_json
  arch.spec.Architecture
  arch.spec.Builder
  checking.Check
  child.keras_io.from_keras
  child.keras_io.to_keras
  child.keras_trained.load
  child.keras_trained.parts
  convnets250k.dataset.ConvNets250K
  convnets250k.store.Store
  data.load
  edge.tflite.convert
  edge.tflite.Interpreter
  evaluation.networks.evaluate_network
  evaluation.pipeline.Job
  finetuning.Config
  finetuning.finetune
  finetuning.Finetuned
  predictor.Child
  predictor.load
  predictor.Predictor
  quant.recipe.get
  quant.recipe.Recipe
  search.candidates.FromSpace
  search.candidates.FromStore
  search.candidates.Source
  search.output.write
  search.run.Result
  search.run.Search
  search.settings.Settings
  spaces.space.sample
  spaces.splits.collection
  targets.load
  training.config.TrainConfig
  training.run.run

Dimension letters: A architectures, N nodes (of all graphs), E edges, D hidden
units, B images, H W C image height, width and channels. Kernels are in Keras
order: [kh, kw, c_in, c_out], depthwise [kh, kw, c, 1], dense [c_in, c_out].
"""

import os

# TensorFlow reads these when it is imported. TFMOT and TF-GNN need Keras 2.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# By itself it leaves oneDNN out on processors without AVX-512 VNNI, where that
# is faster, too, and the only one to train a grouped convolution as a whole.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"
