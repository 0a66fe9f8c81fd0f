"""A policy is checked, hashed and printed."""

import pytest

from deid import Policy, PolicyError, load_policy
from deid.policy import OPTIONS

GOOD = 'name = "site"\ntitle = "Ours"\nextends = "basic"\n'


def load(tmp_path, text):
    path = tmp_path / "site.toml"
    path.write_text(text)
    return load_policy(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "a b"', ["site.toml", "`name`"]),
        (GOOD + "colour = 3", ["unknown key `colour`", "Keys are"]),
        (GOOD + 'options = ["retain_everything"]', ["unknown option `retain_everything`", "Options are"]),
        (GOOD + 'options = "retain_uids"', ["`options` is not a list"]),
        (
            GOOD + 'options = ["retain_longitudinal_full_dates", "retain_longitudinal_modified_dates"]',
            ["full and for modified"],
        ),
        (GOOD + '[site]\nStationNam = "keep"', ["`site.StationNam`", "not an attribute"]),
        (GOOD + '[site]\n00091001 = "keep"', ["not an attribute"]),
        (GOOD + '[site]\nStationName = "blur"', ["unknown action `blur`", "Actions are"]),
        (GOOD + '[site]\nStationName = "shift"', ["does not fit its VR SH"]),
        (GOOD + '[site]\nStudyDate = "uid"', ["does not fit its VR DA"]),
        (GOOD + '[site]\nOtherPatientIDs = "keep"', ["direct identifier"]),
        (GOOD + '[site]\nPatientName = "empty"', ["set by the engine"]),
        (GOOD + "[ages]\noldest = 0", ["`ages.oldest`"]),
        (GOOD + "[ages]\nyoungest = 1", ["unknown key `ages.youngest`"]),
        (GOOD + '[objects]\naccept = ["CTImage"]', ["unknown SOP class `CTImage`"]),
        (GOOD + "[pixels]\nmodalities = [3]", ["[pixels] modalities"]),
        (GOOD + "[pixels]\nquarantine_colour = true", ["unknown key `pixels.quarantine_colour`"]),
        (GOOD + '[pixels]\nexamine = "none"', ["examine", "declared"]),
        ('name = "site"\nextends = "nowhere"', ["`extends`"]),
        ("name = ", ["not TOML"]),
    ],
)
def test_errors_name_file_key_and_remedy(tmp_path, text, words):
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, text)
    assert "site.toml" in str(caught.value)
    assert caught.value.instruction
    for word in words:
        assert word in str(caught.value)


def test_missing_policies():
    with pytest.raises(PolicyError, match=r"basic, midi_b, research, tcia"):
        load_policy("nothing")
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy("nothing.toml")


def test_hash_is_over_the_meaning(tmp_path):
    one = load(tmp_path, GOOD + 'options = ["retain_uids", "retain_safe_private"]\n# a remark\n')
    two = load(tmp_path, GOOD.replace("Ours", "Theirs") + 'options = ["retain_safe_private", "retain_uids"]')
    three = load(tmp_path, GOOD + 'options = ["retain_safe_private"]')
    assert one.sha256 == two.sha256 != three.sha256
    assert load(tmp_path, GOOD + '[site]\nStationName = "hash"').sha256 != load(tmp_path, GOOD).sha256


def test_extends_takes_over_what_is_not_said(tmp_path, basic):
    policy = load(tmp_path, GOOD)
    assert policy.accept == basic.accept
    assert policy.pixels == basic.pixels
    assert isinstance(policy, Policy)


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_every_option_prints_itself(tmp_path, option):
    policy = load(tmp_path, GOOD + f'options = ["{option}"]')
    assert OPTIONS[option][2] in policy.describe()


def test_describe_says_what_runs(research, basic):
    text = "\n".join(research.describe())
    for expected in (
        "2026d",
        "secret number of days",
        "AccessionNumber (0008,0050): hash",
        "Ages above 89",
        "87 private",
    ):
        assert expected in text
    assert "All private attributes are removed." in basic.describe()
