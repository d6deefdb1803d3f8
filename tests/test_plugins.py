"""Filters that other packages add through entry points; real installed metadata in real processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_cli import ENVIRONMENT, start

FILTER = '''"""House rule: the paper's own name."""
from repair.filters import Filter, Rule
from repair.text import Proposal

def propose(document, settings):
    at = document.text.find(settings["wrong"])
    if at >= 0:
        yield Proposal(at, at + len(settings["wrong"]), "云川日报", "paper-name", 0.999, "our own name")

FILTER = Filter("paper-name", (Rule("paper-name", "the paper's name", "safe"),), propose, {"wrong": "云川曰报"})
'''
PROFILE = '[tool.repair]\nprofile = "ours"\n[tool.repair.profiles.ours]\nextends = "default"\nenable = ["paper-name"]\n'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder as pip leaves it: a module and its metadata."""
    folder = tmp_path / "site"
    info = folder / "paper-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "paper.py").write_text(FILTER, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: paper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[repair.filters]\npaper-name = paper:FILTER\n")
    (tmp_path / "pyproject.toml").write_text(PROFILE)
    (tmp_path / "a.txt").write_text("据云川曰报报道，提供了政策支持和体制保障。\n", encoding="utf-8")
    return folder


def run(site: Path, *arguments: str) -> tuple[int, str, str]:
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}:{site}"}
    with start(*arguments, cwd=site.parent, env=environment) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def test_a_package_adds_a_filter(site: Path) -> None:
    status, out, err = run(site, "clean", "a.txt", "--log", "log.jsonl")
    assert (status, out) == (0, "据云川日报报道，提供了政策支持和体制保障。\n"), err
    assert '"rule":"paper-name"' in (site.parent / "log.jsonl").read_text(encoding="utf-8")
    assert run(site, "clean", "a.txt", "--profile", "default")[1] == (site.parent / "a.txt").read_text(encoding="utf-8")
    (line,) = [line for line in run(site, "rules")[1].splitlines() if line.startswith("paper-name")]
    assert line.split() == ["paper-name", "safe", "the", "paper's", "name", "(filter", "paper-name", "of", "paper)"]
    assert "House rule" in run(site, "rules", "paper-name")[1]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("space = paper:FILTER", "there is a filter called 'space' already"),
        ("paper-name = paper:NONE", "cannot be loaded (AttributeError"),
        ("paper-name = paper:propose", "is no filter called 'paper-name'"),
        ("paper-name = nowhere:FILTER", "cannot be loaded (ModuleNotFoundError"),
    ],
)
def test_what_is_wrong_with_a_package_is_one_line(point: str, message: str, site: Path) -> None:
    (site / "paper-1.0.dist-info" / "entry_points.txt").write_text(f"[repair.filters]\n{point}\n")
    status, out, err = run(site, "clean", "a.txt")
    assert status == 2 and not out and message in err and err.count("\n") == 1
