#!/bin/bash
# Encrypted volumes, opened read-only and never written to. BitLocker: named while it is closed, opened with its password
# or its recovery password, not with a wrong one. LUKS of both versions, with integrity too: by key file, and by what is
# typed, which is asked for once however many volumes have it.
# weight=52
. "$AZILR_LAB/lib.sh"

requires cryptsetup dmsetup mkntfs ntfs-3g
driver=/src/build/tests/native/filesystem_driver
cd "$LAB_WORK" || exit
mkdir mnt view
view=$LAB_WORK/view
unlock=/src/build/tests/native/unlock_driver

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
    dmsetup remove azilr-lab-crypt
done
images_unchanged
mkdir luks
cd luks || exit

step 'making volumes of LUKS'
printf 'correct horse' > key
printf 'correct horse\n' > typed-in-an-editor
printf 'another one\n' > other
head -c 600 /dev/zero | tr '\0' x > long
chmod 600 key typed-in-an-editor other long
quick=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file)
luks() { # NAME KEY-FILE TYPE [OPTION...]
    local name=$1 key=$2 type=$3
    shift 3
    truncate -s 20M "$name"
    testside cryptsetup luksFormat -q --type "$type" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$key" \
        "$@" "$name"
    loop=$(losetup -f --show "$name")
    testside cryptsetup open --key-file "$key" "$loop" lab-plain
    mke2fs -q /dev/mapper/lab-plain
    testside cryptsetup close lab-plain
    losetup -d "$loop"
}
luks one key luks1 --pbkdf-force-iterations 1000
luks two key luks2
luks integrity key luks2 --integrity hmac-sha256
luks long-key long luks2
# a header by itself, and what it is the header of
truncate -s 24M detached
truncate -s 16M header
testside cryptsetup luksFormat -q --type luks2 "${quick[@]}" key --header header detached
sync .
record_images one two integrity long-key detached header
volumes=()
for name in one two integrity long-key detached header; do
    volumes+=("$(losetup -r -f --show $name)")
done
let_go() { losetup -d "${volumes[@]}" 2> /dev/null; }
cleanup_fn let_go

opened() { # NAME: it is, and holds what was made in it
    assert_contains "$LAB_WORK/stdout" "$1 member crypto_LUKS: LUKS, unlocked: see $1-unlocked"
    assert_contains "$LAB_WORK/stdout" "$1-unlocked found ext2: azilr-"
}
stays() { # NAME REASON
    grep -F "$1 failed" "$LAB_WORK/stdout" | grep -qF "$2" || fail "$1: $(cat "$LAB_WORK/stdout")"
}
nothing_open() {
    assert_eq "$(dmsetup ls)" "No devices found"
    [ ! -e /run/azilr ] || fail "state is left"
}

step 'by key files: to the byte, or without a line end'
expect_exit 0 $unlock --key-file other --key-file typed-in-an-editor --key-file long "${volumes[@]}"
for name in disk0 disk1 disk2 disk3; do opened $name; done
stays disk4 "encrypted with its header kept elsewhere"
stays disk5 "it is the detached header of a volume that is elsewhere"
# one lies on a further device, which goes with it
assert_contains "$LAB_WORK/stdout" "devices: 5"
nothing_open
expect_exit 0 $unlock --key-file other "${volumes[0]}"
stays disk0 "no key of those given fits"
nothing_open

# Types each line of stdin (or sends the signal) when it is asked; prints what is said, and exits as the program does.
on_terminal() {
    /usr/bin/python3 -c '
import os, pty, re, sys
answers = sys.argv[1].encode().decode("unicode_escape").encode().split(b"|")
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, asked = b"", 0
while True:
    try:
        data = os.read(master, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if seen.count(b"leave it locked): ") > asked:
        answer = answers[asked] if asked < len(answers) else b"\x03"
        os.write(master, answer if answer == b"\x03" else answer + b"\n")
        asked += 1
sys.stdout.buffer.write(seen.replace(b"\r", b""))
print("asked:", asked)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$@"
}

step 'a passphrase of several volumes is asked for once'
expect_exit 0 on_terminal 'wrong|correct horse' $unlock --unlock "${volumes[@]:0:2}"
opened disk0
opened disk1
assert_contains "$LAB_WORK/stdout" "that is not the passphrase of disk0"
assert_contains "$LAB_WORK/stdout" "asked: 2"
nothing_open

step 'what was typed too late for the first opens it all the same; three wrong answers are enough'
expect_exit 0 on_terminal 'wrong|wrong|wronger|correct horse' $unlock --unlock "${volumes[@]:0:2}"
opened disk0
opened disk1
assert_contains "$LAB_WORK/stdout" "asked: 4"
expect_exit 0 on_terminal '|wrong|no|never' $unlock --unlock "${volumes[@]:0:2}"
stays disk0 "left locked, as was asked for"
stays disk1 "no key of those given fits"
assert_contains "$LAB_WORK/stdout" "asked: 4"

step 'BitLocker is asked for as LUKS is, and its recovery password is as good'
for answer in 'pa$$ Word|pa$$ word' $recovery; do
    expect_exit 0 on_terminal "$answer|" $unlock --unlock "$disk" "${volumes[0]}"
    assert_contains "$LAB_WORK/stdout" "Passphrase of disk0 (BitLocker"
    assert_contains "$LAB_WORK/stdout" "disk0 member BitLocker: BitLocker, unlocked: see disk0-unlocked"
    assert_contains "$LAB_WORK/stdout" "disk0-unlocked found ntfs: azilr-"
done
stays disk1 "left locked, as was asked for"
nothing_open

step 'an answer of more than cryptsetup would take'
expect_exit 0 on_terminal "$(cat long)|correct horse" $unlock --unlock "${volumes[0]}"
assert_contains "$LAB_WORK/stdout" "--key-file takes a longer one"
opened disk0

step 'Ctrl-C at the prompt'
expect_exit 130 on_terminal '\x03' $unlock --unlock "${volumes[@]:0:2}"
assert_contains "$LAB_WORK/stdout" "interrupted"
nothing_open

step 'a header that asks for more memory than there is costs none, and keeps nothing else from being opened'
luks hostile key luks2 --pbkdf argon2id --pbkdf-memory 32 --pbkdf-parallel 1 --pbkdf-force-iterations 4
cp --sparse=always hostile endless
"$AZILR_LAB/luks-cost" hostile memory=$((4 << 20))
"$AZILR_LAB/luks-cost" endless time=4294967295
cryptsetup luksDump endless > endless.dump
assert_contains endless.dump 4294967295
record_images one two integrity long-key detached header hostile endless
volumes+=("$(losetup -r -f --show hostile)" "$(losetup -r -f --show endless)")
start=$SECONDS
expect_exit 0 $unlock --key-file key "${volumes[6]}" "${volumes[0]}"
stays disk0 "deriving its key takes 4096 MiB of memory by its own account, and this host has"
opened disk1
[ $((SECONDS - start)) -lt 60 ] || fail "took $((SECONDS - start)) s"
nothing_open

step 'one that asks for all the time there is ends with the time limit, or by a signal'
start=$SECONDS
expect_exit 5 $unlock --timeout 10 --key-file key "${volumes[7]}"
assert_contains "$LAB_WORK/stderr" "the time limit is over"
[ $((SECONDS - start)) -lt 60 ] || fail "took $((SECONDS - start)) s"
nothing_open
$unlock --key-file key "${volumes[7]}" 2> signalled &
signalled=$!
retry_until 60 pgrep -x cryptsetup
kill -TERM $signalled
got=0
wait $signalled || got=$?
assert_eq "$got" 130 "$(cat signalled)"
assert_contains signalled "interrupted (SIGTERM)"
! pgrep -x cryptsetup || fail "cryptsetup is left"
nothing_open

step 'no terminal to ask on'
expect_exit 0 setsid -w $unlock --unlock "${volumes[0]}"
stays disk0 "there is no terminal"

nothing_open
let_go
losetup -d "$disk"
images_unchanged
