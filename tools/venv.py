"""Make `.venv` what the lock files say, with nothing but a Python that can make environments.

Runs under the system's Python, which may be too old for everything else: keep to syntax that an old one can read, so that
it gets far enough to say so. uv itself is installed by pip from its own hashed lock; uv then installs the rest in seconds.
"""

import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "made")


def environment_of_uv():
    """Return the environment for uv: where pip was told of another index or certificate, uv is told the same."""
    environment = dict(os.environ, VIRTUAL_ENV=VENV, UV_NO_CONFIG="1")
    asked = {"UV_DEFAULT_INDEX": "global.index-url", "SSL_CERT_FILE": "global.cert"}
    for variable, setting in asked.items():
        answer = subprocess.run(
            [PYTHON, "-m", "pip", "config", "get", setting], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and not environment.get(variable):
            environment[variable] = answer.stdout.strip()
    return environment


def make():
    """Build the environment anew where it is missing or was made elsewhere, then bring it to the locks."""
    if os.path.exists(VENV) and not is_usable():
        shutil.rmtree(VENV)
    if not os.path.exists(VENV):
        made = subprocess.run([sys.executable, "-m", "venv", VENV], check=False)
        if made.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            sys.exit(
                "weir: {} cannot make a virtual environment (on Debian and Ubuntu: install python3-venv)".format(
                    sys.executable
                )
            )
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    uv = [PYTHON, "-m", "uv", "pip"]
    environment = environment_of_uv()
    subprocess.run(pip + ["-r", "requirements-uv.lock"], check=True, cwd=ROOT)
    subprocess.run(
        uv + ["sync", "--quiet", "--require-hashes", "requirements.lock"], check=True, cwd=ROOT, env=environment
    )
    tree = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."]
    subprocess.run(uv + tree, check=True, cwd=ROOT, env=environment)
    with open(STAMP, "w") as stamp:
        stamp.write(VENV + "\n")


def is_usable():
    """Say whether the environment was finished here and its Python still runs: a moved or copied one does not work."""
    try:
        with open(STAMP) as stamp:
            if stamp.read().strip() != VENV:
                return False
        return subprocess.run([PYTHON, "-c", ""], check=False, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit(
            "weir needs Python 3.11 or newer and {} is {}.{}: name another one, as in `make PYTHON=python3.12`".format(
                sys.executable, *sys.version_info[:2]
            )
        )
    make()
