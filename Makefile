# Makefile - builds the six programs, tests and installs the toolkit
#
# `cc -o NAME NAME.c -lpthread` builds each program as well: one file and
# net.h is all there is to one.  CC, CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS are
# yours to set.

CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
# Where check finds the programs, and how many tests it runs at once.
RTEST_BIN = $(CURDIR)
JOBS = $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

SHELL = /bin/sh
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow
# What the user sets comes last, and leaves the language alone.
libs = -lpthread $(LDLIBS)
build_flags = -std=gnu11 $(WARNINGS) $(CPPFLAGS) $(CFLAGS)
programs := $(patsubst %.c,%,$(wildcard rtest.c server.c client.c wire.c forge.c peek.c))
tests := $(wildcard tests/*.t)
c_files = $(wildcard *.c tests/*.c tests/bench/*.c tests/fuzz/*.c)
benches = $(patsubst %.c,%,$(wildcard tests/bench/*.c))

all: $(programs) ## build the programs (the default)

$(programs): %: %.c net.h Makefile
	$(CC) $(build_flags) $(LDFLAGS) -o $@ $< $(libs)

demo: all ## build, and put the claims to this kernel, in ten seconds
	scripts/lab run --quick

check: all ## build, and run the tests of the toolkit
	@command -v prove >/dev/null || { \
		echo 'make check: prove is missing: run scripts/setup' >&2; exit 1; }
	@[ -n '$(tests)' ] || { echo 'make check: tests/ has no test' >&2; exit 1; }
	RTEST_BIN='$(RTEST_BIN)' prove --jobs $(JOBS) $(PROVEFLAGS) $(tests)

# A tool that is not here is said, and left out.
lint: ## gcc, clang, clang-format, shellcheck: no warning is allowed
	@set -e; for cc in gcc clang; do \
		command -v $$cc >/dev/null || { echo "lint: skipped: no $$cc"; continue; }; \
		echo "lint: $$cc"; \
		for file in $(c_files); do \
			$$cc -std=gnu11 $(WARNINGS) -Werror -O2 -fsyntax-only -I. \
				$(CPPFLAGS) $$file; \
		done; \
	done
	@if command -v clang-format >/dev/null; then echo 'lint: clang-format'; \
		clang-format --dry-run -Werror $(c_files) net.h; \
	else echo 'lint: skipped: no clang-format'; fi
	@if command -v shellcheck >/dev/null; then echo 'lint: shellcheck'; \
		shellcheck -x --source-path=SCRIPTDIR $$(find scripts tests .ci -type f -exec \
			grep -lE '^(#!.*[ /]bash|# shellcheck shell=bash)' {} +); \
	else echo 'lint: skipped: no shellcheck'; fi

# The programs go to folders of their own, and the tests use those.
sanitize: ## run the tests with the sanitizers built in
	$(MAKE) sanitize-asan sanitize-tsan

sanitize-asan sanitize-tsan: sanitize-%: $(addprefix build/%/,$(programs))
	$(MAKE) check RTEST_BIN='$(CURDIR)/build/$*'

build/asan/%: %.c net.h Makefile
	@mkdir -p $(@D)
	$(CC) $(build_flags) -fsanitize=address,undefined -fno-sanitize-recover=all \
		-fno-omit-frame-pointer $(LDFLAGS) -o $@ $< $(libs)

build/tsan/%: %.c net.h Makefile
	@mkdir -p $(@D)
	$(CC) $(build_flags) -fsanitize=thread $(LDFLAGS) -o $@ $< $(libs)

# Rewrites docs/findings.md, and the table in the README, from a run on this
# kernel.
findings: all ## write the verdicts of this kernel into the documents
	rm -rf build/findings
	scripts/lab run --out build/findings
	scripts/lib/findings build/findings >docs/findings.md
	scripts/lib/findings --table build/findings >build/findings/table
	sed -i -e '/^<!-- verdicts/,/^<!-- .verdicts/{/^<!--/!d}' \
		-e '/^<!-- verdicts/r build/findings/table' README.md

bench: all $(benches) ## measure
	@if [ -x tests/bench/run ]; then RTEST_BIN='$(RTEST_BIN)' tests/bench/run; \
	else echo 'make bench: there is nothing to run yet'; fi

$(benches): %: %.c net.h Makefile
	$(CC) $(build_flags) -I. $(LDFLAGS) -o $@ $< $(libs)

fuzz: all ## feed wire hostile input
	@if [ -x tests/fuzz/run ]; then tests/fuzz/run; \
	else echo 'make fuzz: there is nothing to run yet'; fi

# Programs and scripts keep their layout under share/rtest, and find each other
# there.  On the PATH each is called rtest-NAME, as "server" or "why" would
# clash; only rtest itself is called rtest.
share = $(PREFIX)/share/rtest
commands = $(notdir $(wildcard scripts/lab scripts/sandbox scripts/why))
installed = $(programs) $(filter-out $(programs),$(commands))

install: all ## install to DESTDIR and PREFIX (/usr/local)
	@mkdir -p '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(share)'
	cp $(programs) '$(DESTDIR)$(share)'
	cp -R scripts '$(DESTDIR)$(share)'
	@set -e; for name in $(installed); do \
		case " $(programs) " in \
		*" $$name "*) path=$$name ;; \
		*) path=scripts/$$name ;; \
		esac; \
		launcher='$(DESTDIR)$(PREFIX)/bin/'rtest-$${name}; \
		[ $$name != rtest ] || launcher='$(DESTDIR)$(PREFIX)/bin/rtest'; \
		printf '#!/bin/sh\nexec "%s" "$$@"\n' "$(share)/$$path" >"$$launcher"; \
		chmod 755 "$$launcher"; \
	done
	@echo 'installed to $(DESTDIR)$(PREFIX)'

uninstall: ## remove what install made
	rm -rf '$(DESTDIR)$(share)'
	rm -f '$(DESTDIR)$(PREFIX)/bin/rtest' \
		$(foreach name,$(filter-out rtest,$(installed)),'$(DESTDIR)$(PREFIX)/bin/rtest-$(name)')

clean: ## remove what was built
	rm -rf build
	rm -f $(programs) $(benches)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

.PHONY: all demo check lint sanitize sanitize-asan sanitize-tsan findings bench \
	fuzz install uninstall clean help
