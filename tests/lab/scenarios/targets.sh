#!/bin/bash
# A recovery point of several targets, targets that Azure is still preparing, targets behind a private endpoint that this
# host is outside of or within, and a Windows VM's two entries.
# weight=170
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

make_disk_linux "$LAB_WORK/a.img"
make_disk_ext4 "$LAB_WORK/b.img"
make_disk_xfs "$LAB_WORK/c.img"
start_azure -- "$LAB_WORK/a.img" "$LAB_WORK/b.img" "$LAB_WORK/c.img"
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before
secrets_watch_where_traced "$(cat "$azure/token")" "$(cat "$azure/client-secret")"

operations_at_azure() { azure_ctl state | grep -c '"kind": "provision"' || true; }
status_now() { azilr status --json > "$LAB_WORK/status.json" && json_get "$LAB_WORK/status.json" sessions.0.status; }

step "two targets, three disks: all of them, the first target's first"
azure_set multi_target=2
expect_exit 0 azilr mount web01 "${point_options[@]}" --initiator-name "$initiator"
assert_contains "$LAB_WORK/stderr" "to 2 targets"
session=$(ls /mnt/azilr)
volumes=/mnt/azilr/$session/volumes
assert_eq "$(find /sys/class/iscsi_session -mindepth 1 | wc -l)" 2 "sessions"
assert_manifest "$LAB_WORK/a.img.root.manifest" "$volumes/disk0p2"
assert_manifest "$LAB_WORK/b.img.root.manifest" "$volumes/disk1"
assert_manifest "$LAB_WORK/c.img.root.manifest" "$volumes/disk2"
for disk in sda sdb sdc; do assert_eq "$(blockdev --getro /dev/$disk)" 1 "$disk"; done
assert_eq "$(links_of_host 'sd*')" "" "links to the backup's disks"
[ ! -d /etc/iscsi/send_targets ] || assert_eq "$(find /etc/iscsi/send_targets -type f)" "" "a discovery record is left"

step "the portal was asked under the given initiator name, and no secret was in sight"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
grep '"session": "Discovery"' "$azure/portal.jsonl" > "$LAB_WORK/discoveries"
assert_lacks "$(grep -v "\"initiator\": \"$initiator\"" "$LAB_WORK/discoveries" || true)" Discovery
assert_nothing_left
azure_reset
azure_set polls_before_success=0

# Waits in the background, until it says so.
start_waiting() {
    azilr mount web01 "${point_options[@]}" "$@" > "$LAB_WORK/waiting.out" 2> "$LAB_WORK/waiting" &
    waiting=$!
    retry_until 60 grep -q "still preparing" "$LAB_WORK/waiting"
}

step "not ready yet: it waits, and goes on once it is"
azure_set discovery=notready
start_waiting
assert_eq "$(status_now)" working
azure_set discovery=normal
wait $waiting || fail "the mount failed: $(cat "$LAB_WORK/waiting")"
assert_manifest "$LAB_WORK/c.img.root.manifest" "$volumes/disk2"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "interrupted: this host is as it was, but the access stays, and the next mount goes on with it, whatever came since"
azure_set discovery=notready 'hidden_points=["630000000000000002"]'
start_waiting --initiator-name "$initiator"
kill -INT $waiting
status=0
wait $waiting || status=$?
assert_eq $status 130
cat "$LAB_WORK/waiting"
assert_contains "$LAB_WORK/waiting" "goes on with it"
assert_eq "$(status_now)" preparing
assert_eq "$(find /sys/class/iscsi_session -mindepth 1 2> /dev/null)$(pgrep -x azilr)" "" "left on this host"
before=$(operations_at_azure)
azure_set discovery=normal 'hidden_points=[]'
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "as $initiator"
assert_contains "$LAB_WORK/stderr" "taking that up (session web01-20261119T030000Z)"
assert_eq "$(operations_at_azure)" "$before" "provisions"
assert_manifest "$LAB_WORK/b.img.root.manifest" /mnt/azilr/web01-20261119T030000Z/volumes/disk1
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "the same with scripts by the list action, and killed; --wait is an end too"
azure_set generation=list discovery=notready
start_waiting
kill -KILL $waiting
wait $waiting || true
assert_eq "$(status_now)" preparing
expect_exit 5 azilr mount web01 "${point_options[@]}" --wait 1
assert_contains "$LAB_WORK/stderr" "--wait"
assert_eq "$(status_now)" preparing
azure_set discovery=normal
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_manifest "$LAB_WORK/a.img.efi.manifest" "$volumes/disk0p1"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "given up: unmount revokes it"
azure_set generation=inline discovery=notready
expect_exit 5 azilr mount web01 "${point_options[@]}" --wait 0
assert_eq "$(status_now)" preparing
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "blocked: no wait, and the reason"
azure_set discovery=blocked
expect_exit 5 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "private endpoint"
assert_nothing_left

step "a portal by private link, outside of its network: the name is not known"
private=00000000-0000-4000-8000-0000000000c1-pod01-rec2.weu.privatelink.backup.windowsazure.com
azure_set discovery=normal private_endpoint=true
expect_exit 5 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "$private"
assert_contains "$LAB_WORK/stderr" "with a private endpoint the name is known only inside"
assert_nothing_left

step "within it: the certificate is for the name without the label"
echo "127.0.0.2 $private" >> /etc/hosts
host_snapshot before
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_eq "$(status_now)" mounted
assert_contains "$LAB_WORK/status.json" "$private"
assert_manifest "$LAB_WORK/b.img.root.manifest" "$volumes/disk1"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "and a certificate for another name is not taken"
azure_set portal_cert=wrong_name
expect_exit 5 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "ertificate"
assert_contains "$LAB_WORK/stderr" "$portal"
assert_nothing_left

step "a discovery record of somebody else stays, and another port is taken"
azure_reset
azure_set polls_before_success=0
iscsiadm -m discoverydb -t sendtargets -p 127.0.0.1:5365 -o new
cleanup_fn rm -rf /etc/iscsi/send_targets
host_snapshot before
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "port 5366"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left
rm -rf /etc/iscsi/send_targets
host_snapshot before

step "a Windows VM's entries: the .txt one gives all that is needed"
azure_set script_kind=txt
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_manifest "$LAB_WORK/b.img.root.manifest" "$volumes/disk1"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left
secrets_watch_stop
