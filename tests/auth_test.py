"""Logins and TLS as servers know them, end to end; what is wrong with them is one sentence that says what to do."""
import socket
import ssl
import threading
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from harness.servers import Mongod
from harness.tools import varve_binary
from support.certificates import Authority, subject
from support.dns import NameServer, asking_it, available
from support.runs import at, new_repository

SECRET = "p@ss/w:rd %41?#é"


@pytest.fixture(scope="module")
def server(authority):
    """It takes TLS, with the certificate of a client, beside plain connections, and X.509."""
    args = ["--tlsMode", "preferTLS", "--tlsCertificateKeyFile", authority.issue("server"), "--tlsCAFile", authority.certificate,
            "--setParameter", "authenticationMechanisms=SCRAM-SHA-1,SCRAM-SHA-256,MONGODB-X509", "--networkMessageCompressors",
            "zstd,snappy,zlib"]
    with Mongod(auth=True, extra_args=args) as server:
        with server.client() as client:
            client.shop.orders.insert_many([{"_id": i, "text": "text " * 20} for i in range(2000)])
        yield server


@pytest.fixture
def backs_up(varve):
    """Runs a backup and forgets it: the summary."""
    if not varve.path.exists():
        new_repository(varve)

    def run(uri, **options):
        done = varve.json("backup", at(varve, uri), "--source", "shop", **options)[-1]
        assert done["result"] == "complete" and done["documents"] == 2000
        return done
    return run


@pytest.fixture
def refused(varve):
    """The error of a backup that is refused."""
    if not varve.path.exists():
        new_repository(varve)

    def run(uri, *args):
        return varve("backup", at(varve, uri), *args, code=1).stderr
    return run


def uri(server, options, login=""):
    return f"mongodb://{login}{server.host}/?{options}"


def tls(authority, client="client", more=""):
    pem = authority.folder / f"{client}.pem"
    if not pem.exists():
        authority.issue(client, unit="clients")
    return f"tls=true&tlsCAFile={authority.certificate}&tlsCertificateKeyFile={pem}{more}"


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram(server, backs_up, refused, mechanism):
    """Passwords with every character that means something in a URI, users of another database, and what is wrong with them."""
    user = f"b:{mechanism}"
    with server.client() as client:
        client.staff.command("createUser", user, pwd=SECRET, roles=[{"role": "backup", "db": "admin"}], mechanisms=[mechanism])
    login = f"{quote(user, safe='')}:{quote(SECRET, safe='')}@"
    backs_up(uri(server, f"authSource=staff&authMechanism={mechanism}", login))
    backs_up(uri(server, "authSource=staff", login))
    wrong = refused(uri(server, "authSource=admin", login))
    assert f"refused the login of user '{user}'" in wrong and "authSource" in wrong
    wrong = refused(uri(server, "authSource=staff", f"{quote(user, safe='')}:wrong@"))
    assert "refused the login" in wrong
    for secret in (SECRET, quote(SECRET, safe="")):
        assert secret not in wrong


def test_a_password_from_elsewhere(server, varve, backs_up):
    """A file or a command gives it to a URI without one; it needs no escaping there."""
    with server.client() as client:
        client.admin.command("createUser", "filed", pwd=SECRET, roles=["backup"])
    path = varve.folder / "mongo-password"
    path.write_text(SECRET + "\n")
    backs_up(uri(server, "", "filed@"), env={"VARVE_MONGO_PASSWORD_FILE": str(path)})
    backs_up(uri(server, "", "filed@"), env={"VARVE_MONGO_PASSWORD": SECRET})


def test_tls_with_an_authority_of_ones_own(server, authority, backs_up):
    backs_up(uri(server, tls(authority), "root:root%27s%20pass%2Fword@"))


def test_a_key_with_a_password(server, authority, backs_up, refused):
    authority.issue("sealed", unit="clients", password="pem secret")
    options = tls(authority, "sealed")
    login = "root:root%27s%20pass%2Fword@"
    backs_up(uri(server, options + "&tlsCertificateKeyFilePassword=pem%20secret", login))
    wrong = refused(uri(server, options + "&tlsCertificateKeyFilePassword=wrong%20secret", login))
    assert "sealed.pem" in wrong and "password" in wrong and "wrong secret" not in wrong


def test_x509(server, authority, backs_up, refused):
    """The certificate is the login; one that the server knows no user for is named."""
    options = tls(authority, "robot", "&authMechanism=MONGODB-X509&authSource=$external")
    name = subject(authority.folder / "robot.pem")
    wrong = refused(uri(server, options))
    assert "refused the login" in wrong and name in wrong and "$external" in wrong
    with server.client() as client:
        client["$external"].command("createUser", name, roles=[{"role": "backup", "db": "admin"}])
    backs_up(uri(server, options))


WORKER = ["backup", "clusterMonitor", "hostManager", "restore", "readWriteAnyDatabase"]


def worker(server, authority, name):
    """A URI of a user who may do all that varve does, logged in by a certificate."""
    options = tls(authority, name, "&authMechanism=MONGODB-X509&authSource=$external")
    with server.client() as client:
        client["$external"].command("createUser", subject(authority.folder / f"{name}.pem"),
                                    roles=[{"role": role, "db": "admin"} for role in WORKER])
    return options


def does_everything(varve, where, *backup_words):
    """Backs up, restores under another name, compares, and asks the doctor; the summary of the backup."""
    new_repository(varve)
    saved = varve.json("backup", where, "--source", "shop", *backup_words)[-1]
    assert saved["result"] == "complete" and saved["documents"] >= 2000
    restored = varve.json("restore", "latest", "--to", where, "--ns-include", "shop.*", "--ns-from", "shop.*", "--ns-to", "copy.*",
                          "--yes")[-1]
    assert restored["verified"] and restored["documents"] == 2000
    assert varve.json("verify", "latest", "--against", where, "--ns-include", "shop.*")[-1]["differences"] == []
    examined = varve.json("doctor", where, code=(0, 3))[-1]
    assert not [check for check in examined["checks"] if check["state"] == "problem"]
    return saved


def test_every_command_over_tls_with_x509(server, authority, varve):
    """The process that holds the lock logs in by the certificate too."""
    where = at(varve, uri(server, worker(server, authority, "worker")))
    saved = does_everything(varve, where, "--lock")
    assert saved["consistency"] == "locked"
    with server.client() as client:
        assert client.copy.orders.count_documents({}) == 2000 and not client.admin.command("currentOp").get("fsyncLock")
        client.drop_database("copy")


@pytest.mark.all
def test_a_replica_set_over_tls_with_x509(authority, varve, replica_set):
    """Members that the configuration names, a hidden one, are reached with the same certificate."""
    args = ["--tlsMode", "preferTLS", "--tlsCertificateKeyFile", authority.issue("member"), "--tlsCAFile", authority.certificate,
            "--setParameter", "authenticationMechanisms=SCRAM-SHA-1,SCRAM-SHA-256,MONGODB-X509"]
    rs = replica_set(members=2, hidden=1, auth=True, extra_args=args)
    with rs.client() as client:
        client.shop.orders.insert_many([{"_id": i} for i in range(2000)])
    options = worker(rs.primary, authority, "worker of sets")
    rs.wait_for_replication()
    where = at(varve, uri(rs.primary, f"replicaSet={rs.name}&{options}"))
    saved = does_everything(varve, where)
    assert saved["member"] == rs.hidden[0].host and saved["member_role"] == "hidden secondary"


def test_no_certificate_of_ones_own(server, authority, refused):
    wrong = refused(uri(server, f"tls=true&tlsCAFile={authority.certificate}"))
    assert "certificate of the client" in wrong and "tlsCertificateKeyFile" in wrong


def test_an_authority_that_signed_neither(server, authority, refused, tmp_path):
    other = Authority(tmp_path, "other")
    options = tls(authority).replace(str(authority.certificate), str(other.certificate))
    wrong = refused(uri(server, options))
    assert "not signed by" in wrong and "tlsCAFile" in wrong
    stranger = refused(uri(server, tls(authority).replace(str(authority.folder / "client.pem"), str(other.issue("client")))))
    assert "certificate of the client" in stranger


def test_no_authority_at_all(server, authority, refused):
    """The system's authorities know nothing of it."""
    options = tls(authority).replace(f"&tlsCAFile={authority.certificate}", "")
    assert "tlsCAFile" in refused(uri(server, options))


@pytest.mark.parametrize("option, path", [("tlsCAFile", "/no/such/ca.pem"), ("tlsCertificateKeyFile", "/no/such/client.pem")])
def test_files_that_are_not_there(server, authority, refused, option, path):
    options = tls(authority).replace("tlsCAFile=", "tlsCAFile=/no/such/ca.pem&x=" if option == "tlsCAFile" else "tlsCAFile=")
    options = options.replace("tlsCertificateKeyFile=", f"tlsCertificateKeyFile={path}&y=") if option != "tlsCAFile" else options
    wrong = refused(uri(server, options))
    assert path in wrong and "No such file" in wrong


@contextmanager
def handshaker(certificate):
    """Something that shows a certificate and no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as stream:
                    stream.recv(1)
            except OSError:
                pass
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_a_certificate_that_has_expired(authority, refused):
    with handshaker(authority.issue("expired", expired=True)) as port:
        wrong = refused(f"mongodb://127.0.0.1:{port}/?tls=true&tlsCAFile={authority.certificate}")
    assert "expired" in wrong and f"127.0.0.1:{port}" in wrong and "2020" in wrong


def test_a_certificate_for_another_name(authority, refused):
    with handshaker(authority.issue("elsewhere", names="DNS:db9.example.test,DNS:db8.example.test")) as port:
        wrong = refused(f"mongodb://127.0.0.1:{port}/?tls=true&tlsCAFile={authority.certificate}")
    assert "db9.example.test" in wrong and "127.0.0.1" in wrong


def test_a_server_that_wants_tls(authority, mongod, refused):
    """A plain connection is closed without a word; the option is named."""
    server = mongod(extra_args=["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", authority.issue("strict"), "--tlsCAFile",
                                authority.certificate], tls={"tlsCAFile": str(authority.certificate), "tlsCertificateKeyFile":
                                                             str(authority.issue("harness", unit="clients"))})
    assert "tls=true" in refused(f"mongodb://{server.host}/")


def test_a_server_without_tls(rs6, authority, refused):
    wrong = refused(f"mongodb://{rs6.host}/?directConnection=true&tls=true&tlsCAFile={authority.certificate}")
    assert "TLS" in wrong and "tls=false" in wrong


@pytest.mark.parametrize("compressor", ["zstd", "snappy", "zlib"])
def test_compression_on_the_way(server, backs_up, compressor):
    """Where the connection string asks for it, and only there."""
    def compressed():
        with server.client() as client:
            return client.admin.command("serverStatus")["network"]["compression"][compressor]["compressor"]["bytesIn"]
    login = "root:root%27s%20pass%2Fword@"
    before = compressed()
    backs_up(uri(server, "", login))
    assert compressed() == before
    backs_up(uri(server, f"compressors={compressor}", login))
    assert compressed() > before + 200_000


@pytest.mark.skipif(not available(), reason="a name server of one's own wants root")
def test_srv(varve, server, authority):
    """Hosts, options and TLS come from the name server, as for every other client; what is missing there is named."""
    port = int(server.host.split(":")[1])
    # Clients are to trust only hosts below the domain that was asked for.
    records = {("_mongodb._tcp.shop.example.test", "SRV"): [("db1.example.test", port)],
               ("shop.example.test", "TXT"): ["authSource=staff"], ("db1.example.test", "A"): ["127.0.0.1"],
               ("_mongodb._tcp.evil.example.test", "SRV"): [("db1.elsewhere.test", port)]}
    with server.client() as client:
        client.staff.command("createUser", "srv", pwd=SECRET, roles=[{"role": "backup", "db": "admin"}])
    new_repository(varve)
    login = f"srv:{quote(SECRET, safe='')}@"

    def run(uri, code=0):
        return varve.run(*asking_it(varve.folder, varve_binary()), "backup", at(varve, uri), "--source", "shop", code=code)
    with NameServer(records):
        run(f"mongodb+srv://{login}shop.example.test/?tls=false")
        certificate = authority.issue("srv", unit="clients")
        files = f"tlsCAFile={authority.certificate}&tlsCertificateKeyFile={certificate}"
        wrong = run(f"mongodb+srv://{login}shop.example.test/?{files}", 1).stderr
        assert "not for db1.example.test" in wrong, "TLS is on by itself, and the name is that of the host"
        for name in ("none", "evil"):
            wrong = run(f"mongodb+srv://{login}{name}.example.test/?tls=false", 1).stderr
            assert "cannot resolve" in wrong and f"{name}.example.test" in wrong
            assert SECRET not in wrong and quote(SECRET, safe="") not in wrong
