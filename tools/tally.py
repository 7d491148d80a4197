#!/usr/bin/env python3
"""usage: tally.py [--any-failed | --broken N] REPORT...

Adds up JUnit reports, those that exist, and prints "N passed, N failed, N skipped"; N broken steps count as failed.
Exits with 1 if anything failed or nothing passed. With --any-failed: prints nothing, exits with 0 if a test failed.
"""
import argparse
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def outcomes(report):
    for case in ElementTree.parse(report).iter("testcase"):
        parts = {part.tag for part in case}
        if parts & {"failure", "error"} or case.get("status") == "fail":
            yield "failed"
        elif "skipped" in parts or case.get("status") in ("notrun", "disabled"):
            yield "skipped"
        else:
            yield "passed"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--any-failed", action="store_true")
    parser.add_argument("--broken", type=int, default=0)
    parser.add_argument("reports", nargs="*", type=Path)
    options = parser.parse_args()
    count = Counter(outcome for report in options.reports if report.exists() for outcome in outcomes(report))
    if options.any_failed:
        return 0 if count["failed"] else 1
    count["failed"] += options.broken
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


sys.exit(main())
