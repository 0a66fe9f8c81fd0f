#!/usr/bin/env bash
# niivue for the viewer, by its lock. Without npm the viewer shows one plane at a time, and says nothing of others.
set -euo pipefail
cd "$(dirname "$0")/.."
here=plugins/radflow_portal/pages
target=$here/static/vendor
lock=$here/vendor/package-lock.json
if [ -f "$target/lock" ] && cmp -s "$lock" "$target/lock" && [ -f "$target/niivue.umd.js" ]; then exit 0; fi
if ! command -v npm >/dev/null 2>&1; then
  echo "npm is not here: the viewer goes without niivue (scripts/vendor.sh brings it later)"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/vendor/package.json" "$lock" "$work/"
if ! (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
  echo "niivue could not be fetched: the viewer goes without it (scripts/vendor.sh tries again)" >&2
  exit 0
fi
mkdir -p "$target"
cp "$work/node_modules/@niivue/niivue/dist/niivue.umd.js" "$target/niivue.umd.js"
cp "$lock" "$target/lock"
