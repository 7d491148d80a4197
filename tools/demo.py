"""A whole story on a real server: back up, lose a database, bring it back, prove it. Leaves nothing behind."""
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from harness.servers import Mongod

CUSTOMERS, ORDERS = 2_000, 50_000


class Failed(Exception):
    pass


def say(text):
    print(f"\n# {text}", flush=True)


def varve(*args):
    """Shows the command as one would type it, then runs it with the terminal that there is."""
    print("$ varve " + " ".join(shlex.quote(arg) for arg in args), flush=True)
    code = subprocess.run([os.environ["VARVE_BIN"], *args], stdin=subprocess.DEVNULL).returncode
    if code != 0:
        raise Failed(f"varve {args[0]} ended with exit code {code}")


def load_shop(client):
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    client.shop.customers.insert_many(
        {"_id": i, "name": f"Customer {i}", "email": f"c{i}@example.org"} for i in range(CUSTOMERS))
    client.shop.orders.insert_many(
        {"_id": i, "customer": i * 7919 % CUSTOMERS, "at": now + timedelta(seconds=37 * i),
         "lines": [{"sku": f"sku-{(i + n) % 997}", "count": n + 1, "cents": 100 + i * 31 % 9000} for n in range(i % 4 + 1)]}
        for i in range(ORDERS))
    client.shop.customers.create_index("email", unique=True)
    client.shop.orders.create_index([("customer", 1), ("at", -1)])


def count(client):
    """Shows what there is, indexes too, and returns it."""
    found = {}
    for name in ("customers", "orders"):
        collection = client.shop[name]
        found[name] = collection.count_documents({}), sorted(collection.index_information())
        print(f"  shop.{name:<10}{found[name][0]:>7,} documents, {len(found[name][1])} indexes", flush=True)
    return found


def story(server, client):
    say("A shop's database")
    load_shop(client)
    before = count(client)

    say("Make a repository and back the shop up")
    varve("init")
    varve("backup", server.uri, "--source", "shop")
    varve("snapshots")

    say("Something goes wrong: db.dropDatabase()")
    client.drop_database("shop")
    count(client)

    say("Bring it back")
    varve("restore", "latest", "--to", server.uri, "--ns-include", "shop.*")
    if count(client) != before:
        raise Failed("the shop did not come back as it was")

    say("Prove it: the server against the backup, and the repository itself")
    varve("verify", "latest", "--against", server.uri)
    varve("check", "--read-data")
    say("Done; the server and the repository of this demo are removed.")


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="varve-demo-") as folder, Mongod(replica_set="rs0") as server:
        print(f"MongoDB {server.version}, a one-member replica set at {server.uri}")
        password_file = Path(folder, "password")
        password_file.write_text("a demo's password\n")
        password_file.chmod(0o600)
        os.environ.update(RESTIC_REPOSITORY=f"{folder}/repo", RESTIC_PASSWORD_FILE=str(password_file),
                          XDG_CACHE_HOME=f"{folder}/cache", XDG_STATE_HOME=f"{folder}/state")
        print(f"$ export RESTIC_REPOSITORY={folder}/repo RESTIC_PASSWORD_FILE={password_file}", flush=True)
        with server.client() as client:
            story(server, client)


try:
    main()
except Failed as error:
    sys.exit(f"demo: {error}")
except KeyboardInterrupt:
    sys.exit(130)
