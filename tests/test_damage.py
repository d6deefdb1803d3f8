"""Damage made on purpose: deterministic, aligned, of the kinds measured."""

import numpy as np
import pytest

from repair.language import damage as d
from repair.language.resources import default_resources

TEXT = (
    "快递行业党建联盟的成立，点燃了桐乡快递人对于未来发展的信心。“只要党建强了，企业发展一定会更好。”\n2019年共有94家。"
    * 20
)


@pytest.fixture(scope="module")
def made_with() -> tuple[d.Rates, d.Confusions]:
    resources = default_resources()
    return d.Rates.load(resources.slips.split), d.Confusions(resources.near)


def test_same_seed_same_damage(made_with):
    one, two, other = (d.damage(TEXT, np.random.default_rng(seed), *made_with) for seed in (4, 4, 5))
    assert one.text == two.text != other.text


def test_alignment(made_with):
    changed = 0
    for profile in made_with[0].profiles:
        damaged = d.damage(d.lined(TEXT, 20), np.random.default_rng(1), *made_with, profile)
        own = damaged.origin[damaged.origin >= 0]
        assert len(damaged.read) == len(damaged.origin)
        assert (np.diff(own) > 0).all(), "no truth character twice, and in order"
        assert (damaged.read == 10).sum() == (damaged.truth == 10).sum(), "line ends stay"
        changed += damaged.text != d.lined(TEXT, 20)
    assert changed >= len(made_with[0].profiles) - 2


def test_labels_rebuild_what_was_printed(made_with):
    damaged = d.damage(TEXT, np.random.default_rng(2), *made_with, made_with[0].profiles[-1])
    printed, behind = d.labels(damaged)
    rebuilt = "".join(chr(c) * int(c > 0) + chr(b) * int(b > 0) for c, b in zip(printed, behind, strict=True))
    missing = np.diff(np.concatenate([[-1], damaged.origin[damaged.origin >= 0], [len(damaged.truth)]])) - 1
    # All of it, but for gaps of more than one character, of which only the first is said, and gaps at the start.
    assert len(TEXT) - len(rebuilt) == np.maximum(missing[1:] - 1, 0).sum() + missing[0]
    assert sum(b > 0 for b in behind) == (missing[1:] > 0).sum()


def test_labels_by_hand():
    truth = d.codes_of("甲乙丙丁")
    damaged = d.Damaged(d.codes_of("甲x丙."), np.array([0, -1, 2, -1], np.int32), truth)
    printed, behind = d.labels(damaged)
    assert printed.tolist() == [ord("甲"), 0, ord("丙"), 0]
    assert behind.tolist() == [0, ord("乙"), 0, ord("丁")]


def test_places_and_lines():
    assert d.places_of(d.codes_of("甲乙丙\n丁")).tolist() == [1, 0, 2, 0, 1]
    assert d.lined("一二三四，五六", 4) == "一二三四，\n五六"
    assert d.lined("一二\n\n三", 4) == "一二\n\n三"


@pytest.mark.parametrize("text", ["", "甲", "\n", "abc", "\U00020000\ud800"])
def test_any_text(text, made_with):
    for seed in range(3):
        damaged = d.damage(text, np.random.default_rng(seed), *made_with)
        d.labels(damaged)
