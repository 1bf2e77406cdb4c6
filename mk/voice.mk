# Benches of the voice.
BENCHES += bench-voice

bench-voice: build/eidolon tests/node_modules/.stamp
	@node tests/bench/voice_room.mjs

.PHONY: bench-voice
