"""Where the programs are: scripts/build-tools keeps the table."""

import functools
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def paths():
    """Program name -> path, for every tool of the table, whether built or not."""
    listing = subprocess.run(
        [ROOT / "scripts/build-tools", "--list"], check=True, capture_output=True, text=True
    )
    return {
        name: pathlib.Path(path)
        for name, path in (line.split("\t") for line in listing.stdout.splitlines())
    }


def path(name):
    """The path of a built program, as a string."""
    found = paths()[name]
    if not found.exists():
        raise FileNotFoundError(f"{name} is not built yet; run scripts/build-tools")
    return str(found)


def version(name):
    """The version of a program, as the table has it."""
    return paths()[name].parent.name.removeprefix(f"{name}-")
