# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The notebooks of docs/notebooks are run from their first cell to the last."""

import os
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import nbclient
import nbformat
import pytest

from tests import reference_data

_FOLDER = reference_data.ROOT / "docs" / "notebooks"
# Of a cell; one takes half a minute on an idle machine.
_SECONDS = 900


def _is_log(output: nbformat.NotebookNode) -> bool:
  """Whether an output is what TensorFlow tells of itself."""
  text = output.get("text", "")
  return output.get("name") == "stderr" or text.startswith("WARNING:tensorflow")


class NotebooksTest(parameterized.TestCase):
  def test_there_are_some(self):
    self.assertNotEmpty([*_FOLDER.glob("*.ipynb")])

  @parameterized.parameters(sorted(p.name for p in _FOLDER.glob("*.ipynb")))
  @pytest.mark.large
  def test_runs_and_shows_what_it_says(self, name: str):
    notebook = nbformat.read(_FOLDER / name, as_version=4)
    saved = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kinds = [[output.output_type for output in cell.outputs] for cell in saved]
    paths = (
      f"{reference_data.ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    )
    client = nbclient.NotebookClient(
      notebook,
      timeout=_SECONDS,
      resources={"metadata": {"path": self.create_tempdir().full_path}},
    )
    # Where the commands are that the package brings.
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    with mock.patch.dict(os.environ, PYTHONPATH=paths, PATH=path):
      client.execute()
    for cell, before in zip(saved, kinds, strict=True):
      now = [o.output_type for o in cell.outputs if not _is_log(o)]
      self.assertEqual(set(before), set(now), cell.source)


if __name__ == "__main__":
  absltest.main()
