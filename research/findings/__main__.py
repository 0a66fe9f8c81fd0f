"""Command line: ``python -m research.findings [extract | summary | explain | describe] [FILE | -]``.

``FILE`` holds one report; with ``--jsonl`` one JSON object {"id", "text"} a line. Exit status: 0 done; 2 wrong use, an
unreadable file or a bad rule file.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from research.errors import RadflowError
from research.findings import extract, labels, load_rules, summarise
from research.findings.describe import describe, explain
from research.findings.errors import RulesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from research.findings.model import Rules

COMMANDS = ("extract", "summary", "explain", "describe")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m research.findings",
        description="Findings in radiology reports, by rules.",
        epilog="Without a command the file is extracted. explain and extract quote the report: mind where it goes.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in (
        ("extract", "one JSON line a mention, with offsets, status, rule and code"),
        ("summary", "one JSON line a report: the status of each finding, and labels of a label set"),
        ("explain", "each mention in English, with the rules that decided"),
        ("describe", "the rules in English"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument("--rules", type=Path, help="a site's own rule file (TOML)")
        if name == "describe":
            continue
        command.add_argument("file", metavar="FILE", help="a report, or - for standard input")
        command.add_argument("--jsonl", action="store_true", help='each line is {"id": ..., "text": ...}')
        if name == "summary":
            command.add_argument("--labels", default="open-i", help="label set (open-i)")
    return parser


def _reports(file: str, *, lines: bool) -> Iterator[tuple[str, str]]:
    name = "standard input" if file == "-" else Path(file).name
    try:
        content = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = f"{name} cannot be read as UTF-8 text."
        raise RulesError(reason, "Give a readable text file, or - for standard input.") from error
    if not lines:
        yield "" if file == "-" else Path(file).stem, content
        return
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield str(row["id"]), str(row["text"])
        except (ValueError, KeyError, TypeError) as error:
            reason = f"Line {number} of {name} is no JSON object with id and text."
            raise RulesError(reason, "Write one such object a line.") from error


def _run(arguments: argparse.Namespace) -> Iterator[str]:
    rules = load_rules(arguments.rules)
    if arguments.command == "describe":
        yield from describe(rules)
        return
    if arguments.command == "summary" and arguments.labels not in {label.set for label in rules.labels}:
        reason = f"There is no label set {arguments.labels!r}."
        raise RulesError(reason, f"Known: {', '.join(sorted({label.set for label in rules.labels}))}.")
    for report, text in _reports(arguments.file, lines=arguments.jsonl):
        yield from _lines(arguments, report, text, rules)


def _lines(arguments: argparse.Namespace, report: str, text: str, rules: Rules) -> Iterator[str]:
    found = extract(text, rules, asked=arguments.command == "explain")
    if arguments.command == "explain":
        yield from ([f"{report}:"] if arguments.jsonl else [])
        yield from explain(text, found, rules)
    elif arguments.command == "summary":
        summary = summarise(found, rules)
        chosen = sorted(labels(found, rules, arguments.labels))
        yield json.dumps(
            {
                "report": report,
                "status": summary.status,
                "normal": summary.normal,
                "labels": chosen,
                "rules": rules.version,
            }
        )
    else:
        for one in found:
            code = asdict(rules.kinds[one.finding].code)
            row = {"report": report, "text": text[one.start : one.end], **asdict(one), "code": code}
            yield json.dumps({**row, "rules": rules.version})


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given and given[0] not in (*COMMANDS, "-h", "--help"):
        given.insert(0, "extract")
    arguments = _parser().parse_args(given)
    try:
        for line in _run(arguments):
            print(line)
    except RadflowError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output, head for example, has enough
        sys.stderr.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
