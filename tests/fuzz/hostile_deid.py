"""De-identify every file of a folder, each alone, under limits of memory and time; prints what became of it as JSON.

``python tests/fuzz/hostile_deid.py FOLDER``: {"peak": MiB, "files": {name: [code or "output", CPU seconds]}}. Any other
exception than a quarantine ends it. ``tests/deid/test_hostile_files.py`` calls it.
"""

from __future__ import annotations

import json
import logging
import resource
import shutil
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from deid import Pseudonyms, QuarantineError, deidentify_series, load_policy
from deid.exceptions import QUARANTINE
from deid.pixels import PixelRules

MEMORY = 3 << 30  #: address space; libraries alone map several hundred MiB
SECONDS = 30  #: processor time for one file, after which the kernel ends everything


def main(folder: Path) -> int:
    """See the module."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    research = load_policy("research")
    options = research.options - {"clean_pixel_data", "clean_recognizable_visual_features"}
    policy = replace(research, options=options, pixels=PixelRules.from_table({"examine": "declared"}))
    pseudonyms, found = Pseudonyms(bytes(range(32)), "hostile"), {}
    for path in sorted(folder.glob("*.dcm")):
        used = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, resource.RLIM_INFINITY))
        codes, begin = [], time.process_time()
        for pure in (False, True):
            out = folder / "out"
            try:
                deidentify_series([path], out, policy, pseudonyms, pure=pure)
                codes.append("output")
                shutil.rmtree(out)
            except QuarantineError as error:
                codes.append(error.code)
                if error.code not in QUARANTINE or out.exists() or list(folder.glob(".*partial*")):
                    codes.append("left something behind")
        same = len(set(codes)) == 1
        found[path.name] = [codes[0] if same else str(codes), round(time.process_time() - begin, 3)]
    # The kernel's own figure: ru_maxrss begins with that of the process which started this one.
    status = Path("/proc/self/status").read_text("ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) >> 10
    print(json.dumps({"peak": peak, "files": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
