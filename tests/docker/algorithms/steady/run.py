import os
import time
from pathlib import Path

INPUT = Path(os.environ.get("RADFLOW_INPUT", "/input"))
OUTPUT = Path(os.environ.get("RADFLOW_OUTPUT", "/output"))

time.sleep(2)
(OUTPUT / "answer.json").write_text((INPUT / "threshold.json").read_text())
