#!/usr/bin/env bash
# The whole suite. Where a container engine can be had it is started, else the container tests say why they skip.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE
if [ -x scripts/engine.sh ]; then scripts/engine.sh || true; fi
if [ "$#" -gt 0 ]; then exec .venv/bin/python -m pytest "$@"; fi
# Two workers whatever the machine: the end-to-end tests mostly wait, everything else runs beside them.
exec .venv/bin/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder --durations 10
