"""OpenStack's Keystone of Debian's python3-keystone, in one process, with its data in SQLite.

    /usr/bin/python3 keystone_server.py FOLDER PORT

listens on 127.0.0.1:PORT; the user `admin` of the project `admin` has the role `admin`.
"""
import os
import sqlite3
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

PASSWORD = "secret-of-the-admin"

CONF = """
[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = sqlite:///{folder}/keystone.sqlite
sqlite_synchronous = false
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet
[fernet_receipts]
key_repository = {folder}/receipts
[credential]
key_repository = {folder}/credentials
[identity]
password_hash_algorithm = pbkdf2_sha512
password_hash_rounds = 1000
[cache]
enabled = false
"""


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def manage(conf, *command):
    """keystone-manage, in a process of its own: its settings are global."""
    from keystone.cmd import cli
    pid = os.fork()
    if pid == 0:
        sys.argv = ["keystone-manage", "--config-file", str(conf), *command]
        cli.main(argv=sys.argv, developer_config_file=None)
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit(f"keystone-manage {command[0]} failed")


def main(folder, port):
    url = f"http://127.0.0.1:{port}/v3"
    conf = folder / "keystone.conf"
    if not conf.exists():
        conf.write_text(CONF.format(folder=folder))
        manage(conf, "db_sync")
        sqlite3.connect(folder / "keystone.sqlite").execute("PRAGMA journal_mode=WAL")  # it reads while it writes
        owner = ["--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid())]
        manage(conf, "fernet_setup", *owner)
        manage(conf, "credential_setup", *owner)
        manage(conf, "bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-public-url", url, "--bootstrap-region-id", "here")
    from keystone.server.flask import core
    sys.argv = ["keystone"]
    app = core.initialize_application(name="public", config_files=[str(conf)])
    make_server("127.0.0.1", port, app, handler_class=Quiet).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
