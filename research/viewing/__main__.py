"""``python -m research.viewing thumbnail|volume|mask TARGET FOLDER [FOLDER]``, under limits of time and memory.

What cannot be drawn is told in ``refused.json`` of the target folder; anything else ends with a status other than 0.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

SECONDS = 90
MEMORY = 3 * 2**30


def main(arguments: list[str]) -> int:
    """Draw."""
    what, target, *folders = arguments[0], Path(arguments[1]), *(Path(one) for one in arguments[2:])
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from research.errors import VolumeError
    from research.viewing import write_mask, write_thumbnail, write_volume

    files = [sorted(path for path in folder.iterdir() if path.suffix == ".dcm") for folder in folders]
    try:
        match what:
            case "thumbnail":
                write_thumbnail(files[0], target / "thumbnail.png")
            case "volume":
                write_volume(files[0], target)
            case "mask":
                write_mask(files[0], files[1], target)
            case _:
                return 2
    except VolumeError as error:
        told = {"reason": error.reason, "instruction": error.instruction}
        (target / "refused.json").write_text(json.dumps(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
