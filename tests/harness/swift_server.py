"""All of OpenStack's Swift in one process: proxy, account, container and object server of Debian's python3-swift, with one device.

    /usr/bin/python3 swift_server.py FOLDER PORT [IDENTITY_URL]

listens on 127.0.0.1:PORT and keeps everything in FOLDER, whence it goes on when it is started again. Logins are tempauth's (account
`shop`, users `writer` and `reader`), or those of a Keystone. Tokens are kept in memory, in place of memcached: all are lost when it ends.
"""
import logging
import os
import sys
from pathlib import Path

DEVICE = "d1"

SWIFT_CONF = """
[swift-hash]
swift_hash_path_prefix = varve
swift_hash_path_suffix = tests
[swift-constraints]
container_listing_limit = 100
[storage-policy:0]
name = first
default = yes
[storage-policy:1]
name = second
"""

STORAGE_CONF = """
[DEFAULT]
swift_dir = {etc}
log_custom_handlers = swift_server.log_to_stderr
devices = {devices}
mount_check = false
fallocate_reserve = 0
db_preallocation = off
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
# It shares its thread with the container server, which may be busy; by default a listing would be late then.
container_update_timeout = 60
"""

PROXY_CONF = """
[DEFAULT]
swift_dir = {etc}
log_custom_handlers = swift_server.log_to_stderr
[pipeline:main]
pipeline = catch_errors healthcheck cache {auth} dlo slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
paste.filter_factory = swift_server:cache_in_memory
[filter:tempauth]
use = egg:swift#tempauth
user_shop_writer = secret-of-the-writer .admin
user_shop_reader = secret-of-the-reader
token_life = {token_life}
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
cache = swift.cache
www_authenticate_uri = {identity}
auth_url = {identity}
auth_type = password
username = admin
password = secret-of-the-admin
project_name = admin
user_domain_id = default
project_domain_id = default
interface = public
delay_auth_decision = true
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin
[filter:dlo]
use = egg:swift#dlo
[filter:slo]
use = egg:swift#slo
"""


def log_to_stderr(_conf, _name, _to_console, _route, _format, logger, _adapted):
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    logger.addHandler(handler)


def cache_in_memory(_conf, **_more):
    """The filter that gives the proxy its cache."""
    from swift.common.memcached import MemcacheRing

    class Memory(MemcacheRing):
        def __init__(self):
            super().__init__([])
            self._kept = {}

        def set(self, key, value, **_):
            self._kept[key] = value

        def get(self, key, **_):
            return self._kept.get(key)

        def delete(self, key, **_):
            self._kept.pop(key, None)

        def incr(self, key, delta=1, **_):
            self._kept[key] = self._kept.get(key, 0) + delta
            return self._kept[key]

    def with_cache(app):
        memory = Memory()

        def call(env, start_response):
            env["swift.cache"] = memory
            return app(env, start_response)
        return call
    return with_cache


def listening(port=0):
    import eventlet
    return eventlet.listen(("127.0.0.1", port), reuse_addr=True)


def write_ring(etc, name, port):
    from swift.common.ring import RingBuilder
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": port, "device": DEVICE,
                     "replication_ip": "127.0.0.1", "replication_port": port, "meta": ""})
    builder.rebalance()
    builder.get_ring().save(str(etc / f"{name}.ring.gz"))


def main(folder, port, identity=""):
    from swift.common import utils
    utils.eventlet_monkey_patch()
    import eventlet
    from swift.common import storage_policy, wsgi

    etc, devices = folder / "etc", folder / "devices"
    for made in (etc, devices / DEVICE):
        made.mkdir(parents=True, exist_ok=True)
    (etc / "swift.conf").write_text(SWIFT_CONF)
    utils.set_swift_dir(str(etc))
    storage_policy.reload_storage_policies()

    sockets = {kind: listening() for kind in ("account", "container", "object")}
    for kind, listener in sockets.items():
        write_ring(etc, kind, listener.getsockname()[1])
        (etc / f"{kind}.conf").write_text(STORAGE_CONF.format(etc=etc, devices=devices, kind=kind))
    write_ring(etc, "object-1", sockets["object"].getsockname()[1])
    auth = "authtoken keystoneauth" if identity else "tempauth"
    (etc / "proxy.conf").write_text(PROXY_CONF.format(etc=etc, auth=auth, identity=identity,
                                                      token_life=os.environ.get("TOKEN_LIFE", "3600")))
    sockets["proxy"] = listening(port)

    for kind, listener in sockets.items():
        app = wsgi.loadapp(str(etc / f"{kind}.conf"), global_conf={"log_name": kind})
        eventlet.spawn(eventlet.wsgi.server, listener, app, utils.NullLogger(), protocol=wsgi.SwiftHttpProtocol,
                       capitalize_response_headers=False)
    eventlet.hubs.get_hub().switch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
