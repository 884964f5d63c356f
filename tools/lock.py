"""Resolve pyproject.toml into the two lock files: every distribution pinned and hashed, and no host in sight.

`requirements.lock` holds everything, for every platform and Python that weir runs on. `requirements-uv.lock` holds only
uv, at the same version, for the first step on a machine that has nothing but pip.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config"),
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
]


def lock(arguments: list[str]) -> None:
    """Write both lock files; what the old ones pin stays unless `arguments` ask uv for more, as `--upgrade` does."""
    subprocess.run(
        [*COMPILE, "pyproject.toml", "--group", "dev", "--all-extras", *arguments, "-o", "requirements.lock"],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    pinned = re.search(r"^uv==\S+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert pinned, "uv is in the dev group, so the lock names it"
    subprocess.run(
        [*COMPILE, "-", "-o", "requirements-uv.lock"],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        input=pinned.group(),
        text=True,
    )


if __name__ == "__main__":
    lock(sys.argv[1:])
