"""Build the base image and the model images, skipping what is current.

An image is current when its label radflow.content equals the hash of the files (and of the base) it would be
built from. The base comes from a public Python image where one can be had, else from debootstrap.

exit status: 0 all images are current; 1 a build failed; 3 no container engine answers.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from docker.errors import APIError, BuildError, ImageNotFound

import docker
from operators.runtimes.docker import engine_answers
from research.algorithms import Algorithm, load_algorithms, source_digest
from research.errors import AlgorithmError

ROOT = Path(__file__).resolve().parent.parent
BASE = "radflow/base"
PUBLIC = "python:3.11-slim"
CONTENT = "radflow.content"


def main(arguments: list[str] | None = None) -> int:
    """Build what is not current and print one line per image."""
    options = parse(arguments)
    if not engine_answers():
        told = "No container engine answers: no images were built, and the process runtime needs none."
        print(told, file=sys.stderr)
        return 3
    sdk: Any = docker  # its names carry no types
    client = sdk.from_env(timeout=600)
    try:
        base = build_base(client, options)
        for algorithm in load_algorithms(options.models).values():
            if not options.only or algorithm.name in options.only:
                build_model(client, algorithm, base, force=options.force)
    except AlgorithmError as error:
        print(error, file=sys.stderr)
        return 1
    except BuildError as error:
        print(
            *(line.get("stream", "").rstrip() for line in error.build_log), error, sep="\n", file=sys.stderr
        )
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{Path(error.cmd[0]).name} failed; what it said is above.", file=sys.stderr)
        return 1
    finally:
        client.close()
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("only", nargs="*", metavar="NAME", help="build only these models (default: all)")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "docker" / "models", help="folder of model folders"
    )
    parser.add_argument(
        "--base",
        default="auto",
        help=f"what the base is made from: an image such as {PUBLIC}, 'debootstrap', or 'auto' (default): "
        f"{PUBLIC} where it is here or can be pulled, else debootstrap",
    )
    parser.add_argument("--force", action="store_true", help="build even what is current")
    return parser.parse_args(arguments)


def build_base(client: Any, options: argparse.Namespace) -> str:
    """Make the base current and return its image id."""
    folder = ROOT / "docker" / "base"
    content = source_digest(folder)
    found = current(client, BASE, content)
    if found and not options.force:
        return tell(BASE, found, "current")
    origin = (
        options.base if options.base != "auto" else (PUBLIC if can_have(client, PUBLIC) else "debootstrap")
    )
    if origin == "debootstrap":
        print(f"{BASE}: building from the apt mirror with debootstrap (about a minute)", flush=True)
        command = [str(folder / "debootstrap.sh"), f"{BASE}:latest", f"{CONTENT}={content}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        print(f"{BASE}: building from {origin}", flush=True)
        build(client, folder, f"{BASE}:latest", {"BASE": origin}, content)
    return tell(BASE, client.images.get(BASE).id, f"built from {origin}")


def build_model(client: Any, algorithm: Algorithm, base: str, *, force: bool) -> None:
    """Make one model image current."""
    content = hashlib.sha256(f"{source_digest(algorithm.folder)} {base}".encode()).hexdigest()
    found = current(client, algorithm.image, content)
    if found and not force:
        tell(algorithm.image, found, "current")
        return
    build(client, algorithm.folder, algorithm.image, {"BASE": base}, content)
    tell(algorithm.image, client.images.get(algorithm.image).id, "built")


def build(client: Any, folder: Path, tag: str, arguments: dict[str, str], content: str) -> None:
    """One ``docker build``."""
    labels = {CONTENT: content}
    client.images.build(path=str(folder), tag=tag, buildargs=arguments, labels=labels, rm=True, forcerm=True)


def current(client: Any, image: str, content: str) -> str | None:
    """The id of ``image`` if it was built from this content."""
    try:
        found = client.images.get(image)
    except ImageNotFound:
        return None
    return str(found.id) if found.labels.get(CONTENT) == content else None


def can_have(client: Any, image: str) -> bool:
    """Whether ``image`` is here or can be pulled."""
    try:
        client.images.get(image)
    except ImageNotFound:
        try:
            client.images.pull(image)
        except APIError as error:
            print(f"{image} cannot be pulled ({error.explanation or error}).", flush=True)
            return False
    return True


def tell(image: str, identity: str, what: str) -> str:
    """Print one line about an image and return its id."""
    print(f"{image}  {identity}  {what}", flush=True)
    return identity


if __name__ == "__main__":
    sys.exit(main())
