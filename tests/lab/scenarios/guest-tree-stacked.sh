#!/bin/bash
# The guest's own tree where its root lies on LVM, in LUKS and on an array, one system each, their disks over three
# targets: the fstab of each is applied, with the names that LVM, crypttab and mdadm give there.
# weight=100
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

requires lvcreate mdadm cryptsetup
cd "$LAB_WORK" || exit
echo -n 'correct horse' > key
chmod 600 key

# system NAME: the root of a small one, whose fstab is on standard input
system() {
    mkdir -p "$1"/{etc,usr,home,srv,data,boot}
    printf 'ID=debian\nPRETTY_NAME="%s"\n' "$1" > "$1/etc/os-release"
    echo "$1" > "$1/etc/hostname"
    cat > "$1/etc/fstab"
}
data() { # NAME
    mkdir -p "$1"
    echo "this is $1" > "$1/file"
    head -c 20000 /dev/urandom > "$1/blob"
}
filesystem() { # DEVICE TREE [MKE2FS-OPTION...]
    mke2fs -q -t ext4 "${@:3}" "$1"
    _fill "$1" "$2" "$2.manifest"
}
step "a system on LVM over two disks"
blank_disks lvm1.img lvm2.img
only=(--devices "${loops[0]},${loops[1]}" -q --config 'backup { backup = 0 archive = 0 }')
{
    vgcreate "${only[@]}" vg-sys "${loops[@]}"
    lvcreate "${only[@]}" -y -Wn -n root -L 32M vg-sys "${loops[0]}"
    lvcreate "${only[@]}" -y -Wn -n home -L 32M vg-sys "${loops[1]}"
} > /dev/null
system lvm << 'FSTAB'
/dev/mapper/vg--sys-root / ext4 defaults 0 1
/dev/vg-sys/home /home ext4 defaults 0 2
LABEL=srv-data /srv ext4 defaults 0 2
FSTAB
data lvm-home
filesystem /dev/vg-sys/root lvm
filesystem /dev/vg-sys/home lvm-home
vgchange "${only[@]}" -an vg-sys > /dev/null
for loop in "${loops[@]}"; do _detach "$loop"; done

step "a system in LUKS, with a second encrypted disk"
blank_disks luks1.img luks2.img
for version in 2 1; do
    cryptsetup luksFormat -q --type luks$version --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key "${loops[2 - version]}"
done
system luks << 'FSTAB'
/dev/mapper/cryptroot / ext4 defaults 0 1
/dev/mapper/cryptdata /data ext4 defaults 0 2
FSTAB
cat > luks/etc/crypttab << CRYPTTAB
cryptroot UUID=$(cryptsetup luksUUID "${loops[0]}") none luks
cryptdata UUID=$(cryptsetup luksUUID "${loops[1]}") none luks
CRYPTTAB
data luks-data
cryptsetup open --key-file key "${loops[0]}" made
filesystem /dev/mapper/made luks
cryptsetup close made
cryptsetup open --key-file key "${loops[1]}" made
filesystem /dev/mapper/made luks-data
cryptsetup close made
for loop in "${loops[@]}"; do _detach "$loop"; done

step "a system on an array of two, with a second array"
blank_disks md1.img md2.img md3.img
mdadm --create /dev/md/sys --quiet --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=db01 --name=sys \
    --assume-clean "${loops[@]:0:2}"
mdadm --create /dev/md/data --quiet --run --force --level=1 --raid-devices=1 --metadata=1.2 --homehost=db01 --name=data \
    "${loops[2]}"
udevadm settle
system md << 'FSTAB'
/dev/md/sys / ext4 defaults 0 1
/dev/md/data /data ext4 defaults 0 2
FSTAB
data md-data
filesystem /dev/md/sys md
filesystem /dev/md/data md-data
mdadm --stop --quiet /dev/md/sys
mdadm --stop --quiet /dev/md/data
for loop in "${loops[@]}"; do _detach "$loop"; done

step "a bare disk"
blank_disks bare.img
data bare
filesystem "${loops[0]}" bare -L srv-data
_detach "${loops[0]}"

rm -f /etc/lvm/{archive,backup}/vg*
start_azure -- "$PWD"/{lvm1,luks1,md1,lvm2,luks2,md2,md3,bare}.img
azure_set polls_before_success=0 multi_target=3
systemctl start iscsid
host_snapshot before

step "mount"
expect_exit 0 azilr mount web01 "${point_options[@]}" --key-file key --json
cp "$LAB_WORK/stdout" result.json
top=$(json_get result.json directory)
root_of() { # HOSTNAME: where its tree is
    /usr/bin/python3 -c 'import json,sys
for root in json.load(open("result.json"))["roots"]:
    if root["hostname"] == sys.argv[1]: print(root["directory"])' "$1"
}
place() { # HOSTNAME PATH VOLUME MANIFEST: what is at that path of its tree
    local at
    at=$(root_of "$1")$2
    assert_eq "$(findmnt -n -o MAJ:MIN --mountpoint "$at")" "$(findmnt -n -o MAJ:MIN --mountpoint "$top/volumes/$3")" "$at"
    [ -z "$4" ] || assert_manifest "$4" "$at"
    [[ ,$(findmnt -n -o VFS-OPTIONS --mountpoint "$at"), == *,ro,* ]] || fail "$at can be written to"
}

step "on LVM"
place lvm '' vg-sys-root ''
place lvm /home vg-sys-home lvm-home.manifest
place lvm /srv disk7 bare.manifest
assert_manifest lvm.manifest "$top/volumes/vg-sys-root"

step "in LUKS"
place luks '' disk1-unlocked ''
place luks /data disk4-unlocked luks-data.manifest
assert_manifest luks.manifest "$top/volumes/disk1-unlocked"

step "on arrays"
place md '' md-sys ''
place md /data md-data md-data.manifest
assert_manifest md.manifest "$top/volumes/md-sys"

step "unmount"
expect_exit 0 azilr unmount --all "${sign_in[@]}"
assert_nothing_left
