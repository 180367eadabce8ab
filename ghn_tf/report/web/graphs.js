// Copyright 2026 The ghn_tf Authors. SPDX-License-Identifier: Apache-2.0
// Draws virtual edges: all up to a distance or, of the node under the pointer,
// its own.
"use strict";
for (const drawing of document.querySelectorAll(".graph")) {
  const figure = drawing.closest("figure");
  const { edges, ends, longest, margin, ...most } = JSON.parse(
    drawing.nextElementSibling.textContent,
  );
  const widest = Math.max(...ends.map(([x]) => x));
  let reach = most.reach;
  const virtual = drawing.querySelector(".virtual");
  const told = figure.querySelector(".told");
  const slider = figure.querySelector("input");
  const nodes = [...drawing.querySelectorAll(".node")];
  let chosen = null;

  // On a narrow page virtual edges reach less far, so that all is seen. A curve
  // comes three quarters of the way to the points that bend it.
  function fit() {
    const room = (drawing.clientWidth - widest - margin) / 0.75;
    reach = Math.max(most.reach / 8, Math.min(most.reach, room));
    const svg = drawing.querySelector("svg");
    svg.setAttribute("width", Math.ceil(widest + margin + 0.75 * reach));
    draw();
  }

  // An arc that goes out to the right, the further the greater the distance.
  function arc([source, target, distance]) {
    const [[x0, y0], [x1, y1]] = [ends[source], ends[target]];
    const x = Math.max(x0, x1) + reach * Math.sqrt(distance / longest);
    return `M${x0} ${y0}C${x} ${y0} ${x} ${y1} ${x1} ${y1}`;
  }

  // One path for all edges of a distance and kind.
  function add(kind, distance, own) {
    const name = "http://www.w3.org/2000/svg";
    const path = document.createElementNS(name, "path");
    path.setAttribute("class", kind);
    path.setAttribute("d", own.map(arc).join(""));
    path.style.opacity = Math.max(0.12, 0.9 / distance);
    virtual.append(path);
  }

  function draw() {
    const limit = Number(slider.value);
    figure.querySelector("output").textContent = limit;
    const shown = edges.filter(
      ([source, target, distance]) =>
        distance <= limit &&
        (chosen === null ? distance > 1 : [source, target].includes(chosen)),
    );
    const groups = new Map();
    for (const edge of shown) {
      const kind =
        chosen === null ? "any" : edge[1] === chosen ? "into" : "out";
      const key = `${kind} ${edge[2]}`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(edge);
    }
    virtual.replaceChildren();
    for (const [key, own] of groups) {
      const [kind, distance] = key.split(" ");
      add(kind, Number(distance), own);
    }
    nodes.forEach((node, index) =>
      node.classList.toggle("chosen", index === chosen),
    );
    if (chosen === null) {
      told.textContent = `${shown.length.toLocaleString("en")} virtual edges`;
    } else {
      const into = shown.filter((edge) => edge[1] === chosen).length;
      const title = nodes[chosen].querySelector("title").textContent;
      told.textContent = `${title}; ${into} edges into it, ${shown.length - into} out of it`;
    }
  }

  nodes.forEach((node, index) => {
    const choose = () => {
      chosen = index;
      draw();
    };
    const leave = () => {
      chosen = null;
      draw();
    };
    node.addEventListener("pointerenter", choose);
    node.addEventListener("pointerleave", leave);
    node.addEventListener("focus", choose);
    node.addEventListener("blur", leave);
  });
  slider.addEventListener("input", draw);
  new ResizeObserver(fit).observe(drawing);
  fit();
}
