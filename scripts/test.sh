#!/usr/bin/env bash
# The whole suite. Where a container engine can be had it is started, else the container tests say why they skip.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE
if [ -x scripts/engine.sh ]; then scripts/engine.sh || true; fi
exec .venv/bin/python -m pytest "$@"
