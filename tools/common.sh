# Sourced by the other scripts, from the project's root: where everything is.
# shellcheck shell=bash disable=SC2034

# Slow things live outside the clone, so that a fresh one is warm. Each folder's name holds the version or the hash of
# the pins that it was made from, so a changed pin makes a new one.
cache=${VARVE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/varve}

hash_of() { cat "$@" | sha256sum | cut -c1-12; }

go_version=1.27.3
go_home=$cache/go-$go_version
venv=$cache/venv-$(hash_of tests/requirements.txt)
python=$venv/bin/python
peers=$cache/peers-$(hash_of tests/peers/go.mod tests/peers/go.sum)
ferretdb=$cache/ferretdb-$(hash_of tests/peers/ferretdb/go.mod tests/peers/ferretdb/go.sum tests/peers/ferretdb/main.go)
secantus=$cache/secantus-$(hash_of tests/peers/secantus/requirements.txt)
stores=$cache/stores-$(hash_of tests/peers/stores/go.mod tests/peers/stores/go.sum)
azurite=$cache/azurite-$(hash_of tests/peers/azurite/package.json tests/peers/azurite/package-lock.json)
fake_gcs=$cache/fake-gcs-$(hash_of tests/peers/gcs/go.mod tests/peers/gcs/go.sum)
default_mongod=6.0.5

# A mongod of the user's own is the default server if the tests can use it; a wheel's is the default elsewhere.
own_mongod() {
  local major
  command -v mongod >/dev/null || return 1
  major=$(mongod --version | sed -n 's/^db version v\([0-9]*\).*/\1/p')
  [ "${major:-0}" -ge 6 ]
}

# What the test harness reads.
export VARVE_CACHE=$cache VARVE_PEERS=$peers VARVE_BIN=${VARVE_BIN:-$PWD/build/release/bin/varve}
export VARVE_FERRETDB=$ferretdb VARVE_SECANTUS=$secantus VARVE_STORES=$stores VARVE_AZURITE=$azurite VARVE_FAKE_GCS=$fake_gcs
export PYTHONPATH=$PWD/tests${PYTHONPATH:+:$PYTHONPATH} PYTHONDONTWRITEBYTECODE=1
