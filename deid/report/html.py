"""HTML that is escaped unless it was made here: no template can forget it."""

from __future__ import annotations

import html
from collections.abc import Iterable

_VOID = frozenset({"br", "hr", "img", "meta", "rect", "image"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(value: object) -> Html:
    """A value as text of a page; HTML stays HTML, None is nothing, lists are joined."""
    if isinstance(value, Html):
        return value
    if value is None:
        return Html("")
    if isinstance(value, list | tuple):
        return Html("".join(escaped(one) for one in value))
    return Html(html.escape(str(value)))


def tag(element: str, /, *children: object, **attributes: object) -> Html:
    """An element; ``class_`` is written ``class``, an underscore a hyphen, True without a value, None not at all."""
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if element in _VOID:
        return Html(f"<{element}{told}>" if element not in ("rect", "image") else f"<{element}{told}/>")
    return Html(f"<{element}{told}>{escaped(children)}</{element}>")


def table(heads: Iterable[object], rows: Iterable[Iterable[object]], *, sortable: bool = True) -> Html:
    """A table; a head is a text, or (text, class) for its whole column; a cell may be HTML with ``td`` made already."""
    columns = [head if isinstance(head, tuple) else (head, None) for head in heads]
    top = tag("tr", *(tag("th", text, scope="col", class_=kind) for text, kind in columns))
    body = []
    for row in rows:
        cells = []
        for (_, kind), cell in zip(columns, row, strict=True):
            ready = isinstance(cell, Html) and cell.startswith(("<td", "<th"))
            cells.append(cell if ready else tag("td", cell, class_=kind))
        body.append(tag("tr", *cells))
    sort = "sortable" if sortable and len(body) > 1 else None
    head = tag("thead", top) if any(text for text, _ in columns) else None
    whole = tag("table", head, tag("tbody", *body), class_=sort)
    return tag("div", whole, class_="scroll")


def cell(value: object, key: object, kind: str | None = None) -> Html:
    """A cell that is sorted by something other than its text."""
    return tag("td", value, data_value=key, class_=kind)
