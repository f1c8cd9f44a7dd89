#!/bin/bash
# Every type of file system that a backup may hold, made by its own tools: mounted read-only with the files that went in,
# or named as what it is; dirty journals replayed in an overlay; a damaged one reported with the kernel's reason. btrfs
# and xfs while this host has the very same file system mounted and writes to it.
# weight=220
# machine=qemu: exFAT, ntfs3
. "$AZILR_LAB/lib.sh"

requires btrfs mkfs.xfs mkntfs ntfs-3g mkfs.exfat mkudffs genisoimage cryptsetup dmsetup
driver=/src/build/tests/native/filesystem_driver
cd "$LAB_WORK" || exit
mkdir mnt view keys
view=$LAB_WORK/view

# As the rules that azilr brings do for the disks of a backup, whose place these devices take; behind 55-dm, which knows the names.
mkdir -p /run/udev/rules.d
cat > /run/udev/rules.d/56-lab-backup.rules << 'RULES'
KERNEL=="loop*", ATTR{ro}=="1", ENV{SYSTEMD_READY}="0", ENV{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}="1"
ENV{DM_NAME}=="azilr-lab-*", ENV{SYSTEMD_READY}="0", ENV{DM_UDEV_DISABLE_DISK_RULES_FLAG}="1", \
    ENV{DM_UDEV_DISABLE_OTHER_RULES_FLAG}="1", ENV{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}="1"
RULES
udevadm control --reload
forget_rules() {
    rm /run/udev/rules.d/56-lab-backup.rules
    rmdir --ignore-fail-on-non-empty /run/udev/rules.d
    udevadm control --reload
}
cleanup_fn forget_rules

# --- what azilr's other stages do ---

# A read-only disk of the backup.
backup() {
    local loop
    loop=$(losetup -r -f --show "$1")
    udevadm settle
    echo "$loop"
}

# A writable device over it, whose writes stay on this host.
overlay() {
    local name=azilr-lab-$1 store
    truncate -s 64M "$1.cow"
    store=$(losetup -f --show "$1.cow")
    dmsetup create "$name" \
        --table "0 $(blockdev --getsz "$2") snapshot $2 $store P 8"
    echo "/dev/mapper/$name"
}

drop_overlay() {
    local store
    dmsetup remove "azilr-lab-$1"
    store=$(losetup -j "$1.cow" -O NAME -n)
    losetup -d "$store"
    rm "$1.cow"
}

drop_all() {
    local name
    umount -l view view2 mnt host-* 2> /dev/null
    for name in $(dmsetup ls | awk '/^azilr-lab/ { print $1 }'); do dmsetup remove "$name"; done
    losetup -D
}
cleanup_fn drop_all

# The mount is one that can do no harm, and shows these files and no others.
check_view() {
    local options
    options=$(findmnt -n -o VFS-OPTIONS view)
    assert_eq "$(tr ',' '\n' <<< "$options" | grep -cxE 'ro|nosuid|nodev|noexec')" 4 "$options"
    assert_manifest "$1" view
}

passed() { echo "PASS: $*"; }

# --- disks ---

small_tree() {
    mkdir -p "$1/Dokumente/Übersicht" "$1/empty"
    echo 'the yearly report' > "$1/Dokumente/Bericht für März.txt"
    echo grüße > "$1/Dokumente/Übersicht/Ärger ß €.txt"
    head -c 300000 /dev/urandom > "$1/Dokumente/a somewhat longer name than eight and three.bin"
}
small_tree small

# make IMAGE SIZE MKFS...: an image and its manifest
make() {
    local image=$1 size=$2 loop
    shift 2
    truncate -s "$size" "$image"
    loop=$(losetup -f --show "$image")
    TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 "$@" "$loop" > /dev/null 2>&1 || fail "$*"
    udevadm settle
    _fill "$loop" small "$image.manifest"
    losetup -d "$loop"
}

# live NAME OPTIONS SIZE MKFS...: a file system of this host at host-NAME, in use, and NAME, the copy that a backup took
# of it while its journal was not empty
live() {
    local name=$1 options=$2 size=$3
    shift 3
    truncate -s "$size" "$name.live"
    TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 "$@" "$name.live" > /dev/null 2>&1 || fail "$*"
    mkdir "host-$name"
    mount -o "loop,$options" "$name.live" "host-$name"
    cp -a small/. "host-$name/"
    sync -f "host-$name"
    echo 'written just before the backup' > "host-$name/last minute"
    sync "host-$name/last minute"
    cp --sparse=always "$name.live" "$name"
    manifest "host-$name" > "$name.manifest"
}

end_live() { umount "host-$1"; rmdir "host-$1"; rm "$1.live"; }

keep_writing() {
    local i=0
    while :; do
        i=$((i + 1))
        seq $i $((i + 2000)) > "$1/busy.$((i % 20))"
        [ $((i % 5)) != 0 ] || sync -f "$1"
    done
}

step 'making the disks'
make ext2 24M mke2fs -q -t ext2
make ext3 24M mke2fs -q -t ext3
make ext4 24M mke2fs -q -t ext4 -e panic
make vfat 16M mkfs.vfat -n EFI
make exfat 16M mkfs.exfat
make udf 16M mkudffs --utf8
genisoimage -quiet -R -input-charset utf-8 -o iso9660 small
manifest small > iso9660.manifest
truncate -s 24M ntfs
mkntfs -q -F ntfs
ntfs-3g ntfs mnt
cp -a small/. mnt/
manifest mnt > ntfs.manifest
umount mnt
retry_until 10 sh -c '! pgrep -x ntfs-3g'
make xfs 64M mkfs.xfs -q
live ext4-dirty commit=300 24M mke2fs -q -t ext4
live xfs-dirty nouuid 64M mkfs.xfs -q
live btrfs-dirty commit=300 112M mkfs.btrfs -q
end_live ext4-dirty

step 'clean ones'
for type in ext2 ext3 ext4 xfs vfat exfat ntfs iso9660 udf; do
    record_images $type
    disk=$(backup $type)
    expect_exit 0 $driver mount "$disk" "$view"
    assert_contains "$LAB_WORK/stdout" "type $type "
    check_view $type.manifest
    expect_exit 12 $driver unmount "$view" /dev/null
    mountpoint -q view || fail "what is mounted from elsewhere was unmounted"
    expect_exit 0 $driver unmount "$view" "$disk"
    expect_exit 12 $driver unmount "$view" "$disk"
    losetup -d "$disk"
    images_unchanged
    passed "$type"
done
pgrep -x ntfs-3g && fail 'ntfs-3g goes on behind its mount'

step 'NTFS that Windows had in use: its journal open, the dirty flag, and hibernated'
cp ntfs ntfs-live
"$AZILR_LAB/ntfs-in-use" live ntfs-live
cp ntfs ntfs-dirty
"$AZILR_LAB/ntfs-in-use" check ntfs-dirty
cp ntfs ntfs-hibernated
ntfs-3g ntfs-hibernated mnt
{ printf hibr; head -c 8188 /dev/zero; } > mnt/hiberfil.sys
manifest mnt > ntfs-hibernated.manifest
umount mnt
cp ntfs.manifest ntfs-live.manifest
cp ntfs.manifest ntfs-dirty.manifest
notes=(ntfs-live:'its journal was not replayed' ntfs-dirty:'it was marked for a check (chkdsk)' ntfs-hibernated:)
for pair in "${notes[@]}"; do
    type=${pair%%:*}
    record_images $type
    disk=$(backup $type)
    expect_exit 0 $driver mount "$disk" "$view"
    assert_contains "$LAB_WORK/stdout" "note ${pair#*:}"
    check_view $type.manifest
    expect_exit 0 $driver unmount "$view" "$disk"
    losetup -d "$disk"
    images_unchanged
    passed "$type"
done

step 'dirty journals, xfs beside the same file system of the host'
keep_writing host-xfs-dirty &
writer=$!
cleanup_fn kill $writer
dmesg -C
for type in ext4-dirty xfs-dirty; do
    record_images $type
    disk=$(backup $type)
    expect_exit 10 $driver mount "$disk" "$view"
    expect_exit 0 $driver mount -u "$disk" "$view"
    [ ! -e 'view/last minute' ] || fail 'the journal was replayed without an overlay'
    expect_exit 0 $driver unmount "$view" "$disk"
    over=$(overlay $type "$disk")
    expect_exit 0 $driver mount "$over" "$view"
    check_view $type.manifest
    expect_exit 12 $driver unmount "$view" "$disk"
    expect_exit 0 $driver unmount "$view" "$over"
    drop_overlay $type
    losetup -d "$disk"
    images_unchanged
    passed "$type"
done
kill $writer
wait $writer || true
end_live xfs-dirty

# Of a file system with one device newer kernels keep nothing behind its unmount by themselves.
forgotten() {
    $driver btrfs-forget "$1" || true
    expect_exit 12 $driver btrfs-forget "$1"
}

step 'btrfs beside the same file system of the host, with a log tree and subvolumes'
for path in @ @home @/srv; do btrfs -q subvolume create "host-btrfs-dirty/$path"; done
mkdir -p host-btrfs-dirty/@home/anna
btrfs -q subvolume create host-btrfs-dirty/@home/anna/mail
echo letter > host-btrfs-dirty/@home/anna/mail/1
btrfs -q subvolume snapshot -r host-btrfs-dirty/@home host-btrfs-dirty/yesterday
btrfs subvolume set-default host-btrfs-dirty/@
sync -f host-btrfs-dirty
echo 'the very last' > 'host-btrfs-dirty/@home/last minute'
sync 'host-btrfs-dirty/@home/last minute'
cp --sparse=always btrfs-dirty.live btrfs-dirty
everything() { (cd "$1" && find . -type f ! -name 'busy.*' -print0 | sort -z | xargs -0 sha256sum); }
everything host-btrfs-dirty > btrfs-dirty.manifest
# one with two devices
truncate -s 128M one.live two.live
one=$(losetup -f --show one.live)
two=$(losetup -f --show two.live)
mkfs.btrfs -q -m raid1 -d raid1 "$one" "$two"
udevadm settle
mkdir host-raid1
mount "$one" host-raid1
cp -a small/. host-raid1/
sync -f host-raid1
cp --sparse=always one.live one
cp --sparse=always two.live two
everything host-raid1 > raid1.manifest
shown() { btrfs filesystem show -m | sed 's/ used .* path/ path/; s/FS bytes used.*//'; }
shown > before
keep_writing host-btrfs-dirty &
writers=$!
keep_writing host-raid1 &
writers="$writers $!"
# shellcheck disable=SC2086
cleanup_fn kill $writers
dmesg -C
record_images btrfs-dirty one two

disk=$(backup btrfs-dirty)
expect_exit 0 $driver btrfs-groups "$disk"
assert_contains "$LAB_WORK/stdout" ' 1/1 log'
over=$(overlay btrfs-dirty "$disk")
expect_exit 0 $driver btrfs-change-id "$over"
expect_exit 0 $driver mount "$over" "$view"
everything view | diff -u btrfs-dirty.manifest - || fail 'btrfs does not hold what went into the backup'
expect_exit 7 $driver btrfs-forget "$over"
expect_exit 1 $driver btrfs-change-id "$over"
# What an administrator may do meanwhile, although it brings the backup's disk, under the old id, to the kernel's eyes.
btrfs device scan > /dev/null 2>&1 || true
passed 'btrfs beside its original'

disk1=$(backup one)
disk2=$(backup two)
over1=$(overlay one "$disk1")
over2=$(overlay two "$disk2")
mkdir view2
expect_exit 0 $driver btrfs-groups "$over2" "$over" "$over1"
assert_eq "$(awk '{ print $2 }' "$LAB_WORK/stdout" | paste -sd' ')" "$over2 $over $over2"
expect_exit 0 $driver btrfs-change-id "$over1" "$over2"
expect_exit 0 $driver mount "$over1" "$view"2 "$over2"
everything view2 | diff -u raid1.manifest - || fail 'the btrfs of two devices does not hold what went into the backup'
btrfs device scan > /dev/null 2>&1 || true
expect_exit 12 $driver unmount "$view"2 "$over"
expect_exit 0 $driver unmount "$view"2 "$over1" "$over2"
expect_exit 0 $driver btrfs-forget "$over1" "$over2"
passed 'btrfs of two devices'

# one of them was not backed up
expect_exit 0 $driver btrfs-change-id "$over2"
expect_exit 0 $driver mount "$over2" "$view"2
everything view2 | diff -u raid1.manifest - || fail 'the degraded btrfs does not hold what went into the backup'
expect_exit 0 $driver unmount "$view"2 "$over2"
expect_exit 0 $driver btrfs-forget "$over2"
passed 'btrfs with a device missing'

expect_exit 0 $driver unmount "$view" "$over"
forgotten "$over"
for name in btrfs-dirty one two; do drop_overlay $name; done
losetup -d "$disk" "$disk1" "$disk2"
# shellcheck disable=SC2086
kill $writers
# shellcheck disable=SC2086
wait $writers || true
images_unchanged

step 'btrfs with other checksums'
for sum in xxhash sha256 blake2; do
    make btrfs-$sum 112M mkfs.btrfs -q --csum $sum
    disk=$(backup btrfs-$sum)
    over=$(overlay btrfs-$sum "$disk")
    expect_exit 0 $driver btrfs-change-id "$over"
    expect_exit 0 $driver mount "$over" "$view"
    check_view btrfs-$sum.manifest
    expect_exit 0 $driver unmount "$view" "$over"
    forgotten "$over"
    drop_overlay btrfs-$sum
    losetup -d "$disk"
    passed "btrfs $sum"
done

step 'and the host is as it was'
# Not counted: that it refused what the scan above offered it, and that the degraded one lacked a device.
dmesg | grep -E 'BTRFS|XFS|EXT4' | grep -vE 'duplicate device .* scanned by btrfs|is missing' > kernel-said || true
cat kernel-said
grep -iE 'error|warning|duplicate|corrupt|mismatch' kernel-said && fail 'the kernel complains'
shown | diff -u before - || fail "the host's btrfs is not shown as before"
for name in btrfs-dirty raid1; do
    btrfs scrub start -B "host-$name" > scrub || fail "scrub of host-$name"
    assert_contains scrub 'no errors found'
    everything "host-$name" | diff -u "$name.manifest" - || fail "host-$name has changed"
done
umount host-btrfs-dirty host-raid1
losetup -d "$one" "$two"
passed 'the host has no harm'

step 'what cannot be mounted is named'
truncate -s 16M swap
mkswap swap > /dev/null
disk=$(backup swap)
expect_exit 12 $driver mount "$disk" "$view"
assert_contains "$LAB_WORK/stdout" 'swap space holds no files'
losetup -d "$disk"

step 'LUKS'
printf 'a passphrase' > keys/right
printf 'a passphrase\n' > keys/line
printf 'another' > keys/wrong
chmod 600 keys/*
for type in luks1 luks2; do
    truncate -s 48M $type
    parameters=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000)
    [ $type = luks1 ] || parameters=(--pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 32768)
    testside cryptsetup luksFormat -q --type $type "${parameters[@]}" $type keys/right
    testside cryptsetup open --key-file keys/right $type lab-make
    mke2fs -q -t ext4 /dev/mapper/lab-make
    _fill /dev/mapper/lab-make small $type.manifest
    cryptsetup close lab-make
    record_images $type
    disk=$(backup $type)
    expect_exit 12 $driver mount "$disk" "$view"
    assert_contains "$LAB_WORK/stdout" 'encrypted with LUKS'
    expect_exit 11 $driver crypt-open "$disk" azilr-lab-crypt keys/wrong
    expect_exit 11 $driver crypt-open "$disk" azilr-lab-crypt keys/line
    chmod 644 keys/right
    expect_exit 2 $driver crypt-open "$disk" azilr-lab-crypt keys/right
    chmod 600 keys/right
    expect_exit 0 $driver crypt-open "$disk" azilr-lab-crypt keys/right
    assert_eq "$(blockdev --getro /dev/mapper/azilr-lab-crypt)" 1
    expect_exit 0 $driver mount /dev/mapper/azilr-lab-crypt "$view"
    check_view $type.manifest
    expect_exit 0 $driver unmount "$view" /dev/mapper/azilr-lab-crypt
    dmsetup remove azilr-lab-crypt
    [ ! -e /dev/mapper/azilr-lab-crypt ] || fail 'it is still open'
    losetup -d "$disk"
    images_unchanged
    passed "$type"
done

step 'damaged ones: the reason is the kernel'\''s, and nothing is left mounted'
# spoil IMAGE AT_KIB KIB
spoil() { dd if=/dev/zero of="$1" bs=1K seek="$2" count="$3" conv=notrunc status=none; }
cp ext4 ext4-bad
spoil ext4-bad 2 30
cp ext4 ext4-cut
truncate -s 10M ext4-cut
cp xfs xfs-bad
spoil xfs-bad 1 40
cp btrfs-dirty btrfs-bad
spoil btrfs-bad 1024 100000
cp ntfs ntfs-bad
# $Bitmap, the file record 6
spoil ntfs-bad 22 1
cp exfat exfat-cut
truncate -s 1M exfat-cut
damaged() {
    local image=$1 reason=$2
    disk=$(backup "$image")
    over=$(overlay "$image" "$disk")
    [[ $image != btrfs* ]] || expect_exit 0 $driver btrfs-change-id "$over"
    expect_exit 1 $driver mount "$over" "$view"
    assert_contains "$LAB_WORK/stdout" "$reason"
    ! mountpoint -q view || fail "$image is mounted"
    drop_overlay "$image"
    losetup -d "$disk"
    passed "$image"
}
damaged ext4-bad 'EXT4-fs (dm-'
damaged ext4-cut 'exceeds size of device'
damaged xfs-bad 'Metadata CRC error'
damaged btrfs-bad 'BTRFS error (device dm-'
damaged ntfs-bad FILE_Bitmap
damaged exfat-cut 'exFAT-fs (dm-'
