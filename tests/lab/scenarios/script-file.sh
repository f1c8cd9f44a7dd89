#!/bin/bash
# A script that a person downloaded from the portal: its password from a file, asked for on a terminal, wrong, or missing.
# machine=qemu: it traces execve
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

disk=$LAB_WORK/disk.img
make_disk_ext4 "$disk"
start_azure -- "$disk"
systemctl start iscsid
ca=(--ca-file "$azure/ca.pem")

azure_register "$initiator"
host_snapshot before

step "inspect tells what it would connect to, and no secret"
expect_exit 0 azilr inspect "$script" --json
assert_eq "$(json_get "$LAB_WORK/stdout" portal)" "$portal"
assert_eq "$(json_get "$LAB_WORK/stdout" secret_known)" false

step "password from a file; the access of a script that was saved two hours ago has ten left"
touch -d '-2 hours' "$script"
secrets_watch_start "$password"
expect_exit 0 azilr mount --script "$script" --password-file "$LAB_WORK/password" "${ca[@]}" --initiator-name "$initiator"
assert_manifest "$disk.root.manifest" /mnt/azilr/*/volumes/disk0
left=$(($(date -d "$(json_get /run/azilr/sessions/*/state.json expires)" +%s) - $(date +%s)))
if [ $left -lt 35000 ] || [ $left -gt 36000 ]; then fail "the access of the script lasts $left s"; fi
assert_no_secret_in /run/azilr "$LAB_WORK/stdout" "$LAB_WORK/stderr"
expect_exit 7 azilr mount --script "$script" --password-file "$LAB_WORK/password" "${ca[@]}" --initiator-name "$initiator"
expect_exit 0 azilr unmount
host_snapshot after
assert_host_same before after

step "password asked for on a terminal, without echo"
/usr/bin/python3 - "$script" "$azure/ca.pem" "$initiator" "$LAB_WORK/password" > "$LAB_WORK/terminal" << 'PYTHON' ||
import os, pty, sys
script, ca, initiator, password = sys.argv[1:]
pid, master = pty.fork()
if pid == 0:
    os.execvp("azilr", ["azilr", "mount", "--script", script, "--ca-file", ca, "--initiator-name", initiator])
seen = b""
answered = False
while True:
    try:
        data = os.read(master, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if not answered and b"Password" in seen:
        os.write(master, open(password, "rb").read())
        answered = True
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
    fail "mount with the password typed in: $(cat "$LAB_WORK/terminal")"
assert_no_secret_in "$LAB_WORK/terminal"

step "a terminal has a line that is drawn again, a pipe has not"
grep -q $'\r\e\[K *[0-9.]* s  Logging in …' "$LAB_WORK/terminal" || fail "no live line: $(cat -v "$LAB_WORK/terminal")"
! LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f]' "$LAB_WORK/stderr" || fail "a control character went into a pipe"
assert_manifest "$disk.root.manifest" /mnt/azilr/*/volumes/disk0
expect_exit 0 azilr unmount --all
secrets_watch_stop
host_snapshot after
assert_host_same before after

step "a wrong password is refused by the target, and said to be that"
echo 000000000000000 > "$LAB_WORK/wrong"
chmod 600 "$LAB_WORK/wrong"
expect_exit 3 azilr mount --script "$script" --password-file "$LAB_WORK/wrong" "${ca[@]}" --initiator-name "$initiator"
assert_contains "$LAB_WORK/stderr" "password"
host_snapshot after
assert_host_same before after

step "no terminal to ask on; a file that others can read; a file that is no script"
expect_exit 2 setsid azilr mount --script "$script" "${ca[@]}"
assert_contains "$LAB_WORK/stderr" "--password-file"
chmod 644 "$LAB_WORK/password"
expect_exit 2 azilr mount --script "$script" --password-file "$LAB_WORK/password" "${ca[@]}"
assert_contains "$LAB_WORK/stderr" "others than its owner"
expect_exit 2 azilr mount --script /etc/passwd --password-file "$LAB_WORK/wrong" "${ca[@]}"
assert_contains "$LAB_WORK/stderr" "/etc/passwd"
expect_exit 4 azilr mount --script "$LAB_WORK/none" "${ca[@]}"
host_snapshot after
assert_host_same before after
assert_unwritten
