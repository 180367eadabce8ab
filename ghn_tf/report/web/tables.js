// Copyright 2026 The ghn_tf Authors. SPDX-License-Identifier: Apache-2.0
// Sorts tables by the header that is pressed, and filters those of many rows.
"use strict";
(() => {
  const many = 8;

  // Numbers by value, text as people sort it; what is absent has no order.
  function valueOf(cell) {
    const text = cell.textContent;
    if (text === "-") return null;
    if (!cell.classList.contains("number")) return text;
    const number = parseFloat(text.replaceAll(",", ""));
    return Number.isNaN(number) ? text : number;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  }

  function sort(table, header) {
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentElement.children) {
      other.removeAttribute("aria-sort");
    }
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].map((row) => ({
      row,
      value: valueOf(row.cells[header.cellIndex]),
    }));
    rows.sort(({ value: a }, { value: b }) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return descending ? compare(b, a) : compare(a, b);
    });
    table.tBodies[0].append(...rows.map(({ row }) => row));
  }

  function addFilter(table) {
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "filter rows";
    input.setAttribute("aria-label", input.placeholder);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
    table.parentElement.before(input);
  }

  for (const table of document.querySelectorAll("table")) {
    for (const header of table.tHead.rows[0].cells) {
      header.firstChild.addEventListener("click", () => sort(table, header));
    }
    if (table.tBodies[0].rows.length > many) addFilter(table);
  }
})();
