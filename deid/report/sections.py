"""The parts of the page that are about the whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deid.exceptions import QUARANTINE
from deid.report.html import Html, cell, table, tag
from deid.report.words import CUTS, action_word, in_order, many, number

if TYPE_CHECKING:
    from collections.abc import Mapping


def anchor(report: Mapping[str, Any]) -> str:
    """Where a report stands on the page."""
    return f"s{report['sha256'][:12]}"


def chip(text: object, kind: str = "") -> Html:
    """A small mark."""
    return tag("span", text, class_=f"chip {kind}".strip())


def tail(uid: str, length: int = 12) -> str:
    """The end of a UID, where UIDs differ."""
    return uid if len(uid) <= length else "\N{HORIZONTAL ELLIPSIS}" + uid[-length:]


def verdict_part(batch: Mapping[str, Any]) -> Html:
    """What the reader wants to know first."""
    told = batch["verdict"]
    kind = "good" if told["passed"] and not told["quarantined"] else "bad" if told["findings"] else "warn"
    head, *rest = told["english"]
    facts = [
        ("Series", told["series"], many(told["patients"], "patient")),
        ("Objects", told["objects"], "each with its SHA-256"),
        ("In quarantine", told["quarantined"], many(told["quarantined_files"], "file")),
        ("Verifier findings", told["findings"], _verified(told)),
    ]
    for policy in batch["policies"]:
        facts.append(("Policy", policy["name"], f"{policy['sha256'][:12]}, PS3.15 {policy['edition']}"))
    boxes = [
        tag(
            "div",
            tag("dt", name),
            tag("dd", number(value) if isinstance(value, int) else value, tag("small", note)),
        )
        for name, value, note in facts
    ]
    return Html(
        tag("section", tag("strong", head), *(tag("p", line) for line in rest), class_=f"verdict {kind}")
        + tag("dl", *boxes, class_="facts")
    )


def _verified(told: Mapping[str, Any]) -> str:
    if not told["series"]:
        return "nothing to search"
    return f"{told['unverified']} series not searched" if told["unverified"] else "every series searched"


def policy_part(batch: Mapping[str, Any]) -> Html:
    """The policies in English."""
    parts: list[object] = []
    for policy in batch["policies"]:
        parts.append(tag("h3", f"{policy['name']}: {policy['title']}"))
        parts.append(tag("p", f"{policy['profile']}, edition {policy['edition']}."))
        parts.append(tag("p", "SHA-256 of the policy ", tag("span", policy["sha256"], class_="mono")))
        if policy["options"]:
            rows = [
                (tag("td", option["meaning"], tag("small", f"DCM {option['code']}")), option["english"])
                for option in policy["options"]
            ]
            parts.append(
                table([("Option of the standard", None), ("What it means", None)], rows, sortable=False)
            )
        else:
            parts.append(tag("p", "No option of the standard: the Basic Profile as it is."))
        lines = tag("ol", *(tag("li", line) for line in policy["english"]))
        parts.append(
            tag(
                "details",
                tag("summary", "The whole policy in English"),
                tag("div", lines),
                open=len(parts) < 6,
            )
        )
    return tag("section", tag("h2", "Policy", id="policy"), *parts)


def actions_part(batch: Mapping[str, Any]) -> Html:
    """How often each action was carried out."""
    counts = batch["actions"]
    if not counts:
        return Html("")
    most = max(counts.values())
    rows = []
    for action, count in in_order(counts):
        word = action_word(action)
        share = tag(
            "span", tag("span", style=f"width:{100 * count / most:.1f}%"), class_="share", aria_hidden="true"
        )
        rows.append((chip(word.label, action), cell(number(count), count, "num"), share, word.meaning))
    return tag(
        "section",
        tag("h2", "What was done", id="actions"),
        tag("p", "Counted over every attribute of every object, at every depth of nesting.", class_="quiet"),
        table([("Action", None), ("Times", "num"), ("", "wide"), ("Meaning", None)], rows),
    )


def cuts_part(batch: Mapping[str, Any]) -> Html:
    """What was cut out of texts, by kind and by attribute."""
    if not batch["cuts"]:
        return Html("")
    by_tag: dict[str, tuple[str, dict[str, int]]] = {}
    for report in batch["series"]:
        for row in report["attributes"]:
            if row["cuts"]:
                total = by_tag.setdefault(row["tag"], (row["name"], {}))[1]
                for kind, count in row["cuts"].items():
                    total[kind] = total.get(kind, 0) + count
    kinds = [*(kind for kind in CUTS if kind in batch["cuts"]), *sorted(batch["cuts"].keys() - CUTS.keys())]
    rows: list[list[object]] = [
        [
            tag("td", name, tag("small", text, class_="mono")),
            *(cell(counts.get(kind, 0) or "", counts.get(kind, 0), "num") for kind in kinds),
        ]
        for text, (name, counts) in sorted(by_tag.items())
    ]
    heads: list[tuple[str, str | None]] = [
        ("Attribute", None),
        *((CUTS.get(kind, kind), "num") for kind in kinds),
    ]
    whole = ", ".join(f"{CUTS.get(kind, kind)}: {number(batch['cuts'][kind])}" for kind in kinds)
    return tag(
        "section",
        tag("h2", "What was cut from texts", id="cuts"),
        tag("p", f"Kinds and places only; what was cut is nowhere in this report. In all {whole}."),
        table(heads, rows),
    )


def quarantine_part(batch: Mapping[str, Any]) -> Html:
    """What did not go through, why, and what to do."""
    refused = batch["quarantine"]
    if not refused:
        nothing = tag("p", "Nothing: every series of the batch went through.")
        return tag("section", tag("h2", "Quarantine", id="quarantine"), nothing)
    groups = []
    for code, count in batch["verdict"]["by_reason"].items():
        own = [report for report in refused if report["code"] == code]
        files = sum(report["files"] for report in own)
        what = QUARANTINE[code][0].format(file="A file") if code in QUARANTINE else own[0]["reason"]
        groups.append(
            (chip(code, "warn"), cell(number(count), count, "num"), cell(number(files), files, "num"), what,
             own[0]["instruction"])
        )  # fmt: skip
    rows = [
        (
            cell(report["number"] or "", report["number"] or 0, "num"),
            chip(report["code"], "warn"),
            ", ".join(report["modalities"]) or "\N{EN DASH}",
            cell(number(report["files"]), report["files"], "num"),
            tag("td", report["reason"], _details(report["details"])),
        )
        for report in refused
    ]
    return tag(
        "section",
        tag("h2", "Quarantine", id="quarantine"),
        tag("p", "Nothing of these series was written. A person decides what becomes of them."),
        table(
            [
                ("Reason", None),
                ("Series", "num"),
                ("Files", "num"),
                ("What it means", None),
                ("What to do", None),
            ],
            groups,
        ),
        tag("h3", "Each series"),
        table(
            [
                ("No.", "num"),
                ("Reason", None),
                ("Modality", None),
                ("Files", "num"),
                ("What was found", None),
            ],
            rows,
        ),
    )


def _details(lines: list[str]) -> Html:
    if not lines:
        return Html("")
    more = f"\N{HORIZONTAL ELLIPSIS} {len(lines) - 10} more in the JSON" if len(lines) > 10 else None
    return tag("small", *(tag("span", line, tag("br")) for line in lines[:10]), more, class_="mono")


def series_table(batch: Mapping[str, Any]) -> Html:
    """One line per series that went through."""
    rows = []
    for report in batch["series"]:
        outcomes = report["outcomes"]
        removed = outcomes.get("removed", 0) + outcomes.get("emptied", 0)
        changed = outcomes.get("replaced", 0)
        cut = sum(report["cuts"].values())
        rows.append(
            (
                tag("td", tag("a", report["patient_alias"], href=f"#{anchor(report)}"),
                    tag("small", tail(report["series_uid"]), class_="mono", title=report["series_uid"])),
                ", ".join(report["modalities"]) or "\N{EN DASH}",
                cell(number(report["objects"]), report["objects"], "num"),
                cell(number(removed), removed, "num"),
                cell(number(changed), changed, "num"),
                cell(number(cut), cut, "num"),
                _regions(report),
                verified_chip(report),
                tag("td", report["manifest"]["sha256"][:12], class_="mono", title=report["manifest"]["sha256"]),
            )
        )  # fmt: skip
    heads = [
        ("Patient and series", None), ("Modality", None), ("Objects", "num"), ("Removed", "num"), ("Changed", "num"),
        ("Cut", "num"), ("Pixels", None), ("Verifier", None), ("Manifest", None),
    ]  # fmt: skip
    if not rows:
        return tag("section", tag("h2", "Series", id="series"), tag("p", "No series went through."))
    return tag("section", tag("h2", "Series", id="series"), table(heads, rows))


def verified_chip(report: Mapping[str, Any]) -> Html:
    """What the verifier said about a series."""
    if not report["verified"]:
        return chip("not searched", "warn")
    count = len(report["findings"])
    return chip(many(count, "finding"), "fail") if count else chip("nothing found", "ok")


def _regions(report: Mapping[str, Any]) -> Html:
    parts = []
    if report["pixels"]["touched"]:
        parts.append(chip("cleaned", "ok"))
    elif report["pixels"]["objects"]:
        parts.append(chip("searched"))
    if report["faces"]:
        parts.append(chip(f"face: {report['faces'].get('status', 'treated')}", "ok"))
    return Html("".join(parts)) or chip("untouched", "keep")


def proof_part(batch: Mapping[str, Any]) -> Html:
    """Hashes, and how to check them."""
    reports = [*batch["series"], *batch["quarantine"]]
    rows = [
        (
            cell(place, place, "num"),
            report.get("patient_alias") or f"quarantine, {report['code']}",
            tag("td", report["sha256"], class_="mono"),
            tag("td", link[:16], class_="mono", title=link),
        )
        for place, (report, link) in enumerate(zip(reports, batch["chain"]["links"], strict=True), start=1)
    ]
    facts = [
        ("This batch (sha256 of report.json's content)", batch["sha256"]),
        ("Head of the chain", batch["chain"]["head"] or "\N{EN DASH}"),
        ("Batch before", batch["chain"]["previous"] or "none"),
    ]
    return tag(
        "section",
        tag("h2", "Hashes", id="proof"),
        tag(
            "p",
            "Keep the hash of the batch somewhere else. With it anyone can tell whether a report was changed, left out, "
            "added or moved: each report has a SHA-256 over its canonical JSON, and the chain leads over all of them.",
        ),
        table(
            [("", None), ("SHA-256", None)],
            [(name, tag("td", sha, class_="mono")) for name, sha in facts],
            sortable=False,
        ),
        table([("No.", "num"), ("Report", None), ("SHA-256", None), ("Link", None)], rows[:500])
        if rows
        else None,
        tag("p", f"{len(rows) - 500} more are in report.json.", class_="quiet") if len(rows) > 500 else None,
    )
