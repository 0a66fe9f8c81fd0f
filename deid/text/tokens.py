"""A text as words: what each is, how it is written, what lies between."""

from __future__ import annotations

import re

from deid.text.lexicon import CLINICAL, DEED, FUNCTION, KNOWN_WORD, LINK, NAME, SPEAKER, TITLE, WORD, bits

_LEADS = FUNCTION | LINK | SPEAKER | DEED | TITLE
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_ASCII_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_HUMP = re.compile(r"[A-Z]?[a-z]+(?=[A-Z])")
_PREFIXES = ("Mc", "Mac", "De", "Di", "Du", "La", "Le", "O'", "D'", "Fitz", "Van", "Von", "Al", "El", "St")
_SHORTEST = 6  # letters of two names in one word
#: What may lie between the parts of one name; a comma or slash is judged by who asks.
CLOSE = frozenset(
    {
        " ",
        "  ",
        "-",
        "_",
        ".",
        ". ",
        "^",
        "'",
        ", ",
        ",",
        " - ",
        ".-",
        "^^",
        "^ ",
        " ,",
        " , ",
        "/",
        "=",
        "; ",
        "\u3000",
        "\t",
        "__",
        ".,",
        "., ",
        " ^ ",
    }
)


def formula(word: str) -> bool:
    """Whether a word has capitals inside as names have not: NaCl, HeadNeck, but McCoy, DeSilva, O'Hara."""
    hump = None if word.isupper() or word.startswith(_PREFIXES) else _HUMP.match(word)
    if hump is None:
        return False
    own = bits()[hump.group().lower()]
    return len(word) < _SHORTEST or bool(own & CLINICAL or (own & WORD and not own & NAME))


class Tokens:
    """The words of a plain text.

    Attributes:
        text: the plain text.
        words, lows: as written, and as looked up (lower case, no apostrophes, no possessive s).
        starts, ends: offsets.
        bits: see :mod:`deid.text.lexicon`.
        known: which words the dictionary of the patient's identity has cut.
    """

    __slots__ = ("_mixed", "bits", "ends", "known", "lows", "starts", "text", "words")

    def __init__(self, text: str) -> None:
        table = bits()
        self.text = text
        pattern = _ASCII_WORD if text.isascii() else _WORD
        found = list(pattern.finditer(text))
        self.words = [match.group() for match in found]
        self.starts = [match.start() for match in found]
        self.ends = [match.end() for match in found]
        self.lows = [word.lower() for word in self.words]
        if "'" in text:
            self.lows = [
                (low[:-2] if low.endswith("'s") else low).replace("'", "") if "'" in low else low
                for low in self.lows
            ]
        self.bits = [table[low] for low in self.lows]
        self.known: set[int] = set()
        self._mixed: bool | None = None

    def __len__(self) -> int:
        return len(self.words)

    def gap(self, index: int) -> str:
        """What lies between the word at index and the next."""
        return self.text[self.ends[index] : self.starts[index + 1]]

    def close(self, index: int) -> bool:
        """Whether the word at index and the next may belong to one name."""
        return index + 1 < len(self.words) and self.gap(index) in CLOSE

    @property
    def mixed(self) -> bool:
        """Whether the text has words in lower case, so that a capital says something."""
        if self._mixed is None:
            self._mixed = any(word.islower() and len(word) > 2 for word in self.words)
        return self._mixed

    def capital(self, index: int) -> bool:
        """Whether the word begins with a capital, or is in a script without capitals."""
        first = self.words[index][0]
        return first.isupper() or not first.islower()

    def unknown(self, index: int) -> bool:
        """Whether no list has the word, and it looks like a word: three letters, a vowel or a foreign script."""
        if self.bits[index] & KNOWN_WORD:
            return False
        low, word = self.lows[index], self.words[index]
        if not word.isupper() and not word[1:].islower() and formula(word):
            return False
        return len(low) > 2 and (not low.isascii() or any(letter in "aeiouy" for letter in low))

    def glued(self, index: int) -> bool:
        """Whether a digit touches the word: a code."""
        start, end = self.starts[index], self.ends[index]
        return (start > 0 and self.text[start - 1].isdigit()) or (
            end < len(self.text) and self.text[end].isdigit()
        )

    def lettered(self, index: int) -> bool:
        """Whether a single letter belongs to the word before it: "arm B", "hepatitis C", "type A"."""
        if self.text[self.starts[index] - 1 : self.starts[index]] == "+":
            return True  # "T1 MPRAGE +C"
        if not index or self.text[self.ends[index] : self.ends[index] + 1] == ".":
            return False
        own, gap = self.bits[index - 1], self.gap(index - 1)
        if gap == "_":
            return bool(own & CLINICAL or (own & WORD and not own & NAME)) and not own & _LEADS  # "Parotid_L"
        return (
            gap == " "
            and self.words[index - 1].islower()
            and bool(own & (WORD | CLINICAL))
            and not own & _LEADS
        )

    def possessive(self, index: int) -> bool:
        """Whether the word ends in 's."""
        return self.words[index][-2:] in ("'s", "'S")

    def at(self, index: int) -> int:
        """The bits of the word at index, 0 outside the text."""
        return self.bits[index] if 0 <= index < len(self.bits) else 0
