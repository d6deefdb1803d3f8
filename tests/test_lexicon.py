"""The user's lexicon: what it protects, forces and helps to find."""

from __future__ import annotations

from pathlib import Path

import pytest

import repair
from repair import Lexicon
from repair.language.lexicon import LexiconError, find_words
from repair.language.twins import twins


def lexicon(folder: Path, **files: str) -> Lexicon:
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
    return Lexicon.load(folder)


def test_files_are_read(tmp_path: Path) -> None:
    words = lexicon(
        tmp_path, trust="# names\n逄金淼\n\n", never="环研\n", replace="太源市\t太原市\n云川曰报 -> 云川日报\n"
    )
    assert words.trust == {"逄金淼"}
    assert words.never == {"环研"}
    assert words.replace == {"太源市": "太原市", "云川曰报": "云川日报"}


def test_never_beats_every_rule(tmp_path: Path) -> None:
    text = "要坚持人才强企战略，加大投人力度，建设一流的研发队伍。"
    assert "投入" in repair.clean(text, level="review").text
    assert repair.clean(text, level="review", lexicon=lexicon(tmp_path, never="投人")).text == text


def test_trusted_words_are_not_misread(tmp_path: Path) -> None:
    text = "要坚持人才强企战略，加大投人力度，建设一流的研发队伍。"
    result = repair.clean(text, level="review", lexicon=lexicon(tmp_path, trust="投人"))
    assert "misread" not in {c.rule for c in (*result.corrections, *result.suggestions)}


def test_forced_replacements_change_english_but_not_code(tmp_path: Path) -> None:
    words = lexicon(tmp_path, replace="Iphone\tiPhone\n太源\t太原\n")
    text = "他用 Iphone 拍下了太源的夜景，见 `Iphone` 和 https://a.example/Iphone 。"
    assert repair.clean(text, lexicon=words).text.startswith(
        "他用 iPhone 拍下了太原的夜景，见 `Iphone` 和 https://a.example/Iphone"
    )


def test_a_trusted_word_corrects_its_misread_twin(tmp_path: Path) -> None:
    text = "记者从青岩镇卫生院获悉，今年以来青宕镇卫生院共接诊患者三千余人次，群众看病更加方便。"
    result = repair.clean(text, level="review", lexicon=lexicon(tmp_path, trust="青岩镇卫生院"))
    assert result.text == text.replace("青宕镇", "青岩镇")


def test_twins_are_one_edit_away_and_unambiguous() -> None:
    trusted = frozenset({"青岩镇卫生院", "石桥村", "石榴村"})
    assert [t.word for t in twins("在青宕镇卫生院看病", [2], trusted)] == ["青岩镇卫生院"]
    assert [t.word for t in twins("在青镇卫生院看病", [2], trusted)] == ["青岩镇卫生院"]
    assert list(twins("在石硚村住", [2], frozenset({"石桥村"})))
    assert not list(twins("在石x村住", [2], trusted)), "石桥村 or 石榴村"
    assert not list(twins("在青岩镇卫生院看病", [2], trusted))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"replace": "只有一半\n"}, r"replace\.txt:1"),
        ({"replace": "甲\t乙\n乙\t甲\n"}, "circle"),
        ({"other": "x"}, "holds none"),
    ],
)
def test_bad_lexicons(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(LexiconError, match=message):
        lexicon(tmp_path, **files)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match="no such"):
        Lexicon.load(tmp_path / "nowhere")


def test_find_words_prefers_the_longest() -> None:
    assert list(find_words("太原市太原", ["太原", "太原市", "原"])) == [(0, 3), (3, 5)]
