// Copyright 2026 The ghn_tf Authors. SPDX-License-Identifier: Apache-2.0
// Draws what <div class="plot"> has its data behind, in the colours of the page.
"use strict";
(() => {
  const axis = {
    automargin: true,
    gridcolor: "var(--line)",
    linecolor: "var(--grey)",
    zerolinecolor: "var(--line)",
    tickcolor: "var(--grey)",
    title: { standoff: 10 },
  };
  const layoutOfAll = {
    autosize: true,
    font: { family: "system-ui, sans-serif", size: 12, color: "var(--ink)" },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 12, r: 12, t: 12, b: 12 },
    hoverlabel: {
      align: "left",
      bgcolor: "var(--paper)",
      bordercolor: "var(--grey)",
      font: { color: "var(--ink)", size: 13 },
      namelength: -1,
    },
    hovermode: "closest",
    // With a finger the page is scrolled, also over a chart.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    xaxis: axis,
    yaxis: axis,
  };
  // A drag zooms in and a double click out again; a bar of buttons would lie
  // over the lines.
  const config = { displayModeBar: false };

  // Colours by the names of variables, as the scheme has them now.
  function colored(value, key = "") {
    if (Array.isArray(value)) return value.map((own) => colored(own, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([name, own]) => [name, colored(own, name)]),
      );
    }
    const match =
      /color$/.test(key) && /^var\((--[a-z]+)\)$/.exec(String(value));
    if (!match) return value;
    const style = getComputedStyle(document.documentElement);
    return style.getPropertyValue(match[1]).trim();
  }

  function draw(plot) {
    const { data, layout } = JSON.parse(plot.nextElementSibling.textContent);
    const template = { layout: layoutOfAll };
    const whole = colored({ ...layout, template });
    return Plotly.react(plot, colored(data), whole, config);
  }

  // A chart is drawn as soon as it has a width, which hidden ones have not, and
  // fitted whenever that changes.
  const observer = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      if (!contentRect.width) continue;
      if (target.classList.contains("js-plotly-plot")) {
        Plotly.Plots.resize(target);
      } else {
        draw(target);
      }
    }
  });
  document.querySelectorAll(".plot").forEach((plot) => observer.observe(plot));
  // A choice shows others at once, without waiting for the browser to notice.
  document.addEventListener("change", () => {
    for (const plot of document.querySelectorAll(".plot:not(.js-plotly-plot)")) {
      if (plot.offsetWidth) draw(plot);
    }
  });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", () =>
    document.querySelectorAll(".js-plotly-plot").forEach(draw),
  );
})();
