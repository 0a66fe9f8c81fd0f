import os
from pathlib import Path

INPUT = Path(os.environ.get("RADFLOW_INPUT", "/input"))
OUTPUT = Path(os.environ.get("RADFLOW_OUTPUT", "/output"))

(OUTPUT / "answer.json").write_text((INPUT / "threshold.json").read_text())
