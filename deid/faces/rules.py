"""What a policy says about faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from deid.exceptions import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class FaceRules:
    """How faces are removed.

    Attributes:
        ears: remove the ears too.
        margin_mm: how much farther than the average face, to the back and upwards, is removed.
        brain_mm: what lies this close to the brain is never touched.

    Raises:
        PolicyError: a margin that makes no sense.
    """

    ears: bool = True
    margin_mm: float = 0.0
    brain_mm: float = 3.0

    def __post_init__(self) -> None:
        for name, low, high in (("margin_mm", 0.0, 30.0), ("brain_mm", 2.0, 10.0)):
            value: Any = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                reason = f"[faces] {name} is not a number from {low:g} to {high:g}."
                raise PolicyError(reason, "Leave it out for the default.")
        ears: Any = self.ears
        if not isinstance(ears, bool):
            reason = "[faces] ears is neither true nor false."
            raise PolicyError(reason, "Write ears = true or ears = false.")

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> FaceRules:
        """Rules from the table ``[faces]`` of a policy.

        Args:
            table: keys are the attributes of this class.

        Raises:
            PolicyError: an unknown key, or a value that makes no sense.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(table) - known)
        if unknown:
            reason = f"[faces] knows no {', '.join(unknown)}."
            raise PolicyError(reason, f"It knows {', '.join(sorted(known))}.")
        return cls(**table)

    def canonical(self) -> dict[str, Any]:
        """What goes into the hash of a policy."""
        return {
            key: float(value) if not isinstance(value, bool) else value for key, value in asdict(self).items()
        }

    def describe(self) -> str:
        """The rules as an English sentence."""
        ears = " and ears" if self.ears else ""
        more = f", {self.margin_mm:g} mm farther than the average face reaches" if self.margin_mm else ""
        return (
            f"In volumes of a head (CT, MR, PET), eyes, nose, cheeks, mouth and chin{ears} are replaced by air"
            f"{more}; nothing within {self.brain_mm:g} mm of the brain changes; a head that cannot be laid upon "
            "the average head goes to quarantine."
        )
