"""What a command, and the servers that work for it, take."""
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PIPELINE = Path(__file__).with_name("pipeline.py")
TIMEOUT = 900
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    pass


@dataclass
class Cost:
    seconds: float
    cpu: float          # of the commands, in seconds
    server_cpu: float   # of the database server meanwhile
    rss: int            # the peak of the commands, in bytes, added up
    stored: int = 0     # bytes that were added to the storage
    opening: float = 0  # seconds of it that opening the repository took, where that is told apart
    read_back: float = 0  # seconds that reading back what was restored adds


def cpu_of(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _reset_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) * 1024


def bytes_in(path):
    path = Path(path)
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def _run(stages, env, output, accepted):
    """The pipeline's own account of itself; its standard error goes beside `output`."""
    log = Path(f"{output}.log")
    with open(log, "wb") as errors:
        runner = subprocess.Popen([sys.executable, "-I", "-S", PIPELINE], env=env, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
    try:
        answer, _ = runner.communicate(json.dumps({"stages": stages, "output": str(output)}).encode(), timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done within {TIMEOUT} s") from None
    finally:
        if runner.poll() is None:
            os.killpg(runner.pid, signal.SIGKILL)
            runner.wait()
    said = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    if runner.returncode:
        raise Failed(f"could not be run\n{said}")
    taken = json.loads(answer)
    if not set(accepted).issuperset(taken["codes"]):
        raise Failed(f"exit {taken['codes']} of {stages}\n{Path(output).read_text(errors='replace')[-2000:]}{said}")
    return taken


def measure(stages, env, output, server_pid=None, helper_pid=None, storage=None, accepted=(0,)):
    """Runs the commands, joined by pipes. `helper_pid` is a running program whose work counts as theirs; `storage` a file
    or folder that they add to; `accepted` are the exit codes of a success."""
    stages = [[str(word) for word in stage] for stage in stages]
    stored = bytes_in(storage) if storage and Path(storage).exists() else 0
    if helper_pid:
        _reset_peak(helper_pid)
    os.sync()
    server_cpu, helper_cpu = cpu_of(server_pid) if server_pid else 0, cpu_of(helper_pid) if helper_pid else 0
    taken = _run(stages, env, output, accepted)
    cost = Cost(taken["seconds"], taken["cpu"], cpu_of(server_pid) - server_cpu if server_pid else 0, taken["rss"])
    if helper_pid:
        cost.cpu += cpu_of(helper_pid) - helper_cpu
        cost.rss += _peak(helper_pid)
    if storage:
        cost.stored = bytes_in(storage) - stored
    return cost
