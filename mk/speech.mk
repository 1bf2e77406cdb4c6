# What hearing loads in its children: build/lib/libonnxruntime.so, libsherpa-onnx-c-api.so and silero_vad.onnx.
#
#   make speech         fetches them (make and make run do so too, where npm can be reached)
#   make bench-mics     what open microphones cost, and how soon their words are there
#   make bench-hearing  how many words the ears get wrong, of people and of flite
#   make SPEECH=off     leaves them out: an energy gate then finds speech, and sherpa-onnx's models cannot be used
#
# Nothing is compiled: npm has them prebuilt (speech/package.json, tools/speech-fetch.mjs).

SPEECH ?= on

# Fetched again when the pins are others, not when their file merely looks newer.
build/speech/.stamp: speech/package.json
	@cmp -s $< build/speech/pins.json && [ -e $@ ] || { echo "  npm   sherpa-onnx, silero"; node tools/speech-fetch.mjs build/speech && cp $< build/speech/pins.json && touch $@; }

build/lib/silero_vad.onnx: build/speech/.stamp
	@mkdir -p build/lib
	@cp -r build/speech/lib/. build/lib/
	@touch $@

# Never in the way of the rest: without npm there is a sentence, and what needs none goes on.
speech:
ifeq ($(SPEECH),on)
	@if ! $(MAKE) --no-print-directory -s build/lib/silero_vad.onnx; then \
	    echo "The voice detector silero and sherpa-onnx are left out; an energy gate finds speech. Try again with: make speech" >&2; fi
endif

build/eidolon: | speech

.PHONY: speech

BENCHES += bench-mics bench-hearing

# Fifty open microphones, eight of them spoken into at once.
bench-mics: build/eidolon tests/node_modules/.stamp
	@node tests/bench/voice_mics.mjs

bench-hearing: build/eidolon
	@node tests/bench/wer.mjs

.PHONY: bench-mics bench-hearing
