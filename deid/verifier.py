"""The verifier: knowing what the originals said, search the outputs for anything of it.

Independent of the engine: files are read by a parser of its own (:mod:`deid.rawbytes`), and what to look for
comes from the originals and the standard, not from the engine's rules. Searched are preamble, file meta
information, every header value at every depth, everything behind the pixel data, text segments of compressed
pixel data, and where a policy cleans pixels the text that can be read in them. Pixel data that no stage may
have touched must be those of an original.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from deid.exceptions import QuarantineError
from deid.findings import Finding, place
from deid.identity import Collector, grounds_of
from deid.policy import OPTIONS
from deid.rawbytes import StructureError
from deid.verify import pictures
from deid.verify.judge import NOISE, Judge, where
from deid.verify.marks import METHOD_CODES, Marks
from deid.verify.reader import Reader
from deid.verify.scanner import Event, make_scanner
from deid.verify.streams import looks_typed
from deid.verify.stretch import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from deid.policy import Policy
    from deid.verify.pictures import Read
    from deid.verify.reader import Reading
    from deid.verify.references import References

_ENTITIES = (0x0020000D, 0x0020000E)
_SOP = 0x00080018
_STAGES = {"clean_pixel_data": 0x00280301, "clean_recognizable_visual_features": 0x00280302}
#: Reported from every file: what says which object it is, how it is encoded, how it is marked.
_ALWAYS = (
    0x00020003, 0x00020010, 0x00080005, 0x00080008, 0x00080016, _SOP, 0x00080060, *_ENTITIES, 0x00280004,
    0x00280301, 0x00280302, 0x00280303, 0x00120062, 0x00120063, 0x00120064,
)  # fmt: skip


class Verifier:
    """Verifies the outputs of one series: first all originals, then each output.

    Memory grows with the distinct values of the series (about 1 KB an object), not with its pixels; make a new
    one for each series.

    Args:
        policy: where given, what it openly keeps is no finding, and its marks must be there.
        declared: without a policy, options that the outputs say were carried out, see :func:`declared_by`.
        references: where given, collects the references of a batch of series.
        read: reads the text in a picture; by default the pixel stage's reader, where the policy cleans pixels.
        compiled: force the compiled scanner or the one in Python; they find the same.
        compared: whether untouched pixel data are compared byte by byte (the larger part of the cost).
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        declared: frozenset[str] = frozenset(),
        references: References | None = None,
        read: Read | None = None,
        compiled: bool | None = None,
        compared: bool = True,
    ) -> None:
        self._policy = policy
        self._options = policy.options if policy else declared
        grounds = grounds_of(policy, declared)
        self._scanner = make_scanner(_ALWAYS, grounds.loud, uids=references is not None, compiled=compiled)
        self._collector = Collector(grounds, self._scanner)
        self._judge = Judge(grounds, self._collector.known, self._scanner)
        self._reader = Reader(self._scanner, compiled=compiled)
        self._marks = Marks(policy)
        self._references = references
        self._read = read
        self._originals = self._outputs = 0
        self._shelf = Shelf(compiled=compiled) if compared else None
        self._whole = True
        self._entities: dict[int, tuple[set[bytes], set[bytes]]] = defaultdict(lambda: (set(), set()))
        self._early: list[Finding] = []

    def add_original(self, path: Path) -> None:
        """Collect what an original says. One that cannot be parsed is a finding of :meth:`finish`."""
        self._originals += 1
        try:
            reading = self._reader.original(path)
        except StructureError:
            self._early.append(Finding(0, "an original", "unreadable"))
            return
        self._collector.add(reading.events)
        self._collector.preamble(reading.preamble)
        self._marks.original(reading.events)
        if self._shelf is not None:
            self._shelf.put(reading.pixels)
        self._remember(reading.events, 0)
        if self._references is not None:
            self._references.original(reading.events)

    def check(self, path: Path) -> list[Finding]:
        """Everything of the originals in an output; its number counts the calls, from 1."""
        self._outputs += 1
        number = self._outputs
        try:
            reading = self._reader.output(path)
        except StructureError:
            self._whole = False
            return [Finding(number, "structure", "unreadable")]
        self._judge.days = self._marks.shift(reading.events)
        found = set(self._marks.output(reading))
        for event in reading.events:
            codes = set(self._judge.codes(event)) if event.hits is not None else ()
            if codes:
                self._scanner.again(event.path, event.vr, event.value, event.context)
                found |= {(code, where(event)) for code in codes}
        found |= set(self._stream(reading))
        found |= set(self._pixel_data(reading))
        found |= set(self._pictures(path, reading))
        found |= set(self._overlays(path, reading))
        self._remember(reading.events, 1)
        if self._references is not None:
            self._references.output(reading.events)
        return sorted(Finding(number, spot, code) for code, spot in found)

    def finish(self) -> list[Finding]:
        """What only shows when every file was seen: counts, objects that no longer belong together, dates."""
        findings = list(self._early)
        if self._originals != self._outputs:
            findings.append(Finding(0, "number of files", "count"))
            self._whole = False
        if not self._whole:
            return sorted(set(findings))
        for tag, (before, after) in self._entities.items():
            if len(after) > len(before) or (tag == _SOP and len(after) < len(before)):
                findings.append(Finding(0, place((tag,)), "inconsistent"))
        findings += [Finding(0, place(path), "interval") for path in self._marks.torn()]
        return sorted(set(findings))

    def _remember(self, events: list[Event], side: int) -> None:
        for event in events:
            if len(event.path) == 1 and event.path[0] in (_SOP, *_ENTITIES):
                self._entities[event.path[0]][side].add(event.value.strip(b"\0 "))

    def _stream(self, reading: Reading) -> Iterator[tuple[str, str]]:
        for text in reading.texts:
            vr = "LT" if looks_typed(text) else NOISE
            event = Event((0x7FE00010,), vr, text, b"", self._scanner.find(text))
            for code in self._judge.codes(event):
                yield ("stream" if code in ("text", "private-text") else code), "(7FE0,0010)"

    def _pixel_data(self, reading: Reading) -> Iterator[tuple[str, str]]:
        """Pixel data that no original has, and no stage says it has made."""
        for pixels in reading.pixels:
            if self._shelf is None or self._shelf.take(pixels):
                continue
            if not any(
                option in self._options and self._marks.says(tag, b"NO") for option, tag in _STAGES.items()
            ):
                yield "pixels-changed", "(7FE0,0010)"

    def _pictures(self, path: Path, reading: Reading) -> Iterator[tuple[str, str]]:
        """Identity in text that can be read in the picture, where the policy cleans pixels."""
        if self._policy is None or not reading.pixels or not self._marks.may_show_text():
            return
        if "clean_pixel_data" not in self._options:
            return
        if self._read is None:
            self._read = pictures.reader(self._policy.pixels)
        try:
            texts = list(self._read(path))
        except QuarantineError:
            yield "unreadable", "(7FE0,0010)"
            return
        for frame, text in texts:
            if any(pictures.identity_in(text, self._collector.known)):
                yield "pixel-text", f"frame {frame + 1}"

    def _overlays(self, path: Path, reading: Reading) -> Iterator[tuple[str, str]]:
        """Identity in text that can be read in an overlay, where one is new to the series."""
        fresh = any(
            event.path[0] >> 24 == 0x60 and event.path[0] & 0xFFFF == 0x3000 and event.hits is not None
            for event in reading.events
            if len(event.path) == 1
        )
        for tag, text in pictures.overlays(path) if fresh else ():
            if not text:
                yield "unreadable", place((tag,))
            elif any(pictures.identity_in(text, self._collector.known)):
                yield "pixel-text", place((tag,))


def declared_by(output: Path) -> frozenset[str]:
    """Options of PS3.15 that an object says were carried out, by its method codes (CID 7050)."""
    try:
        events = Reader(make_scanner(_ALWAYS, ())).output(output).events
    except StructureError:
        return frozenset()  # which is a finding when it is checked
    codes = {event.value.strip(b"\0 ").decode("latin-1") for event in events if event.path == METHOD_CODES}
    return frozenset(option for option, (code, *_) in OPTIONS.items() if code in codes)


def verify_series(
    originals: Sequence[Path],
    outputs: Sequence[Path],
    *,
    policy: Policy | None = None,
    references: References | None = None,
) -> list[Finding]:
    """Search de-identified files for anything that identifies the patient, staff or place of the originals.

    Args:
        originals: the files before; what must not be found is collected from them.
        outputs: the files after, any order; their position counts from 1 in the findings.
        policy: where given, what it openly retains (UIDs, full dates, device, institution) is no finding, what it
            cleans is searched for what must have been cut, and its marks must be there. Without one, text may
            stay where the first output says that it was cleaned, and is searched the same way.
        references: where given, collects the references of a batch of series.

    Returns:
        Findings, sorted; empty when nothing was found. They carry codes and places, never values.
    """
    declared = declared_by(outputs[0]) if policy is None and outputs else frozenset[str]()
    verifier = Verifier(policy, declared=declared, references=references)
    for path in originals:
        verifier.add_original(path)
    findings = [finding for path in outputs for finding in verifier.check(path)]
    return sorted({*findings, *verifier.finish()})
