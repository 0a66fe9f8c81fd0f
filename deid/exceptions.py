"""What can go wrong in de-identification. No text here ever carries a value out of an image.

DeidError
├── PolicyError              a policy file that means nothing, or something dangerous
├── KeyFileError             a project key that is missing or too short
├── OutputExists             the output folder already holds something else (write-once)
└── QuarantineError          a series that the engine does not vouch for; ``code`` says why
"""

from __future__ import annotations


class DeidError(Exception):
    """Base of the tree.

    Args:
        reason: what was wrong (never a value out of an image).
        instruction: what the reader can do about it.
    """

    code = "deid-error"

    def __init__(self, reason: str, instruction: str) -> None:
        super().__init__(reason, instruction)
        self.reason = reason
        self.instruction = instruction

    def __str__(self) -> str:
        return f"{self.reason} {self.instruction}"


class PolicyError(DeidError):
    """A policy file that means nothing, or something dangerous."""

    code = "policy"


class KeyFileError(DeidError):
    """A project key that is missing or too short."""

    code = "key-file"


class OutputExists(DeidError):
    """The output folder already holds something else; research objects are written once."""

    code = "output-exists"


#: Every code that a QuarantineError may carry: (reason, instruction).
QUARANTINE: dict[str, tuple[str, str]] = {
    "not-dicom": (
        "{file} is not a DICOM file.",
        "Remove it from the delivery, or export the series again.",
    ),
    "empty-file": ("{file} is empty.", "Fetch the series again."),
    "truncated": ("{file} ends before its data do.", "Fetch the series again; the transfer was cut."),
    "malformed": (
        "{file} does not follow the DICOM encoding that it declares.",
        "Ask the sender for a conformant export.",
    ),
    "missing-identifier": (
        "{file} lacks a patient ID or an instance, series, study or SOP class UID.",
        "Without them a pseudonym would join strangers; complete the header at the source.",
    ),
    "two-patients": (
        "{file} names another patient than the first file of the series.",
        "Find out at the source which images belong to whom.",
    ),
    "two-series": (
        "{file} belongs to another series or study than the first file.",
        "Sort the files by series.",
    ),
    "duplicate-sop-instance": (
        "{file} repeats the SOP Instance UID of an earlier file.",
        "Remove the duplicate, or find out which one is right.",
    ),
    "burned-in-annotation": (
        "{file} may carry text in its pixels, and that could not be cleaned or the policy does not ask for it.",
        "Ask for `clean_pixel_data` in the policy; where it was asked for, have a person look at the image.",
    ),
    "encapsulated-document": (
        "{file} holds an encapsulated document that the policy does not replace (PDF, CDA), or that nothing can replace.",
        'Leave it out, or write documents = "dummy" in [objects] to have PDF and CDA replaced by a page that says so.',
    ),
    "structured-report": (
        "{file} is a structured report or key object selection, whose text this version does not clean.",
        "Leave it out for now.",
    ),
    "dicomdir": ("{file} is a DICOMDIR index, not an object.", "Send the images themselves."),
    "unsupported-object": (
        "{file} is of a kind that the policy does not list as acceptable.",
        "Add its SOP class to [objects] accept only after judging what it can carry.",
    ),
    "no-pixel-data": (
        "{file} is an image without pixel data.",
        "Fetch the series again; if the source has no pixels either, leave the file out.",
    ),
    "pixel-data-mismatch": (
        "{file} holds more pixel data than its rows, columns and frames explain.",
        "Ask the sender what the surplus is; it cannot be judged.",
    ),
    "pixels-not-decodable": (
        "{file} may carry text in its pixels, but they cannot be decoded.",
        "The details say what was met; transcode it at the source, or have a person look at it.",
    ),
    "identity-removal-failed": (
        "{file} could not be de-identified.",
        "Report it with the file's structure (tags, not values); nothing was written.",
    ),
    "verifier-finding": (
        "The verifier found something of the original's identity in the output of {file}.",
        "Read the findings (codes and places), adapt the policy; nothing was written.",
    ),
    "no-files": ("The series has no files.", "Fetch the series again."),
    "face-not-registered": (
        "{file} may show a face, but no head could be found in it with certainty.",
        "Have a person look at it: remove the face by other means, or say by policy that it has none.",
    ),
    "face-geometry": (
        "{file} may show a face, but its planes do not make a volume.",
        "Fetch the series again if planes are missing; else remove the face by other means.",
    ),
    "face-not-decodable": (
        "{file} may show a face, but its pixels cannot be read.",
        "Ask for the series in another transfer syntax or pixel format.",
    ),
    "face-picture": (
        "{file} may show a face, and is no volume from which it could be removed.",
        "The details say what it seems to be: a rendering, a projection, a photograph, a scout, an outline of the skin. "
        "Have a person look at it.",
    ),
}


class QuarantineError(DeidError):
    """A series that the engine does not vouch for; nothing was written.

    Args:
        code: a key of :data:`QUARANTINE`.
        reason: what was wrong, naming a file by number only.
        instruction: what a person can do.
        details: more lines for the person who decides (tags, offsets, codes; never values).
    """

    def __init__(self, code: str, reason: str, instruction: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(reason, instruction)
        self.code = code
        self.details = details

    def __reduce__(self) -> tuple[type[QuarantineError], tuple[str, str, str, tuple[str, ...]]]:
        return type(self), (self.code, self.reason, self.instruction, self.details)

    @classmethod
    def of(cls, file: str, code: str, details: tuple[str, ...] = ()) -> QuarantineError:
        """The error of a known code.

        Args:
            file: how to call the file, e.g. ``"File 3 of 12"``.
            code: a key of :data:`QUARANTINE`.
            details: see the class.
        """
        reason, instruction = QUARANTINE[code]
        return cls(code, reason.format(file=file), instruction, details)
