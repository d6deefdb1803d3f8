"""One pipeline in many threads and in worker processes: as in one thread, from the first call on."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

from strategies import PIECES

from repair.pipeline import Pipeline
from repair.text import Result

TEXTS = ["".join(PIECES[k::7]) for k in range(7)] + [piece * 3 for piece in PIECES[:9]]

# Eight threads start at once on a process that has loaded nothing; then each text again, alone.
COLD = """
import sys, threading
sys.path[:0] = {paths!r}
from test_threads import TEXTS
from repair.pipeline import Pipeline
pipeline = Pipeline.from_profile("typography")
start = threading.Barrier(8)
found = [None] * 8
def work(number):
    start.wait()
    order = TEXTS[number:] + TEXTS[:number]
    found[number] = {{text: pipeline(text, level="review") for text in order}}
threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
alone = {{text: pipeline(text, level="review") for text in TEXTS}}
assert found == [alone] * 8
"""


def test_threads_on_a_cold_process() -> None:
    here = Path(__file__).resolve().parent
    code = COLD.format(paths=[str(here), str(here.parent)])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def run(item: tuple[Pipeline, str]) -> Result:
    pipeline, text = item
    return pipeline(text, level="review")


def test_pipeline_travels_to_worker_processes() -> None:
    pipeline = Pipeline.from_profile("typography")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(run, [(pipeline, text) for text in TEXTS])
    assert found == [pipeline(text, level="review") for text in TEXTS]
