#!/bin/bash
# Several azilr at once on one host: two points mounted side by side, one point by two (of whom one is told where it is), and
# two unmounts side by side. Nothing of the one is lost or left by the other.
# weight=110
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

# of each kind that sessions share: what is stacked, overlays, and the directories that the last one takes away
start_with_one_disk lvm_small polls_before_success=0
first=$(azure_fact recovery_points.0.id) second=$(azure_fact recovery_points.1.id)
how=("${sign_in[@]}")

# together NAME COMMAND... -- NAME COMMAND...: runs both, begun at the same moment; $codes: how each ended.
together() {
    local names=() pids=() name
    exec 9> "$LAB_WORK/gate"
    flock 9
    while [ $# -gt 0 ]; do
        local command=()
        name=$1
        shift
        while [ $# -gt 0 ] && [ "$1" != -- ]; do
            command+=("$1")
            shift
        done
        [ $# = 0 ] || shift
        (
            exec 9>&-
            flock -s "$LAB_WORK/gate" true
            exec "${command[@]}"
        ) > "$LAB_WORK/$name.out" 2> "$LAB_WORK/$name.err" &
        pids+=($!)
        names+=("$name")
    done
    flock -u 9
    exec 9>&-
    codes=()
    for i in "${!pids[@]}"; do
        local code=0
        wait "${pids[i]}" || code=$?
        codes+=("$code")
        sed "s/^/  ${names[i]}: /" "$LAB_WORK/${names[i]}.out" "$LAB_WORK/${names[i]}.err"
    done
    echo "# exit codes: ${codes[*]}"
}

check_files() { # SESSION
    local found
    found=$(find "/mnt/azilr/$1" -path '*/etc/os-release' | head -n 1)
    cat "${found:-/nowhere}" > /dev/null || fail "the files of $1 are not there"
}

step "two points, side by side"
together one azilr mount "$first" "${how[@]}" --json -- two azilr mount "$second" "${how[@]}" --json
assert_eq "${codes[*]}" "0 0" "both are mounted"
one=$(json_get "$LAB_WORK/one.out" id) two=$(json_get "$LAB_WORK/two.out" id)
[ "$one" != "$two" ] || fail "both are $one"
check_files "$one"
check_files "$two"

step "unmounted side by side"
together one azilr unmount "$one" "${how[@]}" -- two azilr unmount "$two" "${how[@]}"
assert_eq "${codes[*]}" "0 0" "both are gone"
assert_nothing_left

step "the same point twice: one has it, and the other is told where"
together one azilr mount "$first" "${how[@]}" -- two azilr mount "$first" "${how[@]}"
case "${codes[*]}" in
"0 7") late=two ;;
"7 0") late=one ;;
*) fail "it is to be mounted once" ;;
esac
session=$(ls /mnt/azilr)
assert_contains "$LAB_WORK/$late.err" "$session"
check_files "$session"

step "and unmounted twice: whoever comes late finds that nothing is left to do"
together one azilr unmount --all "${how[@]}" -- two azilr unmount --all "${how[@]}"
assert_eq "${codes[*]}" "0 0" "it is gone"
assert_nothing_left
