#!/bin/bash
# weight=290
#
# LVM and md support by itself (tests/native/storage_driver), over a table of layouts made with the real tools on loop
# devices set read-only, with overlays made by hand; the host runs the very same volume group and arrays meanwhile.
. "$AZILR_LAB/lib.sh"

requires lvm mdadm
cd "$LAB_WORK" || exit
tag=0a0b0c0d
quiet=(--config 'backup{backup=0 archive=0}')
driver=/src/build/tests/native/storage_driver
mkdir private
chmod 700 private
rows=0 bad_rows=0

# row NAME COMMAND...: one line of the table; the others are still gone through when one is bad.
row() {
    local name=$1
    shift
    rows=$((rows + 1))
    if ("$@") > row.log 2>&1; then
        printf 'layout ok      %s\n' "$name"
    else
        printf 'layout NOT OK  %s\n' "$name"
        sed 's/^/    /' row.log | tail -n 60
        bad_rows=$((bad_rows + 1))
    fi
}

# As azilr's rules do for its disks: what the host's own rules would do with loops, overlays and what is on them.
mkdir -p /run/udev/rules.d
cat > /run/udev/rules.d/56-lab.rules << 'RULES'
SUBSYSTEM=="block", KERNEL=="loop*|dm-*|md*", ENV{SYSTEMD_READY}="0", ENV{DM_UDEV_DISABLE_OTHER_RULES_FLAG}="1", ENV{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}="1"
RULES
udevadm control --reload
cleanup_fn rm -rf /run/udev/rules.d
modprobe -a dm_snapshot loop raid0 raid1 raid456 raid10

loop_of() { losetup -f --show "$@"; }
# Detaches the loop devices over these files.
unloop() {
    local file device
    for file; do
        for device in $(losetup -n -O NAME -j "$file"); do losetup -d "$device"; done
    done
}

# A read-only device over a copy of FILE; its path.
backup_of() {
    cp --sparse=always "$1" "$1.bak"
    sha256sum "$1.bak" >> backups.sha256
    loop_of -r "$1.bak"
}

# overlay N DEVICE: /dev/mapper/azilr-TAG-N over it.
overlay() {
    truncate -s 48M "cow$1"
    dmsetup create "azilr-$tag-$1" --table "0 $(blockdev --getsz "$2") snapshot $2 $(loop_of "cow$1") P 8"
    echo "/dev/mapper/azilr-$tag-$1"
}

remove_overlays() {
    local name file round
    udevadm settle
    # a base is in use until what is on it is gone
    for round in 1 2; do
        for name in $(dmsetup ls | awk -v prefix="^azilr-$tag-" '$1 ~ prefix { print $1 }'); do
            dmsetup remove --retry "$name" 2> /dev/null || [ $round = 1 ]
        done
    done
    for file in cow*; do
        unloop "$file"
        rm -f "$file"
    done
}

# json FILE EXPRESSION, with the document as d
json() { /usr/bin/python3 -SE -c 'import json,sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"; }

vg_name=azilr-$tag-vg0
lv_path() { echo "/dev/mapper/azilr--$tag--vg0-$1"; }
same() { cmp -n 3145728 data "$1"; }
no_resync() {
    local name=$1
    grep -H . "/sys/block/$name/md/array_state" &&
        [ "$(cat "/sys/block/$name/md/array_state")" = readonly ] &&
        { [ ! -e "/sys/block/$name/md/sync_action" ] || [ "$(cat "/sys/block/$name/md/sync_action")" = idle ]; }
}

head -c 4M /dev/urandom > data

# --- LVM ---

step "the host's volume group, in use"
pv=()
for i in 0 1 2 3; do
    truncate -s 96M "pv$i"
    pv+=("$(loop_of "pv$i")")
done
end_vg() {
    [ -z "${writer-}" ] || kill "$writer" || true
    umount busy || true
    # LVM removes nothing while it sees its physical volumes twice
    unloop pv?.bak
    vgremove -q -ff -y "${quiet[@]}" vgdata || true
    unloop pv?
    rm -rf /etc/lvm/archive/{vgdata,vgmd}* /etc/lvm/backup/{vgdata,vgmd}* /etc/lvm/archive/azilr-* /etc/lvm/backup/azilr-*
}
cleanup_fn end_vg
make_lv() { lvcreate -q -y -Wn "${quiet[@]}" "$@"; }
{
    vgcreate -q "${quiet[@]}" vgdata "${pv[@]}"
    make_lv -n lin -l 3 vgdata "${pv[0]}"
    make_lv -n span -l 20 vgdata "${pv[0]}:3-17" "${pv[1]}:0-4"
    make_lv -n part4 -l 2 vgdata "${pv[3]}"
    make_lv -n str -i 2 -l 2 vgdata "${pv[1]}" "${pv[2]}"
    make_lv --type raid1 -m 1 -n r1 -l 2 vgdata "${pv[1]}" "${pv[3]}"
    make_lv --type raid5 -i 2 -n r5 -l 2 vgdata "${pv[1]}" "${pv[2]}" "${pv[3]}"
    make_lv --type mirror -m 1 -n mir -l 2 vgdata "${pv[1]}" "${pv[3]}" "${pv[2]}"
    lvcreate -q -y "${quiet[@]}" --type thin-pool -n pool -l 4 vgdata "${pv[2]}"
    lvcreate -q -y "${quiet[@]}" -V 12M -T vgdata/pool -n thin
    make_lv -n busy -l 3 vgdata "${pv[2]}"
    mkfs.ext4 -q /dev/vgdata/busy
    mkdir busy clone
    mount /dev/vgdata/busy busy
    cp data busy/data
    for lv in lin span part4 str r1 r5 mir thin; do dd if=data of=/dev/vgdata/$lv bs=1M count=3 conv=fsync; done
    lvcreate -q -y "${quiet[@]}" -s -n thinsnap vgdata/thin
    lvcreate -q -y "${quiet[@]}" -s -n linsnap -l 1 vgdata/lin "${pv[0]}"
    make_lv --type raid1 -m 1 --maxrecoveryrate 64k -n unsync -l 4 vgdata "${pv[2]}" "${pv[3]}"
    dd if=data of=/dev/vgdata/unsync bs=1M count=3 conv=fsync
} > lvm.log 2>&1
volumes=(lin span part4 str r1 r5 mir thin thinsnap linsnap unsync)
udevadm settle
sync
bak=()
for i in 0 1 2 3; do bak+=("$(backup_of "pv$i")"); done
while sleep 0.2; do echo still-writing >> busy/file; done &
writer=$!
host_vg() { vgs "${quiet[@]}" --noheadings -o vg_name,vg_uuid,vg_attr,pv_count,lv_count vgdata; lvs "${quiet[@]}" --noheadings -o lv_name,lv_uuid,lv_size,lv_active,devices vgdata; }
host_vg > host_vg.before 2> /dev/null

step "it as a backup, beside the host's"
expect_exit 0 $driver vg-read "${bak[@]}"
assert_eq "$(json stdout '[g["name"] for g in d]')" "['vgdata']"
assert_eq "$(json stdout 'len(d[0]["pvs"])')" 4
pairs=()
for i in 0 1 2 3; do pairs+=("${bak[i]}=$(overlay "$i" "${bak[i]}")"); done
lvm_files() { find /etc/lvm /run/lvm -type f -exec sha256sum {} + | sort; }
lvm_files > lvm-files.before
row "4 disks, the same volume group in use on the host: read and activated" $driver vg-open $vg_name "$PWD/private" vgdata "${pairs[@]}"
cp row.log opened
row "  nothing of LVM's files on the host changed" eval "lvm_files | diff lvm-files.before -"
declare -A layout_of
while read -r lv layout; do layout_of[$lv]=$layout; done < <(lvs --noheadings -o lv_name,lv_layout vgdata 2> /dev/null)
for lv in "${volumes[@]}"; do
    row "  $lv (${layout_of[$lv]-}), read-only" \
        eval "same $(lv_path $lv) && [ \$(blockdev --getro $(lv_path $lv)) = 1 ] || { grep -A7 '\"$lv\"' opened; false; }"
done
row "  a mounted ext4 (dirty journal not replayed)" eval "mount -o ro,noload $(lv_path busy) clone && cmp data clone/data && umount clone"
sleep 2
row "  unsync is not brought in sync" eval "dmsetup status $(lv_path unsync) | grep -q frozen"
row "  deactivated again" $driver vg-close $vg_name "$PWD/private" vgdata "${pairs[@]}"
assert_eq "$(dmsetup ls | grep -c 'azilr--' || true)" 0 "volumes left"
remove_overlays

step "without the fourth disk"
pairs=()
for i in 0 1 2; do pairs+=("${bak[i]}=$(overlay "$i" "${bak[i]}")"); done
expect_exit 0 $driver vg-read "${bak[@]:0:3}"
json stdout '[p for p in d[0]["pvs"] if not p["device"]][0]["stand_in"]' > table
missing=$(json stdout '[p for p in d[0]["pvs"] if not p["device"]][0]["uuid"]')
sed -i '/^$/d' table
dmsetup create azilr-$tag-9 table
pairs+=("$missing=$(overlay 3 /dev/mapper/azilr-$tag-9)")
row "a missing physical volume" $driver vg-open $vg_name "$PWD/private" vgdata "${pairs[@]}"
sed -n '/^{/,/^}/p' row.log > opened
lv_is() { [ "$(json opened "[(l['incomplete'], l['degraded']) for l in d['lvs'] if l['name'] == '$1'][0]")" = "($2, $3)" ]; }
for lv in lin span str thin thinsnap linsnap; do
    row "  $lv is whole" eval "lv_is $lv False False && same $(lv_path $lv)"
done
for lv in r1 r5 mir; do
    row "  $lv is degraded and readable" eval "lv_is $lv False True && same $(lv_path $lv)"
done
row "  part4 is incomplete and gives errors, not zeros" eval "lv_is part4 True False && ! dd if=$(lv_path part4) of=/dev/null bs=4k count=1"
row "  deactivated again" $driver vg-close $vg_name "$PWD/private" vgdata "${pairs[@]}"
remove_overlays

step "exported, of another system, shared"
variant() { # SED-EXPRESSION
    local pairs=() config i status
    for i in 0 1 2 3; do pairs+=("$(overlay "$i" "${bak[i]}")"); done
    config=$(printf '"a|^%s$|",' "${pairs[@]}")
    config="devices{filter=[$config\"r|.*|\"] hints=\"none\"} backup{backup=0 archive=0} global{activation=0}"
    vgcfgbackup -q --config "$config" -f meta vgdata
    sed -i "$1" meta
    vgcfgrestore -q -y --force --config "$config" -f meta vgdata
    status=0
    for i in 0 1 2 3; do pairs[i]=${pairs[i]}=${pairs[i]}; done
    $driver vg-open $vg_name "$PWD/private" vgdata "${pairs[@]}" && same "$(lv_path lin)" || status=1
    $driver vg-close $vg_name "$PWD/private" vgdata "${pairs[@]}" || status=1
    remove_overlays
    return $status
}
row "an exported volume group" variant 's/"RESIZEABLE", "READ"/"RESIZEABLE", "EXPORTED", "READ"/'
row "a volume group with another system's id" variant 's/^\tformat = "lvm2".*/&\n\tsystem_id = "other.example-1"/'
row "a shared volume group" variant 's/^\tformat = "lvm2".*/&\n\tlock_type = "sanlock"\n\tlock_args = "1.0.0:lvmlock"/'

step "the host's volume group is as it was"
host_vg > host_vg.after 2> /dev/null
diff host_vg.before host_vg.after || fail "the host's volume group has changed"
kill $writer
writer=
cmp data busy/data
umount busy
expect_exit 0 e2fsck -fn /dev/vgdata/busy
expect_exit 0 sha256sum --quiet -c backups.sha256
end_vg > /dev/null 2>&1

# --- one on top of the other ---

step "LVM on md, and md in LVM"
stacked_end() {
    unloop s?.bak
    mdadm --stop --quiet /dev/md/inner || true
    vgremove -q -ff -y "${quiet[@]}" vgmd || true
    mdadm --stop --quiet /dev/md/outer || true
    unloop s?
}
cleanup_fn stacked_end
truncate -s 64M s0 s1
disks=("$(loop_of s0)" "$(loop_of s1)")
{
    mdadm --create /dev/md/outer --quiet --run --level=1 --raid-devices=2 --assume-clean "${disks[@]}"
    vgcreate -q "${quiet[@]}" vgmd /dev/md/outer
    make_lv -n a -l 4 vgmd
    make_lv -n b -l 4 vgmd
    mdadm --create /dev/md/inner --quiet --run --level=1 --raid-devices=2 --assume-clean /dev/vgmd/a /dev/vgmd/b
    dd if=data of=/dev/md/inner bs=1M count=3 conv=fsync
    sleep 0.8
    sync
} > stacked.log 2>&1
rm -f backups.sha256
bak=("$(backup_of s0)" "$(backup_of s1)")
outer=md_azilr_${tag}_1 inner=md_azilr_${tag}_2
uuid_of() { $driver md-read "$@" > read.json 2> /dev/null && json read.json 'd[0]["uuid"]'; }
stacked() {
    local one two
    one=$(overlay 0 "${bak[0]}")
    two=$(overlay 1 "${bak[1]}")
    $driver md-open $outer "$PWD/private" "$(uuid_of "${bak[@]}")" "${bak[0]}=$one" "${bak[1]}=$two"
    $driver vg-open $vg_name "$PWD/private" vgmd "/dev/$outer=$(overlay 2 /dev/$outer)"
    one=$(overlay 3 "$(lv_path a)")
    two=$(overlay 4 "$(lv_path b)")
    $driver md-open $inner "$PWD/private" "$(uuid_of "$(lv_path a)" "$(lv_path b)")" "$(lv_path a)=$one" "$(lv_path b)=$two"
    same /dev/$inner && no_resync $inner
}
row "md (raid1) on LVM on md (raid1), beside the host's" stacked
$driver md-stop $inner
dmsetup remove --retry azilr-$tag-3
dmsetup remove --retry azilr-$tag-4
$driver vg-close $vg_name "$PWD/private" vgmd "/dev/$outer=/dev/mapper/azilr-$tag-2" || vgchange -an $vg_name || true
udevadm settle
dmsetup ls | awk '/azilr--/ { print $1 }' | xargs -r -n 1 dmsetup remove --retry
dmsetup remove --retry azilr-$tag-2
$driver md-stop $outer
remove_overlays
expect_exit 0 sha256sum --quiet -c backups.sha256
stacked_end > /dev/null 2>&1

# --- md ---

md=md_azilr_${tag}_0
open_md() { $driver md-open $md "$PWD/private" "$uuid" "$@" && same /dev/$md && no_resync $md; }
stop_md() { $driver md-stop $md && [ ! -e /sys/block/$md ]; }
around() { local status=0; open_md "$@" || status=1; stop_md || status=1; return $status; }
needs_overlays() { local status=0; $driver md-open $md "$PWD/private" "$uuid" "$@" || status=$?; [ $status = 6 ]; }
state() { $driver md-read "$@" > read.json; [ "$(json read.json 'd[0]["state"]')" = "$want" ]; }
without_second() { shift_out=("$1" "${@:3}"); }
overlaid() { # DEVICE...: DEVICE=OVERLAY of each, in `pairs`
    local i=0 device
    pairs=()
    for device; do
        pairs+=("$device=$(overlay $i "$device")")
        i=$((i + 1))
    done
}
end_md() {
    mdadm --stop --quiet /dev/$md /dev/md/x || true
    unloop m? m?.bak m?.dirty
    rm -f m? m?.bak m?.dirty
}
cleanup_fn end_md

layout() { # LEVEL METADATA COUNT
    local level=$1 metadata=$2 count=$3 name="raid$1, metadata $2" i clean=() dirty=() member=() create=(--assume-clean) map
    [ "$level" != 0 ] || create=()
    for ((i = 0; i < count; i++)); do
        truncate -s 24M "m$i"
        member+=("$(loop_of "m$i")")
    done
    mdadm --create /dev/md/x --quiet --run --level="$level" --raid-devices="$count" --metadata="$metadata" "${create[@]}" "${member[@]}"
    dd if=data of=/dev/md/x bs=1M conv=fsync status=none
    sleep 0.8
    sync
    rm -f backups.sha256
    for ((i = 0; i < count; i++)); do clean+=("$(backup_of "m$i")"); done
    (for i in 1 2 3 4 5 6 7 8 9; do dd if=data of=/dev/md/x bs=1M conv=notrunc,fsync status=none; done) &
    sleep 0.3
    for ((i = 0; i < count; i++)); do
        cp --sparse=always "m$i" "m$i.dirty"
        dirty+=("$(loop_of -r "m$i.dirty")")
    done
    wait $!
    expect_exit 0 $driver md-read "${clean[@]}"
    uuid=$(json stdout 'd[0]["uuid"]')
    assert_eq "$(json stdout '(d[0]["level"], d[0]["metadata"], d[0]["raid_devices"], d[0]["missing"], d[0]["state"])')" \
        "('raid$level', '$metadata', $count, 0, 'whole')"
    map=$(cat /run/mdadm/map)
    mdadm --detail /dev/md/x | grep -v 'Events\|Update Time\|State :' > detail.before

    if [ "$metadata" = 0.90 ]; then
        row "$name: beside the host's, read-only members" around "${clean[@]}"
    else
        row "$name: says that it needs overlays beside the host's" needs_overlays "${clean[@]}"
    fi
    overlaid "${clean[@]}"
    row "$name: beside the host's, on overlays" around "${pairs[@]}"
    remove_overlays
    if [ "$level" != 0 ]; then
        without_second "${clean[@]}"
        overlaid "${shift_out[@]}"
        row "$name: beside the host's, degraded" around "${pairs[@]}"
        remove_overlays
    fi
    row "$name: the host's map of arrays is as it was" [ "$(cat /run/mdadm/map)" = "$map" ]
    mdadm --detail /dev/md/x | grep -v 'Events\|Update Time\|State :' | diff detail.before - || fail "the host's array has changed"
    cmp -n 4194304 data /dev/md/x
    mdadm --stop --quiet /dev/md/x

    row "$name: read-only members" around "${clean[@]}"
    without_second "${clean[@]}"
    if [ "$level" = 0 ]; then
        want=incomplete
        row "$name: one missing" state "${shift_out[@]}"
    else
        want=degraded
        row "$name: one missing is seen" state "${shift_out[@]}"
        row "$name: one missing, read-only members" around "${shift_out[@]}"
    fi
    row "$name: in use when the backup was made" eval "$driver md-open $md $PWD/private $uuid ${dirty[*]} && no_resync $md && stop_md"
    if [ "$level$metadata" = 50.90 ]; then
        without_second "${dirty[@]}"
        row "$name: in use and one missing is refused" eval "! $driver md-open $md $PWD/private $uuid ${shift_out[*]} && [ ! -e /sys/block/$md ]"
    elif [ "$level" = 5 ]; then
        without_second "${dirty[@]}"
        row "$name: in use and one missing needs overlays" needs_overlays "${shift_out[@]}"
        overlaid "${shift_out[@]}"
        row "$name: in use and one missing, on overlays" eval "$driver md-open $md $PWD/private $uuid ${pairs[*]} && no_resync $md && stop_md"
        remove_overlays
    fi
    expect_exit 0 sha256sum --quiet -c backups.sha256
    rm backups.sha256
    [ -z "$(ls private)" ] || fail "left in the private directory: $(ls private)"
    end_md 2> /dev/null
}

step "md"
layout 1 1.2 2
layout 5 1.2 3
layout 10 1.0 4
layout 0 1.1 2
layout 5 0.90 3

printf '\n%d layouts, %d not ok\n' $rows $bad_rows
[ $bad_rows = 0 ] || fail "$bad_rows of $rows layouts"
udevadm settle
