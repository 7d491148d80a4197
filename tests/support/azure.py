"""What Azure does beside storing."""
import base64
import datetime
import hmac
import urllib.parse


def with_signature(store, container, rights, hours=1):
    """A connection string whose shared access signature gives these rights to a container for so long; and the signature itself."""
    end = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    version, resource = "2021-12-02", f"/blob/{store.ACCOUNT}/{container}"
    text = "\n".join([rights, "", end, resource, "", "", "", version, "c", "", "", "", "", "", "", ""])
    signature = base64.b64encode(hmac.digest(base64.b64decode(store.KEY), text.encode(), "sha256")).decode()
    query = urllib.parse.urlencode({"sv": version, "se": end, "sr": "c", "sp": rights, "sig": signature})
    return f"BlobEndpoint={store.url}/{store.ACCOUNT};SharedAccessSignature={query}", signature
