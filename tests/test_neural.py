"""Judges of single places: tiny models made here, with known weights; the training where PyTorch is."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tiny_judges import WORDS, make_encoder, make_masked

from repair.language import neural
from repair.language.neural import Ask, Encoder, MaskedModel, NeuralError, Settings


def test_import_loads_no_engine():
    code = "import sys, repair, repair.language.neural; print('onnxruntime' in sys.modules, 'torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_settings():
    settings = Settings("天地", layers=2)
    assert Settings.from_json(settings.to_json()) == settings
    for bad in ("", "[]", "{}", json.dumps({"version": 2}), json.dumps({"version": 1, "odd": 3})):
        with pytest.raises(NeuralError):
            Settings.from_json(bad)


@pytest.mark.parametrize("place", [0, 1, 7, 30, 59])
def test_window(place):
    text = "一二 三四五六七八九十" * 6
    window, at = neural._window(text[:60], place, 9)
    assert len(window) == 9
    assert window[at] == text[place]


def test_missing_model(tmp_path):
    pytest.importorskip("onnxruntime")
    with pytest.raises(NeuralError, match="absent: no such model"):
        neural.load(tmp_path / "absent")
    with pytest.raises(NeuralError, match="no such vocabulary"):
        neural.load(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(NeuralError, match="not a model"):
        neural.load(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"weights": 3}', '{"weights": {"a": {"b": "c"}}}'])
def test_damaged_calibration(tmp_path, content):
    make_encoder(tmp_path)
    (tmp_path / "calibration.json").write_text(content, encoding="utf-8")
    with pytest.raises(NeuralError, match="not a calibration"):
        neural.load(tmp_path)


@pytest.mark.parametrize("inputs", [("input_ids", "attention_mask", "token_type_ids"), ("input_ids",)])
def test_masked_model(tmp_path, inputs):
    table = make_masked(tmp_path, inputs)
    judge = neural.load(tmp_path)
    assert isinstance(judge, MaskedModel)
    expected = table - np.log(np.exp(table).sum(1, keepdims=True))
    text = "天 地人\n你我"
    rows = judge.hidden([Ask(text, 2), Ask(text, 0), Ask(text, 5), *[Ask(text, 6)] * 40])
    for row, before in zip(rows, ["天", "[CLS]", "人", "你"], strict=False):
        assert np.allclose(row, expected[WORDS.index(before)], atol=1e-5)
    assert judge.symbol("A") == judge.symbol("a") >= 0 > judge.symbol("魑")
    shift = judge.shift([Ask(text, 2)], [("地", "人")])[0]
    row = expected[WORDS.index("天")]
    assert np.isclose(shift[0], row[WORDS.index("人")] - row[WORDS.index("地")], atol=1e-5)
    assert np.isclose(shift[2], row[WORDS.index("人")], atol=1e-5)
    assert judge.hidden([]).shape[0] == 0


def test_masked_model_from_the_file_and_without_marks(tmp_path):
    make_masked(tmp_path)
    assert isinstance(neural.load(tmp_path / "model.onnx"), MaskedModel)
    words = "\n".join(word for word in WORDS if word != "[MASK]")
    (tmp_path / "vocab.txt").write_text(words, encoding="utf-8")
    with pytest.raises(NeuralError, match=r"\[MASK\] missing"):
        neural.load(tmp_path)


def test_folder_of_transformers(tmp_path):
    """As Hugging Face's library saves a model, weights of PyTorch and no ONNX file: the same as it says itself."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    words = [*WORDS, *"春夏秋冬"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    model = transformers.BertForMaskedLM(config).eval()
    model.save_pretrained(tmp_path)
    judge = neural.load(tmp_path)
    ids = [words.index(word) for word in ("[CLS]", "春", "[MASK]", "秋", "[SEP]")]
    with torch.no_grad():
        expected = torch.log_softmax(model(torch.tensor([ids])).logits[0, 2], 0)
    assert np.allclose(judge.hidden([Ask("春夏秋", 1)])[0], expected.numpy(), atol=1e-4)


def test_folder_of_transformers_without_them(tmp_path, monkeypatch):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(NeuralError, match=r"repair\[neural-torch\]"):
        neural.load(tmp_path)


def test_what_the_encoder_says(tmp_path):
    make_encoder(tmp_path, wrong="、")
    judge = neural.load(tmp_path)
    assert isinstance(judge, Encoder)
    assert "年" not in judge.signs
    assert "。" in judge.signs
    text = "年 月、日\n人。"
    seen = judge.seen(text, [0, 3, 7])
    assert np.allclose(np.exp(seen.verdict), [[0.98, 0.01, 0.01], [0.02, 0.08, 0.9], [0.98, 0.01, 0.01]], atol=1e-3)
    assert np.allclose(np.exp(seen.printed[:, judge.signs.index("。")]), 0.9, atol=1e-3)
    assert judge.seen(text, []).verdict.shape == (0, 3)


@pytest.mark.parametrize("line", [3, 17, 500])
def test_encoder_in_long_texts(tmp_path, line):
    """Every place is answered once, whatever the lines, and what is known from before is not asked again."""
    make_encoder(tmp_path, wrong="、")
    judge = neural.load(tmp_path)
    text = "\n".join("年月、日 人中。国的"[: line % 10 or 10] * (line // 10 + 1) for _ in range(40))
    places = [i for i, ch in enumerate(text) if not ch.isspace()]
    known = {}
    seen = judge.seen(text, places, known)
    wrong = [text[i] == "、" for i in places]
    assert (seen.verdict.argmax(1) == np.where(wrong, 2, 0)).all()
    jobs = []
    run = judge._run
    judge._run = lambda batch: jobs.extend(batch) or run(batch)
    judge.seen(text, places, known)
    assert not jobs
    if line == 17:
        start = text.index("\n", len(text) // 2) + 1
        changed = text[:start] + "国" + text[start + 1 :]
        judge.seen(changed, places, known)
        assert 0 < len(jobs) <= 3 < len(known)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    from repair.language import neural_train as nt

    text = nt.mixed(np.frombuffer(("天地人，你我他。\n一二三四五六七八九十\n" * 200).encode("utf-16-le"), np.uint16), 1)
    settings = Settings(nt.characters_of(text, 60), layers=1, width=16, heads=2, inner=32, context=24)
    plan = nt.Plan(steps=8, batch=2, every=2, save_every=4, warm_up=2, half=False)
    whole, halves = (tmp_path_factory.mktemp(name) for name in ("whole", "halves"))
    network = nt.train(text, settings, plan, whole)
    nt.train(text, settings, plan, halves, until=4)
    again = nt.train(text, settings, plan, halves)
    same = all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    nt.export(network, whole)
    return whole, halves, network, same


def test_training_goes_on_as_if_never_interrupted(trained):
    whole, halves, _, same = trained
    assert same
    curves = [(folder / "curve.csv").read_text().splitlines() for folder in (whole, halves)]
    assert [row.split(",")[0] for row in curves[0]] == ["step", "2", "4", "6", "8"]
    kept = [[row.split(",")[:2] + row.split(",")[3:] for row in curve] for curve in curves]
    assert kept[0] == kept[1]


def test_encoder_says_what_the_network_says(trained):
    torch = pytest.importorskip("torch")
    whole, _, network, _ = trained
    judge = Encoder(whole, quantised=False)
    text = "天地人，你我他。"
    ids = torch.tensor(judge.encode(text))[None]
    with torch.no_grad():
        wanted = network(ids, torch.tensor([1, 5]))
    seen = judge.seen(text, [1, 5])
    for own, other in zip(seen, wanted, strict=True):
        other = other.numpy()
        assert np.allclose(own, other if other.shape == own.shape else other[:, judge._columns], atol=1e-4)


def test_command_trains_and_exports(trained, tmp_path, capsys):
    from repair.cli import main

    corpus = tmp_path / "corpus.txt"
    corpus.write_text("天地人，你我他。\n一二三四五六七八九十\n" * 300, encoding="utf-8")
    assert main(["train", str(corpus), "--neural", "-o", str(tmp_path / "model"), "--steps", "2"]) == 0
    assert (tmp_path / "model" / "model.int8.onnx").stat().st_size < 30_000_000
    assert "held-out text" in capsys.readouterr().err
    assert neural.load(tmp_path / "model").seen("天地人，", [3]).verdict.shape == (1, 3)
