#!/bin/bash
# A portal that went silent keeps no unmount for ever, with files in use or not.
# weight=58
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk lvm_small polls_before_success=0

cleanup_fn mend_network

took_less_than() { # SECONDS WHAT
    local took=$((SECONDS - start))
    echo "# $2: $took s"
    [ $took -lt "$1" ] || fail "$2 took $took s"
}

# Another user, who takes the tunnel's port as soon as it is free, and notes who comes.
cat > "$LAB_WORK/thief.py" << 'PYTHON'
import os, socket, sys, time
port, stolen = int(sys.argv[1]), open(sys.argv[2], "w", buffering=1)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
while True:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        break
    except OSError:
        time.sleep(0.002)
print("has the port", flush=True)
while True:
    listener.accept()
    stolen.write("somebody came\n")
PYTHON
start_thief() {
    expect_exit 0 azilr status --json
    rm -f "$LAB_WORK/stolen"
    /usr/bin/python3 -SE "$LAB_WORK/thief.py" "$(json_get "$LAB_WORK/stdout" sessions.0.tunnel.port)" "$LAB_WORK/stolen" \
        > "$LAB_WORK/thief" &
    thief=$!
    retry_until 20 test -e "$LAB_WORK/stolen"
}
assert_nothing_stolen() {
    # it has got the port by now, and nobody needs that any more
    retry_until 20 grep -q "has the port" "$LAB_WORK/thief"
    kill $thief
    wait $thief || true
    [ ! -s "$LAB_WORK/stolen" ] || fail "the session connected to another user's process"
}

step "the portal is silent, and nobody uses the files"
expect_exit 0 azilr mount web01 "${point_options[@]}"
start_thief
cut_network
start=$SECONDS
expect_exit 0 azilr unmount --all "${sign_in[@]}"
took_less_than 90 "unmount with a silent portal"
assert_contains "$LAB_WORK/stdout" "by force: "
assert_nothing_stolen
mend_network
assert_nothing_left

step "the same by force, with a process that waits for the disk"
expect_exit 0 azilr mount web01 "${point_options[@]}"
start_thief
cut_network
dd if="$(lsblk -lnpo NAME,VENDOR | awk '/MABILR/ { print $1; exit }')" of=/dev/null iflag=direct count=1 2> "$LAB_WORK/dd" &
reader=$!
retry_until 10 grep -q "State:.D" "/proc/$reader/status"
start=$SECONDS
expect_exit 0 azilr unmount --all --force "${sign_in[@]}"
took_less_than 90 "unmount --force with a silent portal and a reader"
assert_contains "$LAB_WORK/stdout" "by force"
assert_nothing_stolen
status=0
wait $reader || status=$?
[ $status != 0 ] || fail "the reader got something"
mend_network
assert_nothing_left
