# SPDX-License-Identifier: MIT
# Makefile - builds the seven programs, tests and installs the toolkit
#
# `cc -o rtest rtest.c -lpthread` builds rtest as well.  CC, CPPFLAGS, CFLAGS,
# LDFLAGS and LDLIBS are yours to set.

CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
# Where check finds the programs, and how many tests it runs at once.
RTEST_BIN = $(CURDIR)
JOBS = $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

SHELL = /bin/sh
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow
# What the user sets comes last, and leaves the language alone.
libs = -lpthread $(LDLIBS)
# musl-gcc does not look where the kernel's headers are.
kernel_headers = $(if $(findstring musl,$(CC)),$(addprefix -idirafter ,/usr/include \
	/usr/include/$(shell uname -m)-linux-gnu))
build_flags = -std=gnu11 $(WARNINGS) $(kernel_headers) $(CPPFLAGS) $(CFLAGS)
programs = rtest server client wire forge peek watch
# A program is linked from these, each a .c file.
rtest_parts = rtest
server_parts = server src/conversation src/events src/talk src/relay
client_parts = client src/conversation src/events src/talk src/ends src/bulk src/room src/search src/ages
wire_parts = src/wire src/segment src/print src/filter src/capture src/pcap src/pcapng src/track src/arrival src/ladder src/text src/svg
forge_parts = src/forge src/inject src/segment src/print src/filter src/capture
peek_parts = src/peek src/sockdiag src/holders
watch_parts = src/watch src/calls src/words src/range src/sockdiag src/holders
tests := $(wildcard tests/*.t)
long_tests := $(wildcard tests/long/*.t)
c_files = $(wildcard *.c src/*.c tests/*.c tests/long/*.c tests/bench/*.c tests/fuzz/*.c)
benches = $(patsubst %.c,%,$(wildcard tests/bench/*.c))

all: $(programs) ## build the programs (the default)

linked = $(CC) $(build_flags) $(sanitizer) $(LDFLAGS) -o $@ $(filter %.o,$^) $(libs)
.SECONDEXPANSION:

$(programs): $$(patsubst %,build/plain/%.o,$$($$@_parts)) build/flags
	$(linked)

# A rule each: one pattern rule with three targets would make all of them at once.
define objects
build/$(1)/%.o: %.c Makefile build/flags
	@mkdir -p $$(@D)
	$$(CC) $$(build_flags) $$(sanitizer) -MMD -MP -c -o $$@ $$<
endef
$(foreach kind,plain asan tsan,$(eval $(call objects,$(kind))))

# Another compiler, or other flags, and all is built again.
flags = printf '%s\n' '$(subst ','\'',$(CC) $(build_flags) $(LDFLAGS) $(libs))'
build/flags: always
	@mkdir -p $(@D)
	@$(flags) | cmp -s - $@ || $(flags) >$@

-include $(wildcard build/*/*.d build/*/src/*.d)

demo: all ## build, and put the claims about closing, binding and ports to this kernel
	scripts/lab run --quick close bind ports

check: all ## build, and run the tests of the toolkit
check-long: all ## run the tests that take long
check-long: tests = $(long_tests)
check-all: check check-long ## run all tests

check check-long:
	@command -v prove >/dev/null || { \
		echo 'make $@: prove is missing: run scripts/setup' >&2; exit 1; }
	@[ -n '$(tests)' ] || { echo 'make $@: tests/ has no test' >&2; exit 1; }
	RTEST_BIN='$(RTEST_BIN)' prove --jobs $(JOBS) $(PROVEFLAGS) $(tests)

# A tool that is not here is said, and left out.
lint: ## gcc, clang, the experiments, clang-format, shellcheck: no warning is allowed
	@set -e; for cc in gcc clang; do \
		command -v $$cc >/dev/null || { echo "lint: skipped: no $$cc"; continue; }; \
		echo "lint: $$cc"; \
		for file in $(c_files); do \
			$$cc -std=gnu11 $(WARNINGS) -Werror -O2 -fsyntax-only -I. \
				$(CPPFLAGS) $$file; \
		done; \
	done
	@echo 'lint: lab list --check'; scripts/lab list --check >/dev/null
	@if command -v clang-format >/dev/null; then echo 'lint: clang-format'; \
		clang-format --dry-run -Werror $(c_files) $(wildcard src/*.h); \
	else echo 'lint: skipped: no clang-format'; fi
	@if command -v shellcheck >/dev/null; then echo 'lint: shellcheck'; \
		find scripts tests .ci -type f -exec \
			grep -lE '^(#!.*[ /]bash|# shellcheck shell=bash)' {} + | \
			xargs -n 8 -P $(JOBS) shellcheck; \
	else echo 'lint: skipped: no shellcheck'; fi

# The programs go to folders of their own, and the tests use those.
sanitize: ## run the tests with the sanitizers built in
	$(MAKE) sanitize-asan sanitize-tsan

sanitize-asan sanitize-tsan: sanitize-%: $(addprefix build/%/,$(programs))
	$(MAKE) check RTEST_BIN='$(CURDIR)/build/$*'

build/asan/%: sanitizer = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
build/tsan/%: sanitizer = -fsanitize=thread

$(programs:%=build/asan/%): $$(patsubst %,build/asan/%.o,$$($$(@F)_parts)) build/flags
	$(linked)

$(programs:%=build/tsan/%): $$(patsubst %,build/tsan/%.o,$$($$(@F)_parts)) build/flags
	$(linked)

# Rewrites docs/findings.md, and the table in the README, from a run on this
# kernel.
findings: all ## write the verdicts of this kernel into the documents
	rm -rf build/findings
	scripts/lab run --long --out build/findings
	scripts/lib/results/findings build/findings >docs/findings.md
	scripts/lib/results/findings --table build/findings >build/findings/table
	sed -i -e '/^<!-- verdicts/,/^<!-- .verdicts/{/^<!--/!d}' \
		-e '/^<!-- verdicts/r build/findings/table' README.md

# Rewrites the part of docs/kernels.md that comes from runs.  KERNELFLAGS: as in
# KERNELFLAGS='-k 5.10 -k 6.1 --quick'.
kernels: all ## run the lab on other kernels, and write what differs into the documents
	scripts/kernels run --out build/kernels $(KERNELFLAGS)
	$(MAKE) -s kernels-table

# Rewrites docs/demo.svg, which the README shows.
recording: all ## record lab demo as an animated picture
	@mkdir -p build
	scripts/lib/results/recording scripts/lab demo hello >build/demo.svg
	mv build/demo.svg docs/demo.svg

kernels-table:
	scripts/lab compare --format md $$(ls -vd build/kernels/*/) >build/kernels.md || [ $$? = 1 ]
	sed -i -e '/^<!-- runs/,/^<!-- .runs/{/^<!--/!d}' -e '/^<!-- runs/r build/kernels.md' \
		docs/kernels.md

# BENCHFLAGS: options and parts, as in BENCHFLAGS='--quick capture'.
bench: all $(benches) ## measure the programs' own speed
	RTEST_BIN='$(RTEST_BIN)' tests/bench/run $(BENCHFLAGS)

$(benches): %: %.c $(wildcard src/*.h) build/flags
	$(CC) $(build_flags) -I. $(LDFLAGS) -o $@ $< $(libs)

fuzz: all ## feed wire hostile input
	@if [ -x tests/fuzz/run ]; then tests/fuzz/run; \
	else echo 'make fuzz: there is nothing to run yet'; fi

# Programs and scripts keep their layout under lib/rtest, and find each other
# there as they do here.  On the PATH are links: rtest is the program, which
# finds `rtest lab` and the like beside itself, and so do the links to it that
# are named after a script, rtest-lab.  "server" or "why" alone would clash.
libdir ?= $(PREFIX)/lib
mandir ?= $(PREFIX)/share/man
bashcompdir ?= $(PREFIX)/share/bash-completion/completions
docdir ?= $(PREFIX)/share/doc/rtest
private = $(libdir)/rtest
# Links that stay right when the whole PREFIX is moved.
link = $(patsubst $(PREFIX)/%,../%,$(private))
commands = $(notdir $(wildcard scripts/lab scripts/sandbox scripts/why scripts/kernels))
# peek and watch are for why alone.
on_path = rtest $(addprefix rtest-,$(filter-out rtest peek watch,$(programs)) $(commands))
pages = $(on_path:%=docs/man/%.1)
documents = LICENSE README.md $(wildcard docs/*.md docs/*.svg)

# make_folder makes a folder, with those above it, and writes each that was not
# there into the file $$made: uninstall removes those and no others.
make_folder = make_folder() { [ -d "$$1" ] || { make_folder "$${1%/*}" && \
	mkdir "$$1" && chmod 755 "$$1" && printf '%s\n' "$${1\#'$(DESTDIR)'}" >>"$$made"; }; }

install: all ## install to DESTDIR and PREFIX (/usr/local)
	@case '$(DESTDIR)$(PREFIX)' in /*) ;; *) \
		echo 'make install: DESTDIR and PREFIX must be absolute' >&2; exit 1 ;; esac
	@set -e; umask 022; made=$$(mktemp); trap 'rm -f "$$made"' EXIT; $(make_folder); \
	to='$(DESTDIR)$(private)'; \
	for folder in '$(PREFIX)/bin' '$(private)' '$(mandir)/man1' '$(bashcompdir)' '$(docdir)/docs'; do \
		make_folder "$(DESTDIR)$$folder"; \
	done; \
	install -m 755 $(programs) "$$to"; \
	rm -rf "$$to/scripts"; cp -R scripts "$$to"; \
	rm "$$to/scripts/lib/completion.bash"; \
	cp docs/questions.md "$$to/scripts/lib"; \
	find "$$to/scripts" -type d -exec chmod 755 {} +; \
	find "$$to/scripts" -type f -perm -100 -exec chmod 755 {} +; \
	find "$$to/scripts" -type f ! -perm -100 -exec chmod 644 {} +; \
	install -m 644 $(pages) '$(DESTDIR)$(mandir)/man1'; \
	install -m 644 $(filter-out docs/%,$(documents)) '$(DESTDIR)$(docdir)'; \
	install -m 644 $(filter docs/%,$(documents)) '$(DESTDIR)$(docdir)/docs'; \
	install -m 644 scripts/lib/completion.bash '$(DESTDIR)$(bashcompdir)/rtest'; \
	for name in $(on_path); do \
		case " $(programs:%=rtest-%) rtest " in \
		*" $$name "*) target=$${name#rtest-} ;; \
		*) target=rtest ;; \
		esac; \
		ln -sf "$(link)/$$target" "$(DESTDIR)$(PREFIX)/bin/$$name"; \
		[ $$name = rtest ] || ln -sf rtest "$(DESTDIR)$(bashcompdir)/$$name"; \
	done; \
	cat "$$made" >>"$$to/folders"; chmod 644 "$$to/folders"
	@echo 'installed to $(DESTDIR)$(PREFIX)'

uninstall: ## remove what install made, and the folders if they are empty
	@set -e; to='$(DESTDIR)$(private)'; \
	folders=$$(cat "$$to/folders" 2>/dev/null | sort -r || :); \
	rm -rf "$$to"; \
	rm -f $(foreach name,$(on_path),'$(DESTDIR)$(PREFIX)/bin/$(name)' \
		'$(DESTDIR)$(bashcompdir)/$(name)') \
		$(patsubst docs/man/%,'$(DESTDIR)$(mandir)/man1/%',$(pages)) \
		$(foreach file,$(documents),'$(DESTDIR)$(docdir)/$(file)'); \
	printf '%s\n' "$$folders" | while IFS= read -r folder; do \
		[ -z "$$folder" ] || rmdir '$(DESTDIR)'"$$folder" 2>/dev/null || :; \
	done

version = $(shell sed -n 's/^\#define RTEST_VERSION "\(.*\)"/\1/p' src/net.h)
name = rtest-$(version)
tarball = $(name).tar.gz
dist_files = .ci .clang-format .gitignore .shellcheckrc LICENSE Makefile README.md \
	$(wildcard *.c) src debian docs scripts tests

# What is committed; where there is no git, what is here.
dist: ## make rtest-VERSION.tar.gz
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; trap 'exit 1' HUP INT TERM; \
	if [ -e .git ] && git rev-parse -q --verify HEAD >/dev/null 2>&1; then \
		git archive --prefix='$(name)/' HEAD >"$$folder/tar"; \
	else \
		mkdir "$$folder/$(name)"; \
		tar -cf "$$folder/copy" $(addprefix --exclude=,$(benches)) $(wildcard $(dist_files)); \
		tar -xf "$$folder/copy" -C "$$folder/$(name)"; \
		tar -cf "$$folder/tar" -C "$$folder" '$(name)'; \
	fi; \
	gzip -n -9 <"$$folder/tar" >'$(tarball).new'; mv '$(tarball).new' '$(tarball)'
	@echo '$(tarball)'

# The package is built from the tarball, in a folder of its own.  lintian leaves
# files in TMPDIR, so it has one there too.
debdir = build/deb

deb: ## make a Debian package in build/deb
	@for tool in dpkg-buildpackage dh fakeroot; do \
		command -v $$tool >/dev/null || { echo "make deb: $$tool is missing:" \
			'apt-get install dpkg-dev debhelper fakeroot lintian' >&2; exit 1; }; \
	done
	rm -rf '$(debdir)'
	mkdir -p '$(debdir)'
	$(MAKE) -s dist tarball='$(debdir)/$(name).tar.gz'
	tar -xzf '$(debdir)/$(name).tar.gz' -C '$(debdir)'
	cd '$(debdir)/$(name)' && dpkg-buildpackage -us -uc -b
	@if command -v lintian >/dev/null; then \
		mkdir '$(debdir)/tmp'; \
		TMPDIR="$$(cd '$(debdir)/tmp' && pwd)" lintian -i --allow-root --fail-on error,warning \
			'$(debdir)'/*.changes; \
		status=$$?; rm -rf '$(debdir)/tmp'; exit $$status; \
	else echo 'make deb: skipped: no lintian'; fi
	@ls '$(debdir)'/*.deb

clean: ## remove what was built
	rm -rf build
	rm -f $(programs) $(benches) rtest-*.tar.gz*

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

.PHONY: all always demo check check-long check-all lint sanitize sanitize-asan sanitize-tsan findings recording kernels kernels-table bench \
	fuzz install uninstall dist deb clean help
