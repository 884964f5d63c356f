"""Make `.venv` what the lock files say, with nothing but a Python that can make environments.

Runs under the system's Python, which may be too old for everything else: the syntax is one that an old Python can read,
so that it gets far enough to say so. pip brings uv from its own hashed lock, and uv the rest, in seconds.
"""

import fcntl
import filecmp
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
OTHERS = ("python3.14", "python3.13", "python3.12", "python3.11")
ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "made")
LOCK = os.path.join(ROOT, "requirements.lock")
SYNCED = os.path.join(VENV, "requirements.lock")
SOURCES = ("requirements.lock", "requirements-uv.lock", "pyproject.toml", "tools/venv.py")
SETTINGS = {"UV_DEFAULT_INDEX": "global.index-url", "SSL_CERT_FILE": "global.cert"}


def make() -> None:
    """Build the environment anew where it is missing or does not work, then bring it to the locks.

    Of several that start at once, one does the work, and the others wait and find it done.
    """
    with open(os.path.join(ROOT, "pyproject.toml")) as turnstile:
        fcntl.flock(turnstile, fcntl.LOCK_EX)
        if not is_usable():
            shutil.rmtree(VENV, ignore_errors=True)
            build()
        elif is_fresh():
            return
        print("weir: bringing .venv to the locks", flush=True)
        install()


def install() -> None:
    """Install what the locks name, no more and no less, and the tree itself as it stands.

    Only a changed lock is synced: for the time of a sync the tree is not installed, and someone may be running it.
    """
    uv = [PYTHON, "-m", "uv", "pip"]
    if not (os.path.exists(SYNCED) and filecmp.cmp(LOCK, SYNCED, shallow=False)):
        pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "-r", "requirements-uv.lock"], os.environ)
        run([*uv, "sync", "--quiet", "--require-hashes", "requirements.lock"], environment_of_uv())
        shutil.copyfile(LOCK, SYNCED)
    run([*uv, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."], environment_of_uv())
    with open(STAMP, "w") as stamp:
        stamp.write(VENV + "\n")


def is_usable() -> bool:
    """Say whether the environment was finished here and its Python still runs: a moved or copied one does not work."""
    try:
        with open(STAMP) as stamp:
            finished = stamp.read().strip() == VENV
        return finished and subprocess.call([PYTHON, "-c", ""], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def is_fresh() -> bool:
    """Say whether the environment is younger than all that it is made from."""
    made = os.path.getmtime(STAMP)
    return all(os.path.getmtime(os.path.join(ROOT, source)) <= made for source in SOURCES)


def build() -> None:
    """Make an empty environment with pip in it."""
    if subprocess.call([sys.executable, "-m", "venv", VENV]):
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(f"weir: {sys.executable} makes no virtual environments (on Debian and Ubuntu, install python3-venv)")


def environment_of_uv() -> "dict[str, str]":
    """Return the environment for uv: where pip was told of another index or certificate, uv is told the same."""
    environment = dict(os.environ, VIRTUAL_ENV=VENV, UV_NO_CONFIG="1")
    for variable, setting in SETTINGS.items():
        ask = [PYTHON, "-m", "pip", "config", "get", setting]
        answer = subprocess.run(ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        if answer.returncode == 0 and variable not in environment:
            environment[variable] = answer.stdout.strip()
    if not os.access(os.path.expanduser("~"), os.W_OK):
        environment.setdefault("UV_CACHE_DIR", os.path.join(VENV, "uv"))
    return environment


def run(command: "list[str]", environment: "os._Environ[str] | dict[str, str]") -> None:
    """Run one step at the root of the tree; if it fails, it has said why, and nothing of Python's need follow."""
    status = subprocess.call(command, cwd=ROOT, env=environment)
    if status:
        sys.exit(status)


def start() -> None:
    """Make the environment with this Python, or with another of the machine's where this one is too old."""
    if sys.version_info >= OLDEST:
        make()
        return
    for python in filter(None, map(shutil.which, OTHERS)):
        if subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(python, [python, *sys.argv])
    version = ".".join(str(number) for number in sys.version_info[:2])
    sys.exit(f"weir needs Python 3.11 or newer, {sys.executable} is {version}: try `make PYTHON=/path/to/python3.12`")


if __name__ == "__main__":
    start()
