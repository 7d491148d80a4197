"""usage: mongod.py [VERSION] [--replica-set]"""
import argparse
import signal

from harness.servers import Mongod

parser = argparse.ArgumentParser()
parser.add_argument("version", nargs="?")
parser.add_argument("--replica-set", action="store_true")
options = parser.parse_args()
signal.signal(signal.SIGTERM, signal.default_int_handler)
try:
    with Mongod(options.version, replica_set="rs0" if options.replica_set else None) as server:
        print(f"mongod {server.version}, process {server.pid}, data in {server.folder}")
        print(f"  {server.uri}")
        print("Ctrl-C stops it and removes its data.", flush=True)
        server.process.wait()
        raise SystemExit(f"mongod ended by itself:\n{server.log()}")
except KeyboardInterrupt:
    print("\nstopped")
