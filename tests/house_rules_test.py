# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What every file of the project keeps to."""

import ast

from absl.testing import absltest
from absl.testing import parameterized

from tests import reference_data
from tests import sources


class HouseRulesTest(parameterized.TestCase):
  @parameterized.parameters(*sources.modules(*sources.FOLDERS))
  def test_keras_is_tf_keras(self, module: str):
    source = sources.modules(*sources.FOLDERS)[module]
    for name in sources.imports(source):
      self.assertNotRegex(name, r"^(tensorflow\.)?keras(\.|$)")
    for node in ast.walk(ast.parse(source)):
      if isinstance(node, ast.Attribute) and node.attr == "keras":
        self.assertNotEqual(ast.unparse(node), "tf.keras")

  @parameterized.parameters(
    name for name in sources.modules("ghn_tf") if name != "ghn_tf"
  )
  def test_a_package_re_exports_nothing(self, module: str):
    path = reference_data.ROOT.joinpath(*module.split("."), "__init__.py")
    if path.exists():
      body = ast.parse(path.read_text()).body
      self.assertLen(body, 1, "Only a docstring, so that imports stay light.")

  @parameterized.parameters(*sources.modules(*sources.FOLDERS))
  def test_has_the_licence_header(self, module: str):
    source = sources.modules(*sources.FOLDERS)[module]
    self.assertStartsWith(
      source,
      "# Copyright 2026 The ghn_tf Authors.\n"
      "# SPDX-License-Identifier: Apache-2.0\n",
    )

  @parameterized.parameters(*sources.modules(*sources.FOLDERS))
  def test_is_at_most_400_lines(self, module: str):
    source = sources.modules(*sources.FOLDERS)[module]
    self.assertLessEqual(len(source.splitlines()), 400)

  @parameterized.parameters(*sources.modules("tests"))
  def test_a_mark_stands_below_what_makes_several_tests(self, module: str):
    # Above, pytest does not see it, and a large test is run by default.
    for node in ast.walk(ast.parse(sources.modules("tests")[module])):
      if isinstance(node, ast.FunctionDef):
        names = [*map(ast.unparse, node.decorator_list)]
        makers = [n.startswith("parameterized.") for n in names]
        marks = [n.startswith("pytest.mark.") for n in names]
        if any(makers) and any(marks):
          self.assertLess(makers.index(True), marks.index(True), node.name)


if __name__ == "__main__":
  absltest.main()
