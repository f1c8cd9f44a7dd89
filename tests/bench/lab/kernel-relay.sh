#!/bin/bash
# The relay with the kernel's TLS and without, interleaved, between tests/bench/load's ends.
# timeout=900
# weight=300
. "$AZILR_LAB/lib.sh"
. /src/tests/bench/lab/common.sh

rounds=3
requires openssl
testside /usr/bin/python3 -B /src/tests/bench/lab/kernel_relay.py $rounds
