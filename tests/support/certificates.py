"""Certificates of an authority of the tests' own, made with openssl."""
import subprocess
from pathlib import Path

CONFIG = """
[ca]
default_ca = authority
[authority]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir
serial = $dir/serial
default_md = sha256
policy = anything
copy_extensions = none
unique_subject = no
[anything]
organizationName = optional
organizationalUnitName = optional
commonName = supplied
"""


class Authority:
    def __init__(self, folder, name="authority"):
        self.folder = Path(folder) / name
        self.folder.mkdir()
        self.config = self.folder / "openssl.cnf"
        self.config.write_text(CONFIG.format(folder=self.folder))
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("1000\n")
        self.certificate, self._key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 30, "-subj", f"/O=tests/CN={name}",
                "-keyout", self._key, "-out", self.certificate)

    def issue(self, name, names="IP:127.0.0.1,DNS:localhost", unit="servers", expired=False, password=None):
        """A file with certificate and key. `names` are those that a server is reached by."""
        key, request, signed = (self.folder / f"{name}.{suffix}" for suffix in ("key", "csr", "crt"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/O=tests/OU={unit}/CN={name}", "-keyout", key, "-out", request)
        start, end = ("20200101000000Z", "20200201000000Z") if expired else ("20200101000000Z", "20491231000000Z")
        openssl("ca", "-batch", "-notext", "-config", self.config, "-cert", self.certificate, "-keyfile", self._key,
                "-in", request, "-out", signed, "-startdate", start, "-enddate", end, "-extfile", extensions)
        if password:
            openssl("rsa", "-aes256", "-passout", f"pass:{password}", "-in", key, "-out", key)
        both = self.folder / f"{name}.pem"
        both.write_text(signed.read_text() + key.read_text())
        return both


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def subject(certificate):
    """As the server names the user of X.509."""
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-subject", "-nameopt", "RFC2253"], check=True,
                          capture_output=True, text=True).stdout
    return text.removeprefix("subject=").strip()
