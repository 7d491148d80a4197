#!/usr/bin/env python3
"""usage: tally.py [--any-failed | --broken N] REPORT...

Adds up JUnit reports, those that exist, and prints "N passed, N failed, N skipped"; N broken steps count as failed. The
failed tests stand before that line once more, each with the end of what it said, since a log is often kept by its end.
Exits with 1 if anything failed or nothing passed. With --any-failed: prints nothing, exits with 0 if a test failed.
"""
import argparse
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

SHOWN_FAILURES = 10
SHOWN_LINES = 60


def outcome(case):
    parts = {part.tag for part in case}
    if parts & {"failure", "error"} or case.get("status") == "fail":
        return "failed"
    if "skipped" in parts or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def words(case):
    """What a failed test said: pytest puts it into the failure, ctest into the output."""
    texts = [part.text for part in case if part.tag in ("failure", "error", "system-out") and part.text]
    return "\n".join(texts).rstrip().splitlines()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--any-failed", action="store_true")
    parser.add_argument("--broken", type=int, default=0)
    parser.add_argument("reports", nargs="*", type=Path)
    options = parser.parse_args()
    cases = [case for report in options.reports if report.exists() for case in ElementTree.parse(report).iter("testcase")]
    failed = [case for case in cases if outcome(case) == "failed"]
    if options.any_failed:
        return 0 if failed else 1
    for case in failed[:SHOWN_FAILURES]:
        print(f"== FAILED: {case.get('classname')} {case.get('name')}", *words(case)[-SHOWN_LINES:], "", sep="\n")
    for case in failed[SHOWN_FAILURES:]:
        print(f"== FAILED: {case.get('classname')} {case.get('name')}")
    count = Counter(map(outcome, cases))
    count["failed"] += options.broken
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


sys.exit(main())
