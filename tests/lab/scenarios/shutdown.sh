#!/bin/bash
# A reboot with a mounted session that a service is in, with a portal that is silent and an Azure that is dead: it is
# taken down in order, in a bounded time, and what could not be revoked is told after the boot, and removed.
# weight=94
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

assert_eq "$(cat /proc/1/comm)" systemd "process 1"

# A service that reads, and one that notes when the shutdown begins and ends; both are stopped by systemd.
mount_and_read() {
    expect_exit 0 azilr mount web01 "${point_options[@]}" --json
    session=$(json_get "$LAB_WORK/stdout" id)
    echo "$session" > "$LAB_WORK/session"
    systemd-run --quiet --unit lab-reader --property=TimeoutStopSec=5 \
        sh -c "cd /mnt/azilr/$session/volumes/disk0p2; while :; do cat etc/* > /dev/null 2>&1; sleep 0.1; done"
    # stopped after the keeper and the tunnel: what is left on the host at that moment
    cat > "$LAB_WORK/witness.sh" << WITNESS
date +%s > $LAB_WORK/stopped
grep -c azilr /proc/self/mountinfo > $LAB_WORK/mounts
ls /sys/class/iscsi_session > $LAB_WORK/sessions
basename -s .json /var/lib/azilr/sessions/* > $LAB_WORK/left
journalctl --no-pager -o cat -t azilr-keeper > $LAB_WORK/keeper
WITNESS
    systemd-run --quiet --unit lab-witness --property=Before="azilr-keeper-$session.service azilr-tunnel-$session.service" \
        --property=After=local-fs.target --property=ExecStop="/bin/sh $LAB_WORK/witness.sh" sleep infinity
    retry_until 10 systemctl is-active lab-reader lab-witness
    rm -f "$LAB_WORK/stopped"
    date +%s > "$LAB_WORK/begun"
}

assert_taken_down() { # at most so many SECONDS
    local took
    took=$(($(cat "$LAB_WORK/stopped") - $(cat "$LAB_WORK/begun")))
    cat "$LAB_WORK/keeper"
    assert_eq "$(cat "$LAB_WORK/mounts")" 0 "mounts left when the keeper had stopped"
    assert_eq "$(cat "$LAB_WORK/sessions")" "" "iSCSI sessions left then"
    echo "# $2: taken down $took s after the reboot was asked for"
    [ $took -le "$1" ] || fail "the shutdown was held up for $took s"
}

disk=$LAB_WORK/disk.img
[ "$LAB_BOOT" != 1 ] || make_disk_linux "$disk"

if [ "$LAB_BOOT" = 1 ]; then
    start_azure -- "$disk"
    azure_set polls_before_success=0
    systemctl start iscsid
    mount_and_read
    # Azure refuses, and of the portal nothing at all is heard
    cut_network
    stop_azure
    reboot_host
fi

session=$(cat "$LAB_WORK/session")
step "after the boot: what is left is told"
assert_taken_down 90 "portal silent, Azure dead"
# systemctl, that is: a job of systemd's that waits for the keeper is not to be waited for by it
assert_lacks "$LAB_WORK/keeper" "did not finish within"
[ ! -e /run/azilr ] || fail "/run/azilr is there"
start_azure -- "$disk"
expect_exit 0 azilr status
assert_eq "$(cat "$LAB_WORK/left")" "$session" "sessions whose access could not be revoked"
assert_contains "$LAB_WORK/stdout" "$session"
assert_contains "$LAB_WORK/stdout" "left from before this host was started"

step "and removed, however often"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "nothing is open"
[ ! -e /var/lib/azilr ] || fail "something is left in /var/lib/azilr"
[ -z "$(find /etc/iscsi -path '*nodes/*' -o -path '*ifaces/azilr*')" ] || fail "records are left"

step "with a portal and an Azure that are well: nothing at all is left"
# one reboot is dear; of this one the keeper hears as of a real one, from systemctl, and by its unit's stop
host_snapshot before
azure_set polls_before_success=0
cp /usr/bin/systemctl "$LAB_WORK/systemctl.real"
cat > "$LAB_WORK/systemctl" << SH
#!/bin/sh
[ "\$1" != is-system-running ] || { echo stopping; exit 1; }
exec "$LAB_WORK/systemctl.real" "\$@"
SH
chmod 755 "$LAB_WORK/systemctl"
expect_exit 0 azilr mount web01 "${point_options[@]}"
session=$(ls /mnt/azilr)
mount --bind "$LAB_WORK/systemctl" /usr/bin/systemctl
"$LAB_WORK/systemctl.real" stop "azilr-keeper-$session.service"
umount /usr/bin/systemctl
journalctl --no-pager -o cat -t azilr-keeper | grep -F "everything of the backup $session is taken down" ||
    fail "the keeper did not take it down"
assert_revoked
assert_nothing_left
