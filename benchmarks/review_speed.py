"""How fast the page of `repair review` answers: a log of many corrections, in Chromium by playwright.

    python benchmarks/review_speed.py [CORRECTIONS] [DOCUMENTS] [PRESSES]

Times are taken in the browser: from the key press to the frame in which the next correction stands there.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from playwright.sync_api import Page, sync_playwright

from repair.formats.plain import TextFile
from repair.log import LogHeader, document_record, save_log
from repair.text import Correction, Result

LENGTH = 100
"""Characters of text for each correction."""
SERVER = """
import sys
from repair.review.batch import Batch, Board
from repair.review.store import Store
from repair.review.web import serve
serve(Board(Batch([sys.argv[1]]), Store(sys.argv[2])), reviewer="a", open_browser=False,
      say=lambda url: print(url, flush=True))
"""
TIMED = """
window.took = [];
let at = 0;
document.addEventListener("keydown", () => { at = performance.now(); }, true);
new MutationObserver(() => requestAnimationFrame(() => setTimeout(() => {
  if (at) { window.took.push(performance.now() - at); at = 0; }
}))).observe(document.getElementById("desk"), { childList: true });
"""


def made(seed: int, count: int) -> Result:
    """A text with `count` proposals spread over it."""
    chance = random.Random(seed)
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 2500)]
    text = "".join(
        "\n" if k % 400 == 399 else "。" if k % 31 == 30 else chance.choice(characters) for k in range(count * LENGTH)
    )
    found = []
    for k in range(count):
        at = k * LENGTH + chance.randrange(LENGTH - 2)
        before, after, p = text[at], chance.choice(characters), round(chance.uniform(0.3, 1), 4)
        others = ((after, p), *((chance.choice(characters), 0.01) for _ in range(5)))
        found.append(Correction(at, at + 1, before, after, f"rule-{k % 9}", p, "review", "made up", others))
    return Result(text, text, (), tuple(found))


def presses(page: Page, keys: str, count: int) -> list[float]:
    page.evaluate(TIMED)
    for k in range(count):
        page.keyboard.press(keys[k % len(keys)])
        end = time.perf_counter() + 10
        while page.evaluate("window.took.length") <= k:
            if time.perf_counter() > end:
                raise TimeoutError(f"nothing was shown after {keys[k % len(keys)]}")
            time.sleep(0.005)
    return [float(ms) for ms in page.evaluate("window.took")]


def told(name: str, times: list[float]) -> None:
    cuts = quantiles(times, n=20)
    print(
        f"{name:34} p50 {cuts[9]:6.1f} ms   p95 {cuts[18]:6.1f} ms   most {max(times):6.1f} ms   ({len(times)})",
        flush=True,
    )


def main() -> None:
    count, documents, times = (int(value) for value in (*sys.argv[1:], *("10000", "1", "200")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for k in range(documents):
            result = made(k, count // documents)
            name, data = f"text{k}.txt", result.original.encode()
            (Path(folder) / name).write_bytes(data)
            file = TextFile(result.original, "utf-8", False, "lf")
            pairs.append((document_record(name, file, data, data, name), result))
        log = Path(folder) / "log.jsonl"
        save_log(log, pairs, LogHeader("0", "default", "safe"))
        print(f"{count} corrections, {documents} documents, {sum(len(r.original) for _, r in pairs):,} characters")
        start = time.perf_counter()
        command = [sys.executable, "-c", SERVER, str(log), str(Path(folder) / "decisions.sqlite")]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            url = server.stdout.readline().strip()
            print(f"{'server ready':34} {time.perf_counter() - start:6.2f} s", flush=True)
            measured(url, times, count // documents // 2)
        finally:
            server.terminate()
            server.wait()


def measured(url: str, times: int, middle: int) -> None:
    base = url.split("/?")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        told("queue: accept", presses(page, "a", times))
        page.goto(base)
        told("queue: accept, reject, skip", presses(page, "ars", times))
        page.goto(base)
        told("queue: accept, undo", presses(page, "au", times))
        loads = []
        for k in range(20):
            page.goto(f"{base}/page?doc=0&part={1 + k}")
            loads.append(loaded(page))
        told("page view: load", loads)
        page.goto(f"{base}/page?item={middle}")
        told("page view: accept", presses(page, "a", times // 2))
        loads = []
        for _ in range(5):
            page.goto(f"{base}/summary")
            loads.append(loaded(page))
        told("summary: load", loads)
        browser.close()


def loaded(page: Page) -> float:
    return float(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))


if __name__ == "__main__":
    main()
