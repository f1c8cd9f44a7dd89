# shellcheck shell=bash
# Azure's side of a scenario: the simulator under the cloud's own names, with real targets behind the portal.

azure=$LAB_WORK/azure
_sim=/var/tmp/lab-tests/sim
portal=pod01-rec2.weu.backup.windowsazure.com
# shellcheck disable=SC2034 # scenarios use these
initiator=iqn.2026-11.com.example:lab
# what a person gives who uses the default vault and a token
sign_in=(--ca-file "$azure/ca.pem" --token-file "$azure/token")
# shellcheck disable=SC2034
point_options=("${sign_in[@]}" --vault-name vault1 --resource-group rg-backup)

# Once a boot: /src can't take compiled files, and without them each call of the simulator costs half a second more.
_compile_simulator() {
    [ ! -d "$_sim" ] || return 0
    mkdir -p "${_sim%/*}"
    cp -r /src/tests/sim "$_sim.new"
    /usr/bin/python3 -m compileall -q "$_sim.new"
    mv "$_sim.new" "$_sim"
}

# start_azure [simulator's options] -- IMAGE...
start_azure() {
    local options=() image
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    for image in "$@"; do options+=(--disk "$image"); done
    cp /etc/hosts "$LAB_WORK/hosts"
    cleanup_fn cp "$LAB_WORK/hosts" /etc/hosts
    echo "127.0.0.1 management.azure.com login.microsoftonline.com" >> /etc/hosts
    echo "127.0.0.2 $portal" >> /etc/hosts
    mkdir -p "$azure"
    _compile_simulator
    # certificates are made once a boot: that takes seconds, and none of what is tested is in it
    AZILR_LAB_TESTSIDE=1 "$_sim/azure-sim" --dir "$azure" --backend tgtd --port 443 --portal-address 127.0.0.2 \
        --portal-port 3260 --pki /var/tmp/lab-pki "${options[@]}" > "$azure/log" 2>&1 &
    _azure_pid=$!
    cleanup_fn stop_azure
    retry_until 60 _azure_is_up
    AZURE_SUBSCRIPTION_ID=$(azure_fact recovery_points.0.subscription)
    export AZURE_SUBSCRIPTION_ID
    record_images "$@"
}

# start_with_one_disk KIND [SWITCH=VALUE...]: makes $disk with make_disk_KIND, starts Azure with that and these switches, and
# looks at the host as "before".
start_with_one_disk() {
    local kind=$1
    shift
    disk=$LAB_WORK/disk.img
    "make_disk_$kind" "$disk"
    start_azure -- "$disk"
    [ $# = 0 ] || azure_set "$@"
    systemctl start iscsid
    host_snapshot before
}

_azure_is_up() {
    kill -0 "$_azure_pid" 2> /dev/null || fail "the simulator ended: $(cat "$azure/log")"
    [ -e "$azure/ready.json" ]
}

stop_azure() {
    [ -n "${_azure_pid-}" ] || return 0
    kill "$_azure_pid" 2> /dev/null || true
    wait "$_azure_pid" 2> /dev/null || true
    _azure_pid=
}

# Between the tunnel and the portal only, both ways: netem's own words for what becomes of each packet.
_shape_network() {
    local filter=(tc filter add dev lo parent 1: protocol ip prio 1 u32)
    tc qdisc add dev lo root handle 1: prio bands 4 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
    tc qdisc add dev lo parent 1:4 handle 40: netem "$@"
    "${filter[@]}" match ip dst 127.0.0.2/32 flowid 1:4
    "${filter[@]}" match ip src 127.0.0.2/32 flowid 1:4
}
# without a word, as a cable that was pulled
cut_network() { _shape_network loss 100%; }
# slow_network MS: as over a long line; an answer takes twice that
slow_network() { _shape_network delay "$1ms" limit 100000; }
mend_network() { tc qdisc del dev lo root 2> /dev/null || true; }

# volume NAME MEMBER: what a mount, whose --json is in $LAB_WORK/result.json, says of a volume.
volume() {
    /usr/bin/python3 -SE -c 'import json,sys
for v in json.load(open(sys.argv[1]))["volumes"]:
    if v["name"] == sys.argv[2]: print(v[sys.argv[3]])' "$LAB_WORK/result.json" "$1" "$2"
}

# azure_register INITIATOR: the cloud's part as the portal's page does it: it registers, and hands out the script and, apart
# from it, the password.  Leaves $script, $password and a file of it.
azure_register() {
    local api
    api="https://management.azure.com$(azure_fact recovery_points.0.id)/provisionInstantItemRecovery?api-version=2023-02-01"
    testside /usr/bin/python3 -SE "$AZILR_LAB/register.py" "$azure" "$api" "$1"
    rm -rf "$LAB_WORK/download"
    mkdir "$LAB_WORK/download"
    password=$(azure_ctl export-script "$LAB_WORK/download" 2> /dev/null)
    # shellcheck disable=SC2034 # for the scenario
    script=$(find "$LAB_WORK/download" -type f)
    (umask 077; printf '%s\n' "$password" > "$LAB_WORK/password")
}

# azure_fact PATH: out of ready.json.
azure_fact() { json_get "$azure/ready.json" "$1"; }

# azure_ctl COMMAND...: see azure-sim-ctl.
# Not by azure-sim-ctl, a shell script of three more programs to start.
azure_ctl() { testside /usr/bin/python3 -SE "$_sim/ctl.py" "$azure" "$@"; }
azure_set() { azure_ctl set "$@" > /dev/null; }
azure_reset() { azure_ctl reset "$@" > /dev/null; }
azure_secrets() { azure_ctl secrets; }

# json_get FILE PATH: a value of a JSON file by names and indices joined by dots.
json_get() {
    # -SE: without the site's and the environment's additions it starts in two thirds of the time
    /usr/bin/python3 -SE - "$@" << 'PYTHON'
import json, sys
value = json.load(open(sys.argv[1]))
for name in sys.argv[2].split("."):
    value = value[int(name)] if isinstance(value, list) else value[name]
print(value if isinstance(value, str) else json.dumps(value))
PYTHON
}

# Azure has no registration any more.
assert_revoked() { _assert_backup registrations="$azure"; }

# The target got no write command, and the images are as they were.
assert_unwritten() { _assert_backup writes="$azure/portal.jsonl" sums="$LAB_WORK/images.sums"; }

_assert_backup() { testside "$AZILR_LAB/backup-state" check "$@" || fail "the backup's side is not as it should be"; }

# Everything that a mount promises after its unmount; the host must have been looked at as "before".
assert_nothing_left() {
    host_snapshot after
    assert_host_same before after
    _assert_backup registrations="$azure" writes="$azure/portal.jsonl" sums="$LAB_WORK/images.sums"
}
