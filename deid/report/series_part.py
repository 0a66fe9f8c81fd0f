"""The part of the page that is about one series."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deid.report.html import Html, cell, table, tag
from deid.report.inputs import shows_identity
from deid.report.regions import number_of
from deid.report.sections import anchor, chip, verified_chip
from deid.report.words import CUTS, OUTCOMES, action_word, in_order, many, number

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_OBJECTS = 100


def series_part(
    report: Mapping[str, Any], pictures: Mapping[str, tuple[str, tuple[int, int]]], *, review: bool
) -> Html:
    """Everything about one series, folded."""
    head = [
        report["patient_alias"],
        " ",
        tag(
            "span",
            f"{', '.join(report['modalities'])} {many(report['objects'], 'object')} ".lstrip(),
            tag("span", report["series_uid"], class_="mono"),
            class_="quiet",
        ),
    ]
    own = {name: one for name, one in pictures.items() if name.startswith(report["series_uid"] + "/")}
    inner = tag(
        "div",
        _facts(report),
        _findings(report),
        _pixels(report, own, review=review),
        _sample(report),
        _attributes(report),
        _objects(report),
    )
    return tag("details", tag("summary", *head), inner, id=anchor(report), open=review)


def _facts(report: Mapping[str, Any]) -> Html:
    sizes = {name: f"{count / 1e6:.1f} MB" for name, count in report["bytes"].items()}
    rows = [
        ("Kind of object", ", ".join(f"{name} ({count})" for name, count in report["sop_classes"].items())),
        ("Study", tag("span", report["study_uid"], class_="mono")),
        ("Series", tag("span", report["series_uid"], class_="mono")),
        ("Verifier", verified_chip(report)),
        ("Size", ", ".join(f"{name} {size}" for name, size in sizes.items())),
        (
            "Repaired before they could be read",
            many(mended, "file") if (mended := report.get("mended", 0)) else "",
        ),
        ("Time", ", ".join(f"{name} {value:g} s" for name, value in report["seconds"].items())),
        ("Manifest (SHA-256 over all objects)", tag("span", report["manifest"]["sha256"], class_="mono")),
        ("This report (SHA-256)", tag("span", report["sha256"], class_="mono")),
    ]
    return table([("", None), ("", None)], [row for row in rows if row[1]], sortable=False)


def _findings(report: Mapping[str, Any]) -> Html:
    if not report["findings"]:
        return Html("")
    rows = [
        (cell(one["file"], one["file"], "num"), one["meaning"],
         tag("td", one["where"], class_="mono"))
        for one in report["findings"]
    ]  # fmt: skip
    return Html(
        tag("h3", "What the verifier found")
        + table([("Object", "num"), ("What", None), ("Where", None)], rows)
    )


def _pixels(
    report: Mapping[str, Any], pictures: Mapping[str, tuple[str, tuple[int, int]]], *, review: bool
) -> Html:
    told, faces = report["pixels"], report["faces"]
    if not told["objects"] and faces is None:
        return Html("")
    parts: list[object] = [tag("h3", "Pixels")]
    if told["objects"]:
        parts.append(tag("p", pixels_in_words(told)))
    if faces is not None:
        parts.append(tag("p", f"Face: {faces.get('status', 'treated')}."))
    outlines = {one["name"]: one["regions"] for one in report["pictures"]["shown"]}
    if outlines:
        parts.append(tag("p", "After de-identification; what was removed is outlined.", class_="quiet small"))
    order = list(outlines) if not review else _pairs(pictures)
    figures = [
        _figure(name, pictures[name], outlines.get(name, outlines.get(_after(name), [])))
        for name in order
        if name in pictures
    ]
    if figures:
        parts.append(tag("div", *figures, class_="pictures pairs" if review else "pictures"))
    notes = []
    if report["pictures"]["more"]:
        notes.append(f"{many(report['pictures']['more'], 'more picture')} not shown.")
    if report["pictures"]["withheld"] and not review:
        count = many(report["pictures"]["withheld"], "picture")
        notes.append(f"{count} from before exist for the honest broker's review only.")
    parts += [tag("p", note, class_="quiet small") for note in notes]
    raw: list[object] = [entry["report"] for entry in told["reports"][:20]] + ([faces] if faces else [])
    text = "\n".join(json.dumps(one, sort_keys=True) for one in raw)
    parts.append(
        tag(
            "details",
            tag("summary", "What the pixel stages report"),
            tag("div", tag("p", text, class_="mono")),
        )
    )
    return Html("".join(str(part) for part in parts))


def _after(name: str) -> str:
    """The picture after that belongs to one from before."""
    place, _, last = name.rpartition("/")
    return f"{place}/{last.replace('before', 'after', 1)}"


def pixels_in_words(told: Mapping[str, int]) -> str:
    """What the pixel stage did, in a sentence or two."""
    text = f"The pixels of {many(told['objects'], 'object')} were searched for text"
    if not told["touched"]:
        return f"{text}; nothing had to be blanked."
    what = (
        f"{many(told['texts'], 'piece')} of text and {many(told['fixed_regions'], 'region')} of known devices"
    )
    kept = f" {many(told['kept'], 'marker')} stayed by policy." if told["kept"] else ""
    where = f"{many(told['frames_touched'], 'frame')} of {many(told['touched'], 'object')}"
    return f"{text}: {what} were blanked in {where}.{kept}"


def _pairs(pictures: Mapping[str, object]) -> list[str]:
    """Each picture from before and what became of it, side by side; the rest behind."""
    found: list[str] = []
    for name in sorted(name for name in pictures if shows_identity(name)):
        found += [name, _after(name)]
    return found + [name for name in sorted(pictures) if name not in found]


def _figure(name: str, picture: tuple[str, tuple[int, int]], regions: list[list[float]]) -> Html:
    uri, (width, height) = picture
    place, last = number_of(name), name.rpartition("/")[2]
    kind, _, rest = last.partition("-")
    where = "Face" if place is None else f"Object {place}"
    detail = rest[5:].removesuffix(".png").replace("-", " ") if place is not None else ""
    caption = ", ".join(part for part in (where, detail, kind) if part)
    boxes = [tag("rect", x=x, y=y, width=w, height=h) for x, y, w, h in regions]
    drawing = tag(
        "svg", tag("image", href=uri, width=width, height=height), *boxes, viewBox=f"0 0 {width} {height}",
        role="img", aria_label=f"{caption}, {many(len(boxes), 'region')} removed",
    )  # fmt: skip
    return tag(
        "figure", drawing, tag("figcaption", caption), class_="before" if shows_identity(name) else None
    )


def _sample(report: Mapping[str, Any]) -> Html:
    rows = []
    for row in report["sample"]["rows"]:
        if row["value"] is None:
            gone = set(row["outcomes"]) <= {"removed"}
            value = tag("td", "no longer there" if gone else "not shown", class_="gone")
        elif not row["value"]:
            value = tag("td", "empty", class_="gone")
        else:
            value = tag("td", row["value"], class_="mono")
        rule = action_word(row["rule"]).label if row["rule"] else "\N{EN DASH}"
        name = tag("td", row["name"], tag("small", row["tag"], class_="mono"))
        rows.append((name, rule, tag("td", *map(_outcome, row["outcomes"])), value))
    if not rows:
        return Html("")
    return Html(
        tag("h3", "Sample of the header after de-identification")
        + tag("p", report["sample"]["how"], class_="quiet small")
        + table([("Attribute", None), ("Rule", None), ("Outcome", None), ("Value now", None)], rows)
    )


def _outcome(outcome: str, count: int | None = None) -> Html:
    label = OUTCOMES[outcome].label if outcome in OUTCOMES else outcome
    return chip(label if count is None else f"{label} {number(count)}", outcome)


def _attributes(report: Mapping[str, Any]) -> Html:
    rows = []
    for row in report["attributes"]:
        marks = [_outcome(outcome, count) for outcome, count in in_order(row["outcomes"], OUTCOMES)]
        cut = ", ".join(f"{CUTS.get(kind, kind)} {count}" for kind, count in row["cuts"].items())
        rows.append((tag("td", row["tag"], class_="mono nowrap"), row["name"], tag("td", *marks), cut))
    if not rows:
        return Html("")
    return tag(
        "details",
        tag("summary", f"What was done to each of {many(len(rows), 'attribute')}"),
        tag(
            "div",
            table(
                [("Tag", None), ("Attribute", None), ("Outcome", None), ("Cut from its text", None)],
                rows,
            ),
        ),
    )


def _objects(report: Mapping[str, Any]) -> Html:
    objects = report["manifest"]["objects"]
    rows = [
        (tag("td", uid, class_="mono"), tag("td", sha256, class_="mono"))
        for uid, sha256 in objects[:_MOST_OBJECTS]
    ]
    more = len(objects) - len(rows)
    return tag(
        "details",
        tag("summary", f"SHA-256 of each of {many(len(objects), 'object')}"),
        tag(
            "div",
            table([("SOP Instance UID", None), ("SHA-256", None)], rows),
            tag("p", f"{more} more are in report.json.", class_="quiet") if more else None,
        ),
    )
