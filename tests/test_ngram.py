"""The character n-gram model: estimate, file, folding, scoring."""

from __future__ import annotations

import pickle
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from repair.language import ngram
from repair.language.folding import FOLD, TABLE_SIZE, fold_array
from repair.language.ngram import BOS, EOS, UNK, ModelError, NgramModel
from repair.language.train import (
    TrainingError,
    count_ngrams,
    discounts,
    estimate,
    main,
    perplexity,
    read_corpus,
    train_ngram,
)

PARAGRAPHS = [
    "春天来了，院子里的花都开了。孩子们在院子里玩，老人在树下喝茶。",
    "院子里的老树有一百年了，树下的石桌也有一百年了。",
    "孩子们问老人：树有多老？老人说：树比我老，我比你们老。",
    "下雨了，孩子们回到屋里，老人还在树下，看雨打在石桌上。",
    "雨停了，花更红了，树更绿了。孩子们又在院子里玩了。",
    "老人说，明年春天，花还会开，孩子们还会来，树还会更老一些。",
    "明年春天来了，孩子们大了一岁，花又开了，老人在树下喝茶。",
]
FINE = 1e-3  # a quantisation step below what 256 codes can do: the trainer takes the finest possible
ROUNDING = 0.006  # then at most this, in log10 units, for each value stored
TEXT = "院子里的花开了，老人在屋里喝茶。孩子们说：明年再来看树，看雨。"


def _train(path: Path, **settings: object) -> NgramModel:
    options: dict[str, object] = {"order": 4, "prune": (0, 0, 0, 1), "min_count": 1, "convert_traditional": False}
    return train_ngram([PARAGRAPHS], path, **{**options, **settings})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.ngram"
    _train(path, step=FINE)
    return path


@pytest.fixture(scope="module")
def model(model_path: Path) -> NgramModel:
    return NgramModel.load(model_path)


# ------------------------------------------------------- a slow, plain reference


class Reference:
    """Interpolated modified Kneser-Ney over tuples in dictionaries, straight from the formulas."""

    def __init__(self, paragraphs: list[list[int]], order: int, prune: tuple[int, ...], size: int) -> None:
        self.order, self.size = order, size
        actual: list[dict[tuple[int, ...], int]] = [defaultdict(int) for _ in range(order + 1)]
        for paragraph in paragraphs:
            symbols = [BOS, *paragraph, EOS]
            for n in range(1, order + 1):
                for start in range(len(symbols) - n + 1):
                    gram = tuple(symbols[start : start + n])
                    if gram != (BOS,):
                        actual[n][gram] += 1
        self.adjusted: list[dict[tuple[int, ...], int]] = [{} for _ in range(order + 1)]
        self.kept: list[set[tuple[int, ...]]] = [set() for _ in range(order + 1)]
        self.discount: list[list[float]] = [[] for _ in range(order + 1)]
        for n in range(1, order + 1):
            left: dict[tuple[int, ...], int] = defaultdict(int)
            if n < order:
                for gram in actual[n + 1]:
                    left[gram[1:]] += 1
            for gram, count in actual[n].items():
                self.adjusted[n][gram] = count if n == order or gram[0] == BOS else left[gram]
                if count > prune[n - 1]:
                    self.kept[n].add(gram)
            number = [sum(value == j for value in self.adjusted[n].values()) for j in range(5)]
            self.discount[n] = [0.0, 0.5, 1.0, 1.5]
            if min(number[1:]) > 0:
                y = number[1] / (number[1] + 2 * number[2])
                computed = [0.0, *(j - (j + 1) * y * number[j + 1] / number[j] for j in (1, 2, 3))]
                if all(0 <= value <= j for j, value in enumerate(computed)):
                    self.discount[n] = computed

    def probability(self, context: tuple[int, ...], symbol: int) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        while context and context not in self.kept[len(context)] and context != (BOS,):
            context = context[1:]
        return self._interpolated(context, symbol)

    def _interpolated(self, context: tuple[int, ...], symbol: int) -> float:
        n = len(context) + 1
        rows = {gram: count for gram, count in self.adjusted[n].items() if gram[:-1] == context}
        lower = 1 / (self.size - 1) if n == 1 else self._interpolated(context[1:], symbol)
        if not rows:
            return lower
        total = sum(rows.values())
        gram = (*context, symbol)
        given = sum(
            self.discount[n][min(count, 3)] if other in self.kept[n] else count for other, count in rows.items()
        )
        own = rows[gram] - self.discount[n][min(rows[gram], 3)] if gram in self.kept[n] else 0.0
        return own / total + given / total * lower


def _contexts(reference: Reference, size: int) -> Iterator[tuple[int, ...]]:
    yield ()
    yield (BOS,)
    grams = sorted(reference.kept[3])
    yield from random.Random(1).sample(grams, 12)
    yield (BOS, *grams[-1])[:4]
    yield (size - 1, size - 2, size - 3)  # never seen together


@pytest.fixture(scope="module")
def reference(model: NgramModel) -> Reference:
    ids = [model.encode(paragraph)[0].tolist() for paragraph in PARAGRAPHS]
    return Reference(ids, 4, (0, 0, 0, 1), len(model.vocabulary))


def test_estimate_is_that_of_the_plain_formulas(reference: Reference) -> None:
    size = reference.size
    corpus = read_corpus([PARAGRAPHS], order=4, min_count=1, convert_traditional=False)
    for order, level in enumerate(estimate(count_ngrams(corpus), (0, 0, 0, 1)), 1):
        grams = {}
        for key, probability in zip(level.keys.tolist(), level.probabilities.tolist(), strict=True):
            grams[tuple(key // size**i % size for i in range(order))] = probability
        if order > 1:
            assert set(grams) == reference.kept[order]
        for gram, probability in grams.items():
            if gram != (BOS,):
                assert 10**probability == pytest.approx(reference.probability(gram[:-1], gram[-1]), rel=1e-9), gram


def test_agrees_with_the_plain_formulas(model: NgramModel, reference: Reference) -> None:
    sequence = [BOS]
    for paragraph in (*PARAGRAPHS[:2], TEXT):
        sequence += [*model.encode(paragraph)[0].tolist(), EOS, BOS]
    scores = model.score(np.array(sequence))
    start = 0
    for i, symbol in enumerate(sequence):
        if symbol == BOS:
            start = i
            assert scores[i] == 0
        else:
            expected = np.log10(reference.probability(tuple(sequence[start:i]), symbol))
            # One probability and up to three back-offs.
            assert scores[i] == pytest.approx(expected, abs=4 * ROUNDING), (i, symbol)


def test_probabilities_sum_to_one(model: NgramModel, reference: Reference) -> None:
    size = len(model.vocabulary)
    symbols = np.array([i for i in range(size) if i != BOS])
    for context in _contexts(reference, size):
        row = [model.pad] * (4 - len(context)) + list(context)
        windows = np.column_stack((np.tile(row, (len(symbols), 1)), symbols))
        total = float((10.0 ** model.score_windows(windows, 4)).sum())
        assert total == pytest.approx(1, abs=0.02), context


def test_entries_are_those_of_the_formulas(model: NgramModel, reference: Reference) -> None:
    assert model.info["entries"] == [len(model.vocabulary), *(len(kept) for kept in reference.kept[2:])]


# -------------------------------------------------------------------- scoring


def test_windows_agree_with_running_text(model: NgramModel) -> None:
    ids = model.encode("".join(PARAGRAPHS) + TEXT)[0].astype(np.int32)
    whole = model.score(ids)
    windows = np.lib.stride_tricks.sliding_window_view(ids, 9)
    expected = np.lib.stride_tricks.sliding_window_view(whole, 9)
    for first in (3, 4, 5, 8, 9):
        assert np.array_equal(model.score_windows(windows, first), expected[:, first:])
    # Less context: each row by itself.
    short = model.score_windows(windows, 0)
    assert np.array_equal(short[5], model.score(windows[5]))


def test_pad_hides_what_is_before(model: NgramModel) -> None:
    ids = model.encode("老人在树下喝茶")[0].astype(np.int32)
    padded = np.concatenate((np.full(3, model.pad), ids))
    assert np.array_equal(model.score(padded)[3:], model.score(ids))
    assert np.array_equal(model.score_windows(padded[None], 3)[0], model.score(ids))
    assert np.array_equal(model.score(np.concatenate((ids, [model.pad], ids)))[-len(ids) :], model.score(ids))


def test_context_stops_at_a_begin_mark(model: NgramModel) -> None:
    ids = model.encode(PARAGRAPHS[1])[0]
    alone = model.score(np.concatenate(([BOS], ids)))
    after = model.score(np.concatenate((ids, [EOS, BOS], ids)))
    assert np.array_equal(after[-len(alone) :], alone)


def test_chunk_boundaries_do_not_show(model: NgramModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = model.encode("".join(PARAGRAPHS) + TEXT)[0]
    windows = np.lib.stride_tricks.sliding_window_view(ids, 8)
    whole, candidates = model.score(ids), model.score_windows(windows, 4)
    encoded = model.encode(TEXT + " " + TEXT)
    for size in (1, 2, 3, 7, 50):
        monkeypatch.setattr(ngram, "_CHUNK", size)
        monkeypatch.setattr(ngram, "_ENCODE_CHUNK", size)
        assert np.array_equal(model.score(ids), whole)
        assert np.array_equal(model.score_windows(windows, 4), candidates)
        for now, before in zip(model.encode(TEXT + " " + TEXT), encoded, strict=True):
            assert np.array_equal(now, before)


def test_empty_input(model: NgramModel) -> None:
    ids, positions = model.encode("")
    assert len(ids) == len(positions) == len(model.score(ids)) == 0
    assert model.score_windows(np.empty((0, 9), np.int32), 4).shape == (0, 5)
    assert model.score_windows(np.full((3, 9), model.pad), 9).shape == (3, 0)


def test_ids_outside_are_refused(model: NgramModel) -> None:
    for bad in (-1, model.pad + 1):
        with pytest.raises(ValueError, match="vocabulary"):
            model.score(np.array([3, bad]))
        with pytest.raises(ValueError, match="vocabulary"):
            model.score_windows(np.array([[3, bad]]), 1)
    with pytest.raises(ValueError, match="from_col"):
        model.score_windows(np.array([[3, 4]]), 3)


# -------------------------------------------------------------------- symbols


def test_encode_positions(model: NgramModel) -> None:
    text = "老 人\u3000在\n树下,\ufeff喝\U0001f600茶\ud800"
    ids, positions = model.encode(text)
    assert [text[i] for i in positions] == list("老人在树下,喝\U0001f600茶\ud800")
    assert [model.vocabulary[i] for i in ids] == [*"老人在树下，喝", "<unk>", "茶", "<unk>"]


def test_char_ids(model: NgramModel) -> None:
    assert model.vocabulary[model.char_id("树")] == "树"
    assert model.char_id("龘") == model.char_id("\U0003ffff") == UNK
    assert model.char_id("\u3000") == -1
    assert model.char_ids("树 龘").tolist() == [model.char_id("树"), -1, UNK]


@pytest.mark.parametrize(
    ("variants", "target"),
    [
        ("0123456789０９", "0"),
        ("azAZａＺéÀāǎšÿ", "a"),
        (",，", "，"),
        (";；", "；"),
        ("?？", "？"),
        ("(（", "（"),
        ("%％", "%"),
        (".．", "."),
        ("—–―─", "—"),
        ("-－", "-"),
        ("~～", "~"),
        ("一\u2f00", "一"),
        ("金\uf90a", "金"),
        ('"', '"'),
        ("“", "“"),
    ],
)
def test_folding(variants: str, target: str) -> None:
    table = fold_array()
    assert {chr(table[ord(character)]) for character in variants} == {target}


def test_folding_is_stable() -> None:
    table = fold_array({ord("後"): "后"})
    assert chr(table[ord("後")]) == "后"
    assert all(table[ord(blank)] == 0 for blank in " \t\n\r\f\v\x1c\x85\u3000\u2028\u200b\ufeff")
    assert all(len(target) <= 1 for target in FOLD.values())
    assert np.array_equal(table[table], np.where(table == 0, table[0], table)), "folding twice changes nothing more"
    assert len(table) == TABLE_SIZE


# ----------------------------------------------------------------------- file


def test_training_is_deterministic(model_path: Path, tmp_path: Path) -> None:
    again = _train(tmp_path / "again.ngram", step=FINE)
    assert (tmp_path / "again.ngram").read_bytes() == model_path.read_bytes()
    other = _train(tmp_path / "other.ngram", prune=(0, 1))
    assert other.digest != again.digest


def test_pickles_as_a_path(model: NgramModel) -> None:
    data = pickle.dumps(model)
    assert len(data) < 1000
    assert pickle.loads(data).digest == model.digest


@pytest.mark.parametrize("damage", ["empty", "foreign", "version", "header", "short", "cut", "long", "flipped"])
def test_damaged_files_are_refused(model_path: Path, tmp_path: Path, damage: str) -> None:
    data = bytearray(model_path.read_bytes())
    if damage == "empty":
        data.clear()
    elif damage == "foreign":
        data[:8] = b"\x89PNG\r\n\x1a\n"
    elif damage == "version":
        data[8] = 99
    elif damage == "header":
        data[30] ^= 1
    elif damage == "short":
        del data[40:]
    elif damage == "cut":
        del data[-100:]
    elif damage == "long":
        data += b"more"
    else:
        data[len(data) // 2] ^= 4
    path = tmp_path / "damaged.ngram"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        NgramModel.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        NgramModel.load(tmp_path / "none.ngram")


# ------------------------------------------------------------------- training


def test_rare_symbols_become_unknown(tmp_path: Path) -> None:
    model = _train(tmp_path / "rare.ngram", min_count=2)
    assert model.char_id("绿") == UNK
    size = len(model.vocabulary)
    symbols = np.array([i for i in range(size) if i != BOS])
    for context in ([BOS], [model.char_id("更")], [UNK]):
        windows = np.column_stack((np.tile(context, (len(symbols), 1)), symbols))
        assert float((10.0 ** model.score_windows(windows, 1)).sum()) == pytest.approx(1, abs=0.05)


def test_focus_text_is_kept_first(tmp_path: Path) -> None:
    settings = {"order": 3, "prune": (0, 1, 2), "min_count": 1, "convert_traditional": False}
    plain = train_ngram([PARAGRAPHS, [TEXT]], tmp_path / "plain.ngram", **settings)  # type: ignore[arg-type]
    focused = train_ngram(
        [PARAGRAPHS],
        tmp_path / "focus.ngram",
        focus=[[TEXT]],
        focus_weight=2,
        **settings,  # type: ignore[arg-type]
    )
    assert all(a <= b for a, b in zip(plain.info["entries"], focused.info["entries"], strict=True))
    assert sum(plain.info["entries"]) < sum(focused.info["entries"])


def test_sources_are_equal(model_path: Path, tmp_path: Path) -> None:
    import lzma

    text = "\n\n" + "\n".join(PARAGRAPHS) + "\n \n"
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    with lzma.open(tmp_path / "text.txt.xz", "wt", encoding="utf-8") as file:
        file.write(text.rstrip())
    for name in ("text.txt", "text.txt.xz"):
        corpus = read_corpus([tmp_path / name], order=4, min_count=1, convert_traditional=False)
        expected = read_corpus([PARAGRAPHS], order=4, min_count=1, convert_traditional=False)
        # The line with one blank in it has no symbols, so it is no paragraph.
        assert np.array_equal(corpus.symbols, expected.symbols)
        assert corpus.paragraphs == len(PARAGRAPHS)


def test_bad_settings(tmp_path: Path) -> None:
    for settings in ({"order": 1}, {"prune": (0, 2, 1)}, {"prune": (1,)}):
        with pytest.raises(TrainingError):
            _train(tmp_path / "bad.ngram", **settings)
    with pytest.raises(TrainingError, match="no text"):
        train_ngram([["", " "]], tmp_path / "bad.ngram", convert_traditional=False)
    assert not (tmp_path / "bad.ngram").exists()


def test_discounts_fall_back_on_small_text() -> None:
    assert discounts(np.array([1, 1, 2], np.uint32)) == (0.5, 1.0, 1.5)
    got = discounts(np.array([1] * 100 + [2] * 40 + [3] * 20 + [4] * 12, np.uint32))
    y = 100 / 180
    assert got == pytest.approx((1 - 2 * y * 0.4, 2 - 3 * y * 0.5, 3 - 4 * y * 0.6))


def test_perplexity_counts_symbols_and_ends(model: NgramModel) -> None:
    result = perplexity(model, ["老人", "", "龘"])
    assert (result.symbols, result.unknown) == (4, 1)
    one = model.score(np.array([BOS, *model.encode("老人")[0].tolist(), EOS]))
    two = model.score(np.array([BOS, UNK, EOS]))
    mean = (float(one.sum()) + float(two[2])) / 4
    assert result.value == pytest.approx(10**-mean, rel=1e-5)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "text.txt"
    source.write_text("\n".join(PARAGRAPHS), encoding="utf-8")
    target = tmp_path / "out.ngram"
    arguments = [str(source), "-o", str(target), "--order", "3", "--prune", "0", "--keep-traditional"]
    assert main([*arguments, "--test", str(source)]) == 0
    assert NgramModel.load(target).order == 3
    assert "perplexity" in capsys.readouterr().err
    assert main([str(tmp_path / "none.txt"), "-o", str(target)]) == 2


def test_long_text_needs_little_memory(model: NgramModel) -> None:
    import tracemalloc

    text = TEXT * 30_000
    tracemalloc.start()
    ids, positions = model.encode(text)
    kept, peak = tracemalloc.get_traced_memory()
    assert peak - kept < 50e6
    tracemalloc.reset_peak()
    scores = model.score(ids)
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - now < 10e6
    assert len(scores) == len(positions) == len(text)


def test_unknown_and_pad_match_nothing(model: NgramModel) -> None:
    # Neither is ever part of a stored n-gram, so what follows has no context, whatever the tables' empty slots hold.
    symbols = np.arange(len(model.vocabulary))
    for blank in (UNK, model.pad):
        windows = np.column_stack((np.full(len(symbols), blank), symbols))
        expected = np.where(symbols == BOS, 0, model.unigram)
        assert np.array_equal(model.score_windows(windows, 1)[:, 0], expected)
    after = model.score(np.array([model.char_id("树"), UNK]))[1]
    assert after < model.unigram[UNK]
