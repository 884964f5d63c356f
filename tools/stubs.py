"""Write `libs/weir` from `protos/weir`: messages, services, their types, and the packages that hold them.

The same protos give the same bytes, because the generator is pinned. With `--check` nothing is written: what differs is
named, and the exit status says whether the committed stubs are those of the protos.
"""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
STUBS = ROOT / "libs" / "weir"
PLUGINS = {"protoc-gen-mypy": "main", "protoc-gen-mypy_grpc": "grpc"}


def generate(folder: Path) -> dict[str, bytes]:
    """Generate every stub below `folder` and return the contents by path, relative to `libs`."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    output = folder / "output"
    output.mkdir()
    if sources:
        protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTOS}"]
        outputs = [f"--python_out={output}", f"--grpc_python_out={output}"]
        types = [f"--mypy_out=quiet:{output}", f"--mypy_grpc_out=quiet,only_async:{output}"]
        subprocess.run([*protoc, *plugins(folder), *outputs, *types, *sources], check=True)
    complete(output)
    return {str(path.relative_to(output)): path.read_bytes() for path in sorted(output.rglob("*")) if path.is_file()}


def plugins(folder: Path) -> list[str]:
    """Return protoc's arguments for the plugins, started through this Python: scripts of an environment in a path with
    a space in it do not start by themselves."""
    arguments = []
    for name, function in PLUGINS.items():
        script = folder / name
        call = f"from mypy_protobuf.main import {function}; {function}()"
        script.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(call)}\n")
        script.chmod(0o755)
        arguments.append(f"--plugin={name}={script}")
    return arguments


def complete(output: Path) -> None:
    """Make a typed Python package of every folder that was generated, and of `weir` itself in any case."""
    (output / "weir").mkdir(exist_ok=True)
    (output / "weir" / "py.typed").touch()
    for package in (folder for folder in sorted(output.rglob("*")) if folder.is_dir()):
        name = ".".join(package.relative_to(output).parts)
        (package / "__init__.py").write_text(f'"""Generated from the protos of `{name}`; never edited."""\n')


def committed() -> dict[str, bytes]:
    """Return the stubs that are there, by path relative to `libs`."""
    files = (path for path in sorted(STUBS.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(STUBS.parent)): path.read_bytes() for path in files}


def write(stubs: dict[str, bytes], differing: list[str]) -> None:
    """Bring the differing files to what was generated, removing those that no proto asks for."""
    for name in differing:
        path = STUBS.parent / name
        if name in stubs:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stubs[name])
        else:
            path.unlink()


def main(arguments: list[str]) -> int:
    """Write the stubs, or with `--check` compare them; the status is 1 where they are stale."""
    with tempfile.TemporaryDirectory(prefix="stubs-", dir=ROOT / ".venv") as folder:
        stubs = generate(Path(folder))
    old = committed()
    differing = sorted(name for name in stubs.keys() | old.keys() if stubs.get(name) != old.get(name))
    if "--check" not in arguments:
        write(stubs, differing)
        print(f"libs/weir: {len(differing)} of {len(stubs)} files written")
        return 0
    for name in differing:
        print(f"libs/{name} is not what the protos say", file=sys.stderr)
    print(f"libs/weir: {len(differing)} of {len(stubs)} files are stale" + (", run `make stubs`" if differing else ""))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
