"""Neural models made here, with known weights: what the real ones are asked is asked of them."""

import json

import numpy as np
import pytest

from repair.language.neural import MODEL_FILE, SETTINGS_FILE, VOCABULARY_FILE, Settings

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"天地人你我他。，a1"]


def save(folder, nodes, inputs, outputs, arrays):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.array(value), name) for name, value in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / MODEL_FILE))


def make_masked(folder, inputs=("input_ids", "attention_mask", "token_type_ids"), words=WORDS):
    """A masked model whose logits at a place are those of a table by the symbol before it; returns the table."""
    helper = pytest.importorskip("onnx").helper
    n = len(words)
    table = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    nodes = [
        helper.make_node("Pad", ["input_ids", "pads"], ["padded"]),
        helper.make_node("Slice", ["padded", "start", "end", "axis"], ["before"]),
        helper.make_node("Gather", ["table", "before"], ["logits"], axis=0),
    ]
    arrays = {"table": table, "pads": [0, 1, 0, 0], "start": [0], "end": [-1], "axis": [1]}
    save(folder, nodes, {name: ["b", "t"] for name in inputs}, {"logits": ["b", "t", n]}, arrays)
    (folder / VOCABULARY_FILE).write_text("\n".join(words) + "\n", encoding="utf-8")
    return table


def make_encoder(folder, characters="，。、：；？！“”《》（）—…·年月日人中国的一", wrong="", context=64):
    """An encoder that says of the characters in `wrong` that they are, of all others that they are right, and of
    everything that a full stop was printed or is missing."""
    helper = pytest.importorskip("onnx").helper
    settings = Settings(characters, layers=1, width=4, heads=1, inner=4, context=context)
    symbols = settings.symbols
    verdict = np.log(np.tile(np.array([0.98, 0.01, 0.01], np.float32), (symbols, 1)))
    for ch in wrong:
        verdict[4 + characters.index(ch)] = np.log([0.02, 0.08, 0.9])
    likely = np.full((symbols, symbols), np.log(0.1 / (symbols - 1)), np.float32)
    likely[:, 4 + characters.index("。")] = np.log(0.9)
    gap = np.log(np.tile(np.array([0.99, 0.01], np.float32), (symbols, 1)))
    nodes = [
        helper.make_node("Reshape", ["ids", "flat"], ["line"]),
        helper.make_node("Gather", ["line", "picked"], ["symbol"]),
        *(
            helper.make_node("Gather", [f"{name}_table", "symbol"], [name], axis=0)
            for name in ("verdict", "printed", "gap", "behind")
        ),
    ]
    tables = {"verdict": verdict, "printed": likely, "gap": gap, "behind": likely}
    arrays = {"flat": [-1], **{f"{name}_table": table for name, table in tables.items()}}
    outputs = {name: ["n", table.shape[1]] for name, table in tables.items()}
    save(folder, nodes, {"ids": ["b", "t"], "picked": ["n"]}, outputs, arrays)
    (folder / SETTINGS_FILE).write_text(settings.to_json(), encoding="utf-8")


def calibrated(folder, **weights):
    content = {"version": 1, "weights": weights}
    (folder / "calibration.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
