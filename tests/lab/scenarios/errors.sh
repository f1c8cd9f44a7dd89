#!/bin/bash
# What can go wrong on the way, each with its exit code and a message that names the cause, and nothing left behind.
# weight=135
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

disk=$LAB_WORK/disk.img
dirty=$LAB_WORK/dirty.img
make_disk_ext4 "$disk"
make_disk_ext4_dirty "$dirty"
start_azure -- "$disk" "$dirty"
systemctl start iscsid
host_snapshot before

# Azure has these switches and no other.
given() { azure_reset polls_before_success=0 "$@"; }

# refused CODE TEXT: mount ends with this code and says this.
refused() {
    local code=$1 text=$2
    shift 2
    expect_exit "$code" azilr mount "$@"
    assert_contains "$LAB_WORK/stderr" "$text"
}

# fails CODE TEXT: the same, and nothing is left.
fails() {
    refused "$@"
    assert_nothing_left
}

step "CHAP secret that the target refuses"
given wrong_secret=true
fails 3 "CHAP" web01 "${point_options[@]}"

step "portal closed"
given portal_closed=true
fails 5 "$portal" web01 "${point_options[@]}"

for certificate in wrong_name expired untrusted; do
    step "portal's certificate: $certificate"
    given portal_cert=$certificate
    fails 5 "ertificate" web01 "${point_options[@]}"
    assert_contains "$LAB_WORK/stderr" "$portal"
done

step "expired token"
given
fails 3 "ExpiredAuthenticationToken" web01 "${point_options[@]}" --token-file "$azure/token.expired"
assert_contains "$LAB_WORK/stderr" "request id: "
assert_contains "$LAB_WORK/stderr" "correlation id: "

step "no permission"
given 'forbidden=["provision"]'
fails 3 "AuthorizationFailed" web01 "${point_options[@]}"

step "what was refused is not revoked: it may be somebody else's"
given 'forbidden=["provision", "revoke"]'
revocations=$(grep -c revokeInstantItemRecovery "$azure/requests.jsonl")
fails 3 "AuthorizationFailed" web01 "${point_options[@]}"
assert_eq "$(grep -c revokeInstantItemRecovery "$azure/requests.jsonl")" "$revocations" "requests to revoke"

step "no such recovery point, VM, vault"
given
id=$(azure_fact recovery_points.0.id)
refused 4 "ecovery" "${id%/*}/999999999999999999" "${sign_in[@]}"
refused 4 "web99" web99 "${point_options[@]}"
refused 4 "ault" web01 "${sign_in[@]}" --vault-name none --resource-group rg-backup
assert_nothing_left

step "an id that is no recovery point's, options that are none, a time before all points"
refused 2 "recovery point" "${id%/recoveryPoints/*}" "${sign_in[@]}"
refused 2 "--bogus" web01 --bogus
refused 4 "the oldest of its" web01 "${sign_in[@]}" --at 2001-01-01
refused 2 "teatime" web01 "${sign_in[@]}" --at teatime
refused 2 "initiator" web01 "${point_options[@]}" --initiator-name 'not a name'
refused 2 "one VM" "${point_options[@]}"
assert_nothing_left

step "nothing to sign in with"
expect_exit 3 azilr mount web01 --ca-file "$azure/ca.pem" --vault-name vault1 --resource-group rg-backup
assert_contains "$LAB_WORK/stderr" "AZURE_CLIENT_SECRET"

step "Azure fails, throttles, cuts the script short, points elsewhere, answers with a page"
given 'fail={"state": "Failed", "code": "UserErrorLabSays", "message": "no disk today"}'
fails 5 "UserErrorLabSays" web01 "${point_options[@]}"
given truncated_script=true
fails 5 "script" web01 "${point_options[@]}"
given wrong_host_async=true
fails 5 "evil.example.invalid" web01 "${point_options[@]}"
given 'html={"calls": "provision", "status": 502}'
fails 5 "502" web01 "${point_options[@]}"

step "throttled for a moment is not an error"
given 'throttle={"calls": ["status"], "times": 2}'
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_manifest "$disk.root.manifest" /mnt/azilr/*/volumes/disk0
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "a directory that is in use, or not there"
given
mkdir "$LAB_WORK/full"
touch "$LAB_WORK/full/file"
refused 7 "not empty" web01 "${point_options[@]}" --dir "$LAB_WORK/full"
refused 2 "--dir" web01 "${point_options[@]}" --dir "$LAB_WORK/none/dir"
mkdir -m 777 "$LAB_WORK/anybodys"
refused 2 "others than root" web01 "${point_options[@]}" --dir "$LAB_WORK/anybodys/dir"
mkdir -m 777 "$LAB_WORK/mine"
refused 8 "only root can change" web01 "${point_options[@]}" --dir "$LAB_WORK/mine"
assert_contains "$LAB_WORK/stderr" "choose another place with --dir"
assert_lacks "$LAB_WORK/stderr" "--overlay-dir"
assert_nothing_left

step "a directory for overlays that makes no sense is refused before Azure hears of it"
requests=$(wc -l < "$azure/requests.jsonl")
refused 2 "No such file" web01 "${point_options[@]}" --overlay-dir "$LAB_WORK/none"
refused 2 "others than root" web01 "${point_options[@]}" --overlay-dir "$LAB_WORK/anybodys"
assert_eq "$(wc -l < "$azure/requests.jsonl")" "$requests" "requests to Azure"

step "where the directory for overlays cannot be had, only what needs one lacks it"
mkdir -m 700 /var/lib/azilr
touch /var/lib/azilr/overlays
expect_exit 6 azilr mount web01 "${point_options[@]}"
assert_manifest "$disk.root.manifest" /mnt/azilr/*/volumes/disk0
assert_contains "$LAB_WORK/stdout" "Problem       no overlay of disk1 could be made: the directory for overlays, /var/lib/azilr/overlays: "
assert_contains "$LAB_WORK/stdout" "choose another one with --overlay-dir"
assert_lacks "$LAB_WORK/stdout" "with --dir"
assert_contains "$LAB_WORK/stdout" "disk1: its journal was not replayed"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
rm /var/lib/azilr/overlays
rmdir --ignore-fail-on-non-empty /var/lib/azilr
assert_nothing_left

step "a result that cannot be told is not left mounted"
expect_exit 1 sh -c 'exec azilr mount "$@" > /dev/full' sh web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "standard output"
assert_nothing_left
