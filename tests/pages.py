# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pages taken apart, and pages in a browser."""

import html
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
from typing import Any

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
_VOID = {"br", "img", "input", "meta"}
# Runs before all else on the page.
_WATCH = """<script>
var problems = [];
addEventListener("error", (event) => problems.push(event.message));
addEventListener("unhandledrejection", (event) =>
  problems.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) =>
  problems.push("fetches " + event.blockedURI));
</script>"""
# Runs after it. Charts are drawn when the browser has found their widths.
_ASK = """<script>
const paint = () => new Promise((done) => setTimeout(done, 300));
addEventListener("load", async () => {
  await paint();
  let answer = null;
  try { answer = await (async () => { %s })(); }
  catch (error) { problems.push(String(error)); }
  parent.postMessage(JSON.stringify({ answer, problems }), "*");
});
</script>"""
_OUTER = """<!DOCTYPE html><meta charset="utf-8"><pre id="answer"></pre>
<script>
addEventListener("message", (event) => {
  document.getElementById("answer").textContent = event.data;
});
</script>
<iframe style="width:%dpx;height:800px;border:0" srcdoc="%s"></iframe>"""


class _Parser(html.parser.HTMLParser):
  """Lists elements, and sees that each is closed and in its place."""

  def __init__(self):
    super().__init__()
    self.open: list[str] = []
    self.tags: list[tuple[str, dict[str, str | None]]] = []
    self.text: list[str] = []

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag not in _VOID:
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))

  def handle_endtag(self, tag):
    if (opened := self.open.pop()) != tag:
      raise ValueError(f"</{tag}> where <{opened}> is open")

  def handle_data(self, data):
    if self.open and self.open[-1] not in ("script", "style"):
      self.text.append(data)


def _parsed(page: str) -> _Parser:
  parser = _Parser()
  parser.feed(page)
  parser.close()
  if parser.open:
    raise ValueError(f"never closed: {parser.open}")
  return parser


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
  """Returns all elements with their attributes.

  Raises:
    ValueError: one is not closed, or not in its place.
  """
  return _parsed(page).tags


def text(page: str) -> str:
  """Returns what a reader sees."""
  return "\n".join(_parsed(page).text)


def ask(
  page: str,
  folder: pathlib.Path,
  script: str,
  *,
  width: int = 1200,
  is_dark: bool = False,
) -> Any:
  """Returns what a script says of a page that a browser shows.

  Args:
    page: to show.
    folder: for files.
    script: body of an async function; `await paint()` lets the browser draw.
    width: of the page, in pixels.
    is_dark: whether the reader wants it dark.

  Raises:
    RuntimeError: the browser gave no answer, or the page had problems.
  """
  inner = page.replace("<head>", f"<head>{_WATCH}", 1)
  inner = inner.replace("</body>", _ASK % script + "</body>")
  outer = folder / "outer.html"
  outer.write_text(_OUTER % (width, html.escape(inner)), encoding="utf-8")
  done = subprocess.run(
    [
      str(BROWSER),
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      f"--user-data-dir={folder / 'profile'}",
      f"--window-size={max(width, 500) + 20},900",
      f"--blink-settings=preferredColorScheme={0 if is_dark else 1}",
      "--virtual-time-budget=20000",
      "--dump-dom",
      outer.as_uri(),
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  match = re.search(r'<pre id="answer">(.+?)</pre>', done.stdout, re.DOTALL)
  if match is None:
    raise RuntimeError(f"no answer: {done.stdout[-500:]}{done.stderr[-2000:]}")
  said = json.loads(html.unescape(match[1]))
  if said["problems"]:
    raise RuntimeError(f"problems of the page: {said['problems']}")
  return said["answer"]
