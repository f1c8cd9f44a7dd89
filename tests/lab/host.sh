# shellcheck shell=bash
# What azilr promises not to change on the host, and who sees a secret meanwhile.

# host_snapshot NAME: the state of the host, in files that can be compared.
host_snapshot() {
    udevadm settle
    rm -rf "$LAB_WORK/host.$1"
    "$AZILR_LAB/host-state" "$LAB_WORK/host.$1"
}

assert_host_same() {
    diff -ru "$LAB_WORK/host.$1" "$LAB_WORK/host.$2" || fail "the host is not as it was ($1, $2)"
}

# secrets_watch_start SECRET...: from now on nobody may have one of these in his arguments or environment.
secrets_watch_start() {
    printf '%s\n' "$@" > "$LAB_WORK/secrets"
    chmod 600 "$LAB_WORK/secrets"
    rm -f "$LAB_WORK/secrets.ready"
    AZILR_LAB_TESTSIDE=1 "$AZILR_LAB/secrets-watch" "$LAB_WORK" > "$LAB_WORK/secrets.log" 2>&1 &
    _secrets_pid=$!
    cleanup_fn _secrets_watch_end
    # It is ready, or has ended with a reason.
    retry_until 20 _secrets_watch_settled
    [ -e "$LAB_WORK/secrets.ready" ] || fail "no watch for secrets: $(cat "$LAB_WORK/secrets.log")"
}

# For scenarios that look at something else in the first place: where the kernel cannot trace, they go without the watch.
secrets_watch_where_traced() {
    if [ -d /sys/kernel/tracing/instances ]; then
        secrets_watch_start "$@"
    else
        echo "(this kernel cannot trace: no watch for secrets)"
        _no_watch=1
    fi
}

_secrets_watch_settled() {
    [ -e "$LAB_WORK/secrets.ready" ] || ! kill -0 "$_secrets_pid"
}

_secrets_watch_end() {
    [ -n "${_secrets_pid-}" ] || return 0
    kill "$_secrets_pid" 2> /dev/null || true
    wait "$_secrets_pid" 2> /dev/null || true
    _secrets_pid=
}

# Ends the watch and keeps what it saw in $LAB_WORK/secrets.log.
secrets_watch_finish() {
    kill -0 "${_secrets_pid:-none}" 2> /dev/null ||
        fail "the watch for secrets had ended by itself: $(cat "$LAB_WORK/secrets.log")"
    # Its last look.
    sleep 0.3
    _secrets_watch_end
}

# secrets_watch_stop [PID]: with the process that got a secret in its environment from a person; it has one there when it
# starts, and nobody else may.
secrets_watch_stop() {
    local given='^$'
    [ -z "${_no_watch-}" ] || return 0
    secrets_watch_finish
    cat "$LAB_WORK/secrets.log"
    if [ $# -gt 0 ]; then
        given="in the environment of [^ ]* (pid $1)"
        grep -q "^SEEN .* $given" "$LAB_WORK/secrets.log" || fail "the watch did not see what process $1 was given"
    fi
    [ -z "$(sed -n '/^SEEN/p' "$LAB_WORK/secrets.log" | sed "/$given/d")" ] || fail "a secret was in sight"
}

# No secret in any of these files or directories.
assert_no_secret_in() {
    local found
    found=$(grep -rlaF -f "$LAB_WORK/secrets" "$@" 2> /dev/null || true)
    [ -z "$found" ] || fail "a secret is in: $found"
}
