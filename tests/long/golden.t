#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The whole of tests/golden.t.
RTEST_T_LONG=1 exec "${0%/*}/../golden.t"
