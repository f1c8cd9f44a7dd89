#!/bin/bash
# A session whose access is extended: what is mounted stays, the record gets the new password, and the access outlives an
# unmount that is told to keep it.
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk linux
id=$(azure_fact recovery_points.0.id)

step "a renewal leaves the mounts alone"
expect_exit 0 azilr mount "$id" "${sign_in[@]}" --json
session=$(json_get "$LAB_WORK/stdout" id)
expires=$(json_get "$LAB_WORK/stdout" expires)
sleep 2
expect_exit 0 azilr renew "$session" "${sign_in[@]}" --json
[[ $(json_get "$LAB_WORK/stdout" expires) > $expires ]] || fail "it does not last longer"
assert_manifest "$disk.root.manifest" "/mnt/azilr/$session/volumes/disk0p2"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" mounted

step "the record has the new password, for logins from then on"
records=$(find /etc/iscsi/nodes -type f)
[ "$(stat -c %a "$records")" = 600 ] || fail "others can read the record"
grep -qF -f <(azure_secrets) "$records" || fail "no secret of this access is in the record"

step "access that is kept is taken up by the next mount"
expect_exit 0 azilr unmount "$session" --keep-access
assert_contains "$LAB_WORK/stdout" "kept the access"
expect_exit 0 azilr mount "$id" "${sign_in[@]}"
assert_contains "$LAB_WORK/stderr" "is open already"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left
