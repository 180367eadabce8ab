# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf import strict_json


class StrictJsonTest(parameterized.TestCase):
  @parameterized.parameters(
    "null",
    '[1, -2.5e3, true, "\\u00e4"]',
    '{"a": {"b": [{"a": 1}, {"a": 1}]}, "b": {}}',
  )
  def test_json_is_read(self, text):
    self.assertEqual(strict_json.loads(text), json.loads(text))
    self.assertEqual(strict_json.loads(text.encode()), json.loads(text))

  @parameterized.parameters("\ufeff[1]", b"\xef\xbb\xbf[1]")
  def test_a_byte_order_mark_is_ignored(self, text):
    self.assertEqual(strict_json.loads(text), [1])

  @parameterized.parameters(
    ("", "Expecting value"),
    ("\ufeff\ufeff[1]", "Unexpected UTF-8 BOM"),
    ("{", "Expecting property name"),
    (b"\xff", "codec can't decode"),
    ('{"a": 1, "a": 1}', "two fields have the name 'a'"),
    ('[{"b": {"a": 1, "": 2, "a": 3}}]', "two fields have the name 'a'"),
    ("[NaN]", "JSON has no number NaN"),
    ("-Infinity", "JSON has no number -Infinity"),
    ("[" * 100_000, "nested too deeply"),
    ('{"a":' * 100_000, "nested too deeply"),
    (
      '{"a": 1,\n "b": -' + "1" * 5000 + "}",
      r"^an integer has 5,000 digits, more than 640: line 2 column 7",
    ),
  )
  def test_anything_else_is_an_error(self, text, message):
    with self.assertRaisesRegex(ValueError, message):
      strict_json.loads(text)


if __name__ == "__main__":
  absltest.main()
