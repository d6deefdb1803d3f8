"""The callable that every engine takes: a batch of columns in, the same with the text repaired out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import repair

from .forms import Batch, Kind, column_like, is_column, is_null, values_of
from .together import together

if TYPE_CHECKING:
    from repair.language.lexicon import Lexicon
    from repair.pipeline import Pipeline
    from repair.text import Result

Errors = Literal["raise", "keep"]
_NONE: Mapping[str, Result] = {}


class Failure(ValueError):
    """A record that could not be repaired; the message names its place in the batch."""


class Outcome(NamedTuple):
    """What became of one record. `log` is None where there was no text, `error` where nothing failed."""

    text: Any
    log: str | None
    corrections: int
    error: str | None


class Repairer:
    """Repairs the text column of a batch; all other columns stay as they are.

    A batch is a mapping of columns (lists, numpy arrays, any of the following columns), a pandas or polars DataFrame,
    or a pyarrow Table or RecordBatch, and comes back as the same. A mapping whose text is a single string is one
    record; a list, an array or a Series alone comes back with its texts repaired and nothing else. Null stays null.

    The same settings and input give the same output, in any process and order. Pickles carry the settings and the words
    of the lexicon; the models are loaded once a process, on first use.
    """

    def __init__(
        self,
        text: str = "text",
        *,
        level: Literal["safe", "review"] = "safe",
        profile: str = "default",
        lexicon: Lexicon | str | Path | None = None,
        output: str | None = None,
        log: str | None = "repair_log",
        proposals: bool = False,
        count: str | None = None,
        witnesses: str | None = None,
        keep_original: bool = False,
        errors: Errors = "raise",
    ) -> None:
        """
        Args:
            text: name of the column with the texts.
            level: ``safe`` applies only what is almost certain; ``review`` the best guesses too.
            profile: named list of filters, ``default`` or ``typography``.
            lexicon: a `Lexicon`, or the path of a lexicon folder, read here and now.
            output: name of the column for the repaired texts, if not the same.
            log: name of a new column with the corrections of each text as JSON, see `revert`; None for none.
            proposals: the log holds what was found and not applied as well.
            count: name of a new column with the number of corrections; None for none.
            witnesses: name of a column with other readings of the same page, one or a list of them a record.
            keep_original: a new column, `text` with ``_original`` after it, holds the texts as they came.
            errors: ``raise`` a `Failure` for a record that cannot be repaired, or ``keep`` its text and say
                why in a new column ``repair_error``.

        Raises `ValueError` for settings that cannot be.
        """
        from repair.language.lexicon import Lexicon

        if level not in ("safe", "review"):
            raise ValueError(f"level must be 'safe' or 'review', not {level!r}")
        if errors not in ("raise", "keep"):
            raise ValueError(f"errors must be 'raise' or 'keep', not {errors!r}")
        self.text = text
        self.level: Literal["safe", "review"] = level
        self.profile = profile
        self.lexicon = lexicon if isinstance(lexicon, Lexicon) else Lexicon.load(lexicon) if lexicon else Lexicon()
        self.output = text if output is None else output
        self.log = log
        self.proposals = proposals
        self.count = count
        self.witnesses = witnesses
        self.keep_original = keep_original
        self.errors: Errors = errors
        names = [text, *(name for name, _ in self._added)]
        if len(set(names)) < len(names):
            raise ValueError(f"two columns would have the same name: {', '.join(names)}")
        _pipeline(self.profile, self.lexicon)  # an unknown profile shows here, not on a worker

    @property
    def added(self) -> dict[str, Kind]:
        """Names and kinds of the columns that come on top, in order."""
        return dict(self._added)

    @property
    def _added(self) -> list[tuple[str, Kind]]:
        kinds: list[tuple[str | None, Kind]] = [
            (self.output if self.output != self.text else None, "text"),
            (f"{self.text}_original" if self.keep_original else None, "text"),
            (self.log, "string"),
            (self.count, "count"),
            ("repair_error" if self.errors == "keep" else None, "string"),
        ]
        return [(name, kind) for name, kind in kinds if name is not None]

    def __call__(self, batch: Any) -> Any:
        """The batch with the text repaired. Raises `Failure`, `KeyError` without the column, `ValueError` where one of
        the new columns is there already: what it holds may be the only way back to an original."""
        if is_column(batch):
            if self.witnesses is not None:
                raise ValueError("a column by itself has no witnesses; hand over the batch")
            return column_like(batch, [found.text for found in self._outcomes(values_of(batch), None)], "text")
        whole = Batch(batch)
        texts = whole.column(self.text)
        witnesses = None if self.witnesses is None else whole.column(self.witnesses)
        self.check(whole.names)
        if not is_column(texts):
            found = self.one(texts, witnesses)
            return whole.with_columns({name: values[0] for name, (values, _) in self.new([texts], [found]).items()})
        before = values_of(texts)
        outcomes = self._outcomes(before, None if witnesses is None else values_of(witnesses))
        return whole.with_columns(
            {
                name: texts if values is before else column_like(texts, values, kind, name)
                for name, (values, kind) in self.new(before, outcomes).items()
            }
        )

    def iterate(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Batch by batch: what Spark's ``mapInPandas`` and ``mapInArrow`` take."""
        for batch in batches:
            yield self(batch)

    pandas_iterator = arrow_iterator = iterate

    def one(self, text: Any, witnesses: Any = None) -> Outcome:
        """One record. `witnesses`: one other reading or several; nulls are left out. Raises `Failure`."""
        return self._outcome(text, witnesses, "the record")

    def check(self, names: Collection[str]) -> None:
        """Raises `ValueError` where one of these columns has the name of a new one."""
        for name in self.added:
            if name in names:
                raise ValueError(f"there is a column {name!r} already; give the new one another name")

    def new(self, before: list[Any], outcomes: list[Outcome]) -> dict[str, tuple[list[Any], Kind]]:
        """The repaired column and those that come on top, of texts and what became of them."""
        columns: dict[str, tuple[list[Any], Kind]] = {self.output: ([found.text for found in outcomes], "text")}
        if self.keep_original:
            columns[f"{self.text}_original"] = before, "text"
        if self.log is not None:
            columns[self.log] = [found.log for found in outcomes], "string"
        if self.count is not None:
            columns[self.count] = [found.corrections for found in outcomes], "count"
        if self.errors == "keep":
            columns["repair_error"] = [found.error for found in outcomes], "string"
        return columns

    def header(self) -> str:
        """What produced the logs, as the header line of a diff log: versions, digests, profile, level."""
        from repair.log import LogHeader, ResourceVersion, header_line

        digests = self._pipeline.resources.digests()
        resources = [ResourceVersion(name, repair.__version__, digest) for name, digest in digests.items()]
        if self.lexicon:
            resources.append(ResourceVersion("lexicon", "user", self.lexicon.digest))
        return header_line(LogHeader(repair.__version__, self.profile, self.level, tuple(resources)))

    @property
    def _pipeline(self) -> Pipeline:
        return _pipeline(self.profile, self.lexicon)

    def _outcomes(self, texts: list[Any], witnesses: list[Any] | None) -> list[Outcome]:
        readings = [None] * len(texts) if witnesses is None else witnesses
        if len(readings) != len(texts):
            raise ValueError(f"{len(texts)} texts and {len(readings)} witnesses")
        results: dict[str, Result] = {}
        if witnesses is None:
            strings = (str(text) for text in texts if isinstance(text, str))
            results = together(self._pipeline, strings, level=self.level, notes=self.proposals)
        return [
            self._outcome(text, reading, f"record {number} of the batch", results)
            for number, (text, reading) in enumerate(zip(texts, readings, strict=True))
        ]

    def _outcome(self, text: Any, witnesses: Any, place: str, known: Mapping[str, Result] = _NONE) -> Outcome:
        from repair.language.resources import ResourceError
        from repair.log import entries_line, entries_of

        if is_null(text):
            return Outcome(text, None, 0, None)
        pipeline = self._pipeline
        try:
            if not isinstance(text, str):
                raise TypeError(f"text must be str, not {type(text).__name__}")
            result = known.get(text)
            if result is None:
                readings = _readings(witnesses)
                result = pipeline(str(text), level=self.level, witnesses=readings, notes=self.proposals)
            entries = entries_of(result)
            log = entries_line(e for e in entries if self.proposals or e.status == "applied")
        except (ResourceError, MemoryError):
            raise  # not about this record: with errors="keep" all of them would be left unrepaired
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if self.errors == "raise":
                raise Failure(f"{place}: {reason}") from error
            return Outcome(text, "[]", 0, reason)
        return Outcome(result.text, log, len(result.corrections), None)

    def __repr__(self) -> str:
        return f"Repairer({self.text!r}, level={self.level!r}, profile={self.profile!r})"

    def __getstate__(self) -> dict[str, Any]:
        # In an order that does not change from process to process: `datasets` names its cache by this.
        words = self.lexicon
        lexicon = (
            sorted(words.trust),
            sorted(words.never),
            sorted(words.replace.items()),
            sorted(words.confusions.items()),
            sorted(words.calibration.items()),
        )
        return {**self.__dict__, "lexicon": lexicon, "version": repair.__version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from repair.language.lexicon import Lexicon

        version = state.pop("version")
        if version != repair.__version__:
            raise ValueError(f"settings of repair {version}, but repair {repair.__version__} is installed here")
        trust, never, *rest = state.pop("lexicon")
        self.__dict__.update(state, lexicon=Lexicon(frozenset(trust), frozenset(never), *map(dict, rest)))


def revert(text: str | None, log: str | None) -> str | None:
    """The original of a repaired text from what stands in its log column; null for null.

    Raises `repair.MismatchError` where the log does not belong to the text, `ValueError` where it is none.
    """
    from repair.log import EFFECTIVE, read_entries

    if text is None or log is None or is_null(text) or is_null(log):
        return text
    return repair.revert(text, [entry.correction for entry in read_entries(log) if entry.status in EFFECTIVE])


def _readings(witnesses: Any) -> tuple[str, ...]:
    if is_null(witnesses):
        return ()
    if isinstance(witnesses, str):
        return (str(witnesses),)
    readings = [w for w in values_of(witnesses) if not is_null(w)]
    return tuple(str(w) if isinstance(w, str) else w for w in readings)


_PIPELINES: dict[tuple[str, str], Pipeline] = {}
"""By profile and digest of the lexicon: one a process, however many settings are unpickled in it."""


def _pipeline(profile: str, lexicon: Lexicon) -> Pipeline:
    from repair.pipeline import Pipeline

    key = profile, lexicon.digest
    if key not in _PIPELINES:
        _PIPELINES[key] = Pipeline.from_profile(profile, lexicon=lexicon)
    return _PIPELINES[key]
