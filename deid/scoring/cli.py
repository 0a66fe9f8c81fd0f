"""``python -m deid score``: the command's arguments and its run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deid.scoring.answers import AnswerError
from deid.scoring.score import score

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the ``score`` command.

    Args:
        subparsers: what ``ArgumentParser.add_subparsers`` returned.
    """
    parser = subparsers.add_parser("score", help="score outputs against an answer key, as MIDI-B does")
    parser.add_argument("answers", type=Path, metavar="ANSWERS", help="answer key: SQLite, or JSON")
    parser.add_argument("outputs", type=Path, metavar="OUT", help="folder with the de-identified objects")
    parser.add_argument("--uid-mapping", type=Path, help="CSV id_old,id_new (default: OUT/uid_mapping.csv)")
    parser.add_argument(
        "--patid-mapping", type=Path, help="CSV id_old,id_new (default: OUT/patid_mapping.csv)"
    )
    parser.add_argument("--json", type=Path, help="write the score to this file, too")


def run(arguments: argparse.Namespace) -> int:
    """Score and print; 0 when every action is correct, 1 otherwise.

    Raises:
        AnswerError: when the key, a mapping or the folder cannot be read.
    """
    if not arguments.outputs.is_dir():
        reason, instruction = "The folder of outputs does not exist.", "Give the folder that `run` wrote."
        raise AnswerError(reason, instruction)
    result = score(
        arguments.outputs,
        arguments.answers,
        arguments.uid_mapping or arguments.outputs / "uid_mapping.csv",
        arguments.patid_mapping or arguments.outputs / "patid_mapping.csv",
    )
    sys.stdout.write(result.table())
    if arguments.json:
        arguments.json.write_text(result.json())
    return 0 if result.total.correct == result.total.required else 1
