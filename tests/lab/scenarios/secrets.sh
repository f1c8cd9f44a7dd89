#!/bin/bash
# Where a secret may be left: the client's, the token, the password of the targets, the passphrase of a volume. Looked for
# in many forms, in what every process is started with, descriptors, files, logs, and in azilr's own memory as
# it ends. That the looking finds something is shown with secrets that are left on purpose.
# machine=qemu: it traces execve
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"
requires cryptsetup

cd "$LAB_WORK" || exit
step "a backup with an encrypted volume"
(umask 077 && head -c 18 /dev/urandom | base64 -w0 > key)
truncate -s 40M luks.img
testside cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key luks.img
loop=$(losetup -f --show luks.img)
testside cryptsetup open --key-file key "$loop" made
mke2fs -q -t ext4 /dev/mapper/made
testside cryptsetup close made
losetup -d "$loop"
start_azure -- "$PWD/luks.img"
systemctl start iscsid
host_snapshot before
touch "$LAB_WORK/since"
AZURE_TENANT_ID=$(azure_fact tenant_id) AZURE_CLIENT_ID=$(azure_fact client_id)
AZURE_CLIENT_SECRET=$(cat "$azure/client-secret")
export AZURE_TENANT_ID AZURE_CLIENT_ID
id=$(azure_fact recovery_points.0.id)

# Runs azilr and looks at its memory as it ends; the secret of the client is given to it alone.
watched() {
    AZURE_CLIENT_SECRET=$AZURE_CLIENT_SECRET AZILR_LAB_TESTSIDE=1 /usr/bin/python3 -SE "$AZILR_LAB/secret_forms.py" \
        "$LAB_WORK/secrets" "$@" 9>> "$LAB_WORK/memory"
}

# look OUTPUT [-PATH]...: everywhere but in the test's own files and where open-iscsi has to have the password (-PATH).
look() {
    local output=$1
    shift
    { journalctl -b -o export --no-pager; dmesg; } | testside "$AZILR_LAB/secrets-find" "$LAB_WORK/secrets" \
        "$LAB_WORK/since" "-$azure" "-$LAB_WORK/secrets" "-$LAB_WORK/key" "-/var/tmp/lab-pki" "$@" \
        /run /var /etc /tmp /dev/shm /root "$LAB_WORK" > "$output"
    tail -n 1 "$output"
}
nothing_seen() { ! grep '^SEEN' "$@" || fail "a secret was left"; }
handed_out() { azure_secrets | awk 'length >= 10' >> "$LAB_WORK/secrets"; }
: > memory

step "mount, status, renew"
secrets_watch_start "$AZURE_CLIENT_SECRET" "$(cat "$azure/token")" "$(cat key)"
masked() { (umask 0777 && "$@"); }
expect_exit 0 masked watched azilr mount "$id" --ca-file "$azure/ca.pem" --key-file key --verbose
handed_out
session=$(ls /mnt/azilr)
expect_exit 0 watched azilr status --json
expect_exit 0 watched azilr renew "$session" --ca-file "$azure/ca.pem" --verbose
handed_out

step "while it is mounted"
for directory in /run/azilr "/mnt/azilr/$session"; do
    assert_eq "$(stat -c %a "$directory")" 700 "$directory, whatever the umask of the person"
done
locked=$(sed -n 's/^VmLck:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$(pgrep -f '^/usr/sbin/azilr keeper ')/status")
[ "$locked" -gt 500 ] || fail "its memory can be swapped out: only $locked kB cannot"
[ "$(find /etc/iscsi/nodes -type f -not -perm 600 | wc -l)" = 0 ] || fail "others can read a record"
look mounted -/etc/iscsi/nodes
nothing_seen mounted
grep -rqF -f secrets /etc/iscsi/nodes || fail "the password is not where open-iscsi reads it"

step "unmount, by token file"
expect_exit 0 watched azilr unmount --all --ca-file "$azure/ca.pem" --token-file "$azure/token" --verbose
handed_out
look unmounted
nothing_seen unmounted
secrets_watch_finish
cat secrets.log memory
assert_eq "$(grep -c '^looked' memory)" 4
# what azilr was given in its environment it was given by the person
for pid in $(sed -n 's/^looked at the memory of pid //p' memory); do
    sed -i "/in the environment of azilr (pid $pid)/d" secrets.log
done
nothing_seen secrets.log memory
assert_nothing_left

step "what is left on purpose is found"
plain=$(cat key)
secrets_watch_start "$plain"
printf '%s' "x$plain" | base64 > /var/tmp/planted
logger "planted: $(printf '%s' "$plain" | od -An -tx1 | tr -d ' \n')"
exec 8> /dev/shm/planted
printf '%s' "$plain" >&8
rm /dev/shm/planted
python3 -c 'import sys; sys.stdout.buffer.write(sys.argv[1].encode("utf-16-le"))' "$plain" > /run/planted
retry_until 10 sh -c 'journalctl -b --no-pager | grep -q planted:'
look planted
exec 8>&-
rm /var/tmp/planted /run/planted
for what in "(base64+1) in /var/tmp/planted" "(hex) in standard input" "in descriptor 8 of " "(utf-16-le) in /run/planted"; do
    grep -qF -- "$what" planted || fail "not seen: $what"
done
: > memory
watched sh -c 'read -r kept < key; exit 0' || fail "sh failed"
grep -q '^SEEN .* in the memory of sh' memory || fail "not seen: what a shell remembers"
/bin/echo "$(printf '%s' "$plain" | base64)" > /dev/null
secrets_watch_finish
grep -q '^SEEN .*(base64+0) in the arguments of /bin/echo' secrets.log || fail "not seen: an argument in base64"
