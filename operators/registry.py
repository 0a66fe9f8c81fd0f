"""Enter algorithms and their sockets into the registry; what an administrator does once, and every run again.

Run as ``python -m operators.registry --dsn ... [--models FOLDER] [--owner ACCOUNT]``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg2

from operators.work import Work, as_json
from research.algorithms import Algorithm, load_algorithms
from research.errors import AlgorithmError
from research.sockets import SOCKETS


def register(
    work: Work,
    algorithms: Mapping[str, Algorithm],
    digests: Mapping[str, str],
    account: str,
    *,
    visibility: str = "public",
) -> None:
    """Add what is new; a known algorithm gets its new version beside the old ones.

    Args:
        work: an open transaction as ``radflow_pipeline``.
        algorithms: by name.
        digests: what runs under each name: image id, or source digest for the process runtime.
        account: owner of algorithms that are new; only the owner's registration changes title and summary.
        visibility: of algorithms that are new.
    """
    own = {socket.slug: socket for one in algorithms.values() for socket in (*one.inputs, *one.outputs)}
    for socket in {**SOCKETS, **own}.values():
        work.execute(
            "registry_socket", slug=socket.slug, title=socket.title, kind=socket.kind,
            super_kind=socket.super_kind, relative_path=socket.relative_path, schema=as_json(dict(socket.schema)),
        )  # fmt: skip
    for name, one in algorithms.items():
        descriptor = {
            "inputs": [socket.slug for socket in one.inputs],
            "outputs": [socket.slug for socket in one.outputs],
            "resources": vars(one.resources),
            "method": one.method,
            "licence": one.licence,
            "image": one.image,
            "warnings": list(one.warnings),
        }
        work.execute(
            "registry_algorithm",
            name=name,
            title=one.title,
            summary=one.summary,
            owner=account,
            visibility=visibility,
        )
        work.execute(
            "registry_version",
            name=name,
            digest=digests[name],
            version=one.version,
            descriptor=as_json(descriptor),
        )


def register_folder(
    dsn: str, owner: str, models: Path | None = None, *, visibility: str = "public"
) -> list[str]:
    """Register every model folder below ``models`` (default: the shipped ones) by its source digest."""
    algorithms = load_algorithms(models)
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            register(
                Work(cursor),
                algorithms,
                {name: one.digest for name, one in algorithms.items()},
                owner,
                visibility=visibility,
            )
    finally:
        connection.close()
    return sorted(algorithms)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True, help="libpq connection string of the radflow_pipeline role")
    parser.add_argument("--models", type=Path, help="folder of model folders (default: the shipped ones)")
    parser.add_argument("--owner", default="admin", help="account that owns algorithms that are new")
    parser.add_argument("--visibility", default="public", choices=["private", "public"])
    options = parser.parse_args(argv)
    try:
        names = register_folder(options.dsn, options.owner, options.models, visibility=options.visibility)
    except AlgorithmError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"registered: {', '.join(names)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
