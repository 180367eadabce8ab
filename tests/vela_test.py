# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import importlib.util
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge import isolated
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import vela
from tests import int8_files

_ACCELERATORS = {a.target: a for a in vela.ACCELERATORS}


def _report(content: bytes, target: str) -> report_lib.EdgeReport:
  return vela.report(content, model_file.read(content), _ACCELERATORS[target])


def compile_only(target: str, arrays: isolated.Arrays):
  """Compiles a file that nothing has looked at before."""
  vela.report(
    arrays["content"].tobytes(),
    model_file.read(int8_files.network()),
    _ACCELERATORS[target],
  )
  return None, {}


def _figures(report: report_lib.EdgeReport) -> dict[str, Any]:
  return {figure.name: figure.value for figure in report.figures}


@absltest.skipUnless(
  importlib.util.find_spec("ethosu"), "Vela is not installed."
)
class VelaTest(parameterized.TestCase):
  @parameterized.parameters("ethos_u55_128", "ethos_u65_256", "ethos_u85_256")
  def test_a_file_of_ours_runs_on_the_npu(self, target):
    report = _report(int8_files.network(), target)
    figures = _figures(report)
    self.assertEqual(report.target, target)
    self.assertEqual(report.source, "estimated")
    self.assertIn("5.2.0", report.tool)
    self.assertEqual({o.placement for o in report.operators}, {"npu"})
    self.assertEqual(figures["cpu_operators"], 0)
    # Kernels of 4 x 27, 4 x 9 and 20 codes; Vela pads what it encodes.
    self.assertGreaterEqual(figures["encoded_weight_bytes"], 4 * 27 + 36 + 20)
    # Cycles are those of the clock, and of the operators together.
    self.assertAlmostEqual(
      report.latency_ms,
      figures["cycles"] / figures["clock_mhz"] / 1e3,
      places=6,
    )
    cycles = [operator.cycles or 0 for operator in report.operators]
    self.assertEqual(sum(cycles), figures["cycles"])
    self.assertGreater(min(cycles), 0)

  def test_an_operator_on_the_cpu_has_a_reason(self):
    b = int8_files.Builder()
    image = b.tensor([1, 8, 8, 4])
    relu = b.operator("RELU6", [image], b.tensor([1, 8, 8, 4]))
    ceil = b.operator("CEIL", [relu], b.tensor([1, 8, 8, 4]))
    last = b.operator("RELU6", [ceil], b.tensor([1, 8, 8, 4]))
    report = _report(b.build([image], [last]), "ethos_u55_128")
    self.assertEqual(
      [(o.placement, o.reason) for o in report.operators],
      [("npu", ""), ("cpu", "Unsupported opType"), ("npu", "")],
    )
    self.assertIsNone(report.latency_ms)
    self.assertGreater(_figures(report)["npu_latency_ms"], 0)

  def test_damage_is_an_error_even_where_vela_crashes(self):
    content = int8_files.network()[:300]
    with isolated.Worker() as worker:
      with self.assertRaises(ValueError):
        worker.call(
          "tests.vela_test:compile_only",
          "ethos_u55_128",
          {"content": np.frombuffer(content, np.uint8)},
        )


if __name__ == "__main__":
  absltest.main()
