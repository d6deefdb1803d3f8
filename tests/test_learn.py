"""What is learnt from decisions: thresholds, files, and that nothing is harmed by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from strategies import texts

import repair
from repair import Correction, Lexicon, Pipeline
from repair.language.lexicon import LexiconError, Shift
from repair.language.logistic import log_odds, logistic
from repair.language.resources import default_resources
from repair.review.decisions import Decision, decide
from repair.review.learn import FEWER, MORE, Entry, fit_shift, merge_entries, propose


def decided(
    document: str, text: str, read: str, after: str, shall: str, *, rule: str = "misread", confidence: float = 0.6
) -> Decision:
    """The decision that `shall` stands in the place of `read`, for which `after` was proposed."""
    at = text.index(read)
    c = Correction(at, at + len(read), read, after, rule, confidence, "review")
    return decide(document, c, shall, "somebody")


def learnt(rows: list[tuple[str, str, str, str]], **options: object) -> dict[str, list[Entry]]:
    """Entries by file from rows of text, read, proposed, decided."""
    context = {f"{k}": text for k, (text, *_) in enumerate(rows)}
    found: dict[str, list[Entry]] = {}
    for entry in propose([decided(f"{k}", *row) for k, row in enumerate(rows)], context, **options):  # type: ignore[arg-type]
        found.setdefault(entry.file, []).append(entry)
    return found


MISREAD = [("他从事环研工作很久了。", "环", "科", "科"), ("做好环研工作不容易。", "环", "科", "科")]


def test_a_word_misread_alike_twice_is_replaced() -> None:
    found = learnt(MISREAD)
    assert [e.line for e in found["replace.txt"]] == ["环研工作\t科研工作"]
    entry = found["replace.txt"][0]
    assert (entry.accepted, entry.edited, entry.rejected) == (2, 0, 0)
    assert [(x.document, x.before, x.text, x.left[-1:]) for x in entry.examples] == [
        ("0", "环", "科", "事"), ("1", "环", "科", "好"),
    ]  # fmt: skip
    assert [e.line for e in found["confusions.txt"]] == ["环\t科\t2"]


def test_once_or_kept_elsewhere_is_not_enough() -> None:
    assert not learnt(MISREAD[:1])
    assert "replace.txt" not in learnt([*MISREAD, ("老人说环研工作有名。", "环", "科", "环")])
    assert "replace.txt" not in learnt([*MISREAD, ("老人说环研工作有名。", "环", "科", "调")])


def test_what_may_be_printed_is_never_replaced() -> None:
    # 目已 is no word, but stands in 项目已经; 公事 is a word; one character is no entry.
    assert "replace.txt" not in learnt([("他目已去了。", "目", "自", "自"), ("我目已来了。", "目", "自", "自")])
    assert "replace.txt" not in learnt([("开个公事会。", "事", "司", "司"), ("办的公事多。", "事", "司", "司")])
    assert "replace.txt" not in learnt([("。宕。", "宕", "岩", "岩"), ("，宕，", "宕", "岩", "岩")])
    trusting = Lexicon(trust=frozenset({"环研工作"}))
    assert "replace.txt" not in learnt(MISREAD, lexicon=trusting)


def test_names_that_were_kept_are_trusted() -> None:
    rows = [
        ("记者逄淼报道。", "淼", "森", "淼"),
        ("找到逄淼的人。", "淼", "森", "淼"),
        ("请逄淼来。", "淼", "森", "淼"),
    ]
    assert "逄淼" in {e.line for e in learnt(rows)["trust.txt"]}
    assert {e.line for e in learnt([("记者陆淼报道。", "淼", "森", "淼")])["trust.txt"]} == {"陆淼"}
    kept = [("吃了顿灬饭。", "灬", "火", "灬")]
    assert "trust.txt" not in learnt(kept)


def test_characters_often_kept_are_no_confusion() -> None:
    kept = [(f"记者陆环{ch}。", "环", "科", "环") for ch in "说到"]
    assert "confusions.txt" in learnt([*MISREAD, *MISREAD, *kept[:1]])
    assert "confusions.txt" not in learnt([*MISREAD, *kept])


def test_decisions_without_their_text_count_for_calibration_only() -> None:
    decisions = [decided(f"{k}", "他在青宕住。", "宕", "岩", "宕") for k in range(FEWER)]
    assert [e.file for e in propose(decisions, {})] == ["calibration.txt"]
    assert {e.file for e in propose(decisions, {"0": "别的"})} == {"calibration.txt"}


def rated(right: int, wrong: int, confidence: float) -> list[Decision]:
    rows = [
        decided(f"{k}", "青宕", "宕", "岩", "岩" if k < right else "宕", confidence=confidence)
        for k in range(right + wrong)
    ]
    return rows


def test_a_rule_becomes_surer_by_many_decisions_only() -> None:
    assert fit_shift(rated(MORE - 1, 0, 0.7)) == Shift(0.0, MORE - 1)
    assert fit_shift(rated(MORE, 0, 0.7), safe_at=0.99).offset > 0
    assert fit_shift(rated(70, 30, 0.7)) == Shift(0.0, 100)
    assert fit_shift(rated(0, FEWER - 1, 0.7)).offset == 0
    assert fit_shift(rated(0, FEWER, 0.7)).offset < 0


def test_what_would_become_safe_must_have_been_harmless() -> None:
    assert fit_shift(rated(190, 10, 0.78), safe_at=0.8).offset == 0
    assert fit_shift(rated(200, 2, 0.78), safe_at=0.8).offset > 0


def test_edits_do_not_hide_and_what_is_told_does_not_lift() -> None:
    edited = [decided(f"{k}", "青宕", "宕", "岩", "岸") for k in range(60)]
    assert fit_shift(edited).offset == 0
    good = rated(60, 0, 0.7)
    assert fit_shift(good, told=set(good)).offset == 0


def test_offsets_follow_decisions_back() -> None:
    assert 0 <= fit_shift(rated(80, 20, 0.9), Shift(1.0, 60)).offset < 1
    assert fit_shift(rated(10, 50, 0.7), Shift(1.0, 60)).offset < 0


def test_calibration_moves_proposals_only() -> None:
    up, down = Lexicon(calibration={"r": Shift(1.0, 60)}), Lexicon(calibration={"r": Shift(-1.0, 60)})
    assert up.calibrated("r", 0.3, 0.9, 0.5) == down.calibrated("r", 0.3, 0.9, 0.5) == 0.3
    assert up.calibrated("r", 0.8, 0.9, 0.5) == logistic(log_odds(0.8) + 1)
    assert down.calibrated("r", 0.95, 0.9, 0.5) == 0.95
    assert down.calibrated("r", 0.6, 0.9, 0.5) < 0.5
    assert up.calibrated("other", 0.8, 0.9, 0.5) == 0.8


TEXT = "要坚持人才强企战略，推动高校环研人员走出实验室，加快建设一流的研发队伍。"


def test_the_engine_lifts_and_hides() -> None:
    before = repair.clean(TEXT)
    (found,) = (c for c in before.suggestions if c.level == "review")
    lifted = repair.clean(TEXT, lexicon=Lexicon(calibration={found.rule: Shift(4.0, 100)}))
    assert [(c.before, c.after, c.level) for c in lifted.corrections] == [(found.before, found.after, "safe")]
    assert lifted.corrections[0].confidence > found.confidence
    hidden = repair.clean(TEXT, lexicon=Lexicon(calibration={found.rule: Shift(-8.0, 100)}))
    assert found.before not in [c.before for c in (*hidden.corrections, *hidden.suggestions)]
    assert hidden.text == before.text


def test_a_confusion_makes_its_repair_likelier() -> None:
    (found,) = (c for c in repair.clean(TEXT).suggestions if c.level == "review")
    lexicon = Lexicon(confusions={(found.before, found.after): 20})
    after = repair.clean(TEXT, lexicon=lexicon)
    again = next(c for c in (*after.corrections, *after.suggestions) if c.before == found.before)
    assert (again.after, again.confidence > found.confidence) == (found.after, True)
    other = repair.clean(TEXT, lexicon=Lexicon(confusions={("丁", "卜"): 3}))
    assert (other.corrections, other.suggestions) == ((), repair.clean(TEXT).suggestions)


LEARNT = Lexicon(
    confusions={("环", "科"): 9, ("：", "，"): 9, ("人", "入"): 9, ("的", "白"): 5, ("0", "。"): 3},
    calibration={rule: Shift(offset, 99) for rule, offset in (
        ("misread", 1.5), ("misread-mark", 2.0), ("speck", 2.0), ("space", 3.0), ("broken-join", -1.0),
        ("running-head", 2.0), ("quote-style", 3.0), ("mark-width", -0.5), ("repetition", 2.0), ("script", 2.0),
    )},
)  # fmt: skip
PIPELINE = Pipeline.from_profile("default", lexicon=LEARNT)


@pytest.mark.parametrize("level", ["safe", "review"])
@settings(max_examples=40)
@given(text=texts)
def test_cleaning_twice_changes_nothing_more(level: str, text: str) -> None:
    once = PIPELINE(text, level=level)  # type: ignore[arg-type]
    assert repair.revert(once.text, once.corrections) == text
    assert PIPELINE(once.text, level=level).corrections == ()  # type: ignore[arg-type]


def test_entries_go_into_files_and_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "words"
    decisions = [decided(f"{k}", *row) for k, row in enumerate(MISREAD)]
    context = {f"{k}": text for k, (text, *_) in enumerate(MISREAD)}
    found = propose(decisions, context)
    assert found == propose(decisions, dict(reversed(context.items())))
    assert [p.name for p in merge_entries(folder, found)] == ["replace.txt", "confusions.txt"]
    lexicon = Lexicon.load(folder)
    assert lexicon.replace == {"环研工作": "科研工作"}
    assert lexicon.confusions == {("环", "科"): 2}
    assert merge_entries(folder, found) == []
    assert learnt(MISREAD, lexicon=lexicon) == {}, "known already"
    assert "科研工作" in repair.clean(MISREAD[0][0], lexicon=lexicon).text


def entry(file: str, line: str) -> Entry:
    return Entry(file, line, 2, 0, 0, "")


def test_merging_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "trust.txt").write_bytes("\ufeff# 名字\r\n逄淼\r\n\r\n李丽".encode())
    (tmp_path / "confusions.txt").write_text("宕\t岩\t5\n环\t科\t2\n", encoding="utf-8")
    (tmp_path / "calibration.txt").write_text("# by hand\nspeck\t0.5\t60\nspace\t1\t90\n", encoding="utf-8")
    merge_entries(tmp_path, [
        entry("trust.txt", "陆淼"), entry("trust.txt", "逄淼"), entry("confusions.txt", "宕\t岩\t3"),
        entry("confusions.txt", "环\t科\t4"), entry("calibration.txt", "speck\t0.7\t80"),
        entry("calibration.txt", "space\t2\t80"),
    ])  # fmt: skip
    assert (tmp_path / "trust.txt").read_bytes().decode() == "\ufeff# 名字\r\n逄淼\r\n\r\n李丽\r\n陆淼\r\n"
    assert (tmp_path / "confusions.txt").read_text(encoding="utf-8") == "宕\t岩\t5\n环\t科\t4\n"
    assert (tmp_path / "calibration.txt").read_text(encoding="utf-8") == "# by hand\nspeck\t0.7\t80\nspace\t1\t90\n"
    assert Lexicon.load(tmp_path).calibration == {"speck": Shift(0.7, 80), "space": Shift(1.0, 90)}


def test_a_folder_that_would_be_no_lexicon_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "replace.txt").write_text("甲乙\t乙甲\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=r"replace\.txt"):
        merge_entries(tmp_path, [entry("trust.txt", "逄淼"), entry("replace.txt", "乙甲\t甲乙")])
    with pytest.raises(LexiconError, match="other"):
        merge_entries(tmp_path, [entry("other.txt", "逄淼")])
    assert [p.name for p in tmp_path.iterdir()] == ["replace.txt"]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("confusions.txt", "宕岩\t2"), ("confusions.txt", "宕\t岩"), ("confusions.txt", "宕\t岩\t0"),
        ("confusions.txt", "宕\t岩\tx"), ("confusions.txt", "宕\t宕\t2"), ("confusions.txt", "青宕\t青岩\t2"),
        ("calibration.txt", "misread\t0.5"), ("calibration.txt", "misread\tnan\t3"),
        ("calibration.txt", "misread\t99\t3"),
        ("calibration.txt", "misread\tx\t3"), ("calibration.txt", "misread\t1\t-3"), ("calibration.txt", "a\t1\t3\t4"),
    ],
)  # fmt: skip
def test_bad_lines_are_named(tmp_path: Path, file: str, line: str) -> None:
    (tmp_path / file).write_text(f"# 说明\n{line}\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=rf"{file.replace('.', '[.]')}:2: expected"):
        Lexicon.load(tmp_path)


def test_the_digest_covers_what_was_learnt() -> None:
    plain = Lexicon(frozenset({"逄淼"}))
    lexicons = [
        plain,
        Lexicon(plain.trust, confusions={("宕", "岩"): 2}),
        Lexicon(plain.trust, confusions={("宕", "岩"): 3}),
        Lexicon(plain.trust, calibration={"speck": Shift(0.5, 60)}),
    ]
    assert len({words.digest for words in lexicons}) == 4
    assert plain.digest == Lexicon(plain.trust, confusions={}, calibration={}).digest
    assert not Lexicon() and all(lexicons)


def test_resources_are_shared_by_lexicons_without_confusions() -> None:
    from repair.language.learnt import channel_of

    resources = default_resources()
    assert channel_of(resources, Lexicon()) == (resources.channel, resources.near)
