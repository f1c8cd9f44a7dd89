# shellcheck shell=bash
# What the lab's measurements are written in, beside tests/lab/lib.sh and azure.sh. A figure is a line "FIGURE NAME VALUE" of the
# log, which tests/bench/lab.py reads.
_programs=/src/build/tests/bench
# where the simulator's targets are, before TLS
_target_port=13260
# That of portals. Where QEMU imitates the instructions for it, it does 2 MB/s, and no link would be the slower part; another one needs
# none of them.
_ciphers=ECDHE-RSA-AES256-GCM-SHA384
if grep -q TCG /proc/cpuinfo; then _ciphers=ECDHE-RSA-CHACHA20-POLY1305; fi

figure() { printf 'FIGURE %s %s\n' "$1" "$2"; }

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

# timed NAME CMD...: the seconds that it took are a figure.
timed() {
    local name=$1 start
    shift
    start=$(now_us)
    "$@"
    figure "$name" "$(awk "BEGIN { printf \"%.3f\", ($(now_us) - $start) / 1e6 }")"
}

forget_caches() { sync; echo 3 > /proc/sys/vm/drop_caches; }

# start_portal: before the targets of start_azure a portal in C, which answers by the name of the script's; the simulator's own
# looks at each PDU in Python.
start_portal() {
    sed -i "s/^127\.0\.0\.2 /127.0.0.3 /" /etc/hosts
    "$_programs/portal" 127.0.0.3 3260 $_target_port /var/tmp/lab-pki/portal-good.pem /var/tmp/lab-pki/leaf.key \
        "$_ciphers" &
    _portal_pid=$!
    cleanup_fn kill $_portal_pid
    retry_until 10 sh -c 'ss -Htln "src 127.0.0.3:3260" | grep -q .'
}

script_value() { sed -n "s/^[[:space:]]*$1 *= *\"\(.*\)\"/\1/p" "$script" | head -n 1; }

azilr_mount() { # [OPTION...]: by the script in hand
    azilr mount --script "$script" --password-file "$LAB_WORK/password" --ca-file "$azure/ca.pem" \
        --initiator-name "$initiator" "$@" > /dev/null 2> "$LAB_WORK/mount.err" || fail "$(cat "$LAB_WORK/mount.err")"
}

azilr_unmount() { azilr unmount --all > /dev/null 2> "$LAB_WORK/unmount.err" || fail "$(cat "$LAB_WORK/unmount.err")"; }

# The same by hand, with what a distribution has: hand_prepare (a relay and a record, as the generated script makes them),
# hand_login, hand_settle, hand_mount.
hand_prepare() { # [TARGET...]
    local record target
    python3 /src/tests/bench/script_relay.py 5364 "$portal" 3260 "$azure/ca.pem" &
    _relay_pid=$!
    retry_until 20 sh -c 'ss -Htln "src 127.0.0.1:5364" | grep -q .'
    iscsiadm -m iface -I $_iface -o new > /dev/null
    iscsiadm -m iface -I $_iface -o update -n iface.initiatorname -v "$initiator" > /dev/null
    for target in "${@-$(script_value TargetNodeAddress)}"; do
        record=(iscsiadm -m node -T "$target" -p 127.0.0.1:5364 -I "$_iface")
        "${record[@]}" -o new > /dev/null
        testside "${record[@]}" -o update -n node.session.auth.authmethod -v CHAP
        testside "${record[@]}" -o update -n node.session.auth.username -v "Debian;12;$(script_value TargetUserName)"
        testside "${record[@]}" -o update -n node.session.auth.password -v "$password"
        testside "${record[@]}" -o update -n node.session.scan -v manual
    done
}
_iface=by-hand
hand_login() { iscsiadm -m node -I $_iface --login > /dev/null; }
hand_scan() { iscsiadm -m session --rescan > /dev/null; }
# of our devices alone, as the goal says
hand_settle() { udevadm wait --timeout=60 "${@-/dev/sda}"; }
hand_mount() { # [DEVICE...]: the first one on mnt
    local device directory=$LAB_WORK/mnt
    for device in "${@-/dev/sda}"; do
        mkdir -p "$directory"
        mount -o ro,noload "$device" "$directory"
        directory=$LAB_WORK/mnt.${device#/dev/}
    done
}
hand_unmount() { umount -d "$LAB_WORK"/mnt*; }
hand_logout() { iscsiadm -m node -I $_iface --logout > /dev/null; }
hand_forget() {
    iscsiadm -m node -I $_iface -o delete > /dev/null
    iscsiadm -m iface -I $_iface -o delete > /dev/null
    # which iscsiadm makes where they are not, and leaves
    find /etc/iscsi/nodes /etc/iscsi/ifaces -depth -type d -empty -delete
    kill $_relay_pid
    wait $_relay_pid 2> /dev/null || true
}

# Both ends and what is between them share a guest's processors, of which User-Mode Linux has one, and QEMU without KVM only
# imitates them: so time is stretched, that the link is the slower part, as it is between two machines. A link of a tenth of the
# speed and of ten times the round trip carries as much in one.
dilation=1
if grep -q 'User Mode Linux' /proc/cpuinfo; then dilation=5; fi
if grep -q TCG /proc/cpuinfo; then dilation=10; fi

# slow_link RTT: of so many milliseconds and 1 Gbit/s, between whatever relay and the portal only; 0 is none.
slow_link() {
    local filter=(tc filter add dev lo parent 1: protocol ip prio 1 u32)
    tc qdisc del dev lo root 2> /dev/null || true
    [ "$1" != 0 ] || return 0
    tc qdisc add dev lo root handle 1: prio bands 4 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
    # room for more than ever is under way: a queue that drops would measure TCP's recovery
    tc qdisc add dev lo parent 1:4 handle 40: netem limit 100000 delay "$(($1 * dilation * 500))us" rate "$((1000 / dilation))mbit"
    "${filter[@]}" match ip dst 127.0.0.3/32 flowid 1:4
    "${filter[@]}" match ip src 127.0.0.3/32 flowid 1:4
}
