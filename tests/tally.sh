# shellcheck shell=bash
# Counts of test results, added up over all runners of one run in the file that AZILR_TALLY names.

tally_add() { # PASSED FAILED [SKIPPED]
    [ -z "${AZILR_TALLY:-}" ] || echo "$1 $2 ${3:-0}" >> "$AZILR_TALLY"
}

# The line that closes a run; fails if a test failed or none ran.
tally_line() { # PASSED FAILED SKIPPED
    local skipped=""
    [ "$3" -eq 0 ] || skipped=", $3 skipped"
    echo "$1 passed, $2 failed$skipped"
    [ "$2" -eq 0 ] && [ "$1" -gt 0 ]
}

tally_total() { # FILE
    local passed=0 failed=0 skipped=0 p f s
    while read -r p f s; do
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    done < "$1"
    tally_line "$passed" "$failed" "$skipped"
}
