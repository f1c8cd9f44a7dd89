#!/bin/bash
# A BitLocker volume: named while it is closed, opened read-only with its password or its recovery password, not with a
# wrong one, and never written to.
# timeout=400
. "$AZILR_LAB/lib.sh"

requires cryptsetup dmsetup mkntfs ntfs-3g
driver=/src/build/tests/native/filesystem_driver
cd "$LAB_WORK" || exit
mkdir mnt view
view=$LAB_WORK/view

step 'making it'
recovery=471207-278498-422125-177177-561902-537405-468006-693451
printf 'pa$$ word' > password
printf '%s' $recovery > recovery
printf 'pa$$ Word' > wrong
chmod 600 password recovery wrong
truncate -s 24M volume
testside "$AZILR_LAB/bitlocker" volume "$(cat password)" $recovery > table
loop=$(losetup -f --show volume)
sed "s#%s#$loop#" table | testside dmsetup create lab-plain
udevadm settle
mkntfs -q -Q -F /dev/mapper/lab-plain 2> /dev/null
ntfs-3g /dev/mapper/lab-plain mnt
mkdir mnt/Users
echo 'the yearly report' > mnt/Users/Übersicht.txt
head -c 3000000 /dev/urandom > mnt/Users/data.bin
manifest mnt > volume.manifest
umount mnt
retry_until 10 sh -c '! pgrep -x ntfs-3g'
retry_until 10 dmsetup remove lab-plain
losetup -d "$loop"
sync volume
record_images volume

disk=$(losetup -r -f --show volume)
detach() { umount view 2> /dev/null; dmsetup remove azilr-lab-crypt 2> /dev/null; losetup -d "$disk" 2> /dev/null; }
cleanup_fn detach
step 'it is named'
expect_exit 12 $driver mount "$disk" "$view"
assert_contains "$LAB_WORK/stdout" 'type BitLocker'
assert_contains "$LAB_WORK/stdout" 'encrypted with BitLocker'
step 'a wrong password'
expect_exit 11 $driver crypt-open "$disk" azilr-lab-crypt wrong
[ ! -e /dev/mapper/azilr-lab-crypt ] || fail 'opened with a wrong password'
for key in password recovery; do
    step "with its $key"
    expect_exit 0 $driver crypt-open "$disk" azilr-lab-crypt $key
    assert_eq "$(blockdev --getro /dev/mapper/azilr-lab-crypt)" 1
    expect_exit 0 $driver mount /dev/mapper/azilr-lab-crypt "$view"
    assert_manifest volume.manifest view
    expect_exit 0 $driver unmount "$view" /dev/mapper/azilr-lab-crypt
    expect_exit 0 $driver crypt-close azilr-lab-crypt
done
losetup -d "$disk"
images_unchanged
