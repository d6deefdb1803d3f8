"""Changes made one after another become corrections of the original that lead to the result and back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from repair.pipeline import _as_correction, _compose, _Edit
from repair.text import Proposal, apply, ordered, revert

Change = tuple[int, int, str]


def composed(text: str, rounds: list[list[Change]]) -> None:
    edits: list[_Edit] = []
    current = text
    for changes in rounds:
        proposals = [(Proposal(*change, "rule", 1.0), "safe") for change in changes]
        expected = current
        for start, end, after in reversed(changes):
            expected = expected[:start] + after + expected[end:]
        edits, current = _compose(text, edits, current, proposals)
        assert current == expected
        corrections = ordered(_as_correction(text, edit) for edit in edits)
        assert apply(text, corrections) == current
        assert revert(current, corrections) == text


def test_two_insertions_at_one_point_keep_their_order():
    composed("甲乙丙丁", [[(2, 2, "九")], [(0, 2, "子丑")], [(0, 2, "甲乙宗")]])


@settings(max_examples=300)
@given(st.text("甲乙", max_size=6), st.data())
def test_any_changes_compose(text, data):
    rounds, size = [], len(text)
    for _ in range(data.draw(st.integers(1, 4))):
        cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=4)))
        changes = []
        for start, end in zip(cuts[::2], cuts[1::2], strict=False):
            if changes and changes[-1][1] >= start:
                continue
            changes.append((start, end, data.draw(st.text("甲丁", max_size=3))))
        size += sum(len(after) - (end - start) for start, end, after in changes)
        rounds.append(changes)
    composed(text, rounds)
