# The terminal: its test suite, the recorded session, and installing.
#
#   make test-terminal                      eidolon chat and the other commands in a real terminal (tmux)
#   make session                            records docs/terminal-session.md anew, from the real program
#   make install DESTDIR= PREFIX=/usr/local executable, lib/, man pages, completion, systemd units

EXTRA_SUITES += test-terminal

test-terminal: build/eidolon
	@node tests/run.mjs tests/terminal/*.test.mjs

session: build/eidolon
	@node tests/terminal/record.mjs docs/terminal-session.md

DESTDIR ?=
PREFIX ?= /usr/local

install: build/eidolon
	@tools/install-files "$(DESTDIR)" "$(PREFIX)" build/eidolon

.PHONY: test-terminal session install
