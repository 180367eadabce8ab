# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How the axes and lines of our pictures look."""

from matplotlib import axes as axes_lib

# Okabe and Ito's, without their yellow, which is too light for lines.
COLORS = (
  *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
  "#000000",
)


def tidy(panel: axes_lib.Axes) -> None:
  """Gives a panel a faint grid behind what is drawn, and no box."""
  panel.grid(color="#e4e4e4", lw=0.6)
  panel.set_axisbelow(True)
  panel.spines[["top", "right"]].set_visible(False)
