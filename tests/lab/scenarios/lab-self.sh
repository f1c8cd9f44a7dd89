#!/bin/bash
# The lab itself: what azilr will do, done by hand with plain iscsiadm.
#
# A target with the real vendor and the real form of user name, an iface of our own that carries
# another initiator name, a login that creates no disk until it is told to, udev properties that
# keep the host's storage services away; and after the logout the host is as it was.  Then azilr's rules
# are shown to hold by each of their two matches alone.  The last part shows that the watch for secrets
# sees one.
# machine=qemu: it traces execve
. "$AZILR_LAB/lib.sh"

iqn=iqn.2016-01.microsoft.azure.backup:1000000000000000001-100001-10000000000001-10000000000002.630000000000000003
user='Debian;12;1000000000000000001-00000000-0000-4000-8000-000000000001'
secret=0123456789abcde
disk=$LAB_WORK/disk.img
node=(iscsiadm -m node -T "$iqn" -p 127.0.0.1:3260 -I azilr)

node_set() { testside "${node[@]}" -o update -n "$1" -v "$2"; }

# Also when the scenario fails half-way, hence the looks at what is there.
take_down() {
    [ ! -e /sys/class/iscsi_session ] || [ -z "$(ls /sys/class/iscsi_session)" ] || "${node[@]}" --logout
    if [ -e /etc/iscsi/ifaces/azilr ]; then
        "${node[@]}" -o delete
        iscsiadm -m iface -I azilr -o delete
    fi
    # iscsiadm made them for its records, and leaves them.
    rm -rf /etc/iscsi/nodes /etc/iscsi/ifaces /run/udev/rules.d
    udevadm control --reload
}

step "a backup disk behind a target"
make_disk_linux "$disk"
record_images "$disk"
start_tgtd 3260
tgt_target 1 "$iqn" "$user" "$secret" "$disk"

step "the host before"
systemctl start iscsid
host_snapshot before

step "a rule that keeps everybody away from the disks to come"
mkdir -p /run/udev/rules.d
cat > /run/udev/rules.d/57-lab.rules << 'RULES'
# (KERNELS!= would be true of any disk: some parent is always called otherwise.)
SUBSYSTEM=="block", KERNELS=="session*", GOTO="ours"
GOTO="end"
LABEL="ours"
ENV{SYSTEMD_READY}="0", ENV{DM_UDEV_DISABLE_OTHER_RULES_FLAG}="1"
ENV{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}="1", ENV{nompath}="1"
# multipathd takes a disk that has an identity; this one shall have none.
ENV{SCSI_IDENT_SERIAL}="", ENV{SCSI_IDENT_LUN_T10}="", ENV{SCSI_IDENT_LUN_NAA_LOCAL}=""
ENV{SCSI_IDENT_LUN_NAA_REGEXT}="", ENV{ID_WWN}="", ENV{ID_WWN_WITH_EXTENSION}="", ENV{ID_SERIAL}="lab"
LABEL="end"
RULES
udevadm control --reload

log_in() {
    iscsiadm -m iface -I azilr -o new
    iscsiadm -m iface -I azilr -o update -n iface.initiatorname -v iqn.2026-11.test:given
    "${node[@]}" -o new
    node_set node.session.auth.authmethod CHAP
    node_set node.session.auth.username "$user"
    node_set node.session.auth.password "$secret"
    node_set node.session.scan manual
    "${node[@]}" --login
}

step "log in under a name of our own"
cleanup_fn take_down
log_in
assert_contains "$(iscsiadm -m session -P1)" "Iface Initiatorname: iqn.2026-11.test:given"
udevadm settle
assert_eq "$(find /sys/block -name 'sd*')" "" "a disk came without a scan"

step "the disk comes when it is asked for"
iscsiadm -m session --rescan
udevadm settle
retry_until 10 test -b /dev/sda2
assert_contains "$(cat /sys/block/sda/device/vendor)" "MABILR I"
assert_eq "$(links_of_host 'sd*')" "" "links to the backup's disks"
assert_eq "$(multipathd show paths | grep -w sda || true)" "" "multipathd saw the disk"
blockdev --setro /dev/sda
mkdir "$LAB_WORK/mnt"
mount -o ro /dev/sda2 "$LAB_WORK/mnt"
assert_manifest "$disk.root.manifest" "$LAB_WORK/mnt"
umount "$LAB_WORK/mnt"

step "and all goes again"
take_down
host_snapshot after
assert_host_same before after
images_unchanged
assert_eq "$(cat /sys/class/iscsi_session/*/targetname 2> /dev/null || true)" ""

# Everything that the rules are there for.
assert_kept_away() { # WHY
    local property name
    iscsiadm -m session --rescan > /dev/null
    retry_until 10 test -b /dev/sda2
    udevadm settle
    assert_eq "$(blockdev --getro /dev/sda /dev/sda1 /dev/sda2 | xargs)" "1 1 1" "read-only, $1"
    for name in sda sda2; do
        udevadm info -q property -n /dev/$name > properties
        for property in AZILR=1 SYSTEMD_READY=0 UDISKS_IGNORE=1 UDISKS_AUTO=0 UDISKS_PRESENTATION_HIDE=1 \
            UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG=1 DM_UDEV_DISABLE_OTHER_RULES_FLAG=1 \
            DM_MULTIPATH_DEVICE_PATH=0 nompath=1 ID_SERIAL=azilr; do
            grep -qx "$property" properties || fail "$name has no $property, $1: $(< properties)"
        done
    done
    assert_eq "$(links_of_host 'sda*')" "" "links to the backup's disks, $1"
    assert_eq "$(multipathd show paths | grep -w sda || true)" "" "multipathd saw the disk, $1"
}
take_away_disk() {
    echo 1 > /sys/block/sda/device/delete
    udevadm settle
    [ ! -e /sys/block/sda ] || fail "the disk is still there"
}

step "azilr's own rules know a backup's disk by its vendor, without a mark"
cd "$LAB_WORK" || exit
log_in
number=$(basename /sys/class/iscsi_session/session*)
[ ! -e "/run/azilr/iscsi/$number" ] || fail "the session has a mark"
assert_kept_away "by the vendor"
take_away_disk

step "and by the mark on its session, whatever its vendor"
tgt --op update --mode logicalunit --tid 1 --lun 1 --params 'vendor_id=OTHER'
unmark() { rm -f "/run/azilr/iscsi/$number" && rmdir --ignore-fail-on-non-empty /run/azilr/iscsi /run/azilr; }
mkdir -p /run/azilr/iscsi
cleanup_fn unmark
echo 'AZILR_SESSION=lab' > "/run/azilr/iscsi/$number"
assert_kept_away "by the mark"
assert_eq "$(xargs < /sys/block/sda/device/vendor)" OTHER
assert_eq "$(readlink -f /dev/disk/by-azilr/lab/lun1-part2)" /dev/sda2
take_away_disk
unmark
take_down
host_snapshot after
assert_host_same before after
images_unchanged

step "the watch for secrets sees those that are in sight, and only those"
secrets_watch_start s3cret-of-azilr
testside /bin/true s3cret-of-azilr
secrets_watch_stop
secrets_watch_start s3cret-of-azilr
/bin/true s3cret-of-azilr
NOTE=s3cret-of-azilr /bin/true
secrets_watch_finish
assert_contains "$LAB_WORK/secrets.log" "in the arguments of /bin/true"
assert_contains "$LAB_WORK/secrets.log" "in the environment of /bin/true"
assert_lacks "$LAB_WORK/secrets.log" s3cret-of-azilr
