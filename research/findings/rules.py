"""Rules read from TOML: the shipped ones, and a site's own file on top of them.

A file holds tables ``[[section]]``, ``[[finding]]``, ``[[term]]``, ``[[ignore]]``, ``[[context]]``, ``[[stop]]`` and
``[[label]]``. An entry with the id of an earlier one replaces it, ``disable = [ids]`` takes entries away. What a field
may hold is checked here; every error names the file, the entry and the field.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from research.findings.errors import RulesError
from research.findings.fields import READERS, Entry
from research.findings.model import ContextRule, Kind, Label, Rules, SectionRule, Stop, Term
from research.findings.phrases import Matcher, PhraseError

SHIPPED = ("sections.toml", "context.toml", "chest.toml", "labels.toml")
_FOLDER = Path(__file__).with_name("_rules")
_TOP = frozenset({"name", "extends", "disable", *READERS})
_LARGEST = 4_000_000

Tables = dict[str, dict[str, Any]]


def load_rules(path: Path | str | None = None) -> Rules:
    """The shipped rules, or a site's file on top of them (``extends = false``: alone).

    Raises:
        RulesError: the file cannot be read or says something that means nothing.
    """
    if path is None:
        return _shipped()
    file = Path(path)
    document = _read(file)
    extends = document.get("extends", True)
    if not isinstance(extends, bool):
        raise _wrong(file.name, "extends", "must be true or false")
    tables = _shipped_tables() if extends else _empty()
    _add(tables, document, file.name)
    name = document.get("name", file.stem)
    if not isinstance(name, str) or not name:
        raise _wrong(file.name, "name", "must be text")
    return _build(name, tables, file.name)


_memo: dict[str, Rules] = {}


def _shipped() -> Rules:
    if "chest" not in _memo:
        _memo["chest"] = _build("chest", _shipped_tables(), "the shipped rules")
    return _memo["chest"]


def _shipped_tables() -> Tables:
    tables = _empty()
    for name in SHIPPED:
        _add(tables, _read(_FOLDER / name), name)
    return tables


def _empty() -> Tables:
    return {kind: {} for kind in READERS}


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _LARGEST:
            raise _wrong(file.name, "the file", f"is larger than {_LARGEST} bytes")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = f"The rule file {file.name} cannot be read: {error.strerror}."
        raise RulesError(reason, "Give the path of a readable TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = f"The rule file {file.name} is not TOML: {error}."
        raise RulesError(
            reason, "Mend the line it names; docs/reference/findings.md shows the format."
        ) from error


def _add(tables: Tables, document: Mapping[str, Any], file: str) -> None:
    unknown = sorted(set(document) - _TOP)
    if unknown:
        raise _wrong(file, unknown[0], f"is not known here; known are {', '.join(sorted(_TOP))}")
    gone = document.get("disable", [])
    if not isinstance(gone, list) or not all(isinstance(one, str) for one in gone):
        raise _wrong(file, "disable", "must be a list of ids")
    for one in gone:
        if not any(one in kind for kind in tables.values()):
            raise _wrong(file, "disable", f"names {one!r}, which no rule before this file has")
        _disable(tables, one)
    for kind, reader in READERS.items():
        entries = document.get(kind, [])
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise _wrong(file, kind, f"must be written as tables [[{kind}]]")
        seen: set[str] = set()
        for number, raw in enumerate(entries, 1):
            entry = Entry(file, kind, number, raw)
            key, value = reader(entry)
            entry.done()
            if key in seen:
                raise _wrong(file, f"[[{kind}]] {key}", "stands twice in this file")
            seen.add(key)
            tables[kind][key] = value


def _disable(tables: Tables, gone: str) -> None:
    """Take an id out of every table; a finding takes its terms along, and its place in labels and context rules."""
    if gone in tables["finding"]:
        for key in [key for key, term in tables["term"].items() if term.finding == gone]:
            del tables["term"][key]
        for key, label in list(tables["label"].items()):
            left = tuple(one for one in label.findings if one != gone)
            tables["label"][key] = replace(label, findings=left)
            if not left:
                del tables["label"][key]
        for key, rule in list(tables["context"].items()):
            if gone in rule.only:
                tables["context"][key] = replace(rule, only=rule.only - {gone})
                if rule.only == {gone}:
                    del tables["context"][key]
    for kind in tables.values():
        kind.pop(gone, None)


def _build(name: str, tables: Tables, file: str) -> Rules:
    kinds: dict[str, Kind] = tables["finding"]
    terms: dict[str, Term] = {**tables["ignore"], **tables["term"]}
    context: dict[str, ContextRule] = tables["context"]
    stops: dict[str, Stop] = tables["stop"]
    sections: tuple[SectionRule, ...] = tuple(tables["section"].values())
    labels: tuple[Label, ...] = tuple(tables["label"].values())
    for owner, named in [
        *((f"[[term]] {term.id}", [term.finding] if term.finding else []) for term in terms.values()),
        *((f"[[context]] {rule.id}", sorted(rule.only)) for rule in context.values()),
        *((f"[[label]] {label.set}:{label.name}", label.findings) for label in labels),
    ]:
        for slug in named:
            if slug not in kinds:
                raise _wrong(file, owner, f"names the finding {slug!r}, which no [[finding]] declares")
    clash = sorted((set(terms) & set(context)) | (set(terms) & set(stops)) | (set(context) & set(stops)))
    if clash:
        raise _wrong(file, clash[0], "is the id of rules of two kinds")
    term_matcher, context_matcher = Matcher[str](), Matcher[str]()
    conditions = {}
    for term in terms.values():
        _fill(term_matcher, term.phrases, term.id, file)
        if term.unless or term.needs:
            unless, needs = Matcher[str](), Matcher[str]()
            _fill(unless, term.unless, term.id, file)
            _fill(needs, term.needs, term.id, file)
            conditions[term.id] = (unless, needs)
    for rule in context.values():
        _fill(context_matcher, rule.phrases, rule.id, file)
    for stop in stops.values():
        _fill(context_matcher, stop.phrases, stop.id, file)
    titles = {title: section for section in sections for title in section.titles}
    version = hashlib.sha256(
        json.dumps(tables, default=_plain, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()
    return Rules(
        name,
        version,
        kinds,
        sections,
        terms,
        context,
        stops,
        labels,
        titles,
        term_matcher,
        context_matcher,
        conditions,
    )


def _fill(matcher: Matcher[str], phrases: tuple[str, ...], key: str, file: str) -> None:
    for phrase in phrases:
        try:
            matcher.add(phrase, key)
        except PhraseError as error:
            raise _wrong(file, f"the phrases of {key}", f"cannot be read: {error}") from error


def _plain(value: object) -> object:
    """What json cannot write: our frozen rows and sets."""
    if isinstance(value, frozenset):
        return sorted(value)
    return {field: getattr(value, field) for field in value.__dataclass_fields__}  # type: ignore[attr-defined]


def _wrong(file: str, field: str, what: str) -> RulesError:
    return RulesError(f"{file}: {field} {what}.", "docs/reference/findings.md shows the format.")
