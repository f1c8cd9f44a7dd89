#!/bin/bash
# What the host may lack: root, iscsiadm, a running iscsid, SCSI in the kernel, the udev rules.
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk lvm

step "not root"
for command in "mount web01" "unmount --all" status; do
    # shellcheck disable=SC2086
    expect_exit 3 setpriv --reuid 65534 --regid 65534 --clear-groups azilr $command
    assert_contains "$LAB_WORK/stderr" "root"
done

step "no iscsiadm"
mv /usr/sbin/iscsiadm /usr/sbin/iscsiadm.away
cleanup_fn mv -n /usr/sbin/iscsiadm.away /usr/sbin/iscsiadm
expect_exit 8 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "open-iscsi"
mv /usr/sbin/iscsiadm.away /usr/sbin/iscsiadm

step "no iSCSI in the kernel"
systemctl stop iscsid.service iscsid.socket
[ ! -e /sys/module/iscsi_tcp ] || rmmod iscsi_tcp
echo 'install iscsi_tcp /bin/false' > /etc/modprobe.d/lab.conf
cleanup_fn rm -f /etc/modprobe.d/lab.conf
expect_exit 8 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "iscsi_tcp"
rm /etc/modprobe.d/lab.conf
assert_revoked

step "the udev rules switched off: nothing is asked of Azure, and what to do is told"
ln -s /dev/null /etc/udev/rules.d/56-azilr.rules
cleanup_fn rm -f /etc/udev/rules.d/56-azilr.rules
expect_exit 8 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "rm /etc/udev/rules.d/56-azilr.rules"
rm /etc/udev/rules.d/56-azilr.rules
assert_nothing_left

step "something on this host takes the disk as soon as it comes"
mkdir -p /run/udev/rules.d
cat > /run/udev/rules.d/57-lab.rules << 'RULES'
ACTION=="add", ENV{AZILR}=="1", ENV{DEVTYPE}=="disk", \
    PROGRAM="/sbin/dmsetup create --readonly --noudevsync lab-taken --table '0 8 linear $devnode 64'"
RULES
udevadm control --reload
cleanup_fn rm -f /run/udev/rules.d/57-lab.rules
expect_exit 7 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "was taken by something else on this host"
rm /run/udev/rules.d/57-lab.rules
rmdir --ignore-fail-on-non-empty /run/udev/rules.d
udevadm control --reload
retry_until 10 dmsetup remove lab-taken
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left

step "iscsid not running: it is started, and stopped afterwards; the udev rules not installed, or stale: our own copy serves"
mkdir "$LAB_WORK/rules"
mv /usr/lib/udev/rules.d/*-azilr*.rules "$LAB_WORK/rules/"
put_back() { find "$LAB_WORK/rules" -name '*.rules' -exec mv -t /usr/lib/udev/rules.d/ {} +; }
cleanup_fn put_back
echo '# of another version' > /usr/lib/udev/rules.d/56-azilr.rules
udevadm control --reload
expect_exit 0 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "iscsid does not run; starting it"
assert_contains "$LAB_WORK/stderr" "/usr/lib/udev/rules.d/56-azilr.rules is of another version of azilr"
systemctl is-active -q iscsid.service || fail "iscsid does not run"
assert_eq "$(ls /run/udev/rules.d)" "$(ls "$LAB_WORK/rules")" "the rules in /run"
udevadm settle
assert_eq "$(blockdev --getro /dev/sda)" 1
assert_eq "$(dmsetup ls | grep -v '^azilr-' || true)" "" "somebody else activated the backup's volume group"
assert_eq "$(links_of_host 'sd*')" "" "links to the backup's disks"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
! systemctl is-active -q iscsid.service || fail "iscsid was left running"
put_back
udevadm control --reload
assert_nothing_left

step "iscsid that cannot be started"
systemctl stop iscsid.socket iscsid.service
systemctl mask --runtime iscsid.service iscsid.socket
cleanup_fn systemctl unmask --runtime iscsid.service iscsid.socket
expect_exit 8 azilr mount web01 "${point_options[@]}"
assert_contains "$LAB_WORK/stderr" "iscsid"
systemctl unmask --runtime iscsid.service iscsid.socket
assert_nothing_left
