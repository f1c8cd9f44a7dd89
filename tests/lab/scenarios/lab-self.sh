#!/bin/bash
# The lab itself: what azilr will do, done by hand with plain iscsiadm.
#
# A target with the real vendor and the real form of user name, an iface of our own that carries
# another initiator name, a login that creates no disk until it is told to, udev properties that
# keep the host's storage services away; and after the logout the host is as it was.  The last part
# shows that the watch for secrets sees one.
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

step "log in under a name of our own"
cleanup_fn take_down
iscsiadm -m iface -I azilr -o new
iscsiadm -m iface -I azilr -o update -n iface.initiatorname -v iqn.2026-11.test:given
"${node[@]}" -o new
node_set node.session.auth.authmethod CHAP
node_set node.session.auth.username "$user"
node_set node.session.auth.password "$secret"
node_set node.session.scan manual
"${node[@]}" --login
assert_contains "$(iscsiadm -m session -P1)" "Iface Initiatorname: iqn.2026-11.test:given"
udevadm settle
assert_eq "$(find /sys/block -name 'sd*')" "" "a disk came without a scan"

step "the disk comes when it is asked for"
iscsiadm -m session --rescan
udevadm settle
retry_until 10 test -b /dev/sda2
assert_contains "$(cat /sys/block/sda/device/vendor)" "MABILR I"
assert_eq "$(find /dev/disk -lname '*/sd*')" "" "links to the backup's disks"
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
