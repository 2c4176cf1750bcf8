#!/usr/bin/env bash
# The whole lab against the run that is known: every verdict, condition, arm,
# expectation and reason.
# shellcheck disable=SC2034 # for the other one
RTEST_T_WHOLE=1 exec "${0%/*}/../golden.t"
