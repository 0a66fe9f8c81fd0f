"""The exceptions a person may see: each says what was wrong and how to mend it.

RadflowError
├── SettingsError            a setting or connection is missing or malformed
├── FetchError               a source did not deliver a whole, verified series
├── LandingError             received bytes that must not go on (-> quarantine)
├── CriteriaError            cohort criteria that mean nothing
├── CohortError              a cohort that cannot be frozen (research.cohorts)
├── TagError                 a tag that is no known concept (research.tagging)
├── RulesError               a rule file for report findings (research.findings) that cannot be used
├── SpecError                an experiment specification that cannot run
├── AlgorithmError           an algorithm descriptor or image that breaks the contract
│   └── StepError            one case failed in one step; carries a fixed code
├── VolumeError              a series that is not one regular volume
├── AccessError              the acting person may not see or do this
└── SignOffError             the two-person rule is not met
"""

from __future__ import annotations


class RadflowError(Exception):
    """Base of every error meant for people.

    Args:
        reason: what was wrong, naming the file, field or row (never a patient's identity).
        instruction: what the reader can do about it.
        code: a fixed kebab-case code for machines; the class default where omitted.
    """

    code = "radflow-error"

    def __init__(self, reason: str, instruction: str, *, code: str | None = None) -> None:
        super().__init__(reason, instruction)
        self.reason = reason
        self.instruction = instruction
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.reason} {self.instruction}"


class SettingsError(RadflowError):
    """A setting or connection is missing or malformed."""

    code = "settings"


class FetchError(RadflowError):
    """A source did not deliver a whole, verified series."""

    code = "fetch-failed"


class LandingError(RadflowError):
    """Received bytes that must not go on; ``code`` is the quarantine reason."""

    code = "not-accepted"


class CriteriaError(RadflowError):
    """Cohort criteria that mean nothing."""

    code = "criteria"


class SpecError(RadflowError):
    """An experiment specification that cannot run."""

    code = "spec"


class AlgorithmError(RadflowError):
    """An algorithm descriptor or image that breaks the contract."""

    code = "algorithm"


class StepError(AlgorithmError):
    """One case failed in one step; ``code`` is one of the fixed failure codes."""

    code = "step-failed"


class VolumeError(RadflowError):
    """A series that is not one regular volume."""

    code = "volume"


class AccessError(RadflowError):
    """The acting person may not see or do this."""

    code = "access"


class SignOffError(RadflowError):
    """The two-person rule is not met."""

    code = "sign-off"
