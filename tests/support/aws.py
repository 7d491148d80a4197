"""What Amazon's services do beside storing: signed requests, sessions of MinIO's with a policy, and the services that lend keys to a
cluster's pods, to containers and to machines, which hand out such sessions."""
import base64
import datetime
import hashlib
import hmac
import http.server
import json
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

from harness.servers import wait_until
from support.http_service import HttpService


def _hmac(key, text):
    return hmac.digest(key, text.encode(), "sha256")


def signed(store, method, path="/", query=None, body=b"", headers=None, service="s3", region="us-east-1", keys=None):
    """Asks a store of S3's kind; the answer's body. `query` is a dict."""
    access, secret, token = keys or (store.KEY, store.SECRET, "")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    query = "&".join(f"{urllib.parse.quote(k, safe='')}={urllib.parse.quote(v, safe='')}" for k, v in sorted((query or {}).items()))
    digest = hashlib.sha256(body).hexdigest()
    headers = {**(headers or {}), "host": store.host, "x-amz-date": now, "x-amz-content-sha256": digest,
               **({"x-amz-security-token": token} if token else {})}
    names = ";".join(sorted(headers))
    canonical = "\n".join([method, path, query, *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names, digest])
    scope = f"{now[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, "
                                f"Signature={_hmac(key, to_sign).hex()}")
    request = urllib.request.Request(f"{store.url}{path}{'?' + query if query else ''}", data=body or None, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {path}?{query}: {error.code} {error.read().decode(errors='replace')}") from None


def session_of(minio, policy=None):
    """Keys of a session of MinIO's, less powerful by a policy: access key, secret key, token."""
    form = {"Action": "AssumeRole", "Version": "2011-06-15", "DurationSeconds": "3600",
            **({"Policy": json.dumps(policy)} if policy else {})}

    def ask():
        """Nothing as long as it is not ready for sessions, which may be later than for files."""
        try:
            return signed(minio, "POST", "/", body=urllib.parse.urlencode(form).encode(), service="sts",
                          headers={"content-type": "application/x-www-form-urlencoded"})
        except AssertionError as error:
            if "not initialized" in str(error):
                return None
            raise
    answer = wait_until(ask, "sessions of MinIO's")
    found = {element.tag.split("}")[1]: element.text for element in ElementTree.fromstring(answer).iter()}
    return found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]


def environment_of(keys):
    return dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), keys))


def make_bucket(minio, name, locked_for_days=None):
    """With versions of which none can be removed for so long, if that is named."""
    signed(minio, "PUT", f"/{name}", headers={"x-amz-bucket-object-lock-enabled": "true"} if locked_for_days else {})
    if locked_for_days:
        rule = ('<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode>'
                f"<Days>{locked_for_days}</Days></DefaultRetention></Rule></ObjectLockConfiguration>").encode()
        signed(minio, "PUT", f"/{name}", {"object-lock": ""}, rule, {"content-md5": _md5(rule)})


def _md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def versions(minio, bucket):
    """Of all files: (key, version, whether it is a mark that says removed)."""
    tree = ElementTree.fromstring(signed(minio, "GET", f"/{bucket}", {"versions": "", "max-keys": "1000"}))
    assert tree.find("{*}IsTruncated").text == "false"
    return [(found.find("{*}Key").text, found.find("{*}VersionId").text, found.tag.endswith("DeleteMarker"))
            for found in [*tree.findall("{*}Version"), *tree.findall("{*}DeleteMarker")]]


def remove_version(minio, bucket, key, version):
    signed(minio, "DELETE", f"/{bucket}/{key}", {"versionId": version})


class Lender(HttpService):
    """Lends sessions of MinIO's in all three ways: a token service's for web identities at /, a container's at /container and a
    machine's metadata at /latest. `lifetime`: seconds that it says they last. `refused`: it answers so in place of that."""
    TOKEN = "header.claims.signature"

    def __init__(self, minio, lifetime=3600):
        self.minio, self.lifetime, self.refused = minio, lifetime, None
        self.given, self.asked = [], []
        self.metadata_token = "of-the-metadata"

    def _handler(self):
        lender = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                lender.asked.append(f"{self.command} {self.path}")
                status, text = lender.refused or lender._answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
            do_PUT = do_POST = do_GET

        return Handler

    def _answer(self, method, path, headers, body):
        if (method, path) == ("POST", "/"):
            asked = dict(urllib.parse.parse_qsl(body))
            if asked.get("WebIdentityToken") != self.TOKEN or asked["Action"] != "AssumeRoleWithWebIdentity":
                return 400, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>no</Message></Error></ErrorResponse>"
            keys = "".join(f"<{name}>{value}</{name}>" for name, value in self._lend("SessionToken").items())
            return 200, ("<AssumeRoleWithWebIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleWithWebIdentityResult>"
                         f"<Credentials>{keys}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>")
        if (method, path) == ("GET", "/container"):
            return (200, json.dumps(self._lend("Token"))) if headers["Authorization"] == self.TOKEN else (401, "{}")
        if (method, path) == ("PUT", "/latest/api/token"):
            return 200, self.metadata_token
        if headers["X-aws-ec2-metadata-token"] != self.metadata_token:
            return 401, ""
        roles = "/latest/meta-data/iam/security-credentials/"
        return (200, "shop") if path == roles else (200, json.dumps({"Code": "Success", **self._lend("Token")}))

    def _lend(self, name_of_token):
        access, secret, token = session_of(self.minio)
        self.given.append((access, secret, token))
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.lifetime)
        return {"AccessKeyId": access, "SecretAccessKey": secret, name_of_token: token, "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def ways(self, folder):
        """The environment of each way to be lent keys here."""
        file = folder / "token"
        file.write_text(self.TOKEN + "\n")
        off = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        return {
            "web identity": {**off, "AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ROLE_ARN": "arn:aws:iam::1:role/shop",
                             "AWS_ENDPOINT_URL_STS": self.url},
            "container": {**off, "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}/container",
                          "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file)},
            "machine": {**off, "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url},
        }
