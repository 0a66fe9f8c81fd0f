"""The text of a report, out of the forms that it comes in: attachments in base64, XHTML, plain."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from research.clinical.model import LONGEST_TEXT, ClinicalError

_BLOCKS = frozenset(
    {"address", "article", "blockquote", "br", "caption", "div", "dd", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6",
     "hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul"}
)  # fmt: skip
_HEADS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_UNSEEN = frozenset({"script", "style", "head", "title"})
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_TEXTS = ("text/plain", "text/html", "application/xhtml+xml", "text/markdown", "")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in _UNSEEN and self._unseen > 0
        if tag in _BLOCKS:
            self.parts.append(":\n" if tag in _HEADS and self._titled() else "\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _titled(self) -> bool:
        said = "".join(self.parts).rstrip()
        return bool(said) and said[-1].isalnum()


def from_html(markup: str) -> str:
    """Visible text of (X)HTML; blocks become lines, headings end in a colon."""
    reader = _Text()
    reader.feed(markup)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)


def decoded(data: bytes, charset: str = "") -> str:
    """Bytes as text, in the character set that is said, else UTF-8.

    Raises:
        ClinicalError: ``charset``.
    """
    try:
        return data.decode(charset or "utf-8-sig").replace("\0", "")
    except (UnicodeDecodeError, LookupError):
        code = "charset"
        raise ClinicalError(code) from None


def from_base64(data: str, content_type: str) -> str:
    """Text of an attachment.

    Raises:
        ClinicalError: ``form-not-text``, ``bad-value`` or ``charset``.
    """
    kind, _, options = content_type.partition(";")
    kind = kind.strip().lower()
    if kind not in _TEXTS:
        code = "form-not-text"
        raise ClinicalError(code)
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        code = "bad-value"
        raise ClinicalError(code, "base64") from None
    if raw.startswith((b"%PDF", b"{\\rtf", b"PK\x03\x04", b"\xff\xd8\xff")):
        code = "form-not-text"
        raise ClinicalError(code)
    charset = _CHARSET.search(options)
    text = decoded(raw, charset[1] if charset else "")
    return from_html(text) if "html" in kind else plain(text)


def plain(text: str) -> str:
    """Line ends and control characters as readers expect them.

    Raises:
        ClinicalError: ``too-long``.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    text = "".join(one for one in text if one >= " " or one in "\n\t").strip()
    if len(text) > LONGEST_TEXT:
        code = "too-long"
        raise ClinicalError(code)
    return text


def report_text(resource: Mapping[str, Any]) -> str:
    """Text of a DiagnosticReport: its presented form, else its narrative; the conclusion is added where it lacks.

    Raises:
        ClinicalError: there is a presented form and none that can be read here, and no other text.
    """
    forms = [one for one in resource.get("presentedForm") or () if isinstance(one, Mapping)]
    text, refused = "", None
    for one in forms:
        if not isinstance(one.get("data"), str):
            refused = refused or (ClinicalError("form-elsewhere") if one.get("url") else None)
            continue
        try:
            text = from_base64(one["data"], str(one.get("contentType") or ""))
        except ClinicalError as error:
            refused = error
            continue
        if text:
            break
    narrative = resource.get("text")
    if not text and isinstance(narrative, Mapping) and narrative.get("status") != "empty":
        text = plain(from_html(str(narrative.get("div") or "")))
    conclusion = plain(str(resource.get("conclusion") or ""))
    if conclusion and " ".join(conclusion.split()) not in " ".join(text.split()):
        text = f"{text}\n\nIMPRESSION: {conclusion}".strip()
    if not text and refused is not None:
        raise refused
    return plain(text)
