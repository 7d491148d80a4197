"""Real servers that keep repositories, on loopback, each in a temporary folder, gone when stopped or when the tests end.

    with RestServer() as store: store.place("shop")       rest:http://127.0.0.1:PORT/shop/
    with Minio() as store: store.place("bucket/shop")     s3:http://127.0.0.1:PORT/bucket/shop, with the login in store.env
    with Sshd() as store: store.place("shop")             sftp://USER@127.0.0.1:PORT//FOLDER/shop, with an ssh on the PATH of
                                                          store.env that has the key
"""
import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from .process import Server, free_port
from .servers import ServerError, wait_until


def _program(name):
    path = Path(os.environ["VARVE_STORES"]) / name
    if not path.exists():
        raise ServerError(f"no {name} on this machine; build it:  ./dev setup stores")
    return path


class Store(Server):
    """`env` holds what a client has to know beside the place."""
    scheme = "http"

    def __init__(self, name):
        super().__init__(name)
        self.port = free_port()
        self.env = {}

    def __enter__(self):
        try:
            self.start_again()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start_again(self):
        """Starts it on its port and its data, also after kill()."""
        self.start(*self._command())
        wait_until(self._answers, f"{self.name} at port {self.port}")

    def _answers(self):
        if not self.running:
            raise ServerError(f"{self.name} does not start:\n{self.log()}")
        try:
            urllib.request.urlopen(f"http://{self.host}{self._health}", timeout=2).close()
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"{self.scheme}://{self.host}"


class RestServer(Store):
    """rest-server. `certificate`: a PEM file with its key, for TLS; `users`: lines of its .htpasswd."""
    _health = "/"

    def __init__(self, *args, users=None, certificate=None):
        super().__init__("rest-server")
        self.data = self.folder / "data"
        self.data.mkdir()
        self._args = list(args)
        if users is None:
            self._args.append("--no-auth")
        else:
            (self.data / ".htpasswd").write_text(users)
        if certificate:
            self.scheme = "https"
            self._args += ["--tls", "--tls-cert", certificate, "--tls-key", certificate]

    def _command(self):
        return [_program("rest-server"), "--path", self.data, "--listen", self.host, *self._args], None

    def place(self, path, login=""):
        return f"rest:{self.scheme}://{login + '@' if login else ''}{self.host}/{path}"


class Minio(Store):
    """MinIO, an S3 store; in `region` if that is named."""
    _health = "/minio/health/live"
    KEY, SECRET = "varve-tests", "secret of the tests"

    def __init__(self, region=None):
        super().__init__("minio")
        self._region = region
        self.env = {"AWS_ACCESS_KEY_ID": self.KEY, "AWS_SECRET_ACCESS_KEY": self.SECRET}

    def _command(self):
        (self.folder / "data").mkdir(exist_ok=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "MINIO_ROOT_USER": self.KEY, "MINIO_ROOT_PASSWORD": self.SECRET,
               "MINIO_BROWSER": "off", **({"MINIO_REGION": self._region} if self._region else {})}
        return [_program("minio"), "server", self.folder / "data", "--quiet", "--address", self.host], env

    def place(self, path):
        return f"s3:{self.url}/{path}"


SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")  # the program alone, that speaks at its standard input and output


class Sshd(Store):
    """OpenSSH's server with a configuration and keys of its own. `options`: lines of sshd_config."""
    _SSHD = Path("/usr/sbin/sshd")

    def __init__(self, *options):
        super().__init__("sshd")
        if not self._SSHD.exists():
            raise ServerError("no sshd on this machine; install it:  ./dev setup stores")
        self.user = getpass.getuser()
        self.data = self.folder / "data"
        self.data.mkdir()
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # which sshd wants to see when root starts it
        for key in ("host_key", "login_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        (self.folder / "authorized_keys").write_text((self.folder / "login_key.pub").read_text())
        (self.folder / "known_hosts").write_text("varve-tests " + (self.folder / "host_key.pub").read_text())
        settings = [f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {self.folder}/host_key", "PidFile none", "UsePAM no",
                    f"AuthorizedKeysFile {self.folder}/authorized_keys", "StrictModes no", "PermitRootLogin prohibit-password",
                    "PasswordAuthentication no", "KbdInteractiveAuthentication no", "MaxStartups 100", *options]
        if not any(option.startswith("Subsystem") for option in options):
            settings.append(f"Subsystem sftp {SFTP_SERVER}")
        (self.folder / "sshd_config").write_text("\n".join(settings) + "\n")
        self.config = self._client_config("config", self.folder / "login_key")
        self.env = {"PATH": f"{self._wrapped(self.config)}:{os.environ['PATH']}"}

    def _client_config(self, name, key, known_hosts="known_hosts"):
        path = self.folder / name
        path.write_text(f"IdentityFile {key}\nIdentitiesOnly yes\nIdentityAgent none\nBatchMode yes\nHostKeyAlias varve-tests\n"
                        f"UserKnownHostsFile {self.folder}/{known_hosts}\nStrictHostKeyChecking yes\n")
        return path

    def _wrapped(self, config):
        """A folder with an ssh that has this configuration: the real one looks for it at the user's home, whatever HOME is."""
        folder = self.folder / f"{config.name}-bin"
        folder.mkdir()
        (folder / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
        (folder / "ssh").chmod(0o755)
        return folder

    def stranger(self):
        """The environment of somebody whose key the server does not know."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "other_key"], check=True)
        return {"PATH": f"{self._wrapped(self._client_config('stranger', self.folder / 'other_key'))}:{os.environ['PATH']}"}

    def newcomer(self):
        """The environment of somebody who does not know the server."""
        config = self._client_config("newcomer", self.folder / "login_key", "nobody")
        return {"PATH": f"{self._wrapped(config)}:{os.environ['PATH']}"}

    def _command(self):
        return [self._SSHD, "-D", "-e", "-f", self.folder / "sshd_config"], None

    def _answers(self):
        if not self.running:
            raise ServerError(f"{self.name} does not start:\n{self.log()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as probe:
            return probe.recv(4) == b"SSH-"
        return False

    def kill(self):
        """With what serves its connections."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()

    def place(self, path):
        return f"sftp://{self.user}@{self.host}/{self.data}/{path}"


class Rclone:
    """Places of rclone's, by a configuration of its own, in which `shop:` stands for a folder and `here:` for this machine. Each client
    starts an rclone of its own."""

    def __init__(self):
        if not shutil.which("rclone"):
            raise ServerError("no rclone on this machine; install it:  ./dev setup stores")
        self.folder = Path(tempfile.mkdtemp(prefix="varve-rclone-"))
        self.data = self.folder / "data"
        self.data.mkdir()
        config = self.folder / "rclone.conf"
        config.write_text(f"[here]\ntype = local\n\n[shop]\ntype = alias\nremote = {self.data}\n")
        self.env = {"RCLONE_CONFIG": str(config)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def place(self, path):
        return f"rclone:shop:{path}"
