# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest

from tests import api_page
from tests import reference_data


class ApiPageTest(absltest.TestCase):
  def test_the_page_is_that_of_the_docstrings(self):
    self.assertEqual(
      (reference_data.ROOT / "docs" / "api.md").read_text(),
      api_page.page(),
      "Write it anew: python -m tests.api_page > docs/api.md",
    )

  def test_tells_arguments_and_errors_of_what_a_user_calls_first(self):
    page = api_page.page()
    self.assertIn("### load\n\n```\nload(source: ", page)
    self.assertIn("#### Predictor.predict\n", page)
    self.assertIn("- `CheckpointError`: there is none", page)


if __name__ == "__main__":
  absltest.main()
