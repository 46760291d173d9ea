"""Container images made by hand: programs with the libraries they need, and nothing else."""

import hashlib
import io
import json
import pathlib
import re
import subprocess
import tarfile

LIBRARY = re.compile(r"(?:\s=>\s)?(/\S+)\s\(0x")
EPOCH = "1970-01-01T00:00:00Z"


def closure(program):
    """The files that a program needs to run: itself, its loader and its shared libraries."""
    program = pathlib.Path(program)
    listing = subprocess.run(["ldd", program], capture_output=True, text=True)
    if "not found" in listing.stdout:
        raise RuntimeError(f"libraries of {program} are missing:\n{listing.stdout}")
    # A static program: ldd fails, saying so.
    libraries = LIBRARY.findall(listing.stdout) if listing.returncode == 0 else []
    return [program, *(pathlib.Path(library) for library in libraries)]


def write_image(path, name, *programs):
    """Writes the image `name` (with tag) into the archive `path`, as `ctr images import` takes it.

    The programs are in /usr/local/bin, the first is the entry point; their libraries are where they
    are on this machine. The same input gives the same archive.
    """
    places = {}
    for program in map(pathlib.Path, programs):
        places[f"/usr/local/bin/{program.name}"] = program
        places.update((str(library), library) for library in closure(program)[1:])
    entry = f"/usr/local/bin/{pathlib.Path(programs[0]).name}"
    layer = _layer(places)
    configuration = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": EPOCH,
            "config": {"Entrypoint": [entry], "Env": ["PATH=/usr/local/bin"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
            },
        }
    ).encode()
    configuration_name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = [{"Config": configuration_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    partial = pathlib.Path(path).with_suffix(".partial")
    with tarfile.open(partial, "w") as archive:
        _add(archive, "manifest.json", json.dumps(manifest).encode())
        _add(archive, configuration_name, configuration)
        _add(archive, "layer.tar", layer)
    partial.replace(path)
    return pathlib.Path(path)


def _layer(places):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        # A root file system has a place for temporary files, and kubelets mount over /etc/hosts.
        for folder, mode in (("tmp", 0o1777), ("etc", 0o755)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            layer.addfile(entry)
        for place, file in sorted(places.items()):
            _add(layer, place.lstrip("/"), file.read_bytes(), 0o755)
    return buffer.getvalue()


def _add(archive, name, content, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
