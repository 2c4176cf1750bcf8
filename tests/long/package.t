#!/usr/bin/env bash
# tests/install.t, and the Debian package: built, installed, removed.
RTEST_T_PACKAGE=1 exec "${0%/*}/../install.t"
