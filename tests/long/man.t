#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The whole of tests/man.t.
RTEST_T_LONG=1 exec "${0%/*}/../man.t"
