#!/bin/bash
# Arrays and file systems on several disks of which the backup has copies, older ones among them, with the disks of the two
# in turn: no member of one is ever put into the other. Arrays of levels and metadata that layouts.sh has not, and mirrored
# and striped volumes of LVM besides. The target sees no write.
# weight=180
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

requires lvcreate mdadm
cd "$LAB_WORK" || exit
mkdir small
seq 1 20000 > small/numbers

lvm_on() { # COMMAND DEVICES [ARGUMENTS]: DEVICES is a list with commas
    local command=$1 devices=$2
    shift 2
    "$command" --devices "$devices" -q --config 'backup { backup = 0 archive = 0 }' "$@" > /dev/null
}

size=48M
blank() { # IMAGE...: sets `loops`, a loop device for each
    local image
    loops=()
    for image; do
        truncate -s $size "$image.img"
        loops+=("$(losetup -f --show "$image.img")")
    done
    udevadm settle
}

done_with() {
    local loop
    for loop; do _detach "$loop"; done
}

fill() { # DEVICE MANIFEST: makes a file system with a tree of its own
    mke2fs -q -t ext4 "$1"
    echo "$2" > small/which
    _fill "$1" small "$2"
}

# copies IMAGE...: as they are now, as old-IMAGE.
copies() {
    local image
    sync
    for image; do cp --sparse=always "$image.img" "old-$image.img"; done
}

# array NAME LEVEL METADATA IMAGE...: makes it and fills it; NAME is "" for 0.90, which has none
array() {
    local name=$1 level=$2 metadata=$3 options=(--assume-clean)
    shift 3
    blank "$@"
    [ "$level" != 0 ] || options=()
    [ -z "$name" ] || options+=(--homehost=web01 --name="$name")
    mdadm --create /dev/md/made --quiet --run --level="$level" --raid-devices=$# --metadata="$metadata" "${options[@]}" "${loops[@]}"
    udevadm settle
    fill /dev/md/made "$1.old.manifest"
    mdadm --stop --quiet /dev/md/made
    done_with "${loops[@]}"
}

# newer IMAGE...: what is in the array changes
newer() {
    local image
    loops=()
    for image; do loops+=("$(losetup -f --show "$image.img")"); done
    udevadm settle
    mdadm --stop --scan --quiet || true
    mdadm --assemble /dev/md/made --quiet --run "${loops[@]}"
    udevadm settle
    fill /dev/md/made "$1.manifest"
    mdadm --stop --quiet /dev/md/made
    done_with "${loops[@]}"
}

step "raid0, and its copy"
array fast 0 1.2 f0 f1
copies f0 f1
newer f0 f1

step "raid1 and raid5, and copies whose disks are between theirs"
array mirror 1 1.2 a0 a1
copies a0 a1
newer a0 a1
array five 5 1.2 v0 v1 v2
copies v0 v1 v2
newer v0 v1 v2

step "raid0 and a copy of which nothing tells it"
array doubt 0 1.2 x0 x1
copies x0 x1

step "raid10, and raid5 of the old kind with a member missing"
array ten 10 1.2 t0 t1 t2 t3
array "" 5 0.90 n0 n1 n2

step "a btrfs of two devices, and an older copy"
size=160M
blank b0 b1
size=48M
mkfs.btrfs -q --mixed -m raid1 -d raid1 "${loops[@]}"
udevadm settle
echo old > small/which
_fill "${loops[0]}" small b.old.manifest
copies b0 b1
echo new > small/which
_fill "${loops[0]}" small b.manifest
btrfs device scan --forget
done_with "${loops[@]}"

step "mirrors and stripes of mirrors in LVM"
blank l0 l1 l2 l3
printf -v devices '%s,' "${loops[@]}"
devices=${devices%,}
lvm_on vgcreate "$devices" vgraid "${loops[@]}"
lvm_on lvcreate "$devices" -y -Wn --type raid10 -i 2 -m 1 -n ten -L 8M vgraid
lvm_on lvcreate "$devices" -y -Wn --type mirror -m 1 --mirrorlog core -n mirror -L 8M vgraid
lvm_on lvcreate "$devices" -y -Wn --type raid1 -m 1 -n one -L 8M vgraid
for lv in ten mirror one; do fill /dev/vgraid/$lv lv.$lv.manifest; done
lvm_on vgchange "$devices" -an vgraid
done_with "${loops[@]}"
rm -f /etc/lvm/{archive,backup}/vg*

images=(f0 f1 old-f0 old-f1 a0 old-a0 old-a1 a1 old-v2 v0 old-v0 v1 v2 old-v1 x0 old-x0 x1 old-x1 t0 t1 t2 t3 n0 n2
    b0 old-b0 old-b1 b1 l0 l1 l2 l3)
images=("${images[@]/%/.img}")
start_azure -- "${images[@]/#/$PWD/}"
azure_set polls_before_success=0
systemctl start iscsid
host_snapshot before

step "mount"
expect_exit 6 azilr mount web01 "${point_options[@]}" --json
cp "$LAB_WORK/stdout" result.json
volumes=$(json_get result.json directory)/volumes

mounted() { # LAYOUT VOLUME MANIFEST [NOTE]
    assert_eq "$(volume "$2" status)" mounted "$2: $(volume "$2" reason)"
    assert_manifest "$3" "$volumes/$2"
    [ -z "${4-}" ] || assert_contains "$(volume "$2" note)" "$4"
    echo "LAYOUT pass: $1"
}

mounted "raid0" md-fast f0.manifest "the one on disk0, disk1"
mounted "a copy of raid0" md-fast-2 f0.old.manifest "the one on disk2, disk3"
mounted "raid1" md-mirror a0.manifest "the one on disk4, disk7"
mounted "a copy of raid1, its disks in between" md-mirror-2 a0.old.manifest "the one on disk5, disk6"
mounted "a copy of raid5, before it and in between" md-five v0.old.manifest "the one on disk8, disk10, disk13"
mounted "raid5" md-five-2 v0.manifest "the one on disk9, disk11, disk12"
for disk in disk14 disk15 disk16 disk17; do
    assert_eq "$(volume $disk status)" failed "$disk"
    assert_contains "$(volume $disk reason)" "disk14, disk15, disk16, disk17"
done
assert_eq "$(volume md-doubt status)" "" "an array of which nothing tells that it is none of two"
echo "LAYOUT pass: raid0 and a copy that nothing tells apart"
mounted "raid10" md-ten t0.old.manifest
old=$(/usr/bin/python3 -SE -c 'import json
print(*[v["name"] for v in json.load(open("result.json"))["volumes"] if "1 of its 3 members missing" in (v["note"] or "")])')
mounted "raid5, metadata 0.90, degraded" "$old" n0.old.manifest
mounted "btrfs of two devices" disk24 b.manifest "the one on disk24, disk27"
mounted "an older copy of it, its disks in between" disk25 b.old.manifest "the one on disk25, disk26"
for lv in ten mirror one; do mounted "LVM $lv" vgraid-$lv lv.$lv.manifest; done
cat /proc/mdstat
! grep -E 'resync|recovery|reshape' /proc/mdstat || fail "an array is being rebuilt"

step "unmount"
expect_exit 0 azilr unmount web01 "${sign_in[@]}"
assert_nothing_left
