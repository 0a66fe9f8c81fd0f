"""The reference page names everything a user can meet."""

from pathlib import Path

import deid
from deid.actions import SITE_ACTIONS
from deid.policy import _KEYS, OPTIONS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "deidentification.md").read_text()


def test_page_is_complete():
    for word in [*deid.QUARANTINE, *OPTIONS, *SITE_ACTIONS, *_KEYS]:
        assert word in PAGE, word


def test_example_policy_is_valid(tmp_path):
    example = PAGE.split("```toml\n")[1].split("```")[0]
    (tmp_path / "site.toml").write_text(example)
    policy = deid.load_policy(tmp_path / "site.toml")
    assert "retain_safe_private" in policy.options


def test_exported_names_exist():
    assert sorted(deid.__all__) == sorted(set(deid.__all__))
    for name in deid.__all__:
        assert hasattr(deid, name)
