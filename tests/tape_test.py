# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import tape


class TapeTest(parameterized.TestCase):
  @parameterized.parameters("edge", "tiny", "convnets")
  def test_the_same_numbers_give_the_same_network(self, name):
    space = space_lib.SPACES[name]
    drawn = tape.sample(space, np.random.default_rng(0), "n")
    self.assertEqual(
      tape.again(space, drawn.numbers, "other"), drawn.architecture
    )

  @parameterized.parameters("edge", "tiny", "convnets")
  def test_relatives_stay_in_the_space(self, name):
    space = dataclasses.replace(space_lib.SPACES[name], max_macs=60_000_000)
    rng = np.random.default_rng(1)
    drawn = tape.sample(space, rng, "n")
    for _ in range(8):
      before = drawn.architecture
      drawn = tape.relative(space, drawn.numbers, rng, "n")
      self.assertEmpty(space_lib.violations(space, drawn.architecture))
      self.assertNotEqual(drawn.architecture.fingerprint, before.fingerprint)
      self.assertEqual(
        tape.again(space, drawn.numbers, "n"), drawn.architecture
      )

  def test_a_relative_has_most_in_common_with_its_parent(self):
    space = space_lib.SPACES["edge"]
    rng = np.random.default_rng(2)
    near, far = [], []
    for _ in range(20):
      parent = tape.sample(space, rng, "n")
      child = tape.relative(space, parent.numbers, rng, "n")
      other = tape.sample(space, rng, "n")
      size = np.log(parent.architecture.macs)
      near.append(abs(np.log(child.architecture.macs) - size))
      far.append(abs(np.log(other.architecture.macs) - size))
    self.assertLess(np.mean(near), 0.7 * np.mean(far))

  def test_numbers_of_another_space(self):
    numbers = tape.sample(
      space_lib.SPACES["tiny"], np.random.default_rng(0), "n"
    ).numbers
    with self.assertRaisesRegex(ValueError, "'edge' draws nothing with the"):
      tape.again(space_lib.SPACES["edge"], numbers[:9], "n")


if __name__ == "__main__":
  absltest.main()
