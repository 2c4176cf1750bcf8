#!/usr/bin/env bash
# tests/killed.t with a hundred kills.
RTEST_T_ROUNDS=100 exec "${0%/*}/../killed.t"
