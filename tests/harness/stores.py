"""Real servers that keep repositories, on loopback, each in a temporary folder, gone when stopped or when the tests end.

    with RestServer() as store: store.place("shop")       rest:http://127.0.0.1:PORT/shop/
    with Minio() as store: store.place("bucket/shop")     s3:http://127.0.0.1:PORT/bucket/shop, with the login in store.env
    with Swift() as store: store.place("bucket/shop")     swift:bucket:/shop, with the login in store.env
    with Azurite() as store: store.place("container/shop")  azure:container:/shop
    with FakeGcs() as store: store.place("shop")            gs:repositories:/shop
    with Sshd() as store: store.place("shop")             sftp://USER@127.0.0.1:PORT//FOLDER/shop, with an ssh on the PATH of
                                                          store.env that has the key
"""
import base64
import contextlib
import getpass
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from .process import Server, free_port
from .servers import ServerError, wait_until
from .tunnel import Tunnel


def _program(name, setup="VARVE_STORES"):
    path = Path(os.environ[setup]) / name
    if not path.exists():
        raise ServerError(f"no {name} on this machine; build it:  ./dev setup stores")
    return path


class Store(Server):
    """`env` holds what a client has to know beside the place, `restic_env` and `restic_args` what stock restic has to."""
    scheme = "http"
    start_seconds = 60

    def __init__(self, name):
        super().__init__(name)
        self.port = free_port()
        self.env, self.restic_env, self.restic_args = {}, {}, []

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
        wait_until(self._answers, f"{self.name} at port {self.port}", seconds=self.start_seconds)

    def _answers(self):
        if not self.running:
            raise ServerError(f"{self.name} does not start:\n{self.log()}")
        try:
            urllib.request.urlopen(self._health_url, timeout=2, context=ssl._create_unverified_context()).close()
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True

    @property
    def _health_url(self):
        return self.url + self._health

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


class RcloneServer(Store):
    """rclone's server for restic, which wants to see a certificate of the authority's."""
    scheme = "https"

    def __init__(self, authority):
        super().__init__("rclone-server")
        both = authority.issue("rclone-server")
        self._tls = ["--cert", both.with_suffix(".crt"), "--key", both.with_suffix(".key"), "--client-ca", authority.certificate]
        self.env = {"RESTIC_CACERT": str(authority.certificate)}

    def _command(self):
        (self.folder / "data").mkdir(exist_ok=True)
        return ["rclone", "serve", "restic", "--addr", self.host, *self._tls, self.folder / "data"], None

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return self.running

    def place(self, path):
        return f"rest:{self.url}/{path}"


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


class _Openstack(Store):
    """One of Debian's packages, run by a script beside this one."""
    start_seconds = 180  # four programs in Python, one after the other

    def __init__(self, name, **env):
        super().__init__(name)
        (self.folder / "data").mkdir()
        self._env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", **env}

    def _run(self, module, *args):
        if not Path("/usr/lib/python3/dist-packages", module).exists():
            raise ServerError(f"no {module} on this machine; install it:  ./dev setup stores")
        script = Path(__file__).with_name(f"{module}_server.py")
        return ["/usr/bin/python3", script, self.folder / "data", self.port, *args], self._env


class Swift(_Openstack):
    """OpenStack's Swift with logins of its own, or those of a Keystone. Whose tokens it forgets when it is started again."""
    _health = "/healthcheck"
    USER, PASSWORD = "shop:writer", "secret-of-the-writer"

    def __init__(self, keystone=None, **env):
        super().__init__("swift", **env)
        self._keystone = keystone
        if keystone is None:
            self.env = {"ST_AUTH": f"{self.url}/auth/v1.0", "ST_USER": self.USER, "ST_KEY": self.PASSWORD}
        else:
            self.env = keystone.env

    def _command(self):
        return self._run("swift", *([self._keystone.url] if self._keystone else []))

    def place(self, path):
        container, _, folder = path.partition("/")
        return f"swift:{container}:/{folder}"


class Keystone(_Openstack):
    """OpenStack's identity service, version 3, with one user."""
    _health = "/v3"
    PASSWORD, REGION = "secret-of-the-admin", "here"

    def __init__(self):
        super().__init__("keystone")
        self.env = {"OS_AUTH_URL": f"{self.url}/v3", "OS_USERNAME": "admin", "OS_PASSWORD": self.PASSWORD, "OS_PROJECT_NAME": "admin",
                    "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"}

    def _command(self):
        return self._run("keystone")

    def log_in(self):
        """A token, and what the service says of it."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.PASSWORD}
        return self._post("auth/tokens", {"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}})

    def register(self, regions):
        """Puts an object store into the catalogue: the hosts of its regions."""
        service = self._make("services", "service", type="object-store", name="swift")
        for region, host in regions.items():
            if region != self.REGION:
                self._make("regions", "region", id=region)
            self._make("endpoints", "endpoint", service_id=service["id"], interface="public", region_id=region,
                       url=f"http://{host}/v1/AUTH_%(tenant_id)s")

    def application_credential(self, name):
        user = self.log_in()[1]["token"]["user"]["id"]
        return self._make(f"users/{user}/application_credentials", "application_credential", name=name)

    def _make(self, path, kind, **values):
        return self._post(path, {kind: values}, self.log_in()[0])[1][kind]

    def _post(self, path, body, token=""):
        """A token, if the answer gives one, and the answer."""
        request = urllib.request.Request(f"{self.url}/v3/{path}", data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json", "X-Auth-Token": token})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers["X-Subject-Token"], json.load(answer)


class Azurite(Store):
    """Azure's emulator. With an `authority`, which is TLS, stock restic reaches it too: it knows accounts by the names of their
    hosts alone, so it is led here by a proxy."""
    ACCOUNT, KEY = "varvetests", base64.b64encode(b"a secret of the tests").decode()
    _health = "/"

    def __init__(self, authority=None):
        super().__init__("azurite")
        self._tls, self._tunnel = [], None
        if authority:
            self.scheme = "https"
            both = authority.issue("azurite", names=f"IP:127.0.0.1,DNS:{self.ACCOUNT}.blob.localhost")
            self._tls = ["--cert", both.with_suffix(".crt"), "--key", both.with_suffix(".key")]
            self._tunnel = Tunnel(self)
            self.env = {"RESTIC_CACERT": str(authority.certificate)}
            self.restic_env = {"AZURE_ACCOUNT_NAME": self.ACCOUNT, "AZURE_ACCOUNT_KEY": self.KEY, "HTTPS_PROXY": self._tunnel.url,
                               "AZURE_ENDPOINT_SUFFIX": f"localhost:{self.port}"}
            self.restic_args = ["-o", "azure.access-tier=Hot"]  # without one restic sends an empty one, which Azurite refuses
        self.env["AZURE_STORAGE_CONNECTION_STRING"] = self.connection_string

    @property
    def connection_string(self):
        return f"AccountName={self.ACCOUNT};AccountKey={self.KEY};BlobEndpoint={self.url}/{self.ACCOUNT}"

    def _command(self):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "AZURITE_ACCOUNTS": f"{self.ACCOUNT}:{self.KEY}"}
        return [_program("node_modules/.bin/azurite-blob", "VARVE_AZURITE"), "--blobHost", "127.0.0.1", "--blobPort", self.port,
                "--location", self.folder / "data", "--disableTelemetry", "--skipApiVersionCheck", *self._tls], env

    def kill(self):
        """In order: it writes down what it has every few seconds only."""
        self.shut_down()

    def stop(self):
        super().stop()
        if self._tunnel:
            self._tunnel.__exit__()
            self._tunnel = None

    def place(self, path):
        container, _, folder = path.partition("/")
        return f"azure:{container}:/{folder}"


class FakeGcs(Store):
    """An emulator of Google's Cloud Storage, with one bucket: stock restic makes none. With an `authority`, which is TLS, it is
    reached by Google's own name, as one that wants a login, through a proxy."""
    _health = "/storage/v1/b?project=tests"
    BUCKET, NAME = "repositories", "storage.googleapis.com"

    def __init__(self, authority=None):
        super().__init__("fake-gcs-server")
        self._args, self._tunnel = ["-public-host", self.host], None
        self.env = {"STORAGE_EMULATOR_HOST": self.host, "GOOGLE_PROJECT_ID": "tests"}
        self.restic_env = {"GOOGLE_ACCESS_TOKEN": "any"}
        if authority:
            self.scheme = "https"
            both = authority.issue("google", names=f"IP:127.0.0.1,DNS:{self.NAME}")
            self._args = ["-public-host", self.NAME, "-cert-location", both.with_suffix(".crt"), "-private-key-location", both.with_suffix(".key")]
            self._tunnel = Tunnel(self)
            self.env = {"HTTPS_PROXY": self._tunnel.url, "RESTIC_CACERT": str(authority.certificate), "GOOGLE_PROJECT_ID": "tests"}

    def start_again(self):
        super().start_again()
        request = urllib.request.Request(f"{self.url}/storage/v1/b?project=tests", f'{{"name": "{self.BUCKET}"}}'.encode(),
                                         {"Content-Type": "application/json"})
        with contextlib.suppress(urllib.error.HTTPError):  # it is there already
            urllib.request.urlopen(request, timeout=10, context=ssl._create_unverified_context()).close()

    def _command(self):
        (self.folder / "data").mkdir(exist_ok=True)
        return [_program("fake-gcs-server", "VARVE_FAKE_GCS"), "-scheme", self.scheme, "-host", "127.0.0.1", "-port", self.port,
                "-backend", "filesystem", "-filesystem-root", self.folder / "data", *self._args], None

    def stop(self):
        super().stop()
        if self._tunnel:
            self._tunnel.__exit__()
            self._tunnel = None

    def place(self, path):
        return f"gs:{self.BUCKET}:/{path}"


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
        self.env, self.restic_env, self.restic_args = {"RCLONE_CONFIG": str(config)}, {}, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def place(self, path):
        return f"rclone:shop:{path}"
