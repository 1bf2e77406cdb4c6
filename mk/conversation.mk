# A conversation by voice as a person meets it: last sound to first sound, interruption to silence.
#
#   make bench-conversation [TURNS=30]

BENCHES += bench-conversation

bench-conversation: build/eidolon tests/node_modules/.stamp
	@node tests/bench/voice_turns.mjs $(TURNS)

.PHONY: bench-conversation
