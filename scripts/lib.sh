# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run.

# The cache holds what is built or installed once for a machine: one folder per tool and version.
SPILLWAY_CACHE=${SPILLWAY_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/spillway}
export SPILLWAY_CACHE

# The oldest Go that builds every tool, and the one that is fetched when the machine has none as
# new.
readonly GO_MINIMUM=1.26
readonly GO_VERSION=1.26.8

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# version_at_least HAVE WANT
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# go_version FILE: the version of a go program, or nothing.
go_version() {
  GOTOOLCHAIN=local "$1" version 2>/dev/null | sed -n 's/^go version go\([0-9.]*\).*/\1/p'
}

# find_go: prints the folder of a go program that is new enough, from PATH or the cache.
find_go() {
  local candidate version
  for candidate in "$(command -v go || true)" "$SPILLWAY_CACHE/go-$GO_VERSION/bin/go"; do
    [ -x "$candidate" ] || continue
    version=$(go_version "$candidate")
    if [ -n "$version" ] && version_at_least "$version" "$GO_MINIMUM"; then
      dirname "$candidate"
      return 0
    fi
  done
  return 1
}

# use_go: puts a current go on PATH, with an environment that the user's settings cannot bend.
use_go() {
  local folder
  folder=$(find_go) || die "no Go $GO_MINIMUM or newer; 'scripts/setup demo' installs one"
  export PATH="$folder:$PATH" GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0
}

# with_lock NAME COMMAND...: runs it while no other process holds the lock of that name.
with_lock() {
  local name=$1
  shift
  mkdir -p "$SPILLWAY_CACHE"
  (
    if ! flock --nonblock 9; then
      say "waiting for another run to finish ($name)"
      flock 9
    fi
    "$@" 9>&-
  ) 9>"$SPILLWAY_CACHE/.$name.lock"
}

# python_environment: prints the folder of the virtual environment of the end-to-end tests.
python_environment() {
  local requirements
  requirements=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/e2e/requirements.txt
  printf '%s/python-%s\n' "$SPILLWAY_CACHE" "$(sha256sum "$requirements" | cut -c1-16)"
}
