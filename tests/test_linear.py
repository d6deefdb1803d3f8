"""What must not grow faster than the text, counted rather than timed."""

from __future__ import annotations

from collections import Counter

import pytest

from repair.language.ngram import NgramModel
from repair.language.resources import default_resources
from repair.language.words import Words
from repair.pipeline import MAX_CHANGES, Pipeline

DAMAGED = {
    "mojibake": "工程宸茬粡瀹屽伐，明天开学。",
    "mixed script": "全市經济运行总体平稳，我们要继续努力发展，社会稳定。",
    "blanks": "广大科 研 工 作 者要面向国家需求，勇攀科技高峰。",
    "breaks": "明确主导产业发展目\n\n标，鼓励各地发展。\n",
    "one character a line": "国\n家\n发\n展\n",
    "stray words": "提供了政策支持 and 体制保障，全面发展。",
    "brackets": "设施逐步完善。《太原日报》4月17日)\n",
    "misread": "推动环研工作者围绕国家重大需求开展工作。\n",
}
OPEN = "“ （ 《 [ ( $ ` < @ http:// * \\ \\[ & | #␣ 1.␣ -␣ >␣ — …".replace("␣", "\u00a0").split(" ")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the expensive parts are asked, and for how much."""
    assert default_resources().model  # loaded before anything is counted
    count: Counter[str] = Counter()

    def watch(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def counted(self, first, *rest):  # type: ignore[no-untyped-def]
            count["volume"] += getattr(first, "size", len(first))
            return original(self, first, *rest)

        monkeypatch.setattr(owner, name, counted)

    for name in ("score", "score_windows", "encode"):
        watch(NgramModel, name)
    watch(Words, "segment")
    run = Pipeline._proposals

    def proposals(self, filter_, *rest):  # type: ignore[no-untyped-def]
        count["runs"] += 1
        return run(self, filter_, *rest)

    monkeypatch.setattr(Pipeline, "_proposals", proposals)
    return count


@pytest.mark.parametrize("kind", DAMAGED)
def test_work_grows_with_the_text(kind: str, calls: Counter[str]) -> None:
    pipeline = Pipeline.from_profile("typography")
    work = []
    for copies in (40, 160):
        # Numbers keep the copies apart, so that none of them is a loop.
        text = "".join(f"{DAMAGED[kind]}第{n}号" for n in range(copies))
        calls.clear()
        pipeline(text, level="review")
        runs, volume = calls["runs"], calls["volume"]
        work.append(volume / max(1, runs) / copies)
        assert runs <= 40 * len(pipeline.filters)
    assert work[1] <= 2 * work[0]


@pytest.mark.parametrize("sign", OPEN)
def test_endless_openings_ask_nothing_of_the_model(sign: str, calls: Counter[str]) -> None:
    text = (sign.replace("\u00a0", " ") * 20_000)[:20_000]
    result = Pipeline.from_profile("typography")(text, level="review")
    assert result.text == text
    assert calls["volume"] <= 40 * len(text)


@pytest.mark.parametrize("separator", ["\n", "\f"])
def test_a_column_one_character_wide_settles(separator: str) -> None:
    """Here each joined break lets the filter see the next one; such a text was once returned unrepaired."""
    sentence = "，我省财政收入规模由2013年的1009元"
    result = Pipeline.from_profile("default")(separator.join(sentence), level="review")
    assert len(result.corrections) > len(sentence) // 2


def test_filters_run_again_only_on_changed_text(calls: Counter[str]) -> None:
    pipeline = Pipeline.from_profile("default")
    pipeline("今天天气很好。", level="review")
    with_notes = sum(filter_.notes is not None for filter_ in pipeline.filters)
    assert calls["runs"] == len(pipeline.filters) + with_notes
    assert MAX_CHANGES >= 30
