"""Generate ``deid/text/_lexicon/*.gz``: names, words and imaging vocabulary for Clean Descriptors.

Usage::

    python scripts/generate_lexicon.py NAMES_FOLDER FAKER_FOLDER AMERICAN BRITISH [OUT]

``NAMES_FOLDER`` is the installed PyPI package ``names`` (the US Census Bureau's lists of 1990), ``FAKER_FOLDER``
the installed PyPI package ``faker``, ``AMERICAN`` and ``BRITISH`` the word lists of Debian's ``wamerican-large``
and ``wbritish``; the imaging vocabulary comes from the installed ``pydicom``. Sources and licences are in
``deid/text/_lexicon/README.md``. Outputs are sorted and reproducible: the same inputs give the same bytes.
"""

from __future__ import annotations

import ast
import gzip
import io
import re
import sys
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from pydicom._dicom_dict import DicomDictionary
from pydicom.sr._concepts_dict import concepts

#: Ranks up to which a surname or first name is "frequent" and "common".
FREQUENT, COMMON = 1000, 12_000
FIRST, LAST, COMMON_BIT, FREQUENT_BIT = 1, 2, 4, 8
#: Locales of faker whose names are written in Latin letters and are names of real people.
LOCALES = [
    "cs_CZ",
    "da_DK",
    "de_AT",
    "de_CH",
    "de_DE",
    "en_GB",
    "en_IE",
    "en_IN",
    "en_NZ",
    "en_US",
    "en_NG",
    "en_KE",
    "es_CO",
    "es_ES",
    "es_MX",
    "et_EE",
    "fi_FI",
    "fr_FR",
    "fr_CA",
    "ga_IE",
    "hr_HR",
    "hu_HU",
    "id_ID",
    "it_IT",
    "lt_LT",
    "lv_LV",
    "nl_BE",
    "nl_NL",
    "no_NO",
    "pl_PL",
    "pt_BR",
    "pt_PT",
    "ro_RO",
    "sk_SK",
    "sl_SI",
    "sv_SE",
    "tr_TR",
    "vi_VN",
    "zu_ZA",
    "yo_NG",
    "ha_NG",
    "ig_NG",
    "sw",
]
_FOLDS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "\u0131": "i", "ß": "ss"}
)
#: Context groups of animal breeds and species: places and names, no imaging vocabulary.
BREEDS = frozenset({7480, 7481, 7482, 7483, 7484, 7485, 7486})


def plain(word: str) -> str:
    """Lower case, without diacritics."""
    marks = unicodedata.normalize("NFKD", word.lower().translate(_FOLDS))
    return "".join(character for character in marks if not unicodedata.combining(character))


def census(path: Path) -> list[str]:
    """Names of a census list, the most frequent first."""
    return [plain(line.split()[0]) for line in path.read_text().splitlines() if line.strip()]


def faker_names(folder: Path) -> Iterator[tuple[str, int]]:
    """First and last names of faker's person providers, read from their source without running it."""
    for locale in LOCALES:
        source = folder / "providers" / "person" / locale / "__init__.py"
        if not source.exists():
            continue
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = getattr(target, "id", "")
            kind = FIRST if name.startswith("first_name") else LAST if name.startswith("last_name") else 0
            if not kind or node.value is None:
                continue
            for leaf in ast.walk(node.value):
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                    for part in re.split(r"[\s'\u2019.-]+", leaf.value):
                        word = plain(part)
                        if len(word) > 1 and word.isascii() and word.isalpha():
                            yield word, kind


def names(census_folder: Path, faker_folder: Path) -> dict[str, int]:
    """Name -> bits: first, last, common, frequent."""
    found: dict[str, int] = {}
    for file, kind, ranks in (
        ("dist.all.last", LAST, (FREQUENT, COMMON)),
        ("dist.female.first", FIRST, (300, 2000)),
        ("dist.male.first", FIRST, (300, 1219)),
    ):
        for rank, word in enumerate(census(census_folder / file)):
            bits = kind | (FREQUENT_BIT if rank < ranks[0] else 0) | (COMMON_BIT if rank < ranks[1] else 0)
            found[word] = found.get(word, 0) | bits
    for word, kind in faker_names(faker_folder):
        found[word] = found.get(word, 0) | kind | (COMMON_BIT if len(word) > 3 else 0)
    return found


def words(paths: list[Path]) -> set[str]:
    """Words that a dictionary has in lower case."""
    found = set()
    for path in paths:
        for word in path.read_text(encoding="utf-8").split("\n"):
            if word.isalpha() and word.islower():
                found.add(plain(word))
    return found


def vocabulary(known_names: dict[str, int], dictionary: set[str]) -> set[str]:
    """Words of DICOM's coded concepts and attribute names, without breeds and without eponyms."""
    found = set()
    texts = [entry[2] for entry in DicomDictionary.values()]
    for scheme in concepts.values():
        for codes in scheme.values():
            texts += [meaning for meaning, groups in codes.values() if not set(groups) <= BREEDS]
    for text in texts:
        for word in re.findall(r"[^\W\d_]+", text):
            token = plain(word)
            if len(token) > 1 and (token not in known_names or token in dictionary):
                found.add(token)
    return found


def phrases(eponyms: set[str]) -> set[str]:
    """Two neighbouring words of a coded concept of which one is a name and no word: "bruce protocol", "evans blue"."""
    found = set()
    for scheme in concepts.values():
        for codes in scheme.values():
            for meaning, groups in codes.values():
                if set(groups) <= BREEDS:
                    continue
                row = [plain(word) for word in re.findall(r"[^\W\d_]+", meaning.replace("'s", ""))]
                for left, right in pairwise(row):
                    if (left in eponyms or right in eponyms) and min(len(left), len(right)) > 3:
                        found.add(f"{left} {right}")
    return found


def write(path: Path, lines: list[str]) -> None:
    """Write lines, gzipped without a date or a name."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as file:
        file.write("\n".join(lines).encode("ascii"))
    path.write_bytes(buffer.getvalue())
    print(f"{path.name}: {len(lines)} lines, {len(buffer.getvalue())} bytes")


def main(arguments: list[str]) -> None:
    """Generate the four files."""
    census_folder, faker_folder, american, british = map(Path, arguments[:4])
    default = Path(__file__).resolve().parents[1] / "deid" / "text" / "_lexicon"
    out = Path(arguments[4]) if len(arguments) > 4 else default
    out.mkdir(parents=True, exist_ok=True)
    known = names(census_folder, faker_folder)
    dictionary = {word for word in words([american, british]) if word.isascii()}
    write(out / "names.gz", [f"{word}{bits:x}" for word, bits in sorted(known.items())])
    write(out / "words.gz", sorted(dictionary))
    write(out / "phrases.gz", sorted(pair for pair in phrases(known.keys() - dictionary) if pair.isascii()))
    write(out / "imaging.gz", sorted(w for w in vocabulary(known, dictionary) - dictionary if w.isascii()))


if __name__ == "__main__":
    main(sys.argv[1:])
