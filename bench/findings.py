"""Report rules measured: micro-F1 against coded reports, a table per finding with intervals, time; and peers.

Usage::

    python -m bench.findings [--part all|tune|held] [--reports CSV --truth CSV] [--rules TOML] [--peers]

One JSON line a result: name, value, unit, goal, met. Reports are rows uid, indication, comparison, findings,
impression; the truth is rows filename (``CXR`` and the uid) and one column a label. Without paths the reports of
``RADFLOW_SHARED_DATA`` are read. ``tune`` is three quarters of them, on which rules were made; ``held`` is the quarter
(by a hash of the uid) that was kept apart for one honest estimate, after which its errors were read too
(docs/reference/findings.md). Intervals are 95 %: of F1 by bootstrap over reports, of precision and recall by
Wilson. ``--peers`` installs medspaCy and negspacy, each in an environment of its own, and gives them our
phrases; one that cannot be installed is reported as absent.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from research.findings import Rules, extract, labels, load_rules, summarise
from research.findings.phrases import expand
from research.findings.summary import NORMAL
from research.intervals import wilson

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("RADFLOW_SHARED_DATA", ROOT.parent / "shared" / "data"))
PLACE = ROOT / ".radflow-bench" / "findings"
GOAL = 0.92
LABEL_SET = "open-i"
RESAMPLES = 2000
PEERS = {
    "medspacy": ("medspacy==1.3.1", "numpy<2", "setuptools<80"),
    "negspacy": ("negspacy==1.1.0",),
}
#: Runs in a peer's environment: reads {"patterns": [[label, spaCy pattern]], "texts": [...]}, prints labels, seconds.
PEER = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
given = json.load(sys.stdin)
if sys.argv[1] == "medspacy":
    from loguru import logger
    logger.remove()
    import medspacy
    from medspacy.ner import TargetRule
    nlp = medspacy.load(enable=["medspacy_pyrush", "medspacy_target_matcher", "medspacy_context"])
    rules = [TargetRule(label, label, pattern=pattern) for label, pattern in given["patterns"]]
    nlp.get_pipe("medspacy_target_matcher").add(rules)
    def taken(ent):
        there = ent._
        return not (there.is_negated or there.is_uncertain or there.is_historical or there.is_family
                    or there.is_hypothetical)
else:
    import spacy
    from negspacy.negation import Negex
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": pattern} for label, pattern in given["patterns"]])
    nlp.add_pipe("negex", config={"ent_types": sorted({label for label, _ in given["patterns"]})})
    def taken(ent):
        return not ent._.negex
begin = time.process_time()
out = [sorted({ent.label_ for ent in nlp(text).ents if taken(ent)}) for text in given["texts"]]
print(json.dumps({"out": out, "seconds": time.process_time() - begin}))
"""


@dataclass(frozen=True)
class Report:
    """A coded report."""

    uid: str
    sections: dict[str, str]
    truth: frozenset[str]

    @property
    def text(self) -> str:
        """The report as a text with titles."""
        return "\n".join(f"{name.upper()}: {text}" for name, text in self.sections.items() if text)


def line(name: str, value: object, unit: str, goal: object = None, met: bool | None = None) -> None:
    """Print one result."""
    print(json.dumps({"name": name, "value": value, "unit": unit, "goal": goal, "met": met}), flush=True)


def read(reports: Path, truth: Path) -> tuple[list[Report], list[str]]:
    """The reports, and the names of the labels."""
    with truth.open(newline="", encoding="utf-8") as stream:
        coded = {row["filename"].removeprefix("CXR"): row for row in csv.DictReader(stream)}
    names = [name for name in next(iter(coded.values())) if name != "filename"]
    with reports.open(newline="", encoding="utf-8") as stream:
        out = [
            Report(
                uid := row.pop("uid"),
                row,
                frozenset(name for name in names if coded[uid][name] not in ("0", "")),
            )
            for row in csv.DictReader(stream)
        ]
    return out, names


def held(uid: str) -> bool:
    """Whether a report is of the quarter that was kept apart at first."""
    return int(hashlib.sha256(uid.encode()).hexdigest(), 16) % 4 == 0


def counts(found: list[frozenset[str]], reports: list[Report], names: list[str]) -> np.ndarray:
    """True positives, false positives, false negatives: shape (reports, labels, 3)."""
    out = np.zeros((len(reports), len(names), 3))
    for row, (got, report) in enumerate(zip(found, reports, strict=True)):
        for column, name in enumerate(names):
            there, said = name in report.truth, name in got
            out[row, column] = there and said, said and not there, there and not said
    return out


def f1(sums: np.ndarray) -> np.ndarray:
    """F1 of counts in the last axis; 0 where there is nothing."""
    true, wrong, missed = sums[..., 0], sums[..., 1], sums[..., 2]
    return 2 * true / np.maximum(2 * true + wrong + missed, 1)


def bootstrap(table: np.ndarray, seed: int = 7) -> list[float]:
    """95 % interval of the F1 of counts of shape (reports, 3), over reports."""
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), RESAMPLES)
    return [round(float(bound), 4) for bound in np.quantile(f1(weights @ table), [0.025, 0.975])]


def score(
    label: str, found: list[frozenset[str]], reports: list[Report], names: list[str], *, ours: bool
) -> None:
    """Micro-F1, and per finding for ours."""
    table = counts(found, reports, names)
    findings = [column for column, name in enumerate(names) if name != NORMAL]
    for title, columns in (("findings", findings), ("findings and normal", list(range(len(names))))):
        if not ours and title != "findings":
            continue
        summed = table[:, columns].sum(axis=1)
        true, wrong, missed = summed.sum(axis=0)
        value = float(f1(summed.sum(axis=0)))
        goal = GOAL if ours and title == "findings" else None
        line(
            f"{label} micro-F1, {title} ({len(reports)} reports, {int(true + missed)} coded)",
            round(value, 4),
            "share",
            goal,
            None if goal is None else value >= goal,
        )
        line(f"{label} micro-F1, {title}, 95 % interval", bootstrap(summed), "share")
        line(f"{label} precision, {title}", round(true / max(true + wrong, 1), 4), "share")
        line(f"{label} recall, {title}", round(true / max(true + missed, 1), 4), "share")
    if not ours:
        return
    for column, name in enumerate(names):
        true, wrong, missed = (int(value) for value in table[:, column].sum(axis=0))
        row: dict[str, object] = {"n": true + missed, "true": true, "false": wrong, "missed": missed}
        if true + wrong + missed:
            row["f1"] = round(float(f1(table[:, column].sum(axis=0))), 3)
            row["f1_interval"] = bootstrap(table[:, column])
        for key, of in (("precision", true + wrong), ("recall", true + missed)):
            if of:
                one = wilson(true, of)
                row[key] = round(true / of, 3)
                row[f"{key}_interval"] = [round(one.lower or 0.0, 3), round(one.upper or 0.0, 3)]
        line(f"{label} {name}", row, "table row")


def by_status(report: Report, rules: Rules) -> frozenset[str]:
    """Labels by our findings of status present alone, without what the label set says of its coders' habits."""
    first = {label.findings[0]: label.name for label in rules.labels if label.set == LABEL_SET}
    summary = summarise(extract(report.text, rules), rules)
    return frozenset(first[one] for one in summary.present if one in first) or frozenset(
        {NORMAL} if summary.normal else ()
    )


def speed(reports: list[Report], rules: Rules) -> None:
    """CPU time of a report, each read once after one warm-up round over fifty."""
    for report in reports[:50]:
        extract(report.text, rules)
    times = []
    for report in reports:
        begin = time.process_time()
        summarise(extract(report.text, rules), rules)
        times.append((time.process_time() - begin) * 1e3)
    mean = statistics.fmean(times)
    line("time per report", round(mean, 3), "CPU ms", 1, mean <= 1)
    line("time per report, 95th percentile", round(statistics.quantiles(times, n=20)[-1], 3), "CPU ms")
    page = " ".join(report.text for report in reports)
    for size in (10_000, 100_000):
        begin = time.process_time()
        extract(page[:size], rules)
        spent = (time.process_time() - begin) / size * 1e9
        line(f"time per million characters of a text of {size}", round(spent), "CPU ms")


def patterns(rules: Rules) -> list[tuple[str, list[dict[str, object]]]]:
    """Our phrases of the label set's findings as spaCy patterns."""
    wanted = {
        finding: label.name for label in rules.labels if label.set == LABEL_SET for finding in label.findings
    }
    out = []
    for term in rules.terms.values():
        if term.finding in wanted and term.asserts == "present":
            for phrase in term.phrases:
                out += [(wanted[term.finding], _pattern(sequence)) for sequence in expand(phrase)]
    return out


def _pattern(sequence: tuple[str, ...]) -> list[dict[str, object]]:
    out: list[dict[str, object]] = []
    for item in sequence:
        if item[0] == "~":
            out += [{"IS_PUNCT": False, "OP": "?"}] * int(item[1:])
        elif item[-1] == "*":
            out.append({"LOWER": {"REGEX": "^" + item[:-1]}})
        else:
            out.append({"LOWER": item})
    return out


def peers(reports: list[Report], names: list[str], rules: Rules) -> None:
    """The same phrases and reports (findings and impression) through medspaCy and negspacy with their defaults."""
    texts = [
        " ".join(report.sections.get(part, "") for part in ("findings", "impression")) for report in reports
    ]
    given = json.dumps({"patterns": patterns(rules), "texts": texts})
    for peer, packages in PEERS.items():
        python = PLACE / peer / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(PLACE / peer)], check=True)
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "-q", *packages],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            line(peer, "absent", "could not be installed")
            continue
        done = subprocess.run(
            [str(python), "-c", PEER, peer], input=given, capture_output=True, text=True, check=False
        )
        if done.returncode:
            line(peer, "absent", (done.stderr.strip().splitlines() or ["failed"])[-1])
            continue
        result = json.loads(done.stdout.splitlines()[-1])
        score(peer, [frozenset(one) for one in result["out"]], reports, names, ours=False)
        line(f"{peer} time per report", round(result["seconds"] / len(reports) * 1e3, 2), "CPU ms")


def show(found: list[frozenset[str]], reports: list[Report]) -> None:
    """Which reports differ, by number only."""
    wrong: Counter[str] = Counter()
    for got, report in zip(found, reports, strict=True):
        for name in sorted(got ^ report.truth):
            wrong[name] += 1
            print("   ", report.uid, "+" if name in got else "-", name, file=sys.stderr)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, default=SHARED / "reports_dev" / "reports.csv")
    parser.add_argument("--truth", type=Path, default=SHARED / "reports_dev" / "findings.csv")
    parser.add_argument("--part", choices=("all", "tune", "held"), default="all")
    parser.add_argument("--rules", type=Path)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument(
        "--show", action="store_true", help="numbers of the reports that differ, on standard error"
    )
    arguments = parser.parse_args()
    if not arguments.reports.is_file() or not arguments.truth.is_file():
        line("coded reports: absent", None, "", "set RADFLOW_SHARED_DATA or give --reports and --truth")
        return
    rules = load_rules(arguments.rules)
    reports, names = read(arguments.reports, arguments.truth)
    if arguments.part != "all":
        reports = [report for report in reports if held(report.uid) == (arguments.part == "held")]
    found = [labels(extract(report.text, rules), rules, LABEL_SET) for report in reports]
    line("rules", rules.version, "SHA-256")
    score("radflow", found, reports, names, ours=True)
    table = counts([by_status(report, rules) for report in reports], reports, names)
    findings = [column for column, name in enumerate(names) if name != NORMAL]
    value = float(f1(table[:, findings].sum(axis=(0, 1))))
    line("radflow micro-F1, findings of status present alone", round(value, 4), "share", GOAL, value >= GOAL)
    speed(reports, rules)
    if arguments.show:
        show(found, reports)
    if arguments.peers:
        peers(reports, names, rules)


if __name__ == "__main__":
    main()
