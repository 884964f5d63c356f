"""Compare the protos with the contract that stands, and refuse what would break a client of it.

What stands is the first of these that exists: the commit that AGAINST names; the fork from `origin/main`, where this
branch has gone past it; the newest commit of this branch whose protos differ from those in the tree. So a clone that
knows nothing but one branch still compares its last change of the contract with what was there before it.

A break that is meant says so in the commit that makes it, on a line `Breaks-contract: why`: it is shown, not refused.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUF = ROOT / ".venv" / "bin" / "buf"
MEANT = "Breaks-contract:"


def git(*arguments: str) -> str | None:
    """Return what git says in this tree, or None if it refuses or there is no git."""
    try:
        answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def standing() -> str | None:
    """Return the commit whose contract must be kept, or None if there is none."""
    if named := os.environ.get("AGAINST"):
        commit = git("rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
        return commit or sys.exit(f"breaking: there is no commit {named}")
    fork = git("merge-base", "HEAD", "origin/main")
    if fork and fork != git("rev-parse", "HEAD"):
        return fork
    if git("status", "--porcelain", "--", "protos"):
        return git("rev-parse", "--verify", "HEAD")
    changed = git("log", "-1", "--first-parent", "--format=%H", "--", "protos")
    return git("rev-parse", "--verify", "--quiet", f"{changed}^") if changed else None


def unpack(commit: str, folder: Path) -> bool:
    """Lay the protos of `commit` into `folder`, under today's settings; False if it has none."""
    archive = subprocess.run(
        ["git", "archive", "--format=zip", commit, "protos"], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        return False
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as protos:
        protos.extractall(folder)
    shutil.copy(ROOT / "buf.yaml", folder)
    return True


def main() -> int:
    """Say what was compared, and return buf's status unless every break is meant."""
    if git("rev-parse", "HEAD") is None:
        print("breaking: git shows no history here, nothing compared")
        return 0
    commit = standing()
    with tempfile.TemporaryDirectory(prefix="weir-") as folder:
        if commit is None or not unpack(commit, Path(folder)):
            print("breaking: no earlier contract in this history, nothing to break")
            return 0
        print(f"breaking: against {git('log', '-1', '--format=%h %s', commit)}", flush=True)
        status = subprocess.run([BUF, "breaking", "--against", folder], cwd=ROOT, check=False).returncode
    if status and MEANT in (git("log", "--format=%B", f"{commit}..HEAD", "--", "protos") or ""):
        print(f"breaking: meant, by a commit that says {MEANT}")
        return 0
    return status


if __name__ == "__main__":
    sys.exit(main())
