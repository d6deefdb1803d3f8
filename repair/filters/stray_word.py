"""Stray English function words between Chinese.

Models that read pages sometimes translate a small word instead of reading it: ``政策支持 and 体制保障``.
The dictionary ``stray_words.tsv`` lists such words with what they may stand for; the language model
weighs each candidate in its sentence. The blanks around the word go away with it.

Left alone: English that stands beside other English (``R&D and``, titles, names), a word in its own
brackets or quotation marks, a word that the sentence talks about (``单词 and``), and words that are
not in the dictionary.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import regex

from ..document import Document
from ..language.ngram import NgramModel
from ..protect import LATIN
from ..text import Proposal
from .base import Filter, Rule

CONTEXT = 12
"""Characters on each side that are looked at."""

SHARPNESS = 0.8
"""Exponent on the posterior; 1 where the model's probabilities are true (benchmarks/fit_stray_word.py)."""

# The sentence speaks of the word itself, or the word is slang used as an adjective.
_MENTION_LEFT = re.compile(
    r"(?:[单字]词|词组|词语|一词|[英外]语|[英外]文|语[里中]|字母|介词|连词|副词|冠词|短语|代码|关键[字词]|运算符|命令|函数|变量|叫做?"
    r"|写[作成]|译[作为成]|缩写|读[作音]|[很太真好超挺最够更]|型号|牌子?|艺名|网名|昵称)[是为]?[“‘「『：:]?$"
)
_MENTION_RIGHT = re.compile(
    r"(?:一词|这个[词字]|解释|后面|前面|表示|系列|循环|语句|分支|键|[”’」』]?[是作]\S{0,4}[词字])"
)

# After 、 in the same clause a list is being closed, which 和, 及 and 以及 do and 与 and 并 seldom do. How often
# each stands in such a place relative to 和, counted in a 4,000-paragraph sample of the news and government
# training text; 1 for words not counted.
_CLOSES_LIST = {"与": 0.55, "并": 0.2, "而": 0.2, "及": 1.8, "以及": 1.6}
_CLAUSE = re.compile(r"[^，。；：！？\n]*$")

_OPENING = "“‘「『（(《〈【[〔"
_CLOSING = "”’」』）)》〉】]〕"
# The sentence speaks of the word itself.
_MENTION = re.compile(
    r"(?:单词|词组|词语|一词|英语|英文|字母|介词|连词|冠词|短语|代码|关键字|关键词|运算符|命令|函数|变量|叫做?|写作|写成|译[作为]|缩写)[“‘「『是为：:]?$"
)


# A run of Latin words; the longest entry of the dictionary has three. The look-back comes second for speed.
_RUN = regex.compile(rf"[A-Za-z](?<![{LATIN}0-9].)[A-Za-z]*+(?:[ ]{{1,2}}[A-Za-z]++)*+(?![{LATIN}0-9])")
_BLANKS = " \t\u00a0\u3000"


class Place(NamedTuple):
    """A stray word with the blanks around it, the text on both sides, and what may have been printed."""

    start: int
    end: int
    word: str
    left: str
    right: str
    candidates: Mapping[str, float]


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    found = list(places(document))
    for place, ranked in zip(found, rank(document.resources.model, found), strict=True):
        best, probability = ranked[0]
        read = document.text[place.start : place.end]
        reason = f"English {place.word!r} between Chinese"
        alternatives = (*ranked[:5], (read, 0.0))
        yield Proposal(place.start, place.end, best, "stray-word", probability, reason, alternatives)


def places(document: Document) -> Iterator[Place]:
    """Function words of the dictionary that stand between Chinese and are not spoken of."""
    text = document.text
    table = document.resources.stray_words
    for m in _RUN.finditer(text):
        word = m.group()
        # Capitals throughout are an acronym or a keyword; a translating model writes small letters.
        candidates = table.get(re.sub(r"[ ]+", " ", word.lower())) if not word.isupper() else None
        if candidates is None:
            continue
        start, end = m.span()
        while start > 0 and text[start - 1] in _BLANKS and m.start() - start < 3:
            start -= 1
        while end < len(text) and text[end] in _BLANKS and end - m.end() < 3:
            end += 1
        left, right = text[max(0, start - CONTEXT) : start], text[end : end + CONTEXT]
        if not _chinese(left[-1:]) or not _chinese(right[:1]) or (left[-1] in _OPENING and right[0] in _CLOSING):
            continue
        if _MENTION_LEFT.search(left) or _MENTION_RIGHT.match(right) or document.protected.hits(start, end):
            continue
        clause = _CLAUSE.search(text, max(0, start - 40), start)
        if clause and "、" in clause.group():
            candidates = {text: weight * _CLOSES_LIST.get(text, 1.0) for text, weight in candidates.items()}
        yield Place(start, end, word, left, right, candidates)


def rank(model: NgramModel, found: Sequence[Place]) -> Iterator[list[tuple[str, float]]]:
    """For each place its candidates with the probability that each is what was printed, best first.

    A candidate's weight in the dictionary is how readily the printed word is turned into the English
    one; Bayes' rule combines it with the language model's probability of the whole passage.
    """
    reach = model.order - 1
    for start in range(0, len(found), 256):
        block = found[start : start + 256]
        rows = []
        for place in block:
            context = model.encode(place.left)[0][-reach:]
            tail = model.encode(place.right)[0][:reach]
            before = np.concatenate([np.full(reach - len(context), model.pad), context])
            rows += [np.concatenate([before, model.encode(text)[0], tail]) for text in place.candidates]
        # What a row is too short for is padded; a pad scores nothing.
        windows = np.full((len(rows), max(map(len, rows))), model.pad, dtype=np.int64)
        for k, row in enumerate(rows):
            windows[k, : len(row)] = row
        scores = model.score_windows(windows, reach).sum(axis=1, dtype=np.float64)
        at = 0
        for place in block:
            texts = list(place.candidates)
            prior = np.log10(list(place.candidates.values()))
            total = (scores[at : at + len(texts)] + prior) * (math.log(10) * SHARPNESS)
            at += len(texts)
            weights = np.exp(total - total.max())
            weights /= weights.sum()
            order = np.argsort(-weights, kind="stable")
            yield [(texts[i], float(weights[i])) for i in order]


def _chinese(ch: str) -> bool:
    return bool(ch) and (
        "\u3400" <= ch <= "\u9fff" or ch in "，。、；：？！“”‘’（）《》〈〉「」『』【】〔〕…—·" or ch >= "\U00020000"
    )


FILTER = Filter(
    "stray_word",
    (
        Rule(
            "stray-word",
            "an English function word that a model wrote in place of a Chinese one",
            # What is certain is that the English word was not printed; what is uncertain is which of two
            # near-synonyms (和, 与) was. Leaving it is wrong in any case, so less certainty is asked for.
            safe_at=0.75,
            examples=(("政策支持 and 体制保障", "政策支持和体制保障"), ("始建于明代 of 石桥", "始建于明代的石桥")),
        ),
    ),
    propose,
)
