"""Command line: ``python -m deid run | verify | policy | key``.

Exit status: 0 all went through; 1 something went to quarantine or was found; 2 wrong use, bad policy or key.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import secrets
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from deid import (
    DeidError,
    OutputExists,
    Pseudonyms,
    QuarantineError,
    deidentify_series,
    load_policy,
    series_place,
    verify_series,
)
from deid.series import header_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY_BYTES = 32


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deid",
        description="De-identify DICOM series by DICOM PS3.15 Annex E, and prove it.",
        epilog="Exit status: 0 all went through; 1 quarantine or findings; 2 wrong use, policy or key.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="de-identify every series below a folder")
    run.add_argument("source", type=Path, metavar="IN", help="folder of originals, searched at every depth")
    run.add_argument("target", type=Path, metavar="OUT", help="gets <alias>/<study>/<series>/<instance>.dcm")
    run.add_argument(
        "--policy", default="research", help="basic, research, or a .toml file (default: research)"
    )
    run.add_argument("--key-file", type=Path, required=True, help="the project's secret; `key` makes one")
    run.add_argument(
        "--project", required=True, help="name of the project; pseudonyms differ between projects"
    )
    run.add_argument("--report", type=Path, help="write a JSON report (no identity in it) to this file")

    verify = commands.add_parser("verify", help="search de-identified files for anything of their originals")
    verify.add_argument("originals", type=Path, metavar="ORIGINALS", help="folder with the original series")
    verify.add_argument("outputs", type=Path, metavar="OUTPUTS", help="folder with the de-identified series")
    verify.add_argument("--policy", help="the policy used; what it openly retains is no finding")

    policy = commands.add_parser("policy", help="print a policy in English")
    policy.add_argument("policy", help="basic, research, or a .toml file")

    key = commands.add_parser("key", help="make a project key")
    key.add_argument("file", type=Path, help="file to write, readable by you alone; must not exist")
    return parser


def _series(folder: Path) -> tuple[dict[str, list[Path]], list[tuple[str, Path]]]:
    """Files by original Series Instance UID, and (code, path) of what cannot belong to any."""
    groups: dict[str, list[Path]] = defaultdict(list)
    strays: list[tuple[str, Path]] = []
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        try:
            groups[header_of(path, "file").series_uid].append(path)
        except QuarantineError as error:
            strays.append((error.code, path))
    return groups, strays


def _run(arguments: argparse.Namespace) -> int:
    policy = load_policy(arguments.policy)
    pseudonyms = Pseudonyms.from_file(arguments.key_file, arguments.project)
    groups, strays = _series(arguments.source)
    report: list[dict[str, object]] = [
        {"status": "quarantine", "files": 1, "code": code} for code, _ in strays
    ]
    for code, _ in strays:
        print(f"quarantine  {code}: one file that belongs to no series")
    check = functools.partial(verify_series, policy=policy)
    for number, files in enumerate(groups.values(), start=1):
        try:
            place = series_place(files[0], policy, pseudonyms)
            result = deidentify_series(files, arguments.target / place, policy, pseudonyms, verify=check)
        except (QuarantineError, OutputExists) as error:
            print(f"quarantine  {error.code}: series {number}, {len(files)} files. {error}")
            details = error.details if isinstance(error, QuarantineError) else ()
            for line in details[:10]:
                print(f"            {line}")
            report.append(
                {"status": "quarantine", "files": len(files), "code": error.code, "details": details}
            )
            continue
        print(f"done        {place} ({len(files)} files)")
        report.append(
            {
                "status": "done",
                "files": len(files),
                "patient_alias": result.patient_alias,
                "study_uid": result.study_uid,
                "series_uid": result.series_uid,
                "manifest": result.manifest,
                "actions": result.actions,
                "policy_sha256": result.policy_sha256,
                "engine_version": result.engine_version,
            }
        )
    done = sum(entry["status"] == "done" for entry in report)
    print(
        f"{done} series done, {len(report) - done} in quarantine; policy {policy.name} {policy.sha256[:12]}"
    )
    if arguments.report:
        arguments.report.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if done == len(report) else 1


def _verify(arguments: argparse.Namespace) -> int:
    policy = load_policy(arguments.policy) if arguments.policy else None
    originals, outputs = (
        sorted(file for file in folder.rglob("*") if file.is_file())
        for folder in (arguments.originals, arguments.outputs)
    )
    findings = verify_series(originals, outputs, policy=policy)
    for finding in findings:
        print(finding)
    print(f"{len(outputs)} files verified, {len(findings)} findings")
    return 1 if findings else 0


def _key(file: Path) -> int:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_hex(_KEY_BYTES) + "\n")
    print(f"wrote {file}; whoever has it can link pseudonyms, and without it they cannot be made again")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "run":
            return _run(arguments)
        if arguments.command == "verify":
            return _verify(arguments)
        if arguments.command == "key":
            return _key(arguments.file)
        print("\n".join(load_policy(arguments.policy).describe()))
    except DeidError as error:
        print(f"deid: {error}", file=sys.stderr)
        return 2
    except FileExistsError:
        print("deid: the file exists already; a key is never overwritten.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
