"""Repositories in OpenStack's Swift: the ways to log in that it has of its own and with Keystone, and what is said of wrong ones."""
import urllib.request

import pytest

from harness.stores import Keystone, RestServer, Swift
from support.mixed_folder import content, fill
from support.stores import at_store, sound

pytestmark = pytest.mark.all

FAILED, NO_REPOSITORY = 1, 10


@pytest.fixture(scope="module")
def swift():
    with Swift() as store:
        yield store


@pytest.fixture(scope="module")
def keystone():
    """A Swift whose logins are Keystone's, which knows it in two regions of which one is gone; and the Keystone."""
    with Keystone() as identity, Swift(identity) as store:
        identity.register({"elsewhere": "127.0.0.1:9", "here": store.host})
        store.env = {**identity.env, "OS_REGION_NAME": identity.REGION}
        yield store, identity


def head(url, token):
    request = urllib.request.Request(url, method="HEAD", headers={"X-Auth-Token": token})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers


def token_of(store):
    """What a login at its own identity service gives: where the account is, and the token."""
    request = urllib.request.Request(store.env["ST_AUTH"], headers={"X-Auth-User": store.USER, "X-Auth-Key": store.PASSWORD})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]


def goes_both_ways(varve, tmp_path, **of_restic):
    """What either program writes there is read by the other one."""
    fill(tmp_path / "folder")
    varve("init")
    varve("backup", "files", tmp_path / "folder")
    varve.restic("backup", tmp_path / "folder", env=of_restic or None)
    varve("check", "--read-data")
    varve.restic("check", "--read-data", env=of_restic or None)
    varve("restore", f"latest:{tmp_path / 'folder'}", "--target", tmp_path / "by varve")
    assert content(tmp_path / "by varve") == content(tmp_path / "folder")
    varve("forget", "latest", "--prune")


@pytest.mark.parametrize("env, sentence", [
    ({"ST_KEY": "wrong-password"}, "the user, the password or the project is wrong"),
    ({"ST_USER": "shop:nobody"}, "the user, the password or the project is wrong"),
    ({"ST_KEY": ""}, "has no password"),
    ({"ST_USER": ""}, "names no user"),
    ({"ST_AUTH": ""}, "there is no login for Swift"),
    ({"ST_AUTH": "", "OS_CLOUD": "shop"}, "no clouds.yaml"),
    ({"ST_USER": "shop:reader", "ST_KEY": "secret-of-the-reader"}, "it is not allowed"),
    ({"SWIFT_DEFAULT_CONTAINER_POLICY": "unknown"}, 'SWIFT_DEFAULT_CONTAINER_POLICY names the policy "unknown"'),
])
def test_a_wrong_login_is_told(tmp_path, swift, env, sentence):
    done = at_store(tmp_path, swift, "wrong", **env)("init", code=FAILED)
    assert sentence in done.stderr, done
    assert not any(word in done.stderr for word in (swift.PASSWORD, "wrong-password", "secret-of-the-reader")), done


def test_a_container_that_is_not_there_holds_no_repository(tmp_path, swift):
    done = at_store(tmp_path, swift, "no-such-container")("snapshots", code=NO_REPOSITORY)
    assert "no repository" in done.stderr, done


def test_a_container_is_made_with_the_policy_that_is_named(tmp_path, swift):
    at_store(tmp_path, swift, "policy", SWIFT_DEFAULT_CONTAINER_POLICY="second")("init")
    url, token = token_of(swift)
    assert head(f"{url}/policy", token)["X-Storage-Policy"] == "second"


def test_a_token_is_a_login_until_it_ends(tmp_path):
    with Swift() as store:
        url, token = token_of(store)
        varve = at_store(tmp_path, store, "token", ST_AUTH="", ST_USER="", ST_KEY="", OS_STORAGE_URL=url, OS_AUTH_TOKEN=token)
        goes_both_ways(varve, tmp_path)
        store.kill()
        store.start_again()
        done = varve("snapshots", code=FAILED)
        assert "the token of OS_AUTH_TOKEN" in done.stderr and token not in done.stderr, done


def test_a_run_outlives_its_token(tmp_path):
    with Swift(TOKEN_LIFE="2") as store:
        varve = at_store(tmp_path, store, "short")
        varve("init")
        slow = "for i in 1 2 3 4; do head -c 20000000 /dev/urandom; sleep 1; done"
        varve("backup", "stdin", "--name", "noise", "--command", "--", "sh", "-c", slow)
        varve("check", "--read-data")


def test_two_repositories_have_a_login_each(tmp_path, swift):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    fill(tmp_path / "folder")
    source = at_store(tmp_path / "a", swift, "copied")
    source("init")
    source("backup", "files", tmp_path / "folder")
    with RestServer() as rest:
        target = at_store(tmp_path / "b", rest, "shop", ST_AUTH="http://127.0.0.1:9/v1")
        target.env |= {f"RESTIC_FROM_{name}": value for name, value in swift.env.items()}
        target("init")
        target("copy", "--from-repo", swift.place("copied"), "--from-password-file", source.password_file)
        sound(target)


def test_keystone_takes_a_password(tmp_path, keystone):
    goes_both_ways(at_store(tmp_path, keystone[0], "password/with a folder"), tmp_path)


@pytest.mark.parametrize("named", [False, True])
def test_keystone_takes_an_application_credential(tmp_path, keystone, named):
    store, identity = keystone
    name = f"varve {named}"
    made = identity.application_credential(name)
    parts = {"OS_APPLICATION_CREDENTIAL_SECRET": made["secret"],
             **({"OS_APPLICATION_CREDENTIAL_NAME": name} if named else {"OS_APPLICATION_CREDENTIAL_ID": made["id"]})}
    varve = at_store(tmp_path, store, f"application{named}", OS_PASSWORD="", OS_PROJECT_NAME="", **parts)
    if not named:
        varve.env["OS_USERNAME"] = ""
    goes_both_ways(varve, tmp_path)


@pytest.mark.parametrize("env, sentence", [
    ({"OS_PASSWORD": "wrong-password"}, "the user, the password or the project is wrong"),
    ({"OS_PROJECT_NAME": "none"}, "the user, the password or the project is wrong"),
    ({"OS_PROJECT_NAME": ""}, "a login without a project has none"),
    ({"OS_REGION_NAME": "nowhere"}, "there are: elsewhere, here"),
    ({"OS_REGION_NAME": "elsewhere"}, "cannot connect to 127.0.0.1:9"),
    ({"OS_INTERFACE": "internal"}, "names none that is internal"),
])
def test_what_keystone_refuses_is_told(tmp_path, keystone, env, sentence):
    done = at_store(tmp_path, keystone[0], "wrong", **env)("init", "--retry-for", "0s", code=FAILED)
    assert sentence in done.stderr, done
    assert not any(word in done.stderr for word in (Keystone.PASSWORD, "wrong-password")), done


def test_a_cloud_of_clouds_yaml_is_a_login(tmp_path, keystone):
    store, identity = keystone
    (tmp_path / "clouds.yaml").write_text(f"""
clouds:
  other: {{auth: {{auth_url: "http://127.0.0.1:9/v3"}}}}
  shop:
    region_name: here
    identity_api_version: 3
    auth: &auth
      auth_url: {identity.url}   # without a version
      username: 'admin'
      project_name: "admin"
      user_domain_name: Default
      project_domain_name: Default
""")
    (tmp_path / "secure.yaml").write_text(f"clouds: {{shop: {{auth: {{password: {Keystone.PASSWORD}}}}}}}\n")
    files = {"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"), "OS_CLIENT_SECURE_FILE": str(tmp_path / "secure.yaml")}
    varve = at_store(tmp_path, store, "cloud", **dict.fromkeys(store.env, ""), OS_CLOUD="shop", **files)
    goes_both_ways(varve, tmp_path, **store.env)
    missing = varve("snapshots", code=FAILED, env={"OS_CLOUD": "none"})
    assert f'there is no cloud "none" in {tmp_path / "clouds.yaml"}' in missing.stderr, missing
