#!/bin/bash
# No core dump of azilr, its tunnel, its keeper, or a child that holds a secret, whenever it crashes; be it that the kernel
# writes cores to files or that it hands them to a program, which a limit of 0 does not hold.
# weight=46
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
requires cryptsetup

cd "$LAB_WORK" || exit
step "a backup with an encrypted volume, which takes a while to open"
(umask 077 && head -c 18 /dev/urandom | base64 -w0 > key)
truncate -s 40M luks.img
testside cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 150000 --key-file key luks.img
start_azure -- "$PWD/luks.img"
systemctl start iscsid
host_snapshot before
id=$(azure_fact recovery_points.0.id)

mkdir -m 777 cores
chmod 755 .
settings=(kernel.core_pattern kernel.core_pipe_limit fs.suid_dumpable)
for setting in "${settings[@]}"; do cleanup_fn sysctl -q "$setting=$(sysctl -n "$setting")"; done
# the kernel then waits for the program that takes a core, before the process is gone
sysctl -q kernel.core_pipe_limit=8 fs.suid_dumpable=1
# shellcheck disable=SC2016 # of the program that is written here
printf '#!/bin/sh\ncat > %s/cores/"$1"\n' "$PWD" > take-core
chmod +x take-core
ulimit -c unlimited

crash() { # PID: there is no core, or all of it, when this returns
    kill -SEGV "$1"
    retry_until 20 sh -c "! kill -0 $1"
}
provisions_so_far() { grep -c provisionInstantItemRecovery "$azure/requests.jsonl" || true; }
provision_has_begun() { [ "$(provisions_so_far)" -gt "$provisions" ]; }
no_cores() { assert_eq "$(ls cores)" "" "core dumps"; }

crash_everything() { # CORE-PATTERN
    local control mount status provisions unit name pid
    sysctl -q "kernel.core_pattern=$1"
    # this is how it is seen where nothing is done about it
    sleep 1000 &
    control=$!
    retry_until 10 grep -qx sleep "/proc/$control/comm"
    kill -SEGV $control
    wait $control || true
    [ -s "cores/sleep.$control" ] || fail "no core of a program that leaves one: $(ls cores)"
    rm cores/*

    echo "# azilr, while it holds a token"
    azure_set operation_seconds=600
    provisions=$(provisions_so_far)
    azilr mount "$id" "${sign_in[@]}" --key-file key > out 2>&1 &
    mount=$!
    retry_until 60 provision_has_begun
    kill -SEGV $mount
    status=0
    wait $mount || status=$?
    assert_eq $status 139 "how it ended"
    no_cores
    azure_set operation_seconds=0
    expect_exit 0 azilr unmount --all "${sign_in[@]}"

    echo "# a child with a passphrase; then the tunnel and the keeper"
    azilr mount "$id" "${sign_in[@]}" --key-file key > out 2>&1 &
    mount=$!
    retry_until 90 pkill -SEGV -x cryptsetup
    status=0
    wait $mount || status=$?
    cat out
    no_cores
    for unit in tunnel keeper; do
        name=$(systemctl list-units --plain --no-legend "azilr-$unit-*" | cut -d ' ' -f 1)
        pid=$(systemctl show --value -p MainPID "$name")
        crash "$pid"
        retry_until 30 sh -c "systemctl show --value -p NRestarts $name | grep -qx 1"
        no_cores
    done
    expect_exit 0 azilr unmount --all "${sign_in[@]}"
    assert_nothing_left
}

step "cores that the kernel writes to files"
crash_everything "$PWD/cores/%e.%p"
step "cores that it hands to a program"
crash_everything "|$PWD/take-core %e.%p"
