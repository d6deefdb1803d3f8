"""What cases cannot say about loops: in a long text they are looked for in another way."""

from __future__ import annotations

import random

import pytest

from repair.document import Document
from repair.filters import get

FILTER = get("repetition")


def clauses(size: int) -> str:
    """Clauses of which no two are equal, `size` characters or more."""
    draw = random.Random(size)
    out = ""
    while len(out) < size:
        clause = (chr(draw.randrange(0x4E00, 0x9F00)) for _ in range(draw.randrange(4, 14)))
        out += "".join(clause) + draw.choice("，。！\n")
    return out


def found(text: str) -> list[tuple[str, str, float]]:
    proposals = FILTER.propose(Document(text), FILTER.settings)
    return sorted((text[p.start : p.end], p.after, p.confidence) for p in proposals)


@pytest.mark.parametrize(
    "loop",
    [
        "全县上下形成了合力，" * 3,
        "县、区、开发区都要落实，" * 3,
        "县、区都要落实到位，县、、区都要落实到位，县、区都要落实到位，",
        "我们一定要努力把工作做好；他们也一定要把工作做好。" * 3,
        "全县上下形成了合力、" * 2 + "全县上下形成了合力",
        "".join(chr(0x4E00 + k) for k in range(200)) * 3,
    ],
)
def test_loops_of_clauses_are_found_in_long_texts_as_in_short_ones(loop: str) -> None:
    short = found(loop)
    assert short
    long = clauses(1500)
    assert not found(long)
    assert found(long + loop) == short
