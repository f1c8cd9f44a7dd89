# shellcheck shell=bash
# What azilr promises not to change on the host, and who sees a secret meanwhile.

# Some of the places need not be there.
_hashes() { { find "$@" -type f -print0 2> /dev/null || true; } | LC_ALL=C sort -z | xargs -0 -r sha256sum; }
_listing() { { find "$@" -printf '%y %m %U:%G %p %l\n' 2> /dev/null || true; } | LC_ALL=C sort; }

# Looking must change nothing: iscsiadm makes the directories of its records when it is asked for
# them, and may start the daemon when it is asked for sessions.
_iscsi_state() {
    { find /sys/class/iscsi_session -mindepth 1 -printf '%f\n' 2> /dev/null || true; } | sort | while read -r session; do
        echo "$session $(cat "/sys/class/iscsi_session/$session/targetname")"
    done
    [ ! -d /etc/iscsi/nodes ] || iscsiadm -m node 2>&1 || true
    [ ! -d /etc/iscsi/ifaces ] || iscsiadm -m iface 2>&1 || true
}

_azilr_processes() {
    local pid
    for pid in $(pgrep -x azilr || true); do
        ps -o args= -p "$pid" || true
        ps -o args= --ppid "$pid" || true
    done | sort
}

# host_snapshot NAME: the state of the host, in files that can be compared.
host_snapshot() {
    local dir=$LAB_WORK/host.$1
    udevadm settle
    rm -rf "$dir"
    mkdir -p "$dir"
    _hashes /etc/iscsi /var/lib/iscsi > "$dir/iscsi-files"
    _listing /etc/iscsi /var/lib/iscsi > "$dir/iscsi-listing"
    _iscsi_state > "$dir/iscsi-state"
    _hashes /etc/lvm /etc/mdadm /etc/multipath /etc/multipath.conf > "$dir/storage-files"
    # Without the ids of the mounts, which are only numbers.
    cut -d ' ' -f 3- /proc/self/mountinfo | sed 's/^[0-9]*:[0-9]* //' > "$dir/mountinfo"
    { dmsetup ls; dmsetup table; } > "$dir/dm" 2>&1
    losetup -a > "$dir/loops"
    # Arrays; not which RAID levels the kernel has loaded.
    sed '/^Personalities/d; /^unused/d' /proc/mdstat > "$dir/mdstat" 2> /dev/null || true
    pvs --noheadings -o pv_name,pv_uuid,vg_name > "$dir/pvs" 2>&1
    vgs --noheadings -o vg_name,vg_uuid,vg_attr,pv_count,lv_count > "$dir/vgs" 2>&1
    _listing /run/azilr /var/lib/azilr /mnt/azilr /run/udev/rules.d > "$dir/azilr-files"
    _azilr_processes > "$dir/processes"
    ss -Hltnp 'src 127.0.0.1' | grep '"azilr"' > "$dir/listeners" || true
    find /sys/block -name 'sd*' -printf '%f\n' | sort > "$dir/disks"
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

secrets_watch_stop() {
    secrets_watch_finish
    cat "$LAB_WORK/secrets.log"
    ! grep -q '^SEEN' "$LAB_WORK/secrets.log" || fail "a secret was in sight"
}

# No secret in any of these files or directories.
assert_no_secret_in() {
    local found
    found=$(grep -rlaF -f "$LAB_WORK/secrets" "$@" 2> /dev/null || true)
    [ -z "$found" ] || fail "a secret is in: $found"
}
