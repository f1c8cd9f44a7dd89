#!/bin/bash
# weight=75
#
# Overlays by themselves, over the disks of a real target, on a host that runs the same volume group: what must be
# written goes to their stores, nobody on the host takes an overlay or its store for something of his own, a store that
# is full harms nothing else, and all goes again, also after kill -9 and when the disks do not answer any more.
. "$AZILR_LAB/lib.sh"

driver=/src/build/tests/native/overlay_driver
requires "$driver" mdadm lvm dmsetup
iqn=iqn.2026-11.test:overlays
user='Debian;12;1000000000000000001-00000000-0000-4000-8000-000000000001'
node=(iscsiadm -m node -T "$iqn" -p 127.0.0.1:3260)
stores=/var/lib/azilr/overlays
links=/dev/disk/by-azilr/web01-x
tag=0123abcd
overlay=/dev/mapper/azilr-$tag
no_backup='backup { backup = 0 archive = 0 }'
cd "$LAB_WORK" || exit

take_down() {
    umount "$LAB_WORK/mnt" "$LAB_WORK/small" 2> /dev/null
    "$driver" remove-all "azilr-$tag-"
    "${node[@]}" --logout
    "${node[@]}" -o delete
    rm -rf /run/azilr /var/lib/azilr /etc/iscsi/nodes /etc/iscsi/ifaces
    put_back
} 2> /dev/null

take_host_down() {
    umount "$LAB_WORK/own"
    vgchange -q --config "$no_backup" -an vgdata
    losetup -d "$host_loop"
}

put_back() {
    [ ! -d "$LAB_WORK/rules" ] || find "$LAB_WORK/rules" -name '*.rules' -exec mv -t /usr/lib/udev/rules.d/ {} +
    "$driver" remove-rules
    udevadm control --reload
}

properties() { udevadm info -q property "$1"; }
# without the numbers that unused loop devices have
host_links() { find /dev/disk -type l -not -path '/dev/disk/by-azilr/*' -not -lname '*/loop*' -printf '%p %l\n' | sort; }
host_pvs() { pvs --noheadings -o pv_name,vg_name 2> /dev/null | grep "$host_loop"; }
store_of() { losetup -n -O NAME,BACK-FILE | awk -v file="$stores/azilr-$tag-$1.cow" '$2 == file { print $1 }'; }

# NAME: the overlay and its store are left alone by all on the host.
assert_quiet() {
    local device
    udevadm settle
    for device in "$overlay-$1" "$(store_of "$1")"; do
        properties "$device" > properties
        for property in AZILR=1 SYSTEMD_READY=0 UDISKS_IGNORE=1 DM_UDEV_DISABLE_OTHER_RULES_FLAG=1; do
            assert_contains properties "$property"
        done
        assert_lacks properties ID_FS_TYPE
        assert_lacks properties by-id
    done
}

assert_no_stores() {
    udevadm settle
    assert_eq "$(losetup -n -O NAME,BACK-FILE | grep azilr || true)" "" "a loop device is left"
    assert_eq "$(ls -A $stores)" "" "a store is left"
}

step "the host's own volume group, of which the backup has a copy, and its other disks"
make_disk_ext4_dirty dirty
make_disk_lvm lvm
make_disk_md one two
cp --sparse=always lvm host
host_loop=$(losetup -P -f --show host)
cleanup_fn take_host_down
udevadm settle
vgchange -q --config "$no_backup" -ay vgdata
mkdir mnt own
mount /dev/vgdata/root own
record_images dirty lvm one

step "the disks of a target, marked as azilr does it"
start_target() {
    start_tgtd 3260
    tgt_target 1 "$iqn" "$user" 0123456789abcde "$PWD/dirty" "$PWD/lvm" "$PWD/one"
}
start_target
cleanup_fn take_down
systemctl start iscsid
"${node[@]}" -o new > /dev/null
for setting in auth.authmethod=CHAP "auth.username=$user" auth.password=0123456789abcde scan=manual \
    timeo.replacement_timeout=20; do
    testside "${node[@]}" -o update -n "node.session.${setting%%=*}" -v "${setting#*=}"
done
"${node[@]}" --login
session=$(basename /sys/class/iscsi_session/session*)
mkdir -m 700 /run/azilr /var/lib/azilr $stores
"$driver" mark-session "${session#session}" web01-x
"$driver" mark-stack $tag web01-x
iscsiadm -m session --rescan
udevadm settle
for lun in 1 2 3; do
    retry_until 10 test -b "$links/lun$lun"
    assert_eq "$(blockdev --getro $links/lun$lun)" 1
done
assert_eq "$(readlink -f $links/lun2-part1)" "$(readlink -f $links/lun2)1"
pv=$(host_pvs)
assert_contains "$pv" vgdata
host_links > links.before

step "overlays of an ext4 with a journal to replay, a member of a volume group and one of an array"
"$driver" create azilr-$tag-0 $links/lun1 $stores
"$driver" create azilr-$tag-1 $links/lun2-part1 $stores
"$driver" create azilr-$tag-2 $links/lun3 $stores 8
assert_eq "$(stat -Lc '%t:%T' $overlay-0)" "$(stat -Lc '%t:%T' $links/0)"
for i in 0 1 2; do assert_quiet $i; done
host_links | diff -u links.before - || fail "links came or went"
assert_eq "$(grep -c '^md' /proc/mdstat || true)" 0 "an array was assembled"
assert_eq "$(host_pvs)" "$pv" "the host's physical volume"
if pvs -a -o pv_name,vg_name 2> /dev/null | grep vgdata | grep -F "$(store_of 1)"; then fail "a store is taken for a volume"; fi
assert_eq "$(ls -A $stores)" "" "a store has a name"

step "the journal is replayed into the store"
mount -o ro,nosuid,nodev,noexec $overlay-0 mnt
assert_manifest dirty.root.manifest mnt
read -r state used total < <("$driver" usage azilr-$tag-0)
assert_eq "$state" good
[ "$used" -gt 4096 ] && [ "$used" -lt "$total" ] || fail "usage: $used of $total"
expect_exit 7 "$driver" remove azilr-$tag-0
assert_contains "$LAB_WORK/stderr" "$overlay-0 is still in use"
expect_exit 7 "$driver" create azilr-$tag-0 $links/lun1 $stores
umount mnt
# every event that somebody may cause later finds it quiet too
udevadm trigger --settle -c change "$overlay-0" "$(store_of 0)"
assert_quiet 0
images_unchanged

step "an array on an overlay, under the name that azilr gives arrays"
echo 'CREATE names=yes' > mdadm.conf
mdadm --assemble --config=mdadm.conf --run --readonly /dev/md/azilr_${tag}_0 $overlay-2
udevadm settle
properties /dev/md_azilr_${tag}_0 > properties
assert_contains properties SYSTEMD_READY=0
assert_eq "$(readlink -f $links/md0)" /dev/md_azilr_${tag}_0
assert_eq "$(readlink -f /dev/md/azilr_${tag}_0)" /dev/md_azilr_${tag}_0
assert_eq "$(links_of_host "md*")" "" "links to the array"
expect_exit 7 "$driver" remove-all "azilr-$tag-2"
mdadm --stop --quiet /dev/md_azilr_${tag}_0

step "a store that is full: what was written and what was not can be read, and nobody else notices"
"$driver" create azilr-$tag-full $links/lun1 $stores 4
expect_exit 1 dd if=/dev/urandom of=$overlay-full bs=64k count=128 oflag=direct
read -r state used total < <("$driver" usage azilr-$tag-full)
assert_eq "$state" full
if cmp -s -n 65536 $overlay-full $links/lun1; then fail "what was written is not there"; fi
cmp -i 100M -n 8M $overlay-full $links/lun1
echo still-writable > own/file
sync own/file
"$driver" remove azilr-$tag-full

step "no room left for a store on its file system"
mkdir small
mount -t tmpfs -o size=32M,mode=700 small small
"$driver" create azilr-$tag-small $links/lun1 small
head -c 40M /dev/zero > small/filler || true
expect_exit 1 dd if=/dev/urandom of=$overlay-small bs=64k count=64 oflag=direct
read -r state used total < <("$driver" usage azilr-$tag-small)
assert_eq "$state" broken
"$driver" usage azilr-$tag-0 | grep -q '^good' || fail "another overlay was harmed"
"$driver" remove azilr-$tag-small
expect_exit 8 "$driver" create azilr-$tag-small $links/lun1 small
assert_contains "$LAB_WORK/stderr" "MiB free"
umount small

step "together they never come to need more than there is room for"
mount -t tmpfs -o size=96M,mode=700 small small
sum=0
for i in a b c d; do
    "$driver" create azilr-$tag-room$i $links/lun1 small > made &
done
wait
for i in a b c d; do
    read -r state used total < <("$driver" usage azilr-$tag-room$i)
    assert_eq "$state" good
    sum=$((sum + total))
done
[ $sum -gt $((32 << 20)) ] && [ $sum -le $((80 << 20)) ] || fail "$sum bytes are promised of 96 MiB"
# whoever asks for more than there is leaves some for others, too
expect_exit 0 "$driver" create azilr-$tag-rest0 $links/lun1 small 200
for ((i = 1; i < 20; i++)); do
    "$driver" create azilr-$tag-rest$i $links/lun1 small 200 > made 2> "$LAB_WORK/stderr" || break
done
[ "$i" -ge 3 ] && [ "$i" -lt 20 ] || fail "room for $i"
assert_contains "$LAB_WORK/stderr" "other overlays may come to need"
sum=0
while read -r name; do
    read -r state used total < <("$driver" usage "$name")
    sum=$((sum + total))
done < <(dmsetup ls | awk '/^azilr-.*-r(oom|est)/ { print $1 }')
[ $sum -gt $((70 << 20)) ] && [ $sum -le $((80 << 20)) ] || fail "$sum bytes are promised of 96 MiB"
expect_exit 0 "$driver" remove-all azilr-$tag-r
"$driver" create azilr-$tag-0again $links/lun1 small | awk '{ exit $3 != 20 * 1048576 }'
"$driver" remove azilr-$tag-0again
mount -o remount,ro small
expect_exit 2 "$driver" create azilr-$tag-bad $links/lun1 small
assert_contains "$LAB_WORK/stderr" "mounted read-only"
umount small

step "nobody who can read the directory can keep azilr from making an overlay"
mkdir -m 755 /srv/readable
setpriv --reuid=65534 --clear-groups flock -F /srv/readable sleep 1000 &
holder=$!
retry_until 20 sh -c '! flock -n /srv/readable true'
expect_exit 0 timeout 50 "$driver" create azilr-$tag-held $links/lun1 /srv/readable
expect_exit 1 flock -n /srv/readable true
expect_exit 0 "$driver" remove azilr-$tag-held
kill $holder
wait $holder || true
rmdir /srv/readable

step "what is not fit is refused"
chmod 777 $stores
expect_exit 2 "$driver" create azilr-$tag-bad $links/lun1 $stores
assert_contains "$LAB_WORK/stderr" "can be changed by others than root"
chmod 700 $stores
expect_exit 1 "$driver" create azilr-$tag-bad "$host_loop" $stores
assert_contains "$LAB_WORK/stderr" "can be written to"

step "all of a stack goes by its prefix, from the top, and nothing else"
table="0 2048 linear"
dmsetup create "azilr--$tag--vgdata-root" --table "$table $overlay-1 0"
dmsetup create "azilr--$tag--vgdata-top" --table "$table /dev/mapper/azilr--$tag--vgdata-root 0"
dmsetup create "azilr-ffffffff-0" --table "$table $links/lun1 0"
udevadm settle
[ -b $links/vgdata-root ] || fail "no link to a logical volume"
exec 7< "/dev/mapper/azilr--$tag--vgdata-top"
expect_exit 7 "$driver" remove-all azilr-$tag-
assert_contains "$LAB_WORK/stderr" "azilr--$tag--vgdata-top"
exec 7<&-
expect_exit 0 "$driver" remove-all azilr-$tag-
assert_eq "$(dmsetup ls | awk '/^azilr/ { print $1 }')" azilr-ffffffff-0
dmsetup remove azilr-ffffffff-0
assert_no_stores

step "kill -9 at any moment leaves what the prefix finds, or nothing"
for delay in 0.02 0.1 0.2 0.3 0.5; do
    "$driver" create azilr-$tag-k$delay $links/lun1 $stores > /dev/null 2>&1 &
    sleep $delay
    kill -KILL $! 2> /dev/null || true
    wait $! 2> /dev/null || true
done
retry_until 20 sh -c '! pgrep -x dmsetup'
expect_exit 0 "$driver" remove-all azilr-$tag-
assert_no_stores
images_unchanged

step "the same safety where the rules are not installed"
mkdir rules
mv /usr/lib/udev/rules.d/*-azilr*.rules rules/
udevadm control --reload
"$driver" place-rules
"$driver" create azilr-$tag-1 $links/lun2-part1 $stores
assert_quiet 1
host_links | diff -u links.before - || fail "links came or went"
"$driver" remove azilr-$tag-1
put_back
[ ! -e /run/udev/rules.d ] || fail "the copy is left"
assert_no_stores

step "disks that do not answer: nothing waits for them for ever"
"$driver" create azilr-$tag-0 $links/lun1 $stores
"$driver" create azilr-$tag-1 $links/lun3 $stores
stop_tgtd
dd if=$overlay-0 of=/dev/null bs=4k count=1 skip=1000 iflag=direct 2> /dev/null &
SECONDS=0
expect_exit 7 "$driver" remove-all azilr-$tag-
[ $SECONDS -lt 60 ] || fail "took $SECONDS s"
assert_eq "$(dmsetup ls | awk '/^azilr/ { print $1 }')" azilr-$tag-0
wait || true
expect_exit 0 "$driver" remove-all azilr-$tag-
assert_no_stores
# for the logout
start_target
"$driver" unmark-stack $tag
"$driver" unmark-session "${session#session}"
rmdir $stores /var/lib/azilr /run/azilr
