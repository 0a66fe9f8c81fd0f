"""Build hook: compile ``deid/_*.c`` where a C compiler is; without one the package is the same, only slower.

``RADFLOW_NO_COMPILER=1`` leaves the compiled modules out on purpose.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def command(source: Path, target: Path) -> list[str]:
    """The compiler call for one module."""
    compiler = shlex.split(os.environ.get("CC", "") or "cc")
    include = sysconfig.get_path("include")
    return [
        *compiler, "-O2", "-fPIC", "-shared", "-fno-strict-aliasing", f"-I{include}", str(source), "-o", str(target),
    ]  # fmt: skip


def compile_all(folder: Path) -> list[Path]:
    """Compile every ``_*.c`` of a folder beside its source; returns what could be made."""
    made = []
    for source in sorted(folder.glob("_*.c")):
        target = source.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
        temporary = target.with_name(f".{os.getpid()}{target.name}")
        target.unlink(missing_ok=True)
        if os.environ.get("RADFLOW_NO_COMPILER"):
            continue
        try:
            done = subprocess.run(command(source, temporary), capture_output=True, text=True, check=False)
        except OSError as error:
            print(f"radflow: no C compiler ({error.strerror}); {source.stem} runs in Python", file=sys.stderr)
            continue
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it says nothing"])[0]
            print(f"radflow: {source.name} does not compile ({reason}); it runs in Python", file=sys.stderr)
            continue
        temporary.rename(target)
        made.append(target)
    return made


class Compile(BuildHookInterface):  # type: ignore[misc]
    """Compiles in place; a wheel takes what was made along and is then of one platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling."""
        made = compile_all(Path(self.root) / "deid")
        if made and version != "editable":
            build_data["artifacts"] += [str(path.relative_to(self.root)) for path in made]
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
