"""Command line: ``python -m deid run | explain | verify | score | key``.

Exit status: 0 all went through; 1 something went to quarantine, was found or scored wrong; 2 wrong use, bad
policy or key; 130 interrupted (what was finished stays, the same command goes on).
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deid import DeidError, load_policy, verify_series
from deid.commands import add_run, run_batch
from deid.repair import mend_all
from deid.scoring import cli as scoring

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY_BYTES = 32
_INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deid",
        description="De-identify DICOM series by DICOM PS3.15 Annex E, and prove it.",
        epilog="Exit status: 0 all went through; 1 quarantine, findings or a wrong score; 2 wrong use, policy or "
        "key; 130 interrupted, the same command goes on.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_run(commands)

    explain = commands.add_parser("explain", help="print a policy in English")
    explain.add_argument("policy", help="a shipped policy (basic, research, tcia) or a .toml file")

    verify = commands.add_parser("verify", help="search de-identified files for anything of their originals")
    verify.add_argument("originals", type=Path, metavar="ORIGINAL", help="folder with the originals")
    verify.add_argument("outputs", type=Path, metavar="OUTPUT", help="folder with the outputs")
    verify.add_argument("--policy", help="the policy used; what it openly retains is no finding")

    scoring.add_parser(commands)

    key = commands.add_parser("key", help="make a project key")
    key.add_argument("file", type=Path, help="file to write, readable by you alone; must not exist")
    return parser


def _visible(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _verify(arguments: argparse.Namespace) -> int:
    policy = load_policy(arguments.policy) if arguments.policy else None
    for folder in (arguments.originals, arguments.outputs):
        if not folder.is_dir():
            reason = "A folder to verify does not exist."
            raise DeidError(reason, "Give the folder of the originals, then the folder that `run` wrote.")
    originals, outputs = _visible(arguments.originals), _visible(arguments.outputs)
    with tempfile.TemporaryDirectory(prefix="deid-verify-") as work:
        # What `run` had to mend first was verified in its mended form; here too.
        mended = mend_all(originals, Path(work)) or originals
        findings = verify_series(mended, outputs, policy=policy)
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


def _command(arguments: argparse.Namespace) -> int:
    if arguments.command == "run":
        return run_batch(arguments)
    if arguments.command == "verify":
        return _verify(arguments)
    if arguments.command == "score":
        return scoring.run(arguments)
    if arguments.command == "key":
        return _key(arguments.file)
    print("\n".join(load_policy(arguments.policy).describe()))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return _command(arguments)
    except DeidError as error:
        print(f"deid: {error}", file=sys.stderr)
    except FileExistsError:
        print("deid: the file exists already; a key is never overwritten.", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            "deid: interrupted. What was finished stays; the same command goes on from there.",
            file=sys.stderr,
        )
        return _INTERRUPTED
    return 2


if __name__ == "__main__":
    sys.exit(main())
