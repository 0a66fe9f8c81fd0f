"""Text in any Specific Character Set: decoded strictly, encoded back, and never guessed at aloud."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid.handlers import Unfit
from deid.handlers.charsets import codecs_of, decoded, encoded

TEXTS = [
    (b"", "Quimbly"),
    (b"ISO_IR 100", "Müller Jérôme"),
    (b"ISO_IR 144", "Люкceмбypг"),  # noqa: RUF001
    (b"ISO_IR 126", "Διονυσιος"),
    (b"ISO_IR 138", "שרון דבורה"),
    (b"ISO_IR 127", "قباني لنزار"),
    (b"ISO_IR 166", "ไทย"),
    (b"ISO_IR 13 ", "ﾔﾏﾀﾞ ﾀﾛｳ"),
    (b"ISO_IR 192", "山田 太郎 Zoë"),
    (b"GB18030 ", "王 小东"),
    (b"GBK ", "王 小东"),
    (b"\\ISO 2022 IR 87", "Yamada 山田 太郎 / 検査"),
    (b"\\ISO 2022 IR 87\\ISO 2022 IR 13", "山田 ﾔﾏﾀﾞ"),
    (b"\\ISO 2022 IR 149", "Hong 길동"),
    (b"ISO 2022 IR 100\\ISO 2022 IR 144", "Müller и Дмитрий"),
]


@pytest.mark.parametrize(("charset", "text"), TEXTS, ids=[str(pair[0]) for pair in TEXTS])
def test_there_and_back(charset, text):
    codecs = codecs_of(charset)
    raw = encoded(text, codecs)
    assert len(raw) % 2 == 0
    assert decoded(raw, codecs).rstrip(" ") == text


def test_names_of_the_standard_as_some_write_them():
    assert codecs_of(b"ISO-IR 192") == codecs_of(b"iso ir 192") == ("UTF8",)
    assert codecs_of(b"ISO 2022-IR 87") == ("iso2022_jp",)


def test_what_nobody_knows_is_latin(caplog):
    caplog.set_level(logging.DEBUG)
    assert codecs_of(b"Quimbly") == ("iso8859",)
    assert codecs_of(b"\xff\x80\0\\\\") == ("iso8859",)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        (b"ISO_IR 192", b"Quimbly \xe4"),
        (b"\\ISO 2022 IR 87", b"\x1b$C\x30\x21"),
        (b"ISO_IR 192", b"\x1b$B;3ED\x1b(B"),
        (b"ISO_IR 13", b"\xff\xff"),
        (b"\\ISO 2022 IR 149", b"\x1b$)C\xff\xff\xff"),
    ],
)
def test_what_is_no_text(charset, value, caplog):
    with pytest.raises(Unfit):
        decoded(value, codecs_of(charset))
    assert caplog.text == ""


def test_what_a_character_set_cannot_say():
    for charset in (b"ISO_IR 100", b"\\ISO 2022 IR 87"):
        with pytest.raises(Unfit):
            encoded("Дмитрий ไทย", codecs_of(charset))


@given(st.sampled_from([charset for charset, _ in TEXTS]), st.binary(max_size=40))
def test_any_bytes(charset, value):
    """Text or Unfit, whatever the bytes."""
    codecs = codecs_of(charset)
    try:
        text = decoded(value, codecs)
        encoded(text, codecs)
    except Unfit:
        return
    assert isinstance(text, str)


@given(st.binary(max_size=40))
def test_any_character_set(name):
    assert codecs_of(name)
