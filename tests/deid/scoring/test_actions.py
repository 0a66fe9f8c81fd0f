"""Each of the ten actions: what passes, what fails, and what a missing output means."""

import hashlib

import numpy as np
import pytest

from deid.scoring import score
from deid.scoring.actions import ACTIONS, WHEN_MISSING

STUDY, DATE, PID = "<(0008,1030)>", "<(0008,0020)>", "<(0010,0020)>"
SOP, PIXELS, THICKNESS = "<(0008,0018)>", "<(7fe0,0010)>", "<(0018,0050)>"


def row(action, path, value="", text=None, **more):
    return {
        "tag_ds": path,
        "action": f"<{action}>",
        "value": f"<{value}>",
        "action_text": f"<{text or value}>",
        **more,
    }


def passed(corpus, slice_of, one, **changes):
    result = score(*corpus([one], [slice_of(**changes)]))
    (check,) = result.checks
    return check.passed, check.share


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (row("tag_retained", STUDY), (True, 1.0)),
        (row("tag_retained", "<(0008,0050)>"), (True, 1.0)),  # empty is there
        (row("tag_retained", "<(0010,1010)>"), (False, 0.0)),
        (row("tag_retained", "<(0008,2218)>[<0000>]<(0008,0104)>"), (True, 1.0)),
        (row("tag_retained", "<(0008,2218)>[<0001>]<(0008,0104)>"), (False, 0.0)),
        (row("tag_retained", '<(0019,"SIEMENS MR HEADER",0c)>'), (True, 1.0)),
        (row("tag_retained", '<(0019,"Siemens MR Header",0C)>'), (True, 1.0)),  # however the key writes it
        (row("text_notnull", STUDY), (True, 1.0)),
        (row("text_notnull", "<(0008,0050)>"), (False, 0.0)),
        (row("text_notnull", "<(0010,1010)>"), (False, 0.0)),
        (row("text_retained", STUDY, "CT CHEST WITH CONTRAST"), (True, 1.0)),
        (row("text_retained", STUDY, "CT, chest: contrast"), (True, 1.0)),
        (row("text_retained", STUDY, "CT chest of the pelvis"), (False, 2 / 3)),  # of, the: stopwords
        (row("text_retained", THICKNESS, "2.5"), (True, 1.0)),  # numbers compare as numbers
        (row("text_retained", THICKNESS, "2.6"), (False, 0.0)),
        (row("text_retained", "<(0010,1010)>", "030Y"), (False, 0.0)),
        (row("text_removed", STUDY, "John Smith"), (True, 1.0)),
        (row("text_removed", STUDY, "CT chest Smith"), (False, 1 / 3)),
        (row("text_removed", "<(0010,1010)>", "030Y"), (True, 1.0)),
        (row("text_removed", THICKNESS, "2.5"), (False, 0.0)),
        (row("date_shifted", DATE, "20110101"), (True, 1.0)),
        (row("date_shifted", DATE, "20100101"), (False, 0.0)),
        (row("date_shifted", "<(0010,0030)>", "20110101"), (True, 1.0)),  # removal passes
        (row("uid_changed", SOP, "1.2.3.4"), (True, 1.0)),
        (row("uid_changed", SOP, "2.25.99"), (False, 0.0)),
        (row("uid_consistent", SOP, "1.2.3.4"), (True, 1.0)),
        (row("uid_consistent", SOP, "1.2.3.9"), (False, 0.0)),
        (row("uid_consistent", "<(0020,0052)>", "1.2.3.9"), (True, 1.0)),  # absent passes
        (row("patid_consistent", PID, "MRN1"), (True, 1.0)),
        (row("patid_consistent", PID, "MRN2"), (False, 0.0)),
        (row("patid_consistent", "<(0010,1000)>", "MRN1"), (False, 0.0)),  # absent fails
    ],
)
def test_action(corpus, slice_of, one, expected):
    assert passed(corpus, slice_of, one) == pytest.approx(expected)


def test_pixels_retained_by_any_usual_digest(corpus, slice_of):
    raw = slice_of().PixelData
    for digest in (hashlib.md5(raw).hexdigest(), hashlib.sha256(raw).hexdigest().upper()):
        assert passed(corpus, slice_of, row("pixels_retained", PIXELS, text=digest)) == (True, 1.0)
    other = hashlib.md5(b"x").hexdigest()
    assert passed(corpus, slice_of, row("pixels_retained", PIXELS, text=other)) == (False, 0.0)


def test_pixels_hidden_even_box_or_reader(corpus, slice_of):
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture[2:6, 2:10] = 0
    hidden = row("pixels_hidden", PIXELS, text="SMITH JOHN", box=[2, 2, 8, 4])
    shown = row("pixels_hidden", PIXELS, text="SMITH JOHN", box=[2, 8, 8, 4])

    def judged(one, read):
        return (
            score(*corpus([one], [slice_of(PixelData=picture.tobytes())]), judge=lambda _picture: read)
            .checks[0]
            .passed
        )

    assert judged(hidden, ["SMITH JOHN"])  # even: the reader is not asked
    assert judged(shown, ["T10 cm"])
    assert not judged(shown, ["M: smith, John"])


def test_pixels_that_do_not_decode_are_not_hidden(corpus, slice_of):
    one = row("pixels_hidden", PIXELS, text="SMITH", box=[0, 0, 4, 4])
    assert passed(corpus, slice_of, one, Rows=4000) == (False, 0.0)


@pytest.mark.parametrize("action", ACTIONS)
def test_missing_output(corpus, action):
    result = score(*corpus([row(action, STUDY, "CT")], []))
    assert result.checks[0].passed is WHEN_MISSING[action]
    assert result.missing == 1
    assert result.checks[0].missing


def test_words_that_say_nothing_are_not_asked_for(corpus, slice_of):
    assert passed(corpus, slice_of, row("text_retained", STUDY, "of the -")) == (True, 1.0)
