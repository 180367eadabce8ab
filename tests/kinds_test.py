# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
import tf_keras as keras

from ghn_tf.reading import kinds
from tests import reference_data


class KindsTest(absltest.TestCase):
  def test_the_table_in_the_documents_is_that_of_the_code(self):
    text = (reference_data.ROOT / "docs" / "models.md").read_text()
    self.assertEndsWith(
      text,
      f"\n\n{kinds.table()}",
      "End docs/models.md in what this prints:"
      " python -c 'from ghn_tf.reading import kinds; print(kinds.table())'",
    )

  def test_what_is_refused_has_a_remedy(self):
    for name, kind in kinds.KINDS.items():
      is_refused = kind.treatment is kinds.Treatment.REFUSED
      self.assertEqual(bool(kind.remedy), is_refused, name)
      self.assertEqual(kind.read is None, is_refused, name)

  def test_every_layer_of_keras_is_in_it(self):
    layers = [
      name
      for name, value in vars(keras.layers).items()
      if isinstance(value, type)
      and issubclass(value, keras.layers.Layer)
      and value.__name__ == name  # others are their second names
    ]
    # Bases of layers, and what contains one.
    bases = {"Layer", "AbstractRNNCell", "Wrapper", "RNN", "DenseFeatures"}
    self.assertEmpty({*layers} - {*kinds.KINDS} - bases)


if __name__ == "__main__":
  absltest.main()
