#!/usr/bin/env bash
# The environment in .venv: locked, hash-checked, bytecode compiled once (every Airflow process then starts
# seconds faster). A no-op when it is there and current. No root; a C compiler makes de-identification faster.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE

stamp=.venv/.radflow-current
wanted=$(cat requirements-dev.lock scripts/bootstrap.lock scripts/hatch_build.py deid/_*.[ch] pyproject.toml plugins/radflow_portal/pages/vendor/package-lock.json | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

python=""
for candidate in "${PYTHON:-}" python3.11 python3; do
  [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
  if [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "3.11" ]; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "Radflow needs Python 3.11, and none was found." >&2
  echo "Install it (Debian: apt-get install python3.11 python3.11-venv) or say PYTHON=/path/to/python3.11 make setup." >&2
  exit 1
fi

echo "Setting up .venv (about a minute the first time)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install -q -q --disable-pip-version-check --require-hashes -r scripts/bootstrap.lock
# uv is several times faster; it does not read pip's configuration, so pip takes over where only pip knows the index.
if ! .venv/bin/uv pip sync -q --python .venv/bin/python --require-hashes --compile-bytecode \
  scripts/bootstrap.lock requirements-dev.lock; then
  echo "uv could not fetch everything; trying pip (slower)"
  .venv/bin/python -m pip install -q -q --disable-pip-version-check --require-hashes \
    -r scripts/bootstrap.lock -r requirements-dev.lock
fi
.venv/bin/python -m pip install -q -q --disable-pip-version-check --no-deps --no-build-isolation -e .
scripts/vendor.sh
echo "$wanted" > "$stamp"
