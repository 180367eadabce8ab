# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.arch import names
from ghn_tf.arch import ops
from ghn_tf.arch import spec

_LONGEST = "a" * 255


class NamesTest(parameterized.TestCase):
  """keras_io_test compares the rule with that of Keras."""

  @parameterized.parameters("a", "1.a/B_c-d", _LONGEST)
  def test_may_be_a_name(self, name: str):
    names.check(name, ["image", name])

  @parameterized.parameters(
    *("", " ", "a b", "a\n", "é", "\ud800", "-a", _LONGEST + "a")
  )
  def test_may_not_be_a_name(self, name: str):
    for arguments in ((name, []), ("network", ["image", name])):
      with self.assertRaises(ValueError) as caught:
        names.check(*arguments)
      self.assertRegex(
        str(caught.exception), "named .*, but Keras .* 255 characters; rename"
      )
      self.assertIn(f"{name!r}"[:99], str(caught.exception))
      self.assertLess(len(str(caught.exception)), 1_000)

  def test_what_is_no_string_is_no_name_of_a_network(self):
    with self.assertRaisesRegex(ValueError, "is named None, but"):
      names.check(None, [])

  def test_many_long_names_make_no_long_message(self):
    with self.assertRaises(ValueError) as caught:
      names.check("network", ["a" * 10**6] * 10)
    self.assertLess(len(str(caught.exception)), 2_000)

  def test_nodes_have_names_of_their_own(self):
    with self.assertRaisesRegex(ValueError, r"several nodes named \['b'\]"):
      names.check("network", ["a", "b", "b"])

  def test_is_the_rule_of_architectures_however_they_are_made(self):
    builder = spec.Builder((8, 8, 3))
    builder.add(ops.Op.FLATTEN, builder.input)
    architecture = builder.build("flat")
    with self.assertRaisesRegex(ValueError, "An architecture is named 'a b'"):
      builder.build("a b")
    with self.assertRaisesRegex(ValueError, "An architecture is named 'a b'"):
      spec.Architecture("a b", (8, 8, 3), architecture.nodes)


if __name__ == "__main__":
  absltest.main()
