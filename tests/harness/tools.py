"""The program under test and the stock tools that it is held against, run with captured output and a timeout."""
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 120


@dataclass
class Result:
    args: list
    code: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"$ {' '.join(self.args)}\n{self.stdout}{self.stderr}exit {self.code}"

    @property
    def lines(self):
        return self.stdout.splitlines()

    @property
    def events(self):
        """The objects that --json prints, one a line."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]


def run(program, *args, code=0, env=None, input=None, timeout=TIMEOUT, cwd=None, text=True):
    """Runs it and asserts its exit code (an int, several, or None for any). `text=False` gives stdout as bytes."""
    command = [str(program), *map(str, args)]
    done = subprocess.run(command, env=env, input=input if input is None or isinstance(input, bytes) else input.encode(),
                          stdin=subprocess.DEVNULL if input is None else None, capture_output=True, timeout=timeout, cwd=cwd)
    stdout = done.stdout.decode(errors="replace") if text else done.stdout
    result = Result(command, done.returncode, stdout, done.stderr.decode(errors="replace"))
    accepted = (code,) if isinstance(code, int) else code
    assert accepted is None or result.code in accepted, f"exit {result.code}, expected {code}\n{result}"
    return result


def _from_setup(variable, name=""):
    if variable not in os.environ:
        sys.exit(f"{variable} is not set; run the tests through ./dev test")
    return Path(os.environ[variable]) / name


def varve_binary():
    return _from_setup("VARVE_BIN")


def restic14():
    """Debian's restic, the oldest that knows the format."""
    return Path(shutil.which("restic") or sys.exit("no restic on the PATH; ./dev setup test installs it"))


def restic19():
    return _from_setup("VARVE_PEERS", "restic")


def mongodump(*args, **options):
    return run(_from_setup("VARVE_PEERS", "mongodump"), *args, **options)


def mongorestore(*args, **options):
    return run(_from_setup("VARVE_PEERS", "mongorestore"), *args, **options)


def bsondump(*args, **options):
    return run(_from_setup("VARVE_PEERS", "bsondump"), *args, **options)


class Repository:
    """A repository in `folder`/repo with its password file, and an environment that has nothing of the user's in it."""

    def __init__(self, folder, password="correct horse"):
        self.folder = Path(folder)
        self.path = self.folder / "repo"
        self.password_file = self.folder / "password"
        self.password_file.write_text(password + "\n")
        self.password_file.chmod(0o600)
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder), "LANG": "C.UTF-8", "TZ": "UTC",
            "XDG_CACHE_HOME": str(self.folder / "cache"), "XDG_STATE_HOME": str(self.folder / "state"),
            "RESTIC_REPOSITORY": str(self.path), "RESTIC_PASSWORD_FILE": str(self.password_file),
        }

    def run(self, program, *args, env=None, **options):
        return run(program, *args, env={**self.env, **(env or {})}, **options)

    def restic(self, *args, **options):
        """restic 0.19."""
        return self.run(restic19(), *args, **options)

    def restic_old(self, *args, **options):
        """restic 0.14."""
        return self.run(restic14(), *args, **options)


class Varve(Repository):
    """varve with a repository of its own:  varve("backup", uri, "--source", "shop").stdout"""

    def __call__(self, *args, **options):
        return self.run(varve_binary(), *args, **options)

    def start(self, *args, env=None, **options):
        """Runs it in the background: a Popen with text pipes, for tests that interrupt it."""
        return subprocess.Popen([str(varve_binary()), *map(str, args)], env={**self.env, **(env or {})}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def json(self, *args, **options):
        """The events of a run with --json, the summary last; less its status, which comes as time passes."""
        return [event for event in self(*args, "--json", **options).events if event.get("message_type") != "status"]
