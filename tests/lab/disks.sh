# shellcheck shell=bash
# Backup disks, built with the tools that build them on real machines.
#
# Each make_disk_… IMAGE writes IMAGE and, beside it, IMAGE.NAME.manifest for every volume NAME:
# the checksums of the regular files that a person must be able to read back.

# Every regular file below DIR; names with newlines are escaped by sha256sum itself.
manifest() {
    (cd "$1" && find . -xdev -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum)
}

# DIR holds exactly the files of FILE.
assert_manifest() {
    local file=$1 dir=$2
    manifest "$dir" | diff -u "$file" - || fail "$dir does not hold what went into the backup"
}

record_images() { "$AZILR_LAB/backup-state" sums "$@" > "$LAB_WORK/images.sums"; }

images_unchanged() {
    "$AZILR_LAB/backup-state" check sums="$LAB_WORK/images.sums" || fail "a backup disk was written to"
}

# Files like those of a small server, with the awkward names and kinds that real ones have too.
make_tree() {
    local dir=$1 i
    mkdir -p "$dir"/{etc/ssh,home/anna/Documents,home/ben,root,usr/bin,usr/share/doc,var/log,var/lib/app,srv/www,boot,proc,sys,dev,tmp}
    printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n' > "$dir/etc/os-release"
    echo web01 > "$dir/etc/hostname"
    printf 'root:x:0:0:root:/root:/bin/bash\nanna:x:1000:1000::/home/anna:/bin/bash\n' > "$dir/etc/passwd"
    echo 'secret of the host' > "$dir/etc/ssh/ssh_host_ed25519_key"
    chmod 600 "$dir/etc/ssh/ssh_host_ed25519_key"
    for i in 1 2 3 4 5 6 7 8; do
        seq "$i" $((i * 3000)) > "$dir/var/log/app.$i.log"
        head -c $((i * 40000 + i)) /dev/urandom > "$dir/var/lib/app/blob$i"
    done
    echo 'the yearly report' > "$dir/home/anna/Documents/report 2026.txt"
    echo umlauts > "$dir/home/anna/Documents/Übersicht — Ärger.txt"
    echo 'odd' > "$dir/home/anna/Documents/"$'line\nbreak'
    echo '-rf' > "$dir/home/ben/-rf"
    : > "$dir/home/ben/empty"
    truncate -s 4M "$dir/var/lib/app/sparse"
    echo end >> "$dir/var/lib/app/sparse"
    printf '#!/bin/sh\nid\n' > "$dir/usr/bin/setuid"
    chmod 4755 "$dir/usr/bin/setuid"
    ln -s ../../etc/passwd "$dir/srv/www/outside"
    ln -s /etc/shadow "$dir/home/ben/absolute"
    ln "$dir/var/lib/app/blob1" "$dir/var/lib/app/blob1.link"
    mkfifo "$dir/var/lib/app/fifo"
    mknod "$dir/dev/sda" b 8 0
    chown -R 1000:1000 "$dir/home/anna"
    chown -R 1001:1001 "$dir/home/ben"
}

# blank_disks IMAGE...: makes them, of 48 MiB, and sets `loops`, a loop device for each.
blank_disks() {
    local image
    loops=()
    for image in "$@"; do
        truncate -s 48M "$image"
        loops+=("$(losetup -f --show "$image")")
    done
    udevadm settle
}

# A loop device over IMAGE with its partitions; gone again at the end of the scenario at the latest.
_attach() {
    local loop
    loop=$(losetup -P -f --show "$1")
    udevadm settle
    echo "$loop"
}

_detach() {
    udevadm settle
    losetup -d "$1"
    # Detaching is only done when the last one who looks at the device has closed it.
    udevadm settle
}

# Puts a tree (or one small file) on the file system of DEVICE and writes its manifest.
_fill() {
    local device=$1 tree=$2 manifest=$3 mnt
    mnt=$(mktemp -d "$LAB_WORK/mnt.XXXX")
    mount "$device" "$mnt"
    cp -a "$tree/." "$mnt/"
    manifest "$mnt" > "$manifest"
    umount "$mnt"
    rmdir "$mnt"
}

_efi_tree() {
    mkdir -p "$1/EFI/debian"
    head -c 200000 /dev/urandom > "$1/EFI/debian/shimx64.efi"
    echo 'search.fs_uuid 0 root' > "$1/EFI/debian/grub.cfg"
}

_tree() {
    _tree_dir=$LAB_WORK/tree
    [ -d "$_tree_dir" ] || make_tree "$_tree_dir"
}

_disks=/var/tmp/lab-tests/disks
declare -A _kinds_made=()

# _once_a_boot KIND IMAGE MAKER...: MAKER makes IMAGE for the first scenario that asks for this kind, and what it made is
# copied for the others. A second one in a scenario is made by itself, for no two disks of a VM have the same ids.
_once_a_boot() {
    local kind=$1 image=$2 kept=$_disks/$1 file
    shift 2
    if [ -d "$kept" ] && [ -z "${_kinds_made[$kind]-}" ]; then
        for file in "$kept"/*; do cp --sparse=always "$file" "$image${file#"$kept/image"}"; done
    else
        "$@"
    fi
    _kinds_made[$kind]=1
    [ ! -d "$kept" ] || return 0
    mkdir -p "$kept.new"
    for file in "$image" "$image".*.manifest; do cp --sparse=always "$file" "$kept.new/image${file#"$image"}"; done
    mv "$kept.new" "$kept"
}

# GPT: an EFI partition and an ext4 root, as an Azure image of Debian or Ubuntu has them.
make_disk_linux() { _once_a_boot linux "$1" _make_disk_linux "$1"; }
_make_disk_linux() {
    local image=$1 loop
    _tree
    [ -d "$LAB_WORK/efi" ] || _efi_tree "$LAB_WORK/efi"
    truncate -s 256M "$image"
    sfdisk -q "$image" << TABLE
label: gpt
size=40M, type=U, name=EFI
type=L, name=root
TABLE
    loop=$(_attach "$image")
    mkfs.vfat -n EFI "${loop}p1" > /dev/null
    mke2fs -q -t ext4 -L root "${loop}p2"
    cat > "$_tree_dir/etc/fstab" << FSTAB
UUID=$(blkid -p -o value -s UUID "${loop}p2") / ext4 defaults 0 1
UUID=$(blkid -p -o value -s UUID "${loop}p1") /boot/efi vfat umask=0077 0 1
FSTAB
    mkdir -p "$_tree_dir/boot/efi"
    _fill "${loop}p1" "$LAB_WORK/efi" "$image.efi.manifest"
    _fill "${loop}p2" "$_tree_dir" "$image.root.manifest"
    _detach "$loop"
}

_make_disk_whole() {
    local image=$1 size=$2 loop
    shift 2
    _tree
    truncate -s "$size" "$image"
    loop=$(_attach "$image")
    "$@" "$loop" > /dev/null
    _fill "$loop" "$_tree_dir" "$image.root.manifest"
    _detach "$loop"
}

# File systems on the bare disk, as data disks often have them.
make_disk_ext4() { _once_a_boot ext4 "$1" _make_disk_whole "$1" 128M mke2fs -q -t ext4; }
make_disk_xfs() { _once_a_boot xfs "$1" _make_disk_whole "$1" 320M mkfs.xfs -q; }
make_disk_btrfs() { _once_a_boot btrfs "$1" _make_disk_whole "$1" 256M mkfs.btrfs -q; }

# The disk of a machine that was running: files that are only in the journal yet.
make_disk_ext4_dirty() { _once_a_boot ext4-dirty "$1" _make_disk_ext4_dirty "$1"; }
_make_disk_ext4_dirty() {
    local image=$1 live=$1.live mnt loop
    _tree
    truncate -s 128M "$live"
    mke2fs -q -t ext4 "$live"
    loop=$(_attach "$live")
    mnt=$(mktemp -d "$LAB_WORK/mnt.XXXX")
    mount -o commit=300 "$loop" "$mnt"
    cp -a "$_tree_dir/." "$mnt/"
    sync -f "$mnt"
    echo 'written just before the backup' > "$mnt/home/anna/last minute"
    rm "$mnt/var/log/app.8.log"
    sync "$mnt/home/anna/last minute"
    cp --sparse=always "$live" "$image"
    manifest "$mnt" > "$image.root.manifest"
    umount "$mnt"
    rmdir "$mnt"
    _detach "$loop"
    rm "$live"
}

# A volume group on a partition, with two logical volumes; VG's default name clashes with many a host's.
make_disk_lvm() {
    local image=$1 vg=${2-vgdata} loop lv
    _tree
    truncate -s 256M "$image"
    echo 'type=V' | sfdisk -q --label gpt "$image"
    loop=$(_attach "$image")
    # Only this device, for a VG of the same name may well be on the host; and no trace in /etc/lvm.
    local only=(--devices "${loop}p1" -q --config 'backup { backup = 0 archive = 0 }')
    {
        pvcreate "${only[@]}" "${loop}p1"
        vgcreate "${only[@]}" "$vg" "${loop}p1"
        lvcreate "${only[@]}" -y -Wn -n root -L 120M "$vg"
        lvcreate "${only[@]}" -y -Wn -n home -l 100%FREE "$vg"
    } > /dev/null
    for lv in root home; do
        mke2fs -q -t ext4 -L "$lv" "/dev/$vg/$lv"
        _fill "/dev/$vg/$lv" "$_tree_dir" "$image.$lv.manifest"
    done
    vgchange "${only[@]}" -an "$vg" > /dev/null
    _detach "$loop"
}

# A volume group with one volume: a root file system that says so, and little in it, for many mounts.
make_disk_lvm_small() {
    local image=$1 loop
    truncate -s 48M "$image"
    echo 'type=V' | sfdisk -q --label gpt "$image"
    loop=$(_attach "$image")
    local only=(--devices "${loop}p1" -q --config 'backup { backup = 0 archive = 0 }')
    {
        pvcreate "${only[@]}" "${loop}p1"
        vgcreate "${only[@]}" vgdata "${loop}p1"
        lvcreate "${only[@]}" -y -Wn -n root -l 100%FREE vgdata
    } > /dev/null
    mke2fs -q -t ext4 -L root /dev/vgdata/root
    mkdir -p "$LAB_WORK/small"/{etc,usr,home}
    echo 'ID=debian' > "$LAB_WORK/small/etc/os-release"
    echo '/dev/vgdata/root / ext4 defaults 0 1' > "$LAB_WORK/small/etc/fstab"
    _fill /dev/vgdata/root "$LAB_WORK/small" "$image.root.manifest"
    vgchange "${only[@]}" -an vgdata > /dev/null
    _detach "$loop"
}

# Both halves of a RAID 1.
make_disk_md() {
    local first=$1 second=$2 one two md=/dev/md/azilr-make
    _tree
    truncate -s 128M "$first" "$second"
    one=$(_attach "$first")
    two=$(_attach "$second")
    mdadm --create "$md" --quiet --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=web01 \
        --assume-clean "$one" "$two"
    udevadm settle
    mke2fs -q -t ext4 "$md"
    _fill "$md" "$_tree_dir" "$first.root.manifest"
    mdadm --stop --quiet "$md"
    _detach "$two"
    _detach "$one"
}
