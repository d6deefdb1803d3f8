"""What the page shows and does: requests in, HTML out. Texts leave it through `shown` only.

A request names corrections, documents and rules by their numbers; nothing in it is ever a path. Answers to scripts
(header ``X-Fragment``) are the part of the page that changes, others the whole page or a redirect, so that all works
without scripts too.
"""

from __future__ import annotations

import hashlib
import io
import time
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, cast
from urllib.parse import parse_qs, quote, unquote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from repair.formats.plain import InputError
from repair.language.lexicon import FILES, LexiconError
from repair.text import LEVELS, line_starts

from . import charts, plots, shown
from .batch import REACH, SORTS, STATES, Board, Item, Piece, ReviewDocument, Sort, State, sentence
from .guard import App, Guard
from .learn import Entry
from .reasons import in_chinese
from .scans import ScanError, cut_out
from .teach import Teacher
from .words import LANGUAGES, preferred, rule_name, words

FOLDER = Path(__file__).parent
STATIC = {"review.css": "text/css", "review.js": "text/javascript", "icon.svg": "image/svg+xml"}
GROUPS: dict[str, tuple[State, ...]] = {
    "todo": ("open", "conflict"),
    "open": ("open",),
    "conflict": ("conflict",),
    "accepted": ("accepted",),
    "rejected": ("rejected",),
    "edited": ("edited",),
    "decided": ("accepted", "rejected", "edited"),
    "applied": ("applied",),
    "any": STATES,
}
"""What may be filtered by: names of sets of states."""
COMING = 12
"""Corrections listed as next."""
EXAMPLES = 3
ROOM = 62
"""Characters shown on each side of a correction at least."""
SHORT = 12
LONG = 400
"""Characters of one change that are shown."""
PART = 4000
"""Characters of a text on one page, up to the end of the line."""
NAMED = 1000
"""Documents that can be chosen by name; the search finds the others."""
PACE = 15 * 60.0
"""Seconds that the rate is taken from."""
LONGEST_NAME = 60
YEAR = 365 * 24 * 3600

Handler = Callable[["Visit"], Response]


@dataclass(frozen=True, slots=True)
class View:
    """Which corrections are looked at, in which order."""

    state: str = "todo"
    rule: int | None = None
    document: int | None = None
    level: str | None = None
    search: str = ""
    sort: Sort = "confidence"

    def fields(self) -> dict[str, str]:
        """As fields of a form or an address; what is as usual is left out."""
        given = {
            "state": self.state,
            "rule": _text(self.rule),
            "doc": _text(self.document),
            "level": self.level or "",
            "q": self.search,
            "sort": self.sort,
        }
        usual = {"state": "todo", "sort": "confidence"}
        return {key: value for key, value in given.items() if value and value != usual.get(key)}


@dataclass(slots=True)
class Visit:
    """One request: who asks, in which language, for what."""

    form: Mapping[str, str]
    view: View
    reviewer: str
    language: str
    font: str
    fragment: bool
    path: str = "/"
    cookies: dict[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def number(self, key: str) -> int | None:
        value = self.form.get(key, "")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 12 else None


def site(
    board: Board,
    *,
    token: str,
    reviewer: str,
    port: int | None,
    export: Callable[[], str] | None,
    teacher: Teacher | None,
) -> App:
    """The guarded application."""
    pages = Site(board, reviewer=reviewer, port=port, export=export, teacher=teacher)

    def endpoint(handler: Handler) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(pages.answer, handler, request, body)

        return answer

    reading = {
        "/": pages.queue,
        "/page": pages.page,
        "/summary": pages.summary,
        "/learn": pages.learn,
        "/status": pages.status,
        "/scan/{item}.png": pages.scan,
        "/static/{name}": pages.static,
    }
    writing = {
        "/decide": pages.decide,
        "/undo": pages.undo,
        "/reviewer": pages.rename,
        "/export": pages.write,
        "/confirm": pages.confirm,
    }
    routes = [Route(path, endpoint(handler), methods=["GET"]) for path, handler in reading.items()]
    routes += [Route(path, endpoint(handler), methods=["POST"]) for path, handler in writing.items()]
    both = [words(language) for language in LANGUAGES]
    refused = "".join(f"<h1>{w['forbidden']}</h1><p>{w['forbidden_hint']}</p>" for w in both)
    return Guard(
        cast(App, Starlette(routes=routes)),
        token=token,
        port=port,
        refused=f'<!doctype html><meta charset="utf-8"><title>403</title>{refused}',
    )


class Site:
    """The pages of one board. Usable from several threads."""

    def __init__(
        self,
        board: Board,
        *,
        reviewer: str,
        port: int | None,
        export: Callable[[], str] | None,
        teacher: Teacher | None,
    ) -> None:
        self.board, self.batch, self.export, self.teacher = board, board.batch, export, teacher
        self.reviewer = _named(reviewer) or "reviewer"
        self._suffix = f"-{port or 0}"
        self._lock = Lock()
        self._warmer = ThreadPoolExecutor(1)
        self._warming: Future[None] | None = None
        self._orders: OrderedDict[tuple[object, ...], tuple[tuple[Item, ...], dict[int, int]]] = OrderedDict()
        self._parts: OrderedDict[int, list[Part]] = OrderedDict()
        self._paces: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=500))
        self._files = {name: (FOLDER / "static" / name).read_bytes() for name in STATIC}
        self._version = hashlib.sha256(b"".join(self._files.values())).hexdigest()[:12]
        self.env = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.env.filters["plain"] = shown.plain
        self.env.globals.update(version=self._version, has_export=export is not None, groups=GROUPS, sorts=SORTS)

    # --- a request

    def answer(self, handler: Handler, request: Request, body: bytes) -> Response:
        visit = self._visit(request, body)
        try:
            response = handler(visit)
        except InputError as error:
            response = self._failed(visit, str(error))
        for name, value in visit.cookies.items():
            response.set_cookie(name, value, max_age=YEAR, httponly=True, samesite="strict")
        return response

    def _visit(self, request: Request, body: bytes) -> Visit:
        form = {key: values[-1] for key, values in _fields(request.url.query).items()}
        if request.method == "POST":
            form |= {key: values[-1] for key, values in _fields(body.decode("utf-8", "replace")).items()}
        form |= {key: str(value) for key, value in request.path_params.items()}
        cookies: dict[str, str] = {}
        language = form.get("lang", "")
        if language in LANGUAGES:
            cookies["repair-review-lang"] = language
        else:
            language = request.cookies.get("repair-review-lang", "")
        if language not in LANGUAGES:
            language = preferred(request.headers.get("accept-language", ""))
        font = form.get("font", "")
        if font in ("serif", "sans"):
            cookies["repair-review-font"] = font
        else:
            font = request.cookies.get("repair-review-font", "")
        name = _named(unquote(request.cookies.get(f"repair-review-name{self._suffix}", "")))
        return Visit(
            form,
            self._view(form),
            name or self.reviewer,
            language,
            font if font == "sans" else "serif",
            request.headers.get("x-fragment") == "1",
            request.url.path,
            cookies,
            words(language),
        )

    def _view(self, form: Mapping[str, str]) -> View:
        def number(key: str, below: int) -> int | None:
            value = form.get(key, "")
            return (
                int(value) if value.isascii() and value.isdigit() and len(value) < 10 and int(value) < below else None
            )

        sort = form.get("sort", "")
        return View(
            form["state"] if form.get("state") in GROUPS else "todo",
            number("rule", len(self.batch.rules)),
            number("doc", len(self.batch.documents)),
            form["level"] if form.get("level") in LEVELS else None,
            form.get("q", "")[:200].strip(),
            sort if sort in SORTS else "confidence",
        )

    def _rendered(self, visit: Visit, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        w = visit.words
        values = {
            "w": w,
            "visit": visit,
            "view": visit.view,
            "fields": visit.view.fields(),
            "here": urlencode({**visit.view.fields(), **values.get("at", {})}),
            **values,
        }
        text = self.env.get_template(template).render(values)
        # What a name in a log may hold cannot always be encoded; whatever still slipped through is replaced.
        return HTMLResponse(text.encode("utf-8", "replace"), status)

    def _failed(self, visit: Visit, message: str) -> Response:
        if visit.fragment:
            return PlainTextResponse(f"{visit.words['failed']}: {shown.plain(message)}", 503)
        return self._rendered(visit, "message.html", 503, message=f"{visit.words['failed']}: {message}", failed=True)

    def _missing(self, visit: Visit, key: str, status: int = 404) -> Response:
        if visit.fragment:
            return PlainTextResponse(visit.words[key], status)
        return self._rendered(visit, "message.html", status, message=visit.words[key], failed=True)

    def _item(self, visit: Visit) -> Item | None:
        number = visit.number("item")
        return self.batch.items[number] if number is not None and number < len(self.batch.items) else None

    # --- the queue

    def _order(self, view: View) -> tuple[tuple[Item, ...], dict[int, int]]:
        """All that fits the filters but the state, in order, and where each number is: it does not change."""
        key = (view.rule, view.document, view.level, view.search, view.sort)
        with self._lock:
            if key in self._orders:
                self._orders.move_to_end(key)
                return self._orders[key]
        items = tuple(
            self.board.choose(
                states=STATES,
                rule=None if view.rule is None else self.batch.rules[view.rule],
                document=view.document,
                level=view.level,
                search=view.search,
                sort=view.sort,
            )
        )
        made = items, {item.number: k for k, item in enumerate(items)}
        with self._lock:
            self._orders[key] = made
            while len(self._orders) > 16:
                self._orders.popitem(last=False)
        return made

    def _after(self, view: View, item: Item | None, states: Sequence[State]) -> Item | None:
        """The next one to look at: after `item` in the list, else from its start; None where the list is empty."""
        items, places = self._order(view)
        wanted = GROUPS[view.state]
        at = places.get(item.number, -1) + 1 if item else 0
        for found in (*items[at:], *items[:at]):
            if states[found.number] in wanted and found is not item:
                return found
        return item if item and item.number in places and states[item.number] in wanted else None

    def _before(self, view: View, item: Item, states: Sequence[State]) -> Item | None:
        items, places = self._order(view)
        wanted = GROUPS[view.state]
        at = places.get(item.number, 0)
        return next((found for found in reversed(items[:at]) if states[found.number] in wanted), None)

    def queue(self, visit: Visit) -> Response:
        states = self.board.states()
        item = self._item(visit)
        if visit.form.get("skip"):
            item = self._after(visit.view, item, states)
        elif item is None:
            item = self._after(visit.view, None, states)
        return self._desk(visit, item)

    def _desk(self, visit: Visit, item: Item | None, message: str = "", error: bool = False) -> Response:
        states = self.board.states()
        items, places = self._order(visit.view)
        wanted = GROUPS[visit.view.state]
        waiting = [found for found in items if states[found.number] in wanted]
        coming: list[Item] = []
        if item:
            at = bisect_right(waiting, places.get(item.number, -1), key=lambda found: places[found.number])
            around = (*waiting[at : at + COMING], *waiting[: min(at, COMING)])
            coming = [found for found in around if found is not item][:COMING]
        values: dict[str, Any] = {
            "card": self._card(visit, item, states) if item else None,
            "coming": [self._row(found, states) for found in coming],
            "left": len(waiting),
            "previous": self._before(visit.view, item, states) if item else None,
            "message": message,
            "error": error,
            "progress": self._progress(visit, states),
            "at": {"item": item.number} if item else {},
        }
        if coming and (self._warming is None or self._warming.done()):
            self._warming = self._warmer.submit(self._warm, coming[0])
        if visit.fragment:
            return self._rendered(visit, "desk.html", **values)
        documents = [(d.number, shown.plain(d.name, 60)) for d in self.batch.documents[:NAMED]]
        rules = [(k, rule_name(shown.plain(rule, 40), visit.language)) for k, rule in enumerate(self.batch.rules)]
        return self._rendered(visit, "queue.html", documents=documents, rules=rules, levels=LEVELS, **values)

    def _warm(self, item: Item) -> None:
        """Have the picture of its page read by the time that it is asked for: that may take half a second."""
        with suppress(ScanError, OSError, ValueError, MemoryError):
            place = self.batch.scan(item)
            if place:
                cut_out(place)

    def _progress(self, visit: Visit, states: Sequence[State]) -> dict[str, Any]:
        counts = Counter(states)
        done = counts["accepted"] + counts["rejected"] + counts["edited"]
        total = len(states) - counts["applied"]
        with self._lock:
            pace = [at for at in self._paces[visit.reviewer] if at > time.monotonic() - PACE]
        rate = round((len(pace) - 1) / max(pace[-1] - pace[0], 0.001) * 3600) if len(pace) > 4 else None
        return {
            "done": done,
            "all": total,
            "share": done / total if total else 1.0,
            "rate": rate,
            "conflicts": counts["conflict"],
            "revision": self._revision(),
        }

    def _revision(self) -> str:
        return "-".join(map(str, self.board.refresh()))

    def _mark(self, item: Item, states: Sequence[State]) -> str:
        """Changes whenever what was decided about an item does."""
        about = self.board.opinion(item)
        return f"{states[item.number]}:{','.join(str(d.id) for d in about.last) if about else ''}"

    def _card(self, visit: Visit, item: Item, states: Sequence[State]) -> dict[str, Any]:
        """One correction with all that is known about it."""
        batch, board = self.batch, self.board
        document = batch.document(item)
        c, state = item.proposed, states[item.number]
        newline = document.logged.record.newline
        standing = board.chosen_text(item)
        choices = [
            {
                "key": str(k + 1) if k < 9 else "",
                "text": Markup(_choice(c.before, text)) if text else None,
                "preview": Markup(_focus(c.before, text)),
                "probability": p,
                "chosen": state in ("accepted", "edited") and text == standing,
                "proposed": k == 0 and not item.is_flag,
            }
            for k, (text, p) in enumerate(item.choices)
        ]
        alike = batch.alike[item.kind]
        kind: State = "applied" if state == "applied" else "open"
        others = [other for other in alike if other is not item]
        near = [other for other in others if other.document == item.document][:EXAMPLES]
        near += [other for other in others[:50] if other.document != item.document][: EXAMPLES - len(near)]
        about = board.opinion(item)
        said = [
            {"who": d.reviewer, "verdict": d.verdict, "text": Markup(shown.change(d.before, d.text, limit=80))}
            for d in (about.last if about else ())
        ]
        return {
            "item": item,
            "number": item.number,
            "state": state,
            "mark": self._mark(item, states),
            "rule": rule_name(shown.plain(c.rule, 40), visit.language),
            "confidence": c.confidence,
            "level": c.level,
            "reason": shown.plain(in_chinese(c.reason) if visit.language == "zh" else c.reason, 600),
            "document": shown.plain(document.name, 80),
            "document_number": document.number,
            "line": item.entry.line,
            "column": item.entry.column,
            "pieces": Markup(self._surroundings(item, state, states)),
            "as_read": Markup(shown.html(c.before, blanks=True, limit=80)) if c.before else None,
            "choices": choices,
            "note": shown.noted(c.before if item.is_flag else standing if state == "edited" else c.after, newline),
            "is_flag": item.is_flag,
            "has_text": batch.source(document) is not None,
            "alike": len(others),
            "alike_open": sum(states[other.number] == kind for other in others),
            "examples": [self._example(other, states) for other in near],
            "said": said,
            "scan": batch.scan(item) is not None,
            "spoken": _spoken(item),
        }

    def _surroundings(self, item: Item, state: State, states: Sequence[State]) -> str:
        """The sentence as HTML, and around it what else there is room for: lines of a column are often too short to
        judge by."""
        document, c = self.batch.document(item), item.correction
        source = self.batch.source(document)
        if source is None:
            return "".join(self._in_sentence(piece, item, state, states) for piece in self.board.sentence(item))
        lo, hi = sentence(source.text, c.start, c.end, REACH)
        first, last = max(0, min(lo, c.start - ROOM)), min(len(source.text), max(hi, c.end + ROOM))
        out = []
        for start, end in ((first, lo), (lo, hi), (hi, last)):
            pieces = self.board.pieces(document, start, end, focus=item) if start < end else []
            inner = "".join(
                self._in_sentence(piece, item, state, states)
                for piece in pieces
                if start == lo or piece.item is not item  # an insertion at the edge belongs to the sentence
            )
            out.append(inner if start == lo or not inner else f'<span class="around">{inner}</span>')
        return "".join(out)

    def _in_sentence(self, piece: Piece, item: Item, state: State, states: Sequence[State]) -> str:
        if piece.item is None:
            return shown.html(piece.before)
        if piece.item is not item:
            inner = shown.html(piece.after, blanks=piece.after != piece.before, limit=LONG)
            return f'<span class="near {states[piece.item.number]}">{inner}</span>'
        c = item.proposed
        after = piece.after
        if state in ("open", "conflict"):
            after = c.before if item.is_flag else c.after
        return f'<span class="focus" id="focus">{_focus(c.before, after)}</span>'

    def _example(self, item: Item, states: Sequence[State]) -> dict[str, Any]:
        c = item.proposed
        source = self.batch.source(self.batch.document(item))
        left = source.text[max(0, c.start - 10) : c.start] if source else ""
        right = source.text[c.end : c.end + 10] if source else ""
        inner = _focus(c.before, c.before if item.is_flag else c.after)
        text = Markup(f"{shown.html(left)}<b>{inner}</b>{shown.html(right)}")
        where = f"{shown.plain(self.batch.document(item).name, 22)}:{item.entry.line}"
        return {"number": item.number, "where": where, "text": text, "state": states[item.number]}

    def _row(self, item: Item, states: Sequence[State]) -> dict[str, Any]:
        c = item.proposed
        source = self.batch.source(self.batch.document(item))
        inner = _focus(c.before, c.before if item.is_flag else c.after, 24)
        if source:
            left, right = source.text[max(0, c.start - 4) : c.start], source.text[c.end : c.end + 10]
            inner = f"{shown.html(left)}{inner}{shown.html(right)}"
        return {
            "number": item.number,
            "text": Markup(inner),
            "where": f"{shown.plain(self.batch.document(item).name, 22)}:{item.entry.line}",
            "rule": shown.plain(c.rule, 16),
            "confidence": c.confidence,
            "state": states[item.number],
        }

    # --- decisions

    def decide(self, visit: Visit) -> Response:
        item = self._item(visit)
        if item is None:
            return self._missing(visit, "no_item")
        w, form, board = visit.words, visit.form, self.board
        action = form.get("action") or ("choose" if "choice" in form else "edit" if "text" in form else "")
        alike: list[Item] = []
        if action.endswith("_alike"):
            states = board.states()
            kind = "applied" if states[item.number] == "applied" else "open"
            alike = [other for other in self.batch.alike[item.kind] if states[other.number] == kind or other is item]
        message = ""
        if action in ("accept", "accept_alike"):
            if item.is_flag:
                return self._shown(visit, item, w["nothing_proposed"], error=True)
            board.decide(alike or [item], None, visit.reviewer)
            message = w["did_alike_accept"].format(n=len(alike)) if alike else f"{w['did_accept']} {_spoken(item)}"
        elif action in ("reject", "reject_alike"):
            board.reject(alike or [item], visit.reviewer)
            message = w["did_alike_reject"].format(n=len(alike)) if alike else f"{w['did_reject']} {_spoken(item)}"
        elif action in ("choose", "edit"):
            if action == "choose":
                number = visit.number("choice")
                if number is None or number >= len(item.choices):
                    return self._shown(visit, item, w["no_choice"], error=True)
                text = item.choices[number][0]
            else:
                text = shown.from_note(form.get("text", ""), self.batch.document(item).logged.record.newline)
            board.decide([item], text, visit.reviewer)
            message = f"{w['did_edit']} {shown.plain(text, 40) or w['nothing']}"
        else:
            return self._missing(visit, "bad_request", 400)
        with self._lock:
            self._paces[visit.reviewer].append(time.monotonic())
        return self._moved(visit, item, message)

    def undo(self, visit: Visit) -> Response:
        last = self.board.last_of(visit.reviewer)
        self.board.store.undo([d.id for d in last])
        items = [item for d in last for item in self.board.items_about(d)]
        if last:
            with self._lock:
                if self._paces[visit.reviewer]:
                    self._paces[visit.reviewer].pop()
        message = visit.words["did_undo"].format(n=len(last)) if last else visit.words["no_undo"]
        item = items[0] if items else self._item(visit)
        return self._shown(visit, item, message, error=not last)

    def _moved(self, visit: Visit, item: Item, message: str) -> Response:
        """On to the next one."""
        if visit.form.get("from") == "page":
            document = self.batch.document(item)
            states = self.board.states()
            following = self.batch.items[item.number + 1 : document.last]
            found = next((other for other in following if states[other.number] in GROUPS["todo"]), item)
            return self._shown(visit, found, message)
        return self._shown(visit, self._after(visit.view, item, self.board.states()), message)

    def _shown(self, visit: Visit, item: Item | None, message: str, *, error: bool = False) -> Response:
        on_page = visit.form.get("from") == "page"
        if visit.fragment:
            if on_page and item:
                return self._sheet(visit, item, message, error)
            return self._desk(visit, item, message, error)
        if error:
            return self._rendered(visit, "message.html", 400, message=message, failed=True)
        at = {**visit.view.fields(), **({"item": str(item.number)} if item else {})}
        return RedirectResponse(f"{'/page' if on_page else '/'}?{urlencode(at)}", 303)

    # --- the page

    def page(self, visit: Visit) -> Response:
        item = self._item(visit)
        if visit.form.get("doc", "").isdigit() and visit.view.document is None:
            return self._missing(visit, "no_item")
        if not self.batch.documents:
            return self._rendered(visit, "message.html", message=visit.words["all_done"], failed=False)
        return self._sheet(visit, item)

    def _sheet(self, visit: Visit, item: Item | None, message: str = "", error: bool = False) -> Response:
        """A part of a document, with the card of the item that is looked at."""
        batch, states = self.batch, self.board.states()
        document = batch.document(item) if item else batch.documents[visit.view.document or 0]
        parts = self._parts_of(document)
        number = visit.number("part")
        if item:
            k = bisect_right(parts, item.correction.start, key=lambda part: part.start) - 1
        else:
            k = min(max(0, (number or 1) - 1), len(parts) - 1)
        part = parts[max(0, k)]
        source = batch.source(document)
        if source:
            pieces = self.board.pieces(document, part.start, part.end, focus=item)
            text = "".join(self._on_page(piece, item, states) for piece in pieces)
        else:
            text = "".join(
                f'<p><span class="where">{other.entry.line}:{other.entry.column}</span> '
                f"{self._link(other, item, states, _focus(other.proposed.before, other.proposed.after))}</p>"
                for other in batch.items[part.start : part.end]
            )
        # Beyond this part: the nearest open ones, so that one key goes there.
        following = range(item.number + 1, document.last) if item else self._items_from(document, part.start)
        ahead = next((n for n in following if states[n] in GROUPS["todo"]), None)
        preceding = range(item.number - 1, document.first - 1, -1) if item else ()
        behind = next((n for n in preceding if states[n] in GROUPS["todo"]), None)
        todo = sum(state in GROUPS["todo"] for state in states[document.first : document.last])
        values: dict[str, Any] = {
            "card": self._card(visit, item, states) if item else None,
            "document": document,
            "name": shown.plain(document.name, 80),
            "text": Markup(text),
            "has_source": source is not None,
            "part": max(0, k) + 1,
            "parts": len(parts),
            "first_line": part.first,
            "last_line": part.last,
            "todo": todo,
            "count": document.last - document.first,
            "ahead": ahead,
            "behind": behind,
            "message": message,
            "error": error,
            "progress": self._progress(visit, states),
            "at": {"doc": document.number, **({"item": item.number} if item else {"part": max(0, k) + 1})},
        }
        if visit.fragment:
            return self._rendered(visit, "sheet.html", **values)
        documents = [(d.number, shown.plain(d.name, 60)) for d in batch.documents[:NAMED]]
        return self._rendered(visit, "page.html", documents=documents, **values)

    def _items_from(self, document: ReviewDocument, start: int) -> range:
        items = self.batch.items_of(document)
        return range(document.first + bisect_left(items, start, key=lambda i: i.correction.start), document.last)

    def _on_page(self, piece: Piece, focus: Item | None, states: Sequence[State]) -> str:
        if piece.item is None:
            return shown.html(piece.before, breaks=True)
        item: Item = piece.item
        state, c = states[item.number], item.proposed
        if state in ("accepted", "edited", "applied"):
            inner = _focus(c.before, piece.after, LONG, breaks=True)
        elif state == "rejected" or item.is_flag:
            inner = shown.html(c.before, blanks=True, breaks=True, limit=LONG) or '<i class="ws">∅</i>'
        else:
            # The line is still broken there, as it was read.
            end = "\n" if "\n" in c.before and "\n" not in c.after else ""
            inner = _focus(c.before, c.after, LONG, breaks=True) + end
        return self._link(item, focus, states, inner)

    def _link(self, item: Item, focus: Item | None, states: Sequence[State], inner: str) -> str:
        state = states[item.number]
        current = ' aria-current="true" id="here"' if item is focus else ""
        flag = " flag" if item.is_flag else ""
        return (
            f'<a class="piece {state}{flag}"{current} data-item="{item.number}" '
            f'href="/page?doc={item.document}&amp;item={item.number}">{inner}</a>'
        )

    def _parts_of(self, document: ReviewDocument) -> list[Part]:
        """Where the pages of a text begin and end: at line ends where lines are short enough, never within an item."""
        with self._lock:
            if document.number in self._parts:
                self._parts.move_to_end(document.number)
                return self._parts[document.number]
        source = self.batch.source(document)
        if source:
            spans = [(i.correction.start, i.correction.end) for i in self.batch.items_of(document)]
            parts = cut(source.text, spans)
        else:
            size = 200
            numbers = range(document.first, max(document.last, document.first + 1), size)
            parts = [Part(n, min(n + size, document.last), 0, 0) for n in numbers]
        with self._lock:
            self._parts[document.number] = parts
            while len(self._parts) > 64:
                self._parts.popitem(last=False)
        return parts

    # --- the summary

    def summary(self, visit: Visit) -> Response:
        batch, board, w = self.batch, self.board, visit.words
        states = board.states()
        kinds: tuple[State, ...] = ("accepted", "edited", "rejected", "conflict", "open", "applied")
        rules: defaultdict[str, Counter[State]] = defaultdict(Counter)
        levels: list[Counter[State]] = [Counter() for _ in range(10)]
        truth: list[tuple[float, bool]] = []
        people: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for item, state in zip(batch.items, states, strict=True):
            c = item.proposed
            rules[c.rule][state] += 1
            levels[min(9, max(0, int(c.confidence * 10)))][state] += 1
            if state in GROUPS["decided"] and not item.is_flag:
                truth.append((c.confidence, state == "accepted"))
            about = board.opinion(item) if state not in ("open", "applied") else None
            for d in about.last if about else ():
                people[d.reviewer][d.verdict] += 1
        # What was done without asking is most of a log and would leave the rest too small to see.
        asked = kinds[:-1]
        series = [(kind, w[kind]) for kind in asked]
        ranked = sorted(rules.items(), key=lambda pair: (pair[1]["applied"] - sum(pair[1].values()), pair[0]))[:60]
        by_rule = [charts.Bar(shown.plain(rule, 40), tuple(n[kind] for kind in asked)) for rule, n in ranked]
        by_confidence = [
            charts.Bar(f"{k / 10:.1f}–{(k + 1) / 10:.1f}", tuple(levels[k][kind] for kind in asked))
            for k in reversed(range(10))
        ]
        found = plots.points(truth)
        points = [(b, b.right / b.of, *plots.wilson(b.right, b.of)) for b in found]
        conflicts = [item for item, state in zip(batch.items, states, strict=True) if state == "conflict"][:200]
        return self._rendered(
            visit,
            "summary.html",
            kinds=kinds,
            totals=Counter(states),
            by_rule=Markup(charts.stacked([bar for bar in by_rule if any(bar.counts)], series, w["by_rule_title"])),
            rule_rows=[(shown.plain(rule, 40), n) for rule, n in ranked],
            by_confidence=Markup(charts.stacked(by_confidence, series, w["by_confidence_title"])),
            calibration=Markup(charts.calibration(found, w["calibration"], w["stated"], w["observed"])),
            points=points,
            people=sorted(people.items(), key=lambda pair: -sum(pair[1].values())),
            conflicts=[self._conflict(item) for item in conflicts],
            progress=self._progress(visit, states),
            message="",
            error=False,
        )

    def _conflict(self, item: Item) -> dict[str, Any]:
        about = self.board.opinion(item)
        said = [(d.reviewer, d.verdict, shown.plain(d.text, 30)) for d in (about.last if about else ())]
        c = item.proposed
        where = f"{shown.plain(self.batch.document(item).name, 40)}:{item.entry.line}"
        return {"number": item.number, "text": Markup(_focus(c.before, c.after, 40)), "where": where, "said": said}

    # --- small things

    def status(self, visit: Visit) -> Response:
        states = self.board.states()
        item = self._item(visit)
        progress = self._progress(visit, states)
        text = self.env.get_template("progress.html").render(progress=progress, w=visit.words)
        mark = self._mark(item, states) if item else ""
        return JSONResponse({"revision": progress["revision"], "mark": mark, "progress": text})

    def rename(self, visit: Visit) -> Response:
        name = _named(visit.form.get("name", ""))
        if name:
            visit.cookies[f"repair-review-name{self._suffix}"] = quote(name)
        item = self._item(visit)
        at = {**visit.view.fields(), **({"item": str(item.number)} if item else {})}
        return RedirectResponse(f"/?{urlencode(at)}", 303)

    # --- what is learnt

    def learn(self, visit: Visit, message: str = "", error: bool = False) -> Response:
        entries = self._entries()
        rows = [
            {
                "key": _key(entry),
                "line": shown.plain(" → ".join(entry.line.split("\t")), 80),
                "entry": entry,
                "reason": shown.plain(entry.reason, 200),
                "examples": [
                    (shown.plain(e.left), Markup(shown.change(e.before, e.text, limit=40)), shown.plain(e.right))
                    for e in entry.examples[:3]
                ],
            }
            for entry in entries
        ]
        return self._rendered(
            visit,
            "learn.html",
            groups_of=[(name, [row for row in rows if row["entry"].file == name]) for name in FILES],  # type: ignore[attr-defined]
            folder=str(self.teacher.folder) if self.teacher else None,
            progress=self._progress(visit, self.board.states()),
            message=message,
            error=error,
        )

    def confirm(self, visit: Visit) -> Response:
        if self.teacher is None:
            return self._missing(visit, "no_lexicon")
        chosen = [entry for entry in self._entries() if _key(entry) in visit.form]
        try:
            changed = self.teacher.confirm(chosen)
        except LexiconError as error:
            return self.learn(visit, str(error), error=True)
        names = ", ".join(path.name for path in changed) or "–"
        return self.learn(visit, visit.words["learnt"].format(n=len(chosen), files=names))

    def _entries(self) -> list[Entry]:
        return self.teacher.entries() if self.teacher else []

    def write(self, visit: Visit) -> Response:
        if self.export is None:
            return self._missing(visit, "no_export")
        message = self.export()
        if visit.fragment:
            return PlainTextResponse(shown.plain(message))
        return self._rendered(visit, "message.html", message=message, failed=False)

    def scan(self, visit: Visit) -> Response:
        item = self._item(visit)
        place = self.batch.scan(item) if item else None
        if place is None:
            return PlainTextResponse(visit.words["scan_missing"], 404)
        try:
            png, box = cut_out(place)
            return Response(_framed(png, box), media_type="image/png")
        except (ScanError, OSError, ValueError, MemoryError) as error:
            return PlainTextResponse(f"{visit.words['scan_missing']}: {shown.plain(str(error), 200)}", 404)

    def static(self, visit: Visit) -> Response:
        name = visit.form.get("name", "")
        if name not in self._files:
            return PlainTextResponse("", 404)
        # The address has the content's digest in it.
        headers = {"cache-control": f"max-age={YEAR}, immutable"}
        return Response(self._files[name], media_type=STATIC[name], headers=headers)


def _key(entry: Entry) -> str:
    """The name of an entry's field in the form."""
    return "e" + hashlib.sha256(f"{entry.file}\n{entry.line}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Part:
    """A page of a text: ``text[start:end]``, which begins and ends in these lines."""

    start: int
    end: int
    first: int
    last: int


def cut(text: str, spans: Sequence[tuple[int, int]], size: int = PART) -> list[Part]:
    """Pages of about `size` characters; `spans`, in order of their starts, are in one page each."""
    starts = line_starts(text)
    out: list[Part] = []
    at = k = 0
    while at < len(text) or not out:
        end = min(len(text), at + size)
        line = bisect_right(starts, end) - 1
        if end < len(text) and starts[line] > at:
            end = starts[line]
        while k < len(spans) and spans[k][0] < end:
            end = max(end, spans[k][1])
            k += 1
        first = bisect_right(starts, at)
        out.append(Part(at, end, first, max(first, bisect_left(starts, end))))
        at = end
    return out


def _focus(before: str, after: str, limit: int = LONG, *, breaks: bool = False) -> str:
    """A change, or a text that stays, as HTML."""
    if before == after:
        inner = shown.html(before, blanks=True, breaks=breaks, limit=limit)
        return f"<mark>{inner or '∅'}</mark>"
    return shown.change(before, after, breaks=breaks, limit=limit)


def _choice(before: str, text: str) -> str:
    """An alternative as HTML; of a long one what it changes."""
    return shown.html(text, blanks=True) if len(text) <= SHORT else _focus(before, text, 60)


def _spoken(item: Item) -> str:
    c = item.proposed
    return shown.plain(c.before, 30) if item.is_flag else f"{shown.plain(c.before, 30)} → {shown.plain(c.after, 30)}"


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _named(name: str) -> str:
    """A reviewer's name on one line, of bounded length."""
    return " ".join(shown.plain(name).split())[:LONGEST_NAME]


def _fields(query: str) -> dict[str, list[str]]:
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}


def _framed(png: bytes, box: tuple[float, float, float, float]) -> bytes:
    """The picture with a frame around the place."""
    return _framed_png(png, tuple(round(share, 5) for share in box))


@lru_cache(maxsize=32)
def _framed_png(png: bytes, box: tuple[float, ...]) -> bytes:
    from PIL import Image, ImageDraw

    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGB")
    left, top, width, height = box
    draw = ImageDraw.Draw(picture)
    x0, y0 = left * picture.width - 3, top * picture.height - 3
    x1, y1 = (left + width) * picture.width + 3, (top + height) * picture.height + 3
    draw.rectangle((x0 - 1, y0 - 1, max(x1, x0) + 1, max(y1, y0) + 1), outline="#ffffff", width=4)
    draw.rectangle((x0, y0, max(x1, x0), max(y1, y0)), outline="#c8321e", width=2)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
