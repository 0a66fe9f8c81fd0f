"""YAML or JSON text to a mapping that fits a JSON schema; ambiguity and bombs are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import yaml

from research.errors import SpecError

MAX_CHARACTERS = 256 * 1024


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader without aliases (a few lines of them expand to gigabytes) and without doubled keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            reason = "The specification uses a YAML alias (*name)."
            raise SpecError(reason, "Write the value out.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                reason = f"The key {key!r} (line {key_node.start_mark.line + 1}) is not a text."
                raise SpecError(reason, "Put it in quotes.")
            if key in seen:
                reason = f"The key {key!r} stands twice in one place (line {key_node.start_mark.line + 1})."
                raise SpecError(reason, "Keep one of them.")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_mapping(source: str | Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parse text where it is text, and check it against a JSON schema.

    Raises:
        SpecError: not YAML, or not what the schema says; names the field.
    """
    raw: Any = source
    if isinstance(source, str):
        if len(source) > MAX_CHARACTERS:
            reason = f"The specification has {len(source)} characters."
            raise SpecError(reason, f"Use at most {MAX_CHARACTERS}.")
        try:
            # _StrictLoader is a SafeLoader.
            raw = yaml.load(source, _StrictLoader)  # noqa: S506
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f" at line {mark.line + 1}" if mark else ""
            reason = f"The specification is not readable YAML{where}."
            raise SpecError(reason, "Compare with dags/specs/emphysema.yaml.") from error
    if not isinstance(raw, Mapping):
        reason = f"The specification is a {type(raw).__name__}, not a mapping."
        raise SpecError(reason, "Begin with name:, cohort:, steps:, truth: and metrics:.")
    validator = jsonschema.Draft202012Validator(schema)
    worst = jsonschema.exceptions.best_match(validator.iter_errors(raw))
    if worst is not None:
        reason = f"{path_text(worst.absolute_path)}: {_plain(worst)}."
        raise SpecError(reason, _remedy(worst))
    return raw


def path_text(path: Any) -> str:
    """A JSON path as people write it: ``steps[1].inputs``; ``specification`` for the whole."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "specification"


def _plain(error: jsonschema.ValidationError) -> str:
    if error.validator == "oneOf":
        return "exactly one of algorithm and arms must be given"
    return error.message[:300].rstrip(".")


def _remedy(error: jsonschema.ValidationError) -> str:
    about = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    match error.validator:
        case "additionalProperties":
            properties = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
            return f"Allowed here: {', '.join(properties)}."
        case "required":
            return "Add it."
        case "pattern":
            return "Use lower-case letters, digits and _ (sources are step.socket-slug)."
        case "enum":
            values = error.schema.get("enum", []) if isinstance(error.schema, Mapping) else []
            return f"Use one of: {', '.join(str(value) for value in values)}."
        case "oneOf":
            return "Give algorithm: for one way, arms: for several."
    return str(about) if about else "See docs/reference/experiment-spec.md."
