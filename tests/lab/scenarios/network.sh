#!/bin/bash
# The tunnel over the life of a mount: a service of its own, root's alone; a network that goes away for a while or for too
# long, and a tunnel that is killed, under a reader; the same where systemd does not run it.
# weight=134
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

# what a host has for its own sessions is not for ours
cp /etc/iscsi/iscsid.conf "$LAB_WORK/iscsid.conf"
cleanup_fn cp "$LAB_WORK/iscsid.conf" /etc/iscsi/iscsid.conf
sed -i '/replacement_timeout/d' /etc/iscsi/iscsid.conf
echo "node.session.timeo.replacement_timeout = 7" >> /etc/iscsi/iscsid.conf
start_with_one_disk linux polls_before_success=0
port=5365

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# What a person reads of the backup while something happens must come from the disk, and not from memory.
read_some() { dd if=/dev/sda of=/dev/null iflag=direct bs=4096 count=4 skip=$((RANDOM % 10000)) status=none; }

cleanup_fn mend_network

tunnel_fact() { # NAME
    expect_exit 0 azilr status --json > /dev/null
    json_get "$LAB_WORK/stdout" "sessions.0.tunnel.$1"
}

# Cuts the network for so long under a reader, who must get what is on the disk in the end.
drop() { # SECONDS
    local start status=0
    cut_network
    start=$(now_ms)
    (sleep "$1" && mend_network && now_ms > "$LAB_WORK/mended") &
    read_some || status=$?
    wait $!
    assert_eq "$status" 0 "a read over a drop of $1 s"
    echo "# drop of $1 s: the read that was stuck came $(seconds $(($(now_ms) - $(cat "$LAB_WORK/mended")))) after the network"
}

step "mounted by a unit that ends: the tunnel is a unit of its own, and goes on"
expect_exit 0 systemd-run --quiet --wait --collect --pipe --setenv=AZURE_SUBSCRIPTION_ID="$AZURE_SUBSCRIPTION_ID" \
    azilr mount web01 "${point_options[@]}"
session=$(ls /mnt/azilr)
unit=azilr-tunnel-$session.service
assert_eq "$(systemctl is-active "$unit")" active
assert_eq "$(tunnel_fact status)" running
assert_eq "$(tunnel_fact unit)" "$unit"
journalctl --no-pager -o cat -u "$unit" | grep -q "relaying 127.0.0.1:$port to $portal" || fail "nothing in its journal"
pid=$(systemctl show --value -p MainPID "$unit")
assert_contains "$(cat "/proc/$pid/cgroup")" "$unit"

step "it is confined"
grep -qE '^Uid:\s+0\b' "/proc/$pid/status" && fail "it runs as root"
assert_eq "$(awk '/^Cap(Inh|Prm|Eff|Bnd|Amb)/ { print $2 }' "/proc/$pid/status" | sort -u)" 0000000000000000
assert_contains "$(cat "/proc/$pid/status")" "NoNewPrivs:	1"
assert_contains "$(cat "/proc/$pid/status")" "Seccomp:	2"
assert_eq "$(ls -A "/proc/$pid/root/mnt" 2> /dev/null | wc -l)" 0 "the backups' mounts are in its sight"
for option in IgnoreOnIsolate=yes ProtectSystem=strict ProtectHome=yes PrivateTmp=yes PrivateDevices=yes MemoryMax=268435456; do
    assert_eq "$(systemctl show -p "${option%%=*}" "$unit")" "$option"
done

step "another user's connection is refused, and the portal hears nothing of it"
connections=$(tunnel_fact connections_total)
expect_exit 1 setpriv --reuid 65534 --regid 65534 --clear-groups bash -c \
    "exec 3<> /dev/tcp/127.0.0.1/$port && echo hello >&3 && read -r -t 10 <&3"
retry_until 5 sh -c 'azilr status --json | grep -q "\"connections_refused\":.*1"'
assert_eq "$(tunnel_fact connections_total)" "$connections"
expect_exit 0 azilr status
assert_contains "$LAB_WORK/stdout" "running, 1 connection,"

step "the network goes away for less than the session's replacement time-out"
drop 2
drop 30

step "and for longer: reads fail, rather than hang, and later ones are good again"
limit=/sys/class/iscsi_session/$(ls /sys/class/iscsi_session)/recovery_tmo
assert_eq "$(cat "$limit")" 120 "the session's replacement time-out"
echo 5 > "$limit"
cut_network
start=$(now_ms)
if read_some 2> "$LAB_WORK/dd"; then fail "a read without a network"; fi
assert_contains "$LAB_WORK/dd" "Input/output error"
echo "# longer than the time-out of 5 s: the read failed after $(seconds $(($(now_ms) - start)))"
mend_network
start=$(now_ms)
retry_until 40 read_some
echo "# then the network was back: the first good read came $(seconds $(($(now_ms) - start))) after it"
(cd "/mnt/azilr/$session/volumes/disk0p2" && sha256sum --quiet -c "$disk.root.manifest") || fail "the files are not those of the backup"
# one more for the drop of 30 s, and one more for this
[ "$(tunnel_fact connections_total)" -ge $((connections + 2)) ] || fail "iscsid has made no new connections"
echo 120 > "$limit"

# Kills that process under a reader, and wants the session back, on the same port.
kill_under_reader() { # PID WHAT
    local start
    (while read_some; do echo read; done) > "$LAB_WORK/reads" 2>&1 &
    reader=$!
    retry_until 10 grep -q read "$LAB_WORK/reads"
    kill -KILL "$1"
    start=$(now_ms)
    : > "$LAB_WORK/reads"
    # a moment without a listener would be enough for somebody else
    ss -Htln "sport = :$port" | grep -q . || fail "nobody keeps the port of $2"
    if setpriv --reuid 65534 --regid 65534 --clear-groups /usr/bin/python3 -c \
        "import socket; s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('127.0.0.1', $port)); s.listen()" 2> /dev/null; then
        fail "another user got the port of $2"
    fi
    retry_until 40 grep -q read "$LAB_WORK/reads"
    echo "# $2 killed: the next read came $(seconds $(($(now_ms) - start))) after it"
    kill -0 $reader || fail "a read failed"
    kill $reader
    wait $reader 2> /dev/null || true
    assert_eq "$(tunnel_fact status)" running
    assert_eq "$(tunnel_fact restarts)" 1
    assert_eq "$(tunnel_fact port)" $port
}

step "the tunnel is killed"
kill_under_reader "$pid" "the service"
[ "$(systemctl show --value -p MainPID "$unit")" != "$pid" ] || fail "it is the same process"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_eq "$(find /run/systemd/transient -name 'azilr-*')" "" "units"
assert_nothing_left

step "where systemd cannot run it, it is a daemon, and its parent does the same"
chmod a-x /usr/bin/systemd-run
cleanup_fn chmod a+x /usr/bin/systemd-run
expect_exit 0 azilr mount web01 "${point_options[@]}" --verbose
assert_contains "$LAB_WORK/stderr" "it runs as a daemon"
parent=$(cut -d ' ' -f 1 "/run/azilr/sessions/$session/tunnel.pid")
pid=$(pgrep -P "$parent" -x azilr)
for process in $parent $pid; do
    grep -qE '^Uid:\s+0\b' "/proc/$process/status" && fail "it runs as root"
    assert_contains "$(cat "/proc/$process/status")" "Seccomp:	2"
done
kill_under_reader "$pid" "the daemon"
expect_exit 0 azilr unmount "$session" "${sign_in[@]}"
assert_nothing_left
