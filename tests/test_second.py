"""What a neural model's second opinion does to findings, and that nothing happens without one."""

import json
import pickle
from pathlib import Path

import pytest
from tiny_judges import calibrated, make_encoder, make_masked

import repair
from repair.calibrate import calibrate
from repair.cli import main
from repair.document import Document
from repair.filters import second
from repair.filters.decoded import findings
from repair.language import resources as resources_module
from repair.language.neural import NeuralError
from repair.language.resources import Resources
from repair.pipeline import Pipeline

PAGE = """全国哲学社会科学规划办公室日前发出、通知，要求各地认真做好课题申报工作。
推动环研工作者围绕国家经济建设和社会发展，的重大问题开展研宄，
不断提高研究水平·为社会主义现代化建设服务。各地要按照通知精神，
加强组织领异，精心部署，确保申报工怍顺利进行。
"""
CLEAN = "全国哲学社会科学规划办公室日前发出通知，要求各地认真做好课题申报工作。"


def shifts(**weights):
    return {f"shift_{kind}": dict.fromkeys(second.SHIFT, 0.0) | {"bias": bias} for kind, bias in weights.items()}


def found(resources, text=PAGE):
    return {(f.kind, f.start, f.end, f.after): f.probability for f in findings(Document(text, None, resources))}


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    make_encoder(folder)
    return folder


def test_words_of_the_model_shift_the_log_odds(model):
    before = found(Resources(neural=False))
    kinds = {kind for kind, *_ in before}
    assert {"hanzi", "delete"} <= kinds
    calibrated(model, **shifts(delete=1.5))
    after = found(Resources(neural=model))
    assert before.keys() == after.keys()
    for key, p in before.items():
        if key[0] == "delete":
            assert after[key] / (1 - after[key]) == pytest.approx(p / (1 - p) * 2.718281828**1.5)
        else:
            assert after[key] == p


def test_findings_of_its_own(tmp_path):
    make_encoder(tmp_path, wrong="、")
    calibrated(tmp_path, own_delete=dict.fromkeys(second.OWN, 0.0) | {"bias": -1.0, "nothing": 1.0})
    before, after = found(Resources(neural=False)), found(Resources(neural=tmp_path))
    own = {key: p for key, p in after.items() if key not in before}
    assert all(before[key] == after[key] for key in before)
    assert [(kind, PAGE[start:end], new) for kind, start, end, new in own] == [("delete", "、", "")]
    assert min(own.values()) > 0.9


def test_it_is_not_asked_about_clean_text(model, monkeypatch):
    calibrated(model, **shifts(delete=1.5, mark=1.5, insert=1.5))
    monkeypatch.setattr(second, "rows", lambda *_: pytest.fail("asked"))
    text = "\n".join([CLEAN] * 3)
    assert Pipeline.from_profile(resources=Resources(neural=model))(text).text == text


@pytest.mark.parametrize("level", ["safe", "review"])
def test_repairing_again_changes_nothing(model, level):
    calibrated(model, **shifts(delete=2.0, mark=-1.0, insert=1.0))
    pipeline = Pipeline.from_profile(resources=Resources(neural=model))
    once = pipeline(PAGE, level=level).text
    assert once != PAGE
    assert pipeline(once, level=level).text == once
    assert pickle.loads(pickle.dumps(pipeline))(PAGE, level=level).text == once


def test_masked_model(tmp_path):
    make_masked(tmp_path)
    calibrated(tmp_path, masked_hanzi=dict.fromkeys(second.MASKED, 0.0) | {"bias": -2.0})
    before, after = found(Resources(neural=False)), found(Resources(neural=tmp_path))
    assert before.keys() == after.keys()
    assert any(after[key] < before[key] for key in before if key[0] == "hanzi")
    assert all(after[key] == before[key] for key in before if key[0] != "hanzi")


def test_calibration(model, tmp_path):
    """On pages with their truth the model that is right gets its weight, and what was written is what is read."""
    pytest.importorskip("onnxruntime")
    pages = []
    for k in range(40):
        truth = PAGE.replace("，的重大", "的重大") if k % 4 else PAGE
        pages.append((PAGE, truth.replace("水平·", "水平，").replace("环研", "科研")))
    said = []
    weights = calibrate(model, pages, said.append)
    assert any(line.startswith("shift_delete: ") for line in said)
    written = (model / "calibration.json").read_bytes()
    held = json.loads(written)
    assert held["pages"] == 40
    assert held["weights"] == weights
    assert found(Resources(neural=model))
    with pytest.raises(ValueError, match="too little"):
        calibrate(model, [])
    for k, texts in enumerate(pages):
        page = tmp_path / "pages" / f"{k:02}"
        page.mkdir(parents=True)
        for name, text in zip(("raw.txt", "truth.txt"), texts, strict=True):
            (page / name).write_text(text, encoding="utf-8")
    (model / "calibration.json").unlink()
    assert main(["train", "--calibrate", str(model), str(tmp_path / "pages")]) == 0
    assert (model / "calibration.json").read_bytes() == written


@pytest.mark.parametrize("meta", ["{", '{"order_ok": 3}', None])
def test_pages_that_cannot_be_read_are_named(model, tmp_path, capsys, meta):
    page = tmp_path / "pages" / "one"
    page.mkdir(parents=True)
    if meta is not None:
        (page / "raw.txt").write_text(PAGE, encoding="utf-8")
        (page / "truth.txt").write_text(PAGE, encoding="utf-8")
        (page / "meta.json").write_text(meta, encoding="utf-8")
    assert main(["train", "--calibrate", str(model), str(tmp_path / "pages")]) == 2
    error = capsys.readouterr().err
    assert str(page / "meta.json" if meta else page.parent) in error
    assert error.count("\n") == 1
    assert not (model / "calibration.json").exists()


def test_one_object_a_process():
    """Whatever was pickled finds the models that are loaded already."""
    assert pickle.loads(pickle.dumps(resources_module.default_resources())) is resources_module.default_resources()


def test_log_names_the_model_and_the_command_takes_it(model, tmp_path, capsys):
    calibrated(model, **shifts(delete=1.0))
    page, log = tmp_path / "page.txt", tmp_path / "log.jsonl"
    page.write_text(PAGE, encoding="utf-8")
    arguments = ["clean", str(page), "-o", str(tmp_path / "out.txt"), "--log", str(log), "--neural", str(model)]
    assert main(arguments) in (0, 1)
    header = json.loads(log.read_text(encoding="utf-8").splitlines()[0])
    digests = {name: digest for name, *_, digest in map(dict.values, header["resources"])}
    assert digests["neural"] == Resources(neural=model).digests()["neural"]
    assert "neural" not in Resources(neural=False).digests()


def test_model_without_calibration_is_refused_in_one_line(model, tmp_path, capsys):
    page = tmp_path / "page.txt"
    page.write_text(PAGE, encoding="utf-8")
    assert main(["check", str(page), "--neural", str(model)]) == 2
    error = capsys.readouterr().err
    assert "calibration.json" in error
    assert error.count("\n") == 1
    calibrated(model, shift_delete={"odd": 1.0})
    with pytest.raises(NeuralError, match="calibrate the model again"):
        found(Resources(neural=model))


def test_default_model_needs_its_folder_and_onnxruntime(tmp_path, model, monkeypatch):
    """A model among the dictionaries is used without being named, and not missed where onnxruntime is."""
    calibrated(model, **shifts(delete=1.0))
    shipped = Resources().folder
    for file in shipped.iterdir():
        if file.name != "neural":
            (tmp_path / file.name).symlink_to(file.resolve())
    assert Resources(tmp_path).judge is None
    (tmp_path / "neural").symlink_to(model)
    assert Resources(tmp_path).judge is not None
    monkeypatch.setattr(resources_module, "find_spec", lambda name: None)
    assert Resources(tmp_path).judge is None
    assert repair.clean(CLEAN).text == CLEAN


def test_no_model_is_shipped():
    assert not (Path(repair.__file__).parent / "dictionaries" / "neural").exists()
