"""The committed stubs are those of the protos, byte for byte, and a difference would be seen."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.contract.tree import ROOT


def stubs(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the stub generator of the tree at `root`."""
    command = [sys.executable, "tools/stubs.py", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_stubs_are_fresh() -> None:
    """Generating the stubs anew changes nothing."""
    answer = stubs(ROOT, "--check")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_stale_stubs_are_named_and_mended(tmp_path: Path) -> None:
    """A changed, a missing and a stray stub are each named; generating mends all three, in a path with a space too."""
    root = tmp_path / "a tree"
    shutil.copytree(ROOT / "protos", root / "protos")
    shutil.copytree(ROOT / "libs" / "weir", root / "libs" / "weir", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tools").mkdir()
    (root / ".venv").mkdir()
    shutil.copy(ROOT / "tools" / "stubs.py", root / "tools")
    common = root / "libs" / "weir" / "common" / "v1"
    (common / "stock_pb2.py").write_text("changed = True\n")
    (common / "revision_pb2.pyi").unlink()
    (common / "stray_pb2.py").touch()
    answer = stubs(root, "--check")
    assert answer.returncode == 1
    assert answer.stderr.split("\n")[:-1] == [
        "libs/weir/common/v1/revision_pb2.pyi is not what the protos say",
        "libs/weir/common/v1/stock_pb2.py is not what the protos say",
        "libs/weir/common/v1/stray_pb2.py is not what the protos say",
    ]
    assert stubs(root).returncode == 0
    assert stubs(root, "--check").returncode == 0
