"""Score a folder of outputs: per action, category and attribute."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from deid.scoring.actions import ACTIONS, Context, check
from deid.scoring.answers import load_answers, load_mapping
from deid.scoring.pixels import PixelCheck
from deid.scoring.values import read_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from deid.scoring.answers import Answer, InstanceAnswers
    from deid.scoring.pixels import Judge
    from deid.scoring.values import Output

Key = TypeVar("Key")
_FIXED_CATEGORIES = {
    "date_shifted": "HIPAA-C",
    "uid_changed": "HIPAA-R",
    "pixels_hidden": "HIPAA-A",
    "patid_consistent": "DICOM-P15-BASIC-C",
    "uid_consistent": "DICOM-P15-BASIC-U",
    "pixels_retained": "TCIA-P15-PIX-K",
}
_KEYS = {
    "tag_retained": ("dicom_iod",),
    "text_notnull": ("dicom_iod",),
    "text_removed": ("hipaa_m", "hipaa_z", "tcia_p15", "tcia_ptkb", "tcia_rev"),
    "text_retained": ("tcia_p15", "tcia_ptkb", "tcia_rev"),
}
_NO_CATEGORY = "none"


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on one answer. Never a value: places and codes only.

    Attributes:
        instance: position of the instance in the answer key, from 1.
        path: address of the attribute.
        share: share of the words that are right, in 0..1; 0 or 1 for the other actions.
        missing: whether the instance has no output.
    """

    instance: int
    modality: str
    path: str
    name: str
    action: str
    category: str
    passed: bool
    share: float
    missing: bool


@dataclass
class Tally:
    """Required and correct actions."""

    required: int = 0
    correct: int = 0
    share: float = 0.0

    def add(self, one: Check) -> None:
        """Count a check."""
        self.required += 1
        self.correct += one.passed
        self.share += one.share

    @property
    def percent(self) -> float:
        """Correct of required actions, in percent; 100 where nothing was required."""
        return 100.0 * self.correct / self.required if self.required else 100.0

    def facts(self) -> dict[str, float]:
        """For JSON."""
        mean = 100.0 * self.share / self.required if self.required else 100.0
        return {
            "required": self.required,
            "correct": self.correct,
            "percent": round(self.percent, 4),
            "mean_share": round(mean, 4),
        }


@dataclass
class Score:
    """All checks of a corpus.

    Attributes:
        instances: how many instances the answer key has.
        missing: how many of them have no output.
        unknown: answers whose action is none of the ten, by action; they are not scored.
        judge: who judged pixels_hidden.
    """

    checks: list[Check]
    instances: int
    missing: int
    unknown: dict[str, int] = field(default_factory=dict)
    judge: str = ""

    @property
    def total(self) -> Tally:
        """Over everything: the challenge's score is ``total.percent``."""
        return self._tallies(lambda _check: "all").get("all", Tally())

    @property
    def by_action(self) -> dict[str, Tally]:
        """Tally of each of the ten actions that occurs."""
        found = self._tallies(lambda one: one.action)
        return {action: found[action] for action in ACTIONS if action in found}

    @property
    def by_category(self) -> dict[str, Tally]:
        """Tally of each category."""
        return dict(sorted(self._tallies(lambda one: one.category).items()))

    @property
    def by_modality(self) -> dict[str, Tally]:
        """Tally of each modality."""
        return dict(sorted(self._tallies(lambda one: one.modality).items()))

    @property
    def by_tag(self) -> dict[tuple[str, str, str], Tally]:
        """Tally of each (path without item numbers, name, action)."""
        return dict(sorted(self._tallies(lambda one: (anywhere(one.path), one.name, one.action)).items()))

    @property
    def failures(self) -> list[Check]:
        """The checks that failed."""
        return [one for one in self.checks if not one.passed]

    def _tallies(self, key: Callable[[Check], Key]) -> dict[Key, Tally]:
        found: dict[Key, Tally] = defaultdict(Tally)
        for one in self.checks:
            found[key(one)].add(one)
        return dict(found)

    def facts(self) -> dict[str, Any]:
        """Everything as JSON: no value of any object."""
        return {
            "score": self.total.facts(),
            "instances": self.instances,
            "missing": self.missing,
            "unknown_actions": self.unknown,
            "pixel_judge": self.judge,
            "actions": {name: tally.facts() for name, tally in self.by_action.items()},
            "categories": {name: tally.facts() for name, tally in self.by_category.items()},
            "modalities": {name: tally.facts() for name, tally in self.by_modality.items()},
            "tags": [
                {"tag": path, "name": name, "action": action, **tally.facts()}
                for (path, name, action), tally in self.by_tag.items()
            ],
            "failures": [
                {"instance": one.instance, "tag": one.path, "action": one.action, "missing": one.missing}
                for one in self.failures
            ],
        }

    def json(self) -> str:
        """:meth:`facts` as text."""
        return json.dumps(self.facts(), indent=1) + "\n"

    def table(self, worst: int = 20) -> str:
        """A table for people; the worst attributes last."""
        lines = [*_rows("action", self.by_action), "", *_rows("category", self.by_category), ""]
        lines += [*_rows("modality", self.by_modality), ""]
        failed = {
            f"{action:<16} {path} {name}": tally
            for (path, name, action), tally in self.by_tag.items()
            if tally.correct < tally.required
        }
        ordered = sorted(failed.items(), key=lambda entry: entry[1].correct - entry[1].required)
        if ordered:
            lines += [*_rows("attribute with failures", dict(ordered[:worst])), ""]
        total = self.total
        lines.append(
            f"{total.correct} of {total.required} actions correct: {total.percent:.2f} %; "
            f"{self.instances} instances, {self.missing} without output; pixels judged by: {self.judge}"
        )
        if self.unknown:
            lines.append(f"not scored, no action of the ten: {self.unknown}")
        return "\n".join(lines) + "\n"


def score(
    outputs: Path,
    answers: Path,
    uid_mapping: Path,
    patid_mapping: Path,
    *,
    judge: Judge | None = None,
) -> Score:
    """Score outputs against an answer key.

    Args:
        outputs: folder, searched at every depth.
        answers: SQLite or JSON, see :func:`deid.scoring.answers.load_answers`.
        uid_mapping: CSV ``id_old,id_new`` of UIDs; it also says which output came of which instance.
        patid_mapping: CSV ``id_old,id_new`` of patient IDs.
        judge: reads text in pictures; see :mod:`deid.scoring.pixels`.

    Raises:
        AnswerError: when the key or a mapping cannot be read.
    """
    files = sorted(file for file in outputs.rglob("*") if file.is_file())
    return score_objects(
        load_answers(answers),
        read_outputs(files),
        Context(load_mapping(uid_mapping), load_mapping(patid_mapping), PixelCheck(judge)),
    )


def score_objects(instances: Sequence[InstanceAnswers], outputs: Iterable[Output], context: Context) -> Score:
    """Score objects as they come; one output is in memory at a time.

    Args:
        instances: the answer key.
        outputs: the objects.
        context: mappings and pixel judge.
    """
    waiting: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, instance in enumerate(instances):
        original = {"series": instance.series_uid, "study": instance.study_uid}.get(
            instance.scope, instance.sop_uid
        )
        new = context.uids.get(original)
        if new:
            waiting[instance.scope, new].append(number)
    met: set[int] = set()
    checks: list[Check] = []
    for output in outputs:
        places = (("instance", output.sop_uid), ("series", output.series_uid), ("study", output.study_uid))
        for place in places:
            for number in waiting.get(place, ()):
                if place[0] == "instance" and number in met:
                    continue  # a second file of the same instance
                met.add(number)
                checks += _checks(number, instances[number], output, context)
    missing = [number for number in range(len(instances)) if number not in met]
    for number in missing:
        checks += _checks(number, instances[number], None, context)
    checks.sort(key=lambda one: one.instance)
    unknown: dict[str, int] = defaultdict(int)
    for instance in instances:
        for answer in instance.answers:
            if answer.action not in ACTIONS:
                unknown[answer.action] += 1
    return Score(checks, len(instances), len(missing), dict(unknown), context.pixels.name)


def _checks(
    number: int, instance: InstanceAnswers, output: Output | None, context: Context
) -> Iterator[Check]:
    for answer in instance.answers:
        if answer.action not in ACTIONS:
            continue
        passed, share = check(answer, output, context)
        yield Check(
            instance=number + 1,
            modality=instance.modality,
            path=answer.path,
            name=answer.name,
            action=answer.action,
            category=category(answer),
            passed=passed,
            share=share,
            missing=output is None,
        )


def category(answer: Answer) -> str:
    """The category that the challenge reports an answer under."""
    fixed = _FIXED_CATEGORIES.get(answer.action)
    if fixed:
        return fixed
    for key in _KEYS.get(answer.action, ()):
        if answer.categories.get(key):
            return answer.categories[key]
    return _NO_CATEGORY


def anywhere(path: str) -> str:
    """A path without the numbers of items, to count the same attribute together."""
    parts = path.split("[<")
    return parts[0] + "".join(part.partition(">]")[2] for part in parts[1:])


def _rows(title: str, tallies: dict[str, Tally]) -> Iterator[str]:
    width = max([len(title), *(len(name) for name in tallies)])
    yield f"{title:<{width}}  required   correct         %"
    for name, tally in tallies.items():
        yield f"{name:<{width}}  {tally.required:>8}  {tally.correct:>8}  {tally.percent:>8.2f}"
