"""What else the engine thought of counts in what is found."""

from dataclasses import replace
from pathlib import Path

import repair
from repair.formats.ocr import read_ocr

FILE = read_ocr((Path(__file__).parent.parent / "fixtures/ocr/choices.hocr").read_bytes(), name="choices.hocr")
PLACE = FILE.text.index("下十的时候") + 1  # 下雨的时候, by what was printed
BOXES = "<span class=ocr_line><span class=ocrx_word>%s</span></span>"


def found(layout):
    result = repair.clean(FILE.text, layout=layout)
    return [c.after for c in (*result.corrections, *result.suggestions) if c.start == PLACE and c.before == "十"]


def test_choices_behind_a_word_belong_to_its_characters():
    choices = FILE.layout.alternatives
    assert [ch for ch, _ in choices[PLACE]][:3] == ["雨", "十", "才"]
    assert all(FILE.text[at] in [ch for ch, _ in readings] for at, readings in choices.items())
    assert len(choices) > 0.9 * sum(not ch.isspace() for ch in FILE.text)


def test_a_reading_of_the_engine_is_a_candidate():
    assert found(FILE.layout) == ["雨"]
    assert found(replace(FILE.layout, alternatives={})) == []


def test_lists_that_do_not_match_the_word_are_left_out():
    listed = "<span class=ocrx_cinfo id=lstm_choices_1>%s</span>"
    one = "<span class=ocrx_cinfo title='x_confs 60'>%s</span>"

    def alternatives(text, *lists):
        inner = "".join(listed % "".join(one % ch for ch in choices) for choices in lists)
        return dict(read_ocr((BOXES % (text + inner)).encode(), name="x.hocr").layout.alternatives)

    assert {ch for ch, _ in alternatives("太多", "大太", "夕多")[1]} == {"夕", "多"}
    assert {ch for ch, _ in alternatives("太", " 了", "大太")[0]} == {"大", "太"}
    assert alternatives("太多", "大太") == {}
