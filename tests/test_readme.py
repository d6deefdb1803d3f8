"""What the README promises of its own example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import repair

README = Path(__file__).resolve().parent.parent / "README.md"


def test_python_example() -> None:
    text = README.read_text(encoding="utf-8")
    call = re.search(r'repair\.clean\("(.+)"\)', text)
    promised = re.search(r"result\.text +# (.+)", text)
    assert call
    assert promised
    result = repair.clean(call.group(1))
    assert result.text == promised.group(1)
    assert repair.revert(result.text, result.corrections) == call.group(1)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")))))
def test_links_lead_somewhere(target: str) -> None:
    assert (README.parent / target).exists()
