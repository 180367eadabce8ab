// Copyright 2026 The ghn_tf Authors. SPDX-License-Identifier: Apache-2.0
// Shows the parts that were chosen, and hides the others.
"use strict";
for (const select of document.querySelectorAll(".choice > label > select")) {
  const blocks = select.parentElement.parentElement.querySelectorAll(
    ":scope > .parts",
  );
  const show = () =>
    blocks.forEach((block, index) => {
      block.hidden = index !== select.selectedIndex;
    });
  select.addEventListener("change", show);
  show(); // what was chosen before the page was loaded again
}
