#!/bin/bash
# No core dump of azilr, nor of a child that holds a secret, whenever it crashes; be it that the kernel writes cores to files or
# that it hands them to a program, which is not held by a limit of 0.
# timeout=150
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
requires cryptsetup

cd "$LAB_WORK" || exit
step "a backup with an encrypted volume, which takes a while to open"
(umask 077 && head -c 18 /dev/urandom | base64 -w0 > key)
truncate -s 40M luks.img
testside cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 100000 --key-file key luks.img
start_azure -- "$PWD/luks.img"
systemctl start iscsid
AZURE_TENANT_ID=$(azure_fact tenant_id) AZURE_CLIENT_ID=$(azure_fact client_id)
AZURE_CLIENT_SECRET=$(cat "$azure/client-secret")
export AZURE_TENANT_ID AZURE_CLIENT_ID
id=$(azure_fact recovery_points.0.id)

mkdir cores
pattern=$(cat /proc/sys/kernel/core_pattern)
put_back() { echo "$pattern" > /proc/sys/kernel/core_pattern; }
cleanup_fn put_back
printf '#!/bin/sh\ncat > %s/cores/"$1"\n' "$PWD" > take-core
chmod +x take-core
ulimit -c unlimited
crash_when() { # COMMAND: mounts until that is so
    (export AZURE_CLIENT_SECRET && exec azilr mount "$id" --ca-file "$azure/ca.pem" --key-file key --verbose) > out 2> progress &
    mount=$!
    retry_until 60 "$@"
}
in_progress() { grep -q "$1" progress; }
for way in "$PWD/cores/%e.%p" "|$PWD/take-core %e.%p"; do
    step "by $way"
    echo "$way" > /proc/sys/kernel/core_pattern
    sleep 60 &
    kill -SEGV $!
    wait $! || true
    retry_until 10 ls cores/sleep.*
    rm cores/*
    crash_when in_progress "Finding the recovery point"
    kill -SEGV $mount
    wait $mount || true
    crash_when pgrep -x cryptsetup
    pkill -SEGV -x cryptsetup
    pkill -SEGV -x azilr
    wait $mount || true
    expect_exit 0 azilr unmount --all --ca-file "$azure/ca.pem" --token-file "$azure/token"
    sleep 0.5
    assert_eq "$(ls cores)" "" "core dumps"
done
put_back

