"""What Google does beside storing: a service that gives out tokens to whoever signs for a service account."""
import http.server
import json

from support.certificates import openssl
from support.http_service import HttpService


class TokenService(HttpService):
    """`refused`: it gives no token."""

    def __init__(self, token):
        self.token, self.refused = token, False

    def _handler(self):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                answer = {"error": "invalid_grant"} if service.refused else {"access_token": service.token, "expires_in": 3600}
                body = json.dumps(answer).encode()
                self.send_response(400 if service.refused else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def account(self, folder):
        """The file of a service account that this service knows, and its key."""
        openssl("genpkey", "-algorithm", "RSA", "-out", folder / "key")
        key, file = (folder / "key").read_text(), folder / "account.json"
        file.write_text(json.dumps({"type": "service_account", "client_email": "shop@tests", "private_key": key,
                                    "token_uri": f"{self.url}/token"}))
        return file, key
