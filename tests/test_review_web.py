"""The page of `repair review`: in a real browser where there is one, and who it does not speak to."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from cases import FIXTURES
from hypothesis import given
from strategies import st

import repair
from repair.formats.plain import InputError, decode
from repair.log import LogHeader, document_record, save_log
from repair.review import charts, plots, shown
from repair.review.batch import Batch, Board
from repair.review.guard import LARGEST
from repair.review.store import Store
from repair.review.words import _TABLE, preferred, words
from repair.text import Correction, Result

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("jinja2")

import itertools

from repair.review.site import cut
from repair.review.web import serve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HEADER = LogHeader("0", "default", "safe")
SERVER = """
import sys
from repair.review.batch import Batch, Board
from repair.review.store import Store
from repair.review.teach import Teacher
from repair.review.web import serve
log, store, words = sys.argv[1:]
board = Board(Batch([log]), Store(store))
serve(board, reviewer="王芳", open_browser=False,
      say=lambda url: print(url, flush=True), export=lambda: "写好了", teacher=Teacher(board, words))
"""


class Served:
    """The page of a log in a process of its own."""

    def __init__(self, log: Path, store: Path) -> None:
        self.store = store
        paths = os.pathsep.join([str(FIXTURES.parent), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(log), str(store), str(store.parent / "words")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.communicate()[1]
        parts = urllib.parse.urlsplit(self.url)
        self.base = f"http://{parts.netloc}"
        self.netloc, self.port = parts.netloc, parts.port
        self.token = urllib.parse.parse_qs(parts.query)["token"][0]

    def decisions(self):
        with Store(self.store) as store:
            return store.decisions()

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None, cookie=True
    ):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        given = {"Cookie": f"repair-review-{self.port}={self.token}"} if cookie else {}
        given |= headers or {}
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


def write(folder: Path, results: dict[str, Result]) -> Path:
    """A log about texts that lie beside it as files with safe names."""
    documents = []
    for k, (name, result) in enumerate(results.items()):
        data, out = (text.encode("utf-8", "surrogatepass") for text in (result.original, result.text))
        (folder / f"text{k}.txt").write_bytes(data)
        try:
            file = decode(data)
        except InputError:
            file = repair.formats.plain.TextFile(result.original, "utf-8", False, "lf", "surrogatepass")
        documents.append((document_record(name, file, data, out, name), result))
    log = folder / "log.jsonl"
    save_log(log, documents, HEADER)
    return log


def every(text: str, before: str, after: str) -> Result:
    """A text with the same proposal at every place of `before`."""
    starts = [k for k in range(len(text)) if text.startswith(before, k)]
    found = (Correction(k, k + len(before), before, after, "misread", 0.6, "review") for k in starts)
    return Result(text, text, (), tuple(found))


def reviewed(text: str, *changes: tuple[str, str, float]) -> Result:
    """A text with proposals at the first places after each other where `before` stands."""
    found, at = [], 0
    for before, after, confidence in changes:
        at = text.index(before, at)
        alternatives = ((after, confidence), ("候", 0.02), (before, 0.01))
        found.append(
            Correction(at, at + len(before), before, after, "misread", confidence, "review", "why", alternatives)
        )
        at += len(before)
    return Result(text, text, (), tuple(found))


@pytest.fixture(scope="module")
def page_log(tmp_path_factory):
    """The log of a repaired page, as the library writes it."""
    folder = tmp_path_factory.mktemp("page")
    text = (FIXTURES / "page" / "page.md").read_text("utf-8")
    return write(folder, {"page.md": repair.clean(text)})


@pytest.fixture
def serving(tmp_path):
    running: list[Served] = []

    def start(log: Path, store: str = "decisions.sqlite") -> Served:
        running.append(Served(log, tmp_path / store))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def chromium():
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium):
    contexts, said = [], []

    def opened(served: Served, **options):
        context = chromium.new_context(**{"locale": "zh-CN", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
        page.goto(served.url)
        return page

    opened.said = said
    yield opened
    for context in contexts:
        context.close()
    assert not said


def press(page, key: str) -> None:
    """Press a key that changes what is shown, and wait for that."""
    page.evaluate("document.querySelector('.desk').dataset.old = 1")
    page.keyboard.press(key)
    page.wait_for_selector(".desk:not([data-old])", timeout=5000)


def shown_item(page) -> str:
    return page.get_attribute(".desk", "data-item")


# --- in the browser


def test_keys_decide_and_undo(page_log, serving, browse):
    served = serving(page_log)
    page = browse(served)
    assert page.url == f"{served.base}/"
    first = shown_item(page)
    place = page.locator("button.accept").bounding_box()
    press(page, "a")
    second = shown_item(page)
    assert second != first
    assert page.locator("button.accept").bounding_box() == place
    press(page, "r")
    press(page, "s")
    third = shown_item(page)
    press(page, "ArrowLeft")
    assert shown_item(page) != third
    press(page, "ArrowRight")
    assert shown_item(page) == third
    assert [d.verdict for d in served.decisions()] == ["accepted", "rejected"]
    assert {d.reviewer for d in served.decisions()} == {"王芳"}
    press(page, "u")
    assert shown_item(page) == second
    press(page, "u")
    assert shown_item(page) == first
    assert served.decisions() == []
    press(page, "u")
    assert "error" in page.get_attribute("#said", "class")
    assert page.evaluate("document.activeElement.id") == "desk"


def test_editing_takes_chinese_and_leaves_input_methods_alone(page_log, serving, browse):
    served = serving(page_log)
    page = browse(served)
    page.keyboard.press("e")
    field = page.locator("#edit input[name=text]")
    assert field.evaluate("f => f === document.activeElement")
    page.keyboard.press("Escape")
    assert not field.is_visible()
    page.keyboard.press("e")
    # A key that an input method takes: Enter there ends a composition, not the editing.
    field.evaluate(
        "f => f.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))"
    )
    assert served.decisions() == []
    field.fill("改写⏎ar\\u3000")
    press(page, "Enter")
    (decision,) = served.decisions()
    assert (decision.verdict, decision.text) == ("edited", "改写\nar\u3000")


def test_alternatives_by_number_and_by_n(tmp_path, serving, browse):
    served = serving(
        write(tmp_path, {"a.txt": reviewed("大家的农衣生产在衣村。", ("衣", "业", 0.9), ("衣", "农", 0.8))})
    )
    page = browse(served)
    press(page, "2")
    page.keyboard.press("n")
    assert page.locator(".choice.selected").count() == 1
    assert page.locator("#focus ins").inner_text() == "候"
    press(page, "a")
    assert [d.text for d in served.decisions()] == ["候", "候"]
    assert page.locator(".card.done").count() == 1


def test_all_alike_at_once_and_back(tmp_path, serving, browse):
    text = "他己经来了。" * 30 + "我自已去。"
    result = reviewed(text, *[("己", "已", 0.9 - k / 1000) for k in range(30)], ("已", "己", 0.5))
    served = serving(write(tmp_path, {"a.txt": result}))
    page = browse(served)
    page.keyboard.press("CapsLock")
    press(page, "Shift+A")
    assert len(served.decisions()) == 30
    assert shown_item(page) == "30"
    press(page, "u")
    assert served.decisions() == []
    press(page, "Shift+R")
    assert {d.verdict for d in served.decisions()} == {"rejected"}
    assert page.locator("#progress").inner_text().startswith("已决定 30 / 31")


def test_filters_search_and_language(page_log, serving, browse):
    served = serving(page_log)
    page = browse(served)
    page.select_option("[name=state]", "applied")
    page.wait_for_url("**state=applied**")
    page.select_option("[name=sort]", "document")
    page.wait_for_url("**sort=document**")
    assert page.locator(".card .state.applied").count() >= 1
    press(page, "r")
    assert [d.verdict for d in served.decisions()] == ["rejected"]
    page.keyboard.press("/")
    page.keyboard.type("no such thing")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card.done")
    assert "没有" in page.locator(".card.done").inner_text()
    page.click("#language")
    page.wait_for_selector("html[lang=en]")
    assert "Nothing left" in page.locator(".card.done").inner_text()
    page.goto(served.base)
    assert page.locator("button.accept").inner_text().startswith("✓ Accept")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()


def test_page_view_and_summary(page_log, serving, browse):
    served = serving(page_log)
    page = browse(served)
    first = shown_item(page)
    page.keyboard.press("g")
    page.wait_for_url("**/page?**")
    assert page.locator(f'#here[data-item="{first}"]').count() == 1
    press(page, "a")
    assert page.locator(f'.piece.accepted[data-item="{first}"]').count() == 1
    press(page, "ArrowRight")
    piece = page.locator(".piece.open").last
    number = piece.get_attribute("data-item")
    page.evaluate("document.querySelector('.desk').dataset.old = 1")
    piece.click()
    page.wait_for_selector(".desk:not([data-old])")
    assert shown_item(page) == number
    press(page, "r")
    assert page.locator(f'.piece.rejected[data-item="{number}"]').count() == 1
    assert len(served.decisions()) == 2
    page.click("#to-summary")
    page.wait_for_selector("svg.chart")
    assert page.locator("svg.chart").count() == 3
    assert "王芳" in page.locator("main").inner_text()
    assert page.evaluate("getComputedStyle(document.querySelector('svg.chart .bar')).fill") != "rgb(0, 0, 0)"


def test_what_decisions_teach_is_written_once_confirmed(tmp_path, serving, browse):
    text = "青宕县的干部都来了。记者从青宕县获悉，这是青宕县首次举办。"
    served = serving(write(tmp_path, {"a.txt": every(text, "宕", "岩")}))
    page = browse(served)
    page.click("#to-learn")
    page.wait_for_selector("main.lessons")
    assert page.locator("main.lessons input[type=checkbox]").count() == 0
    page.click("#to-queue")
    press(page, "Shift+A")
    assert len(served.decisions()) == 3
    page.click("#to-learn")
    page.wait_for_selector("main.lessons form")
    assert "宕 → 岩" in page.locator("main.lessons").inner_text()
    for box in page.locator("main.lessons input[type=checkbox]").all()[1:]:
        box.uncheck()
    page.click("main.lessons button")
    page.wait_for_selector("#said:not(:empty)")
    files = list((tmp_path / "words").iterdir())
    assert len(files) == 1 and len(files[0].read_text(encoding="utf-8").splitlines()) == 1
    if shots := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{shots}/learn.png")
        page.click("#language")
        page.screenshot(path=f"{shots}/learn_en.png")


def test_slash_on_the_page_view_goes_to_the_search(page_log, serving, browse):
    page = browse(serving(page_log))
    page.keyboard.press("g")
    page.wait_for_url("**/page?**")
    page.keyboard.press("/")
    page.wait_for_url("**#search")
    page.wait_for_load_state()
    assert page.locator("#search").evaluate("f => f === document.activeElement")
    page.keyboard.press("Escape")
    press(page, "s")
    assert page.locator("#heard").inner_text()


def test_two_reviewers_disagree_and_settle(tmp_path, serving, browse):
    served = serving(write(tmp_path, {"a.txt": reviewed("他己经来了。农衣。", ("己", "已", 0.9), ("衣", "业", 0.8))}))
    one, two = browse(served), browse(served)
    two.click(".who summary")
    two.fill(".who input", "李 <b>明</b>")
    two.click(".who button")
    two.wait_for_load_state()
    assert two.locator(".who summary").inner_text() == "李 <b>明</b>"
    press(one, "a")
    # The other one decides about what is still shown there.
    press(two, "r")
    two.goto(f"{served.base}/?state=conflict")
    said = two.locator(".said.conflict").inner_text()
    assert "王芳" in said and "李 <b>明</b>" in said
    one.wait_for_selector("#progress .alarm", timeout=9000)
    one.goto(f"{served.base}/summary")
    assert one.locator(".conflicts li").count() == 1
    press(two, "a")
    assert two.locator(".card.done").count() == 1
    assert [d.settles for d in served.decisions()] == [False, False, True]


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "\x1b[31m\u202e\ud800\udc00\u2028{{7*7}}",
)
NAMES = ("../../etc/passwd", "a\nb\r<svg onload=alert(1)>", "x\u202egnp.txt", "\ud800.txt")


def test_hostile_logs_are_shown_as_they_are(tmp_path, serving, browse):
    results = {}
    for name, text in zip(NAMES, HOSTILE, strict=True):
        c = Correction(
            0, len(text), text, text[::-1], text, 0.9, "review", text, ((text[::-1], 0.9), (text + "1", 0.1))
        )
        results[name] = Result(text, text, (), (c,))
    served = serving(write(tmp_path, results))
    page = browse(served)
    for k in range(len(HOSTILE)):
        page.goto(f"{served.base}/?item={k}")
        assert page.locator("script:not([src])").count() == 0
        assert page.locator("main img, main svg[onload]").count() == 0
        page.keyboard.press("e")
        page.goto(f"{served.base}/page?item={k}")
        assert page.locator("#here").count() == 1
    assert "U+D800" in page.content() and "RLO" in page.content()
    # What is edited and left as it is stays the same, whatever is in it.
    page.goto(f"{served.base}/?item=3")
    page.keyboard.press("e")
    press(page, "Enter")
    (decision,) = served.decisions()
    assert (decision.verdict, decision.text) == ("accepted", HOSTILE[3][::-1])
    page.goto(f"{served.base}/summary")
    assert page.locator("svg.chart script").count() == 0


def test_it_works_without_scripts(page_log, serving, browse):
    served = serving(page_log)
    page = browse(served, java_script_enabled=False)
    page.click("button.accept")
    page.click("button.reject")
    page.fill("#edit input[name=text]", "改写")
    page.click("#edit button")
    assert [d.verdict for d in served.decisions()] == ["accepted", "rejected", "edited"]
    page.click("[data-key=u]")
    page.click("#export button")
    assert "写好了" in page.content()
    assert len(served.decisions()) == 2


# --- without one


def test_a_killed_server_loses_no_decision(page_log, serving):
    served = serving(page_log)
    body = {"item": "0", "action": "edit", "text": "改"}
    for number in range(5):
        body["item"] = str(number)
        status, *_ = served.ask("POST", "/decide", {"X-Fragment": "1"}, urllib.parse.urlencode(body).encode())
        assert status == 200
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait()
    assert len(served.decisions()) == 5
    again = serving(page_log)
    assert again.ask("GET", "/?state=edited")[0] == 200
    assert json.loads(again.ask("GET", "/status?item=0")[2])["mark"].startswith("edited:")


def test_looking_for_texts_leaves_the_store_alone(tmp_path):
    # Opening and closing a store's files would drop its locks, and the next to close it would take its log away.
    log = write(tmp_path, {"decisions.sqlite": reviewed("他己经来了。", ("己", "已", 0.9))})
    store = Store(tmp_path / "decisions.sqlite")
    board = Board(Batch([str(log)]), store)
    board.decide(board.batch.items, None, "a")
    assert board.sentence(board.batch.items[0])[0].before == "他"
    look = f"from repair.review.store import Store\nwith Store({store.path!r}) as s: print(len(s.decisions()))"

    def seen() -> str:
        return subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.strip()

    assert seen() == "1"
    board.reject(board.batch.items, "b")
    assert seen() == "2"
    store.close()


def test_ctrl_c_ends_quietly(page_log, serving):
    served = serving(page_log)
    served.ask("GET", "/")
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(10) == 0
    assert served.process.stderr and served.process.stderr.read() == ""


def test_strangers_are_refused(page_log, serving):
    served = serving(page_log)
    own = served.netloc

    def status(*request, **options) -> int:
        return served.ask(*request, **options)[0]

    assert status("GET", "/") == 200
    assert status("GET", "/", cookie=False) == 403
    assert status("GET", "/static/review.css", cookie=False) == 403
    assert status("GET", "/?token=wrong") == 403
    assert status("GET", "/?token=%ED%A0%80", cookie=False) == 403
    assert status("GET", "/", {"Cookie": f"repair-review-{served.port}=x"}) == 403
    got, headers, _ = served.ask("GET", f"/?token={served.token}", cookie=False)
    assert (got, headers["location"]) == (303, "/")
    assert "HttpOnly" in headers["set-cookie"] and "SameSite=Strict" in headers["set-cookie"]
    for host in (
        "evil.example",
        f"evil.example:{served.port}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1.evil:{served.port}",
    ):
        assert status("GET", "/", {"Host": host}) == 403
    for host in (f"localhost:{served.port}", f"[::1]:{served.port}"):
        assert status("GET", "/", {"Host": host}) == 200
    assert status("POST", "/reviewer") == 303
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://{own}", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert status("POST", "/reviewer", headers) == 403, headers
    assert status("POST", "/reviewer", {"Origin": f"http://{own}"}) == 303
    assert status("POST", "/reviewer", {"Origin": "null", "Sec-Fetch-Site": "same-origin"}) == 303
    assert status("GET", "/undo") == 405
    assert status("PUT", "/decide") == 405


def test_every_answer_has_the_headers_and_nonsense_is_no_error(page_log, serving):
    served = serving(page_log)
    paths = (
        "/", "/page", "/summary", "/status", "/static/review.js", "/scan/0.png", "/scan/999999.png", "/nothing",
        "/static/..%2f..%2fweb.py", "/static/../../../etc/passwd", "/scan/..%2f..%2fetc%2fpasswd.png",
        "/?item=99999999999999999999", "/?item=-1&doc=x&rule=%00&sort=no&state=%F0%9F", "/page?doc=99", "/page?part=99",
        "/?q=%ED%A0%80%00%3Cscript%3E", "/page?item=%D9%A3", "/?" + "a=1&" * 200, "/?lang=xx&font=yy",
    )  # fmt: skip
    for path in paths:
        status, headers, body = served.ask("GET", path)
        assert status in (200, 404), (path, status)
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "/static/review" in path or headers["cache-control"] == "no-store"
        assert b"root:" not in body and b"def serve" not in body and b"<script>" not in body
        assert not re.search(rb'\sstyle="', body)
    for fields in (
        "",
        "item=0",
        "item=0&action=choose&choice=99",
        "item=x&action=accept",
        "item=0&action=no",
        "\xff=%",
    ):
        status, *_ = served.ask("POST", "/decide", {}, fields.encode("latin-1"))
        assert status in (400, 404), fields
    assert served.ask("POST", "/decide", {}, b"a" * (LARGEST + 1))[0] == 413
    assert served.ask("POST", "/decide", {"Content-Length": "99999999999"})[0] == 413
    assert served.decisions() == []
    assert served.ask("POST", "/export", {"X-Fragment": "1"})[2].decode() == "写好了"


def test_only_this_machine(page_log, tmp_path):
    board = Board(Batch([str(page_log)]), Store(tmp_path / "s.sqlite"))
    for host in ("0.0.0.0", "::", "192.168.0.1", "example.org", ""):
        with pytest.raises(InputError, match="this machine"):
            serve(board, host=host, reviewer="a", say=print)


def test_missing_packages_are_named(page_log, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    board = Board(Batch([str(page_log)]), Store(tmp_path / "s.sqlite"))
    with pytest.raises(InputError, match=r"repair\[review\]"):
        serve(board, reviewer="a", say=print)


def test_the_scan_is_shown_with_its_place(tmp_path, serving):
    images = pytest.importorskip("PIL.Image")
    images.new("L", (600, 200), 255).save(tmp_path / "p.png")
    words_ = "".join(
        f"<span class='ocrx_word' title='bbox {40 * k} 60 {40 * k + 40} 100'>{ch}</span>"
        for k, ch in enumerate("全县农衣")
    )
    (tmp_path / "p.hocr").write_text(
        "<!DOCTYPE html><html><head><meta charset='utf-8'/><meta name='ocr-system' content='x'/></head><body>"
        "<div class='ocr_page' title='image \"p.png\"; bbox 0 0 600 200'><p class='ocr_par'>"
        f"<span class='ocr_line' title='bbox 0 60 160 100'>{words_}</span></p></div></body></html>",
        encoding="utf-8",
    )
    from repair.formats.ocr import read_ocr
    from repair.log import LoggedDocument, entries_of, page_record

    data = (tmp_path / "p.hocr").read_bytes()
    page = read_ocr(data, name="p.hocr")
    result = reviewed(page.text, ("衣", "业", 0.9))
    log = tmp_path / "log.jsonl"
    splices = {c: page.splices(c) for c in (*result.corrections, *result.suggestions)}
    record = page_record("p.hocr", page, data, data, "p.hocr")
    save_log(log, [LoggedDocument(record, entries_of(result, splices))], HEADER)
    served = serving(log)
    assert b"/scan/0.png" in served.ask("GET", "/")[2]
    status, headers, body = served.ask("GET", "/scan/0.png")
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")
    (tmp_path / "p.png").write_bytes(b"no picture")
    status, headers, body = served.ask("GET", "/scan/0.png")
    assert (status, headers["content-type"].split(";")[0]) == (404, "text/plain")


# --- parts of it


@given(
    st.text(alphabet=st.characters() | st.sampled_from("\\uU0d8⏎\n\r\t\f\ud800\udc00")),
    st.sampled_from(["lf", "crlf", "cr"]),
)
def test_what_is_edited_comes_back(text, newline):
    note = shown.noted(text, newline)
    assert shown.from_note(note, newline) == text
    assert not re.search("[\x00-\x1f\ud800-\udfff]", note)


@given(st.text(), st.text())
def test_what_is_shown_can_be_encoded_and_holds_no_markup(before, after):
    for text in (shown.change(before, after), shown.html(before, blanks=True), shown.plain(after)):
        text.encode("utf-8")
        assert not re.search("[\x00-\x08\x0e-\x1f\u202a-\u202e\u2066-\u2069]", text)
    bare = re.sub(
        r"</?(?:del|ins|i)(?: class=\"(?:ws|odd)\"(?: title=\"U\+[0-9A-F]+\")?)?>", "", shown.change(before, after)
    )
    assert "<" not in bare and ">" not in bare


@given(st.text(alphabet="ab\n", max_size=400), st.lists(st.integers(0, 400), max_size=12), st.integers(1, 50))
def test_pages_of_a_text_cut_no_correction(text, points, size):
    points = sorted(min(p, len(text)) for p in points)
    spans = list(zip(points[::2], points[1::2], strict=False))
    parts = cut(text, spans, size)
    assert parts[0].start == 0 and parts[-1].end == len(text)
    assert all(a.end == b.start for a, b in itertools.pairwise(parts))
    for start, end in spans:
        assert start == end or any(part.start <= start and end <= part.end for part in parts)


def test_words_in_both_languages():
    for chinese, english in _TABLE.values():
        assert re.findall(r"{\w+}", chinese) == re.findall(r"{\w+}", english) or set(
            re.findall(r"{\w+}", chinese)
        ) == set(re.findall(r"{\w+}", english))
    assert words("en").keys() == words("zh").keys()
    for header, language in (("", "zh"), ("en-US,en;q=0.9", "en"), ("de,zh;q=0.5,en;q=0.4", "zh"), ("fr", "zh")):
        assert preferred(header) == language


def test_wilson_and_charts():
    low, high = plots.wilson(90, 100)
    assert (round(low, 3), round(high, 3)) == (0.826, 0.945)
    assert plots.wilson(0, 0) == (0.0, 1.0)
    (one,) = plots.points([(0.95, True), (0.97, False)])
    assert (one.of, one.right, round(one.stated, 2)) == (2, 1, 0.96)
    plot = charts.stacked([charts.Bar("<b>&\x00", (1, 0))], [("open", '">'), ("accepted", "b")], "<t>")
    assert "<b>" not in plot and "style" not in plot and "\x00" not in plot
