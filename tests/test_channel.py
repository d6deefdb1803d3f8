"""The confusion channel and the shape table it stands on."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from repair.language import channel_build, shapes
from repair.language.channel import CONFUSIONS_FILE, SHAPES_FILE, Channel, ChannelError
from repair.language.resources import dictionary_folder
from repair.language.shapes import COMMON, SYMBOL, Shapes, ShapesError

FOLDER = dictionary_folder()


@pytest.fixture(scope="module")
def channel() -> Channel:
    return Channel.load(FOLDER)


@pytest.fixture(scope="module")
def table() -> Shapes:
    return Shapes.load(FOLDER / SHAPES_FILE)


@pytest.mark.parametrize("pair", ["未末", "己已", "日曰", "人入", "土士", "，、", "，,", "—一", "0O", "1l"])
def test_lookalikes_are_near(channel: Channel, table: Shapes, pair: str) -> None:
    left, right = pair
    assert table.similarity(ord(left), ord(right)) > 0.75
    assert right in [char for char, _ in table.neighbours(left, 48)]
    assert left in [char for char, _ in table.neighbours(right, 48)]
    assert right in [char for char, _ in channel.neighbours(left, 100)]
    if right != "O":  # engines hardly ever misread 0, so without a prior it is a late candidate for O
        assert left in [char for char, _ in channel.neighbours(right, 100)]
    assert channel.log_prob(left, right)[0] > channel.floor + 1


def test_strangers_are_far(channel: Channel, table: Shapes) -> None:
    assert table.similarity(ord("一"), ord("鼎")) < 0.4
    assert "鼎" not in [char for char, _ in channel.neighbours("一")]
    assert channel.log_prob("一", "鼎")[0] < channel.log_prob("末", "未")[0] - 1.5


def test_similarity_is_symmetric_and_the_channel_is_not_exactly(channel: Channel, table: Shapes) -> None:
    left, right = np.array([ord(c) for c in "未己日环"]), np.array([ord(c) for c in "末已曰怀"])
    assert np.array_equal(table.similarity(left, right), table.similarity(right, left))
    assert table.similarity(left, left) == pytest.approx(1.0, abs=1e-6)
    # Direction counts: how often each is misread and how often each is the outcome.
    both = channel.log_prob(left, right) - channel.log_prob(right, left)
    assert np.all(np.abs(both) < 5)
    assert np.any(np.abs(both) > 0.1)


def test_probabilities_are_probabilities(channel: Channel) -> None:
    pool = channel.shapes.codes[np.isin(channel.shapes.tiers, [COMMON, SYMBOL])].astype(np.int64)
    for true in "的末，己鼎a":
        logs = channel.log_prob(pool, np.full(len(pool), ord(true)))
        assert logs.dtype == np.float32
        assert logs.max() <= 0
        assert 0.85 < (10.0 ** logs.astype(float)).sum() < 1.3, true
        assert logs[pool == ord(true)] == logs.max()


def test_batches_and_neighbours_agree(channel: Channel) -> None:
    neighbours = channel.neighbours("末", 50)
    assert [log for _, log in neighbours] == sorted((log for _, log in neighbours), reverse=True)
    assert "末" not in [char for char, _ in neighbours]
    true = "".join(char for char, _ in neighbours)
    assert channel.log_prob("末", true).tolist() == pytest.approx([log for _, log in neighbours], abs=1e-5)
    grid = channel.log_prob("末己", np.array([[ord(c) for c in "未木末"], [ord(c) for c in "已巳己"]]))
    assert grid.shape == (2, 3)
    assert grid[0].tolist() == channel.log_prob("末", "未木末").tolist()
    assert channel.log_prob("", "").shape == (0,)


@pytest.mark.parametrize("char", ["\ud800", "\U0001f600", "\u3000", "\n", "𠀀", "㓥", "\U0010ffff", "\x00"])
def test_unknown_characters_get_the_floor(channel: Channel, char: str) -> None:
    assert channel.log_prob(char, "的")[0] < -4.5
    assert channel.log_prob("的", char)[0] < -4.5
    assert channel.log_prob(char, "的")[0] >= channel.floor
    assert channel.log_prob(char, char)[0] > -0.1
    assert len(channel.neighbours(char, 5)) == 5


def test_codes_outside_unicode_do_not_crash(channel: Channel) -> None:
    logs = channel.log_prob(np.array([-1, 0x110000, 2**40]), np.array([ord("的")] * 3))
    assert np.all(logs >= channel.floor)
    assert np.all(channel.log_prob(np.array([ord("的")] * 3), np.array([-1, 0x110000, 2**40])) >= channel.floor)


def test_limits_and_arguments(channel: Channel) -> None:
    assert channel.neighbours("末", 0) == []
    assert len(channel.neighbours("末", 10**6)) > 6000
    assert len(channel.neighbours("末", 10**6, traditional=True)) > len(channel.neighbours("末", 10**6))
    for bad in ("", "末未"):
        with pytest.raises(ValueError, match="one character"):
            channel.neighbours(bad)
    with pytest.raises(ValueError, match="limit"):
        channel.neighbours("末", -1)
    with pytest.raises(ValueError, match=r"."):
        channel.log_prob("末未", "一二三")


def test_prior_changes_the_order_and_not_the_probabilities(channel: Channel) -> None:
    prior = np.full(0x10000, -6.0)
    prior[ord("鼎")] = 0.0
    other = channel.with_prior(prior)
    assert other.neighbours("末", 1)[0] == ("鼎", pytest.approx(float(channel.log_prob("末", "鼎")[0]), abs=1e-5))
    assert "未" in dict(channel.neighbours("末", 5))
    assert pickle.loads(pickle.dumps(other)).neighbours("末", 30) == other.neighbours("末", 30)
    with pytest.raises(ValueError, match="prior"):
        channel.with_prior(np.zeros(0))


def test_pickles_as_its_folder(channel: Channel) -> None:
    data = pickle.dumps(channel)
    assert len(data) < 500
    assert pickle.loads(data).neighbours("己") == channel.neighbours("己")


def test_load_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match=SHAPES_FILE):
        Channel.load(tmp_path)
    good = (FOLDER / SHAPES_FILE).read_bytes()
    for damaged in (b"", b"nonsense", good[:8], good[:5000], good[:-1], good + b"x", good[:12] + b"\xff" * 100):
        (tmp_path / SHAPES_FILE).write_bytes(damaged)
        with pytest.raises(ChannelError, match=SHAPES_FILE):
            Channel.load(tmp_path)
    (tmp_path / SHAPES_FILE).write_bytes(good)
    with pytest.raises(ChannelError, match=CONFUSIONS_FILE):
        Channel.load(tmp_path)
    lines = (FOLDER / CONFUSIONS_FILE).read_text(encoding="utf-8").split("\n")
    model = next(line for line in lines if line.startswith("#model"))
    for text in ("", "#model\t{}", "#model\tnull", "#model\t[", model + "\n未\t末\t1", model + "\n未\t末\t1\tx",
                 model + "\n未来\t末\t1\t-1", model + "\n未\t末\t1\t0.5", model + "\n未\t末\t1\tnan"):
        (tmp_path / CONFUSIONS_FILE).write_text(text, encoding="utf-8")
        with pytest.raises(ChannelError, match=CONFUSIONS_FILE):
            Channel.load(tmp_path)
    (tmp_path / CONFUSIONS_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(ChannelError, match=CONFUSIONS_FILE):
        Channel.load(tmp_path)
    # The model alone is enough: a channel of shapes, and # is a character like others.
    (tmp_path / CONFUSIONS_FILE).write_text(model + "\n#\t＃\t3\t-1.0\n", encoding="utf-8")
    bare = Channel.load(tmp_path)
    assert bare.log_prob("＃", "#")[0] == -1.0
    assert "未" in [char for char, _ in bare.neighbours("末", 3)]


def installed_fonts() -> list[tuple[str, int]]:
    fonts = []
    for name in shapes.DEFAULT_FONTS:
        try:
            fonts.append(shapes.find_font(name))
        except ShapesError:
            continue
    return fonts[:2]


def test_tiny_build(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    fonts = installed_fonts()
    if not fonts:
        pytest.skip("no CJK font installed")
    chars = dict.fromkeys("未末木本己已巳日曰目一二三十土士鼎的国圆", COMMON) | {"，": SYMBOL, ",": SYMBOL}
    built = shapes.build(fonts, chars, dimensions=12)
    built.save(tmp_path / "s.bin")
    again = Shapes.load(tmp_path / "s.bin")
    assert again.codes.tolist() == sorted(map(ord, chars))
    assert again.neighbours("末", 1)[0][0] == "未"
    assert again.neighbours("，", 1)[0] == (",", pytest.approx(1.0, abs=0.02))
    assert again.similarity(ord("一"), ord("鼎")) < again.similarity(ord("己"), ord("已"))


def test_build_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shapes.main(["-o", str(tmp_path / "s.bin"), "--font", "No Such Font 7"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    arguments = ["--shapes", str(FOLDER / SHAPES_FILE), "-o", str(tmp_path / "c.tsv"), "--pairs"]
    assert channel_build.main([*arguments, str(tmp_path / "none.tsv")]) == 2
    (tmp_path / "odd.tsv").write_text("id\tocr\ttruth\nR-h-005-00\t末\t未\n", encoding="utf-8")
    assert channel_build.main([*arguments, str(tmp_path / "odd.tsv")]) == 2
    assert "even unit" in capsys.readouterr().err


def test_character_set() -> None:
    tiers = shapes.character_set()
    assert tiers["末"] == COMMON
    assert tiers["國"] == shapes.TRADITIONAL
    assert tiers["镕"] == shapes.RARE
    assert tiers["，"] == tiers["0"] == tiers["Ａ"] == tiers["—"] == SYMBOL
    assert tiers["の"] == shapes.OTHER
    assert sum(tier == COMMON for tier in tiers.values()) == 6763


def test_learning_uses_short_substitutions_only() -> None:
    pair = channel_build.Pair(2, "天气末到", "天气未到")
    assert channel_build.substitutions(pair) == [("未", "末")]
    assert channel_build.substitutions(channel_build.Pair(2, "天丁丙到", "天气未到")) == [("气", "丁"), ("未", "丙")]
    assert channel_build.substitutions(channel_build.Pair(2, "天丁丙戊", "天气未到了")) == []
    counts = channel_build.count_pairs([pair])
    assert counts.confused == {("未", "末"): 1}
    assert counts.seen["天"] == 1


def test_curve_rises_and_pools() -> None:
    values = channel_build.monotone(np.array([1.0, 3.0, 2.0, 4.0]), np.array([1.0, 1.0, 3.0, 1.0]))
    assert values.tolist() == [1.0, 2.25, 2.25, 4.0]
    random = np.random.default_rng(0)
    knots, factors = channel_build.fit_curve(random.beta(5, 2, 400), random.beta(2, 5, 10000))
    assert np.all(np.diff(knots) >= 0)
    assert np.all(np.diff(factors) >= 0)
    assert factors[0] < 0 < factors[-1]
