#!/bin/bash
# The end of the access: status tells of it, a renewal that nobody asks for puts it off, warnings come to the journal and
# to terminals, and before the disks go everything is unmounted, once nobody uses it any more.
# weight=54
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk linux polls_before_success=0

# The clock of this host goes on by so many seconds, as after a suspend; at the end it is put back.
ahead=0
forward() {
    ahead=$((ahead + $1))
    date -s "@$(($(date +%s) + $1))" > /dev/null
}
put_back() { date -s "@$(($(date +%s) - ahead))" > /dev/null; }
cleanup_fn put_back

# A terminal with somebody on it, as utmp(5) has it; what comes to it goes into a file.
cat > "$LAB_WORK/login.py" << 'PYTHON'
import os, pty, struct, sys
master, slave = pty.openpty()
line = os.ttyname(slave).removeprefix("/dev/").encode()
entry = struct.pack("<hxxi32s4s32s256shhiii16s20s", 7, os.getpid(), line, line[-2:], b"root", b"", 0, 0, 0, 0, 0, b"", b"")
with open("/run/utmp", "ab") as utmp:
    utmp.write(entry)
with open(sys.argv[1], "ab", buffering=0) as out:
    while True:
        out.write(os.read(master, 4096))
PYTHON
cp /run/utmp "$LAB_WORK/utmp" 2> /dev/null || : > "$LAB_WORK/utmp"
log_out() { kill "$login"; cat "$LAB_WORK/utmp" > /run/utmp; }
touch "$LAB_WORK/terminal"
/usr/bin/python3 "$LAB_WORK/login.py" "$LAB_WORK/terminal" &
login=$!
cleanup_fn log_out

said() { # TEXT: to the terminal and in the journal
    grep -aqF -- "$1" "$LAB_WORK/terminal" && journalctl --no-pager -o cat -t azilr-keeper | grep -qF -- "$1"
}

session_fact() { # NAME
    expect_exit 0 azilr status --json > /dev/null
    json_get "$LAB_WORK/stdout" "sessions.0.$1"
}

step "mounted: status tells how long it lasts, and that somebody watches"
expect_exit 0 azilr mount web01 "${point_options[@]}" --auto-renew
session=$(ls /mnt/azilr)
unit=azilr-keeper-$session.service
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "(ends in 11 h 59 min)"
assert_eq "$(session_fact keeper)" running
left=$(session_fact expires_in)
[ "${left%.*}" -gt 43000 ] && [ "${left%.*}" -le 43200 ] || fail "$left seconds are left"

step "it is killed: systemd starts it again"
kill -KILL "$(systemctl show --value -p MainPID "$unit")"
retry_until 20 systemctl is-active "$unit"
[ "$(systemctl show --value -p NRestarts "$unit")" = 1 ] || fail "it was not started again"

step "less than half is left: it is renewed, and nobody is told"
/usr/bin/python3 - "/run/azilr/sessions/$session/state.json" << 'PYTHON'
import datetime, json, os, sys
state = json.load(open(sys.argv[1]))
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=5)
state["expires"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
with open(sys.argv[1] + ".edit", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
    json.dump(state, file)
os.rename(sys.argv[1] + ".edit", sys.argv[1])
PYTHON
is_renewed() { azilr status | grep -q "ends in 11 h 59 min"; }
retry_until 30 is_renewed
[ ! -s "$LAB_WORK/terminal" ] || fail "somebody was told: $(cat "$LAB_WORK/terminal")"

step "without renewal: warnings as the clock goes on"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_nothing_left
expect_exit 0 azilr mount web01 "${point_options[@]}"
forward $((12 * 3600 - 29 * 60))
retry_until 10 said "access to the backup $session ends in 29 min"
forward $((25 * 60))
retry_until 10 said "access to the backup $session ends in 4 min"

step "the end, with a file in use: told, and the disks stay"
(cd "/mnt/azilr/$session/volumes/disk0p2" && exec sleep 1000) &
user=$!
retry_until 5 test "$(readlink "/proc/$user/cwd")" != "$PWD"
forward 130
retry_until 10 said "the access to the backup $session ends, and it cannot be unmounted"
named() { # WORDS before it in the same message
    journalctl --no-pager -o cat -t azilr-keeper | grep -F -- "$1" | grep -q "sleep.*$user\|$user.*sleep"
}
named "it cannot be unmounted" || fail "the journal does not name the process that uses it"
ls "/mnt/azilr/$session/volumes/disk0p2" > /dev/null || fail "the disk is gone"

step "in use no more: everything goes before the access does"
kill $user
wait $user || true
retry_until 30 said "the access to the backup $session ends: everything is unmounted"
retry_until 10 sh -c "! systemctl is-active --quiet $unit"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "nothing is open"
forward 600
assert_nothing_left

step "in use until half a minute before: by force, for no disk dies under a mount"
expect_exit 0 azilr mount web01 "${point_options[@]}"
session=$(ls /mnt/azilr)
(cd "/mnt/azilr/$session/volumes/disk0p2" && exec sleep 1000) &
user=$!
retry_until 5 test "$(readlink "/proc/$user/cwd")" != "$PWD"
forward $((12 * 3600 - 25))
retry_until 30 said "the access to the backup $session ends: everything is unmounted, what was in use by force"
named "the backup $session is taken from who uses it" || fail "the journal does not name whom it was taken from"
forward 600
kill $user
wait $user || true
assert_nothing_left
