#!/bin/sh
# Make the base image of the models without any image registry: a minimal Debian bookworm from the apt mirror this
# machine is configured with, its Python 3.11, the locked wheels and the helper module.
#
# usage: debootstrap.sh TAG [LABEL=VALUE ...]
# needs: root (debootstrap makes device nodes and changes root), debootstrap, pip, docker.
#        RADFLOW_APT_MIRROR overrides the mirror, RADFLOW_PYTHON the Python whose pip downloads the wheels.
set -eu
tag=${1:?usage: debootstrap.sh TAG [LABEL=VALUE ...]}
shift
here=$(cd "$(dirname "$0")" && pwd)
suite=bookworm
python=${RADFLOW_PYTHON:-python3}

[ "$(id -u)" = 0 ] || { echo "debootstrap.sh needs root: debootstrap makes device nodes and changes root." >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "debootstrap is not installed: apt-get install debootstrap." >&2; exit 1; }
mirror=${RADFLOW_APT_MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
    | awk -v s="$suite" '$2 == s && $3 == "main" { print $1; exit }')}
[ -n "$mirror" ] || { echo "No $suite mirror in apt's sources: set RADFLOW_APT_MIRROR." >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/radflow-base.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT INT TERM
root=$work/root

debootstrap --variant=minbase --include=python3 "$suite" "$root" "$mirror" >"$work/log" 2>&1 \
    || { tail -n 20 "$work/log" >&2; exit 1; }
packages=$root/usr/local/lib/python3.11/dist-packages
"$python" -m pip install --quiet --no-cache-dir --no-compile --no-deps --require-hashes --only-binary=:all: \
    --implementation cp --python-version 3.11 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --target "$packages" -r "$here/requirements.lock"

# Nothing here is used by a model; half of the size goes.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/usr/share/doc/* \
    "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/usr/share/i18n "$root"/usr/share/info/* "$packages"/bin
find "$packages" -type d -name tests -prune -exec rm -rf {} +
mkdir -p "$root/opt/radflow" "$root/input" "$root/output" "$root/opt/ml/model"
cp -R "$here/radflow_model" "$root/opt/radflow/"
find "$root/opt/radflow" -name __pycache__ -prune -exec rm -rf {} +
# The root is read-only at run time, so the bytecode must be there already.
chroot "$root" python3 -m compileall -q "${packages#"$root"}" /opt/radflow /usr/lib/python3.11

set -- "$@" org.opencontainers.image.title=radflow/base
for label in "$@"; do set -- "$@" --change "LABEL $label"; shift; done
tar -C "$root" --numeric-owner -c . | docker import \
    --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' --change 'ENV PYTHONPATH=/opt/radflow' \
    --change 'ENV PYTHONDONTWRITEBYTECODE=1' --change 'ENV PYTHONUNBUFFERED=1' \
    --change 'USER 65534:65534' --change 'CMD ["python3"]' "$@" - "$tag"
