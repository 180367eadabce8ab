# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the weights of a public GHN-2 as a checkpoint of ours."""

import io
import pathlib
import subprocess
import zipfile

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import ghn2_weights
from ghn_tf.ghn import model
from tests import programs

# A stand-in for PyTorch, which reads an .npz as the file of a training run.
_TORCH = """
import numpy
class Tensor:
  def __init__(self, array): self.array = array
  def numpy(self): return self.array
def load(path, *, map_location, weights_only):
  assert map_location == "cpu" and weights_only is True
  state = {name: Tensor(a) for name, a in numpy.load(path).items()}
  return {"state_dict": state, "config": {"hid": 32}, "epoch": 299}
"""
_NO_TORCH = "raise ImportError('No module named torch')"
_RUN = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
sys.argv[0] = "tools/import_ghn2.py"
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _state(num_classes: int = 10, max_kernel: int = 11):
  """Returns arrays of a GHN-2; each element of one of them is another one."""
  shapes = ghn2_weights.shapes(
    ghn_config.GhnConfig(num_classes=num_classes, max_kernel=max_kernel)
  )
  return {
    name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    for name, shape in shapes.items()
  }


class ConvertTest(parameterized.TestCase):
  @parameterized.parameters((10, 11), (1000, 16))
  def test_gives_all_arrays_of_a_ghn(self, num_classes: int, max_kernel: int):
    config, arrays = ghn2_weights.convert(_state(num_classes, max_kernel))
    self.assertEqual(config.num_classes, num_classes)
    self.assertEqual(config.max_kernel, max_kernel)
    ghn = model.GHN(config)
    ghn.set_arrays(arrays)
    for name, array in ghn.get_arrays().items():
      np.testing.assert_array_equal(array, arrays[name])

  def test_elements_are_where_pytorch_reads_them(self):
    state = _state()
    _, arrays = ghn2_weights.convert(state)
    # Output 1000 of decoder.fc is seen as [128, 11, 11]: 1000 is 8 * 121 + 32,
    # and 32 is 2 * 11 + 10.
    self.assertEqual(
      arrays["decoder/kernel/taps_kernel"][5, 2, 10, 8],
      state["decoder.fc.0.weight"][1000, 5],
    )
    self.assertEqual(
      arrays["decoder/kernel/taps_bias"][2, 10, 8],
      state["decoder.fc.0.bias"][1000],
    )
    # Output 200 of decoder.conv.2 is seen as [64 out, 64 in]: 3 * 64 + 8.
    self.assertEqual(
      arrays["decoder/kernel/output_kernel"][7, 8, 3],
      state["decoder.conv.2.weight"][200, 7, 0, 0],
    )
    self.assertEqual(
      arrays["decoder/kernel/output_bias"][8, 3],
      state["decoder.conv.2.bias"][200],
    )
    # Output 70 of decoder_1d is seen as [2, 64]: an offset's element 6.
    self.assertEqual(
      arrays["decoder/vector/output_kernel"][9, 1, 6],
      state["decoder_1d.fc.2.weight"][70, 9],
    )
    self.assertEqual(
      arrays["encoder/message/hidden_kernel"][4, 1, 2],
      state["gnn.mlp_ve.fc.0.weight"][2, 4],
    )
    self.assertEqual(
      arrays["encoder/gru/recurrent_kernel"][3, 70],
      state["gnn.gru.weight_hh"][70, 3],
    )

  def test_names_and_shapes_that_do_not_fit_are_all_named(self):
    state = _state()
    state["ln.gain"] = state.pop("ln.weight")
    state["embed.weight"] = state["embed.weight"][:-1]
    with self.assertRaisesRegex(
      ValueError,
      r"embed.weight has shape \[14, 32\] instead of \[15, 32\];"
      " ln.gain is unknown; ln.weight is missing",
    ):
      ghn2_weights.convert(state)

  def test_other_weights_are_an_error(self):
    with self.assertRaisesRegex(ValueError, "not the weights of a GHN-2"):
      ghn2_weights.convert({"conv1.weight": np.zeros((3, 3))})


class ProgramTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.output = self.folder / "ghn2.npz"

  def _run(
    self, source: pathlib.Path, torch: str = _NO_TORCH
  ) -> subprocess.CompletedProcess[str]:
    (self.folder / "torch.py").write_text(torch)
    return programs.run_python(
      *("-c", _RUN, str(self.folder)),
      *(f"--input={source}", f"--output={self.output}"),
    )

  def _assert_imported(self, state):
    _, expected = ghn2_weights.convert(state)
    arrays, metadata = checkpoint.load(self.output)
    ghn = model.from_arrays(self.output, arrays, metadata)
    for name, array in ghn.get_arrays().items():
      np.testing.assert_array_equal(array, expected[name])
    self.assertEqual(metadata["training"]["dataset"], "cifar10")
    self.assertEqual(metadata["images"]["shape"], [32, 32, 3])

  def test_imports_an_npz_with_other_arrays_beside_the_state(self):
    state = _state()
    source = self.folder / "reference.npz"
    np.savez(
      source,
      embedding=np.zeros((88, 32)),
      **{f"state/{name}": array for name, array in state.items()},
    )
    result = self._run(source)
    self.assertEqual(result.returncode, 0, result.stderr)
    self._assert_imported(state)

  def test_imports_what_pytorch_reads(self):
    source = self.folder / "ghn2.pt"
    with source.open("wb") as file:
      np.savez(file, **_state())
    result = self._run(source, _TORCH)
    self.assertEqual(result.returncode, 0, result.stderr)
    self._assert_imported(_state())

  def test_without_pytorch_says_how_to_get_it(self):
    source = self.folder / "ghn2.pt"
    source.touch()
    result = self._run(source)
    self.assertEqual(result.returncode, 1)
    self.assertIn("pip install torch", result.stderr)
    self.assertFalse(self.output.exists())

  def test_a_file_that_is_not_there_needs_no_pytorch(self):
    result = self._run(self.folder / "no_such.pt")
    self.assertEqual(result.returncode, 1)
    self.assertIn("no_such.pt' (--input)", result.stderr)

  def test_output_that_cannot_be_written_is_told_before_all_else(self):
    self.output = self.folder / "torch.py" / "ghn2.npz"
    result = self._run(self.folder / "no_such.npz")
    self.assertEqual(result.returncode, 1)
    self.assertIn("Cannot write ", result.stderr)
    self.assertIn(str(self.output), result.stderr)

  def test_the_input_is_never_replaced(self):
    np.savez(self.output, **_state())
    before = self.output.read_bytes()
    result = self._run(self.output)
    self.assertEqual(result.returncode, 1)
    self.assertIn("is the --input itself", result.stderr)
    self.assertEqual(self.output.read_bytes(), before)

  def test_what_is_no_npz_is_an_error_that_names_it(self):
    source = self.folder / "state.npz"
    whole = io.BytesIO()
    np.savez_compressed(whole, a=np.arange(999))
    content = bytearray(whole.getvalue())
    content[60:64] = b"\xff\xff\xff\xff"
    single, objects = io.BytesIO(), io.BytesIO()
    np.save(single, np.zeros(3))
    np.savez(objects, a=np.array([{}]))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
      archive.writestr("data.pkl", "no array")
    files = [single, objects, other]
    for text in (b"", bytes(content), *(file.getvalue() for file in files)):
      source.write_bytes(text)
      result = self._run(source)
      self.assertEqual(result.returncode, 1)
      self.assertIn("/state.npz is damaged or of another kind", result.stderr)
      self.assertNotIn("Traceback", result.stderr)

  def test_wrong_weights_end_in_a_message_and_write_nothing(self):
    source = self.folder / "state.npz"
    state = _state()
    del state["gnn.gru.bias_hh"]
    np.savez(source, **state)
    result = self._run(source)
    self.assertEqual(result.returncode, 1)
    self.assertIn("gnn.gru.bias_hh is missing", result.stderr)
    self.assertNotIn("Traceback", result.stderr)
    self.assertFalse(self.output.exists())


if __name__ == "__main__":
  absltest.main()
