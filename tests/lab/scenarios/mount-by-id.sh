#!/bin/bash
# The recovery point given by its ARM id, sign-in by client secret, scripts only to be had from the list action, a slow
# operation and a renewal; results as JSON, in a directory of the person's choice.
# machine=qemu: it traces execve
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk ext4

AZURE_TENANT_ID=$(azure_fact tenant_id) AZURE_CLIENT_ID=$(azure_fact client_id)
AZURE_CLIENT_SECRET=$(cat "$azure/client-secret")
export AZURE_TENANT_ID AZURE_CLIENT_ID
id=$(azure_fact recovery_points.0.id)

step "the client secret is in the environment of nobody but azilr, and there only until it has been read"
secrets_watch_start "$AZURE_CLIENT_SECRET"
(export AZURE_CLIENT_SECRET && exec azilr mount "$id" --ca-file "$azure/ca.pem") > "$LAB_WORK/out" 2> "$LAB_WORK/progress" &
mount=$!
retry_until 60 grep -q "Finding the recovery point" "$LAB_WORK/progress"
assert_eq "$(cat "/proc/$mount/comm")" azilr
assert_no_secret_in "/proc/$mount/environ"
wait $mount || fail "the mount failed: $(cat "$LAB_WORK/progress")"
for pid in $(pgrep -x azilr); do assert_no_secret_in "/proc/$pid/environ"; done
secrets_watch_stop $mount
assert_no_secret_in /run/azilr /var/lib/azilr "$LAB_WORK/out" "$LAB_WORK/progress"
export AZURE_CLIENT_SECRET
expect_exit 0 azilr unmount --all --ca-file "$azure/ca.pem"
assert_nothing_left

for kind in py sh; do
    step "a .$kind script by the list action, into a directory of our own"
    azure_set generation=list script_kind=$kind operation_seconds=2
    expect_exit 0 azilr mount "$id" --ca-file "$azure/ca.pem" --dir "$LAB_WORK/here" --json --quiet
    assert_eq "$(cat "$LAB_WORK/stderr")" "" "--quiet says nothing"
    assert_eq "$(json_get "$LAB_WORK/stdout" directory)" "$LAB_WORK/here"
    assert_eq "$(json_get "$LAB_WORK/stdout" status)" mounted
    assert_eq "$(json_get "$LAB_WORK/stdout" volumes.0.name)" disk0
    assert_eq "$(json_get "$LAB_WORK/stdout" volumes.0.type)" ext4
    assert_contains "$(json_get "$LAB_WORK/stdout" initiator_name)" iqn.2005-03.org.open-iscsi:azilr-
    assert_manifest "$disk.root.manifest" "$LAB_WORK/here/volumes/disk0"

    step "unmount by the directory"
    expect_exit 0 azilr umount "$LAB_WORK/here/volumes" --ca-file "$azure/ca.pem" --json
    assert_eq "$(json_get "$LAB_WORK/stdout" sessions.0.status)" unmounted
    [ ! -e "$LAB_WORK/here" ] || fail "the directory is still there"
    assert_nothing_left
done

step "a registration that somebody left is renewed"
azure_reset
expect_exit 0 azilr mount "$id" --ca-file "$azure/ca.pem"
# as if this host had never heard of it, but in an orderly way
azure_set 'forbidden=["revoke"]'
expect_exit 3 azilr unmount --all --ca-file "$azure/ca.pem"
azure_reset
rm -rf /run/azilr /var/lib/azilr
expect_exit 0 azilr mount "$id" --ca-file "$azure/ca.pem"
assert_contains "$LAB_WORK/stderr" "renewing"
grep -q '"renewExistingRegistration": *true' "$azure/requests.jsonl" || fail "no request was a renewal"
assert_manifest "$disk.root.manifest" /mnt/azilr/*/volumes/disk0
azilr unmount --all --ca-file "$azure/ca.pem" > /dev/null
grep -q '"renewExistingRegistration": *false' "$azure/requests.jsonl" || fail "the first request was a renewal"
azure_set "portal_cert=untrusted" "forbidden=[\"revoke\"]"
expect_exit 5 azilr mount "$id" --ca-file "$azure/ca.pem"
assert_contains "$LAB_WORK/stderr" "azilr unmount"
azure_reset
expect_exit 0 azilr unmount --all --ca-file "$azure/ca.pem"
assert_nothing_left
