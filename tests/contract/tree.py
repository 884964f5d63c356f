"""Where things stand in the tree, and what its settings say: the ground of every contract test."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "libs" / "weir"


def settings() -> dict[str, Any]:
    """Return `pyproject.toml`, read anew."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def contracts() -> list[dict[str, Any]]:
    """Return the import contracts, in their order."""
    found: list[dict[str, Any]] = settings()["tool"]["importlinter"]["contracts"]
    return found


def modules(*folders: str) -> list[Path]:
    """Return every Python module of our own below the folders, sorted; generated stubs are not our own."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if GENERATED not in path.parents)


def tracked(*patterns: str) -> list[Path]:
    """Return the files that a commit of the whole tree would hold and whose names match, sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return sorted(ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())
