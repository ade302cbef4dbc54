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

# The same for servers, which Debian's packages would also start as servers of the system's own; nobody asked for those.
debian_install_stopped() {
    local policy=/usr/sbin/policy-rc.d installed=0
    [ "$(id -u)" = 0 ] || return 1
    if [ -e "$policy" ]; then debian_install "$@"; return; fi
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" || return 1
    debian_install "$@" || installed=1
    rm -f "$policy"
    return "$installed"
}

# Has clean_up called at the end, whatever ends the script.
clean_up_at_the_end() {
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

# Runs the command that a script was given; its number is in $command meanwhile. It has a process group of its own, so that
# nothing it started outlives it.
run_command() {
    # In the background, because bash acts on a signal only while it waits; a background process must not read the terminal.
    if [ -t 0 ]; then exec </dev/null; fi
    set -m
    "$@" &
    command=$!
    set +m
    wait "$command"
}

# Ends that command and all that it started.
stop_command() {
    [ -n "$command" ] && kill -TERM -- "-$command" 2>/dev/null || return 0
    for _ in {1..100}; do
        kill -0 -- "-$command" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL -- "-$command" 2>/dev/null || true
}
