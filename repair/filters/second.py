"""What a neural model says of places that the decoder doubts; not a filter of its own.

The language model sees four characters to the left. A mark depends on more: on the quotation that it closes, on the
list that it stands in. Where a text shows damage, a model that sees whole sentences (`repair.language.neural`) is asked
about suspicious places only. Its words shift the log-odds of what the decoder found, and the project's own encoder
adds findings of its own, marks only: Hanzi it knows less well than the decoder does. What its words weigh stands in the
model's calibration (`repair.calibrate`). Without a model nothing is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.context import hanzi
from ..language.decoder import Edit, replaced
from ..language.logistic import log_odds, logistic
from ..language.neural import DELETE, KEEP, REPLACE, Ask, Encoder, MaskedModel, Seen
from ..language.slips import LAST
from .decoded import Finding, density_of, source_of

MARKS = "，。、：；？！“”《》（）—…·"
"""Marks that the encoder may propose."""
DAMAGED = -2.6
"""log10 of likely repairs a symbol from which on a text is damaged enough to ask: every other page of the development
set, and none of the clean news, which is then as fast as without a model."""
KINDS = ("mark", "insert", "delete")
"""Kinds of finding that the encoder is asked about."""
WORTH = {"mark": -3.2, "delete": -2.3}
"""Natural log-probability from which what the encoder says is weighed as a finding of its own. Not so what it misses:
one in seven such marks was missing."""
KEPT = 0.7
"""Probability from which it is kept."""
UNMEASURED = -12.0
"""Cost of the encoder's own findings: no measured confusion is behind them."""
LIMIT, LOWEST = 8.0, -12.0
"""Largest log-odds and least log-probability that count."""
UNSURE = (0.02, 0.98)
"""Probabilities between which a masked model is asked: it is slow."""

SHIFT = ("bias", "wrong", "nothing", "printed", "gap", "behind")
MASKED = ("bias", "shift", "margin", "own")
OWN = (
    "bias",
    "wrong",
    "nothing",
    "printed",
    "gap",
    "said",
    "rival",
    "gain",
    "gain_positive",
    "cost",
    "last",
    "dirty",
    *(f"new_{mark}" for mark in MARKS),
    *(f"read_{mark}" for mark in MARKS),
)
INDEX = {name: k for k, name in enumerate(OWN)}


class Row(NamedTuple):
    """A finding with the evidence for it, to be weighed by the weights `name` for `features`, beside `offset`, the
    log-odds known already. `number`: which of the decoder's findings it is; None for one of the encoder's own."""

    number: int | None
    finding: Finding
    name: str
    features: tuple[str, ...]
    values: NDArray[np.float64]
    offset: float


def revised(document: Document, found: list[Finding]) -> list[Finding]:
    """The findings in the light of what the model says, and its own; as they are without a model."""
    judge = document.resources.judge
    if judge is None or not damaged(document, found):
        return found
    out = list(found)
    for row in rows(document, judge, found):
        weights = judge.weights(row.name, row.features)
        if weights is None:
            continue
        finding = row.finding._replace(probability=logistic(row.offset + float(row.values @ weights)))
        if row.number is not None:
            out[row.number] = finding
        elif finding.probability >= KEPT:
            out.append(finding)
    return sorted(out, key=lambda f: (f.start, f.end))


def damaged(document: Document, found: Sequence[Finding]) -> bool:
    """Whether the text is damaged enough for a second opinion."""
    return density_of(found, len(document.view.ids)) >= DAMAGED


def rows(document: Document, judge: Encoder | MaskedModel, found: Sequence[Finding]) -> list[Row]:
    """What there is to be weighed, in no order."""
    return _encoder_rows(document, judge, found) if isinstance(judge, Encoder) else _masked_rows(document, judge, found)


class _Candidate(NamedTuple):
    """What the encoder finds itself, before it is weighed: that the character at `place`, the symbol `at`, was printed
    as `new`, or not at all (``""``)."""

    at: int
    place: int
    new: str
    values: dict[str, float]


def _encoder_rows(document: Document, judge: Encoder, found: Sequence[Finding]) -> list[Row]:
    text = document.text
    source = source_of(document)
    # A mark that is wrong need not surprise the language model.
    signs = np.flatnonzero(source.free & ~hanzi(source.codes))
    symbol_at = dict(zip(document.view.positions[signs].tolist(), signs.tolist(), strict=True))
    anchors = {number: _anchor(text, f) for number, f in enumerate(found) if f.kind in KINDS}
    places = sorted({*symbol_at, *(place for place in anchors.values() if place >= 0)})
    seen = judge.seen(text, places, document.shared.setdefault("second", {}))
    row_of = {place: k for k, place in enumerate(places)}
    out = []
    for number, place in anchors.items():
        if place >= 0:
            f = found[number]
            values = _shift(seen, row_of[place], f, judge.column.get(f.after[-1:]))
            out.append(Row(number, f, f"shift_{f.kind}", SHIFT, values, log_odds(f.probability)))
    taken = {at for f in found for at in range(f.start, max(f.end, f.start + 1))}
    marks = np.array([judge.column[mark] for mark in MARKS if mark in judge.column], np.int64)
    candidates = [
        c
        for place, at in symbol_at.items()
        if place not in taken
        for c in _candidates(seen, row_of[place], at, place, text[place], marks, judge.signs)
    ]
    return [*out, *_own_rows(document, candidates)]


def _anchor(text: str, finding: Finding) -> int:
    """The place that the model is asked about: the first character replaced, or the one before what is missing."""
    place = finding.start if finding.end > finding.start else finding.start - 1
    while place >= 0 and text[place].isspace():
        place -= 1
    return place


def _odds(seen: Seen, k: int) -> tuple[float, float, float]:
    """Log-odds that the character is wrong, that nothing was printed there, that something is missing behind it."""
    verdict, gap = seen.verdict[k].astype(float), seen.gap[k].astype(float)
    wrong = float(np.logaddexp(verdict[REPLACE], verdict[DELETE]) - verdict[KEEP])
    nothing, missing = float(verdict[DELETE] - verdict[KEEP]), float(gap[1] - gap[0])
    return _limited(wrong), _limited(nothing), _limited(missing)


def _limited(value: float) -> float:
    return max(-LIMIT, min(LIMIT, value))


def _shift(seen: Seen, k: int, finding: Finding, column: int | None) -> NDArray[np.float64]:
    """A value for each of `SHIFT`; `column`: of the new character, None for one that is no sign."""
    wrong, nothing, missing = _odds(seen, k)
    inserted = finding.kind == "insert"
    likely = (
        LOWEST / 2 if column is None else max(LOWEST, float((seen.behind if inserted else seen.printed)[k, column]))
    )
    if inserted:
        return np.array([1.0, wrong, nothing, LOWEST / 2, missing, likely])
    return np.array([1.0, wrong, nothing, likely, 0.0, 0.0])


def _best(row: NDArray[np.float32], marks: NDArray[np.int64], signs: str, but: str) -> tuple[str, float, float]:
    """The mark that is likeliest, `but` one; its log-probability, and by how much the second is less likely."""
    order = [int(c) for c in marks[np.argsort(-row[marks], kind="stable")[:3]] if signs[int(c)] != but]
    return signs[order[0]], float(row[order[0]]), float(row[order[1]] - row[order[0]])


def _candidates(
    seen: Seen, k: int, at: int, place: int, read: str, marks: NDArray[np.int64], signs: str
) -> list[_Candidate]:
    wrong, nothing, missing = _odds(seen, k)
    out = []
    new, printed, rival = _best(seen.printed[k], marks, signs, read)
    said = float(seen.verdict[k, REPLACE]) + printed
    values = {"wrong": wrong, "nothing": nothing, "gap": missing}
    if said >= WORTH["mark"]:
        more = {**values, "printed": max(LOWEST, printed), "said": said, "rival": max(LOWEST, rival)}
        out.append(_Candidate(at, place, new, more))
    said = float(seen.verdict[k, DELETE])
    if said >= WORTH["delete"]:
        out.append(_Candidate(at, place, "", {**values, "said": said}))
    return out


def _own_rows(document: Document, candidates: list[_Candidate]) -> list[Row]:
    """The encoder's candidates with what the language model and the channel say of them."""
    if not candidates:
        return []
    model, ids, text = document.resources.model, document.view.ids, document.text
    source = source_of(document)
    at = np.array([c.at for c in candidates], np.int64)
    symbols = [model.char_id(c.new) if c.new else -1 for c in candidates]
    new, _ = replaced(model, ids, at, at + 1, [[s] if s >= 0 else [] for s in symbols])
    old, _ = replaced(model, ids, at, at + 1, [[s] for s in ids[at].tolist()])
    # Nothing is misread as nothing: any pair will do there.
    pairs = [(ord(text[c.place]), ord(c.new or text[c.place])) for c in candidates]
    costs = document.resources.channel.log_prob(*np.array(pairs, np.int64).T)
    out = []
    for c, symbol, gain, cost in zip(candidates, symbols, (new - old).tolist(), costs.tolist(), strict=True):
        read, kind = text[c.place], "mark" if c.new else "delete"
        values = {
            "bias": 1.0,
            **c.values,
            "gain": gain,
            "gain_positive": max(0.0, gain),
            "cost": cost if c.new else 0.0,
            "last": float(source.place[c.at] == LAST),
            "dirty": document.dirt,
        }
        row = np.zeros(len(OWN))
        for name, value in values.items():
            row[INDEX[name]] = value
        for name in (f"new_{c.new}", f"read_{read}"):
            if name in INDEX:
                row[INDEX[name]] = 1.0
        edit = Edit(c.at, c.at + 1, c.new, symbol, UNMEASURED, gain, gain, gain, 0.0, ())
        finding = Finding(kind, c.place, c.place + 1, c.new, (edit,), row, 0.0)
        out.append(Row(None, finding, f"own_{kind}", OWN, row, 0.0))
    return out


def _masked_rows(document: Document, judge: MaskedModel, found: Sequence[Finding]) -> list[Row]:
    text = document.text
    asks: list[Ask] = []
    pairs: list[tuple[str, str]] = []
    spans: list[tuple[int, int]] = []
    for number, f in enumerate(found):
        if not UNSURE[0] < f.probability < UNSURE[1]:
            continue
        before = len(asks)
        if f.kind == "insert" and len(f.after) == 1:
            asks.append(Ask(text[: f.start] + f.after + text[f.start :], f.start))
            pairs.append(("", f.after))
        elif f.kind == "delete" and f.end == f.start + 1:
            asks.append(Ask(text, f.start))
            pairs.append((text[f.start], ""))
        elif f.end - f.start == len(f.after):
            changed = [k for k in range(f.start, f.end) if text[k] != f.after[k - f.start]]
            asks += [Ask(text, k) for k in changed]
            pairs += [(text[k], f.after[k - f.start]) for k in changed]
        if len(asks) > before:
            spans.append((number, before))
    shift = np.clip(judge.shift(asks, pairs).astype(np.float64), LOWEST, -LOWEST)
    ends = [before for _, before in spans[1:]] + [len(asks)]
    out = []
    for (number, before), end in zip(spans, ends, strict=True):
        f, values = found[number], np.append(1.0, shift[before:end].min(axis=0))
        out.append(Row(number, f, f"masked_{f.kind}", MASKED, values, log_odds(f.probability)))
    return out
