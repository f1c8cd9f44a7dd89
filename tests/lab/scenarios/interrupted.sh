#!/bin/bash
# SIGINT, SIGTERM and SIGHUP at every stage of mount: it takes everything down by itself and ends with 130.
# weight=52
. "$AZILR_LAB/lib.sh"
. "$AZILR_LAB/azure.sh"

start_with_one_disk linux polls_before_success=0

# Azure's operations, the revocation's too, last until operation_seconds is set again.
provisions_so_far() { grep -c provisionInstantItemRecovery "$azure/requests.jsonl" || true; }
provision_has_begun() { [ "$(provisions_so_far)" -gt "$provisions" ]; }

interrupt_after() { # LINES SIGNAL
    local pid line count=0 status=0 busy=${azure_is_busy-}
    provisions=$(provisions_so_far)
    mkfifo "$LAB_WORK/progress"
    azilr mount web01 "${point_options[@]}" > "$LAB_WORK/stdout" 2> "$LAB_WORK/progress" &
    pid=$!
    exec 5< "$LAB_WORK/progress"
    while [ $count -lt "$1" ] && read -r line <&5; do
        count=$((count + 1))
        echo "  $line"
    done
    # the operation is to be under way when the signal comes, and still for a while after it
    [ -z "$busy" ] || retry_until 20 provision_has_begun
    kill -s "$2" $pid
    { [ -z "$busy" ] || { sleep 1 && azure_set operation_seconds=0; }; } &
    busy=$!
    tee "$LAB_WORK/rest" <&5
    wait $pid || status=$?
    wait $busy
    exec 5<&-
    rm "$LAB_WORK/progress"
    assert_eq "$status" 130 "exit code after SIG$2 at stage $1"
    assert_contains "$LAB_WORK/rest" "interrupted (SIG$2)"
}

for lines in 1 3 4 5 6 7; do
    step "SIGINT after stage $lines"
    interrupt_after $lines INT
    assert_nothing_left
done

for signal in TERM HUP; do
    step "SIG$signal while Azure is at work"
    azure_set operation_seconds=600
    azure_is_busy=1 interrupt_after 3 $signal
    assert_nothing_left
done

step "--timeout is such an end too"
azure_set operation_seconds=600
(retry_until 60 grep -q ": failed" "$LAB_WORK/stderr" && azure_set operation_seconds=0) &
expect_exit 5 azilr mount web01 "${point_options[@]}" --timeout 3
assert_contains "$LAB_WORK/stderr" "--timeout"
wait $!
assert_nothing_left
