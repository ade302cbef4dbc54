# shellcheck shell=bash
# What the scripts beside this file share; sourced, never run.

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# Installs Debian packages. False when that failed, when this is not Debian, or when we are not root.
debian_install() {
    local output
    [ "$(id -u)" = 0 ] && type -P apt-get >/dev/null || return 1
    say "installing $* with apt-get"
    # Once for all that we start: the variable is inherited.
    [ -n "${APT_UPDATED-}" ] || output=$(apt-get -qq update </dev/null 2>&1) || say "$output"
    export APT_UPDATED=1 DEBIAN_FRONTEND=noninteractive
    output=$(apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" </dev/null 2>&1) || { say "$output"; return 1; }
}
