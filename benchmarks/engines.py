"""The same documents through every engine that is installed: seconds, and whether the results are the same.

    python benchmarks/engines.py [--number 10000]

Seconds are of the wall, with what an engine needs to start its workers, which are two where it has any.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from documents import digest, documents
from engines import ENGINES, missing

from repair.ingest import Repairer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--number", type=int, default=10_000, help="of documents")
    number = parser.parse_args().number
    records = documents(number)
    size = sum(len(record["text"] or "") for record in records)
    print(f"{number} documents, {size} characters\n\n| engine | seconds | digest |\n|---|--:|---|", flush=True)
    digests = set()
    for engine, (run, _) in ENGINES.items():
        if absent := missing(engine):
            print(f"| {engine} | not installed: {absent} | |", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            found = digest(run(records, Repairer(), Path(folder)))
            print(f"| {engine} | {time.perf_counter() - start:.0f} | {found[:16]} |", flush=True)
        digests.add(found)
    if len(digests) != 1:
        sys.exit("the results differ")


if __name__ == "__main__":
    main()
