"""Runs commands joined by pipes and says what they took.

The kernel starts the peak memory of a child at that of the process which made it, so this is a process of its own, without
any import that it can do without. Reads {"stages": [command...], "output": file} from its standard input; the last
line of its standard output is {"seconds", "cpu", "rss" (bytes, added up), "codes"}.
"""
import json
import os
import subprocess
import sys
import time


def start(stages, output):
    processes, source = [], subprocess.DEVNULL
    for stage in stages:
        sink = output if stage is stages[-1] else subprocess.PIPE
        processes.append(subprocess.Popen(stage, stdin=source, stdout=sink))
        if source is not subprocess.DEVNULL:
            source.close()  # or a stage that ends early would not stop the one before it
        source = processes[-1].stdout
    return processes


def main():
    task = json.load(sys.stdin)
    with open(task["output"], "wb") as output:
        began = time.monotonic()
        processes = start(task["stages"], output)
        taken = {"cpu": 0.0, "rss": 0, "codes": []}
        for process in processes:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            taken["cpu"] += usage.ru_utime + usage.ru_stime
            taken["rss"] += usage.ru_maxrss * 1024
            taken["codes"].append(process.returncode)
        taken["seconds"] = time.monotonic() - began
    print(json.dumps(taken))


main()
