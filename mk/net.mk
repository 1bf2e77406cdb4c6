# Fuzzers and benches of the network part.
#
#   make fuzz-smoke     each fuzzer for FUZZ_SMOKE_S seconds over its corpus (make test runs it)
#   make fuzz           each for FUZZ_S seconds; what it finds is kept in tests/fuzz/corpus/NAME
#   make bench-net      the network's figures beside nginx and node's ws

FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SMOKE_S ?= 10
FUZZ_S ?= 600
FUZZ_FLAGS := -std=gnu17 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

# What is fuzzed is compiled once more, so that its code is instrumented for coverage.
FUZZED := $(wildcard src/base/*.c src/loop/*.c src/net/*.c src/language/*.c src/chat/*.c) src/engine/openai_answer.c \
    src/engine/gen.c $(wildcard src/engine/scripted_*.c) \
    $(addprefix src/persona/card_,file.c png.c zip.c jpeg.c) \
    $(wildcard src/persona/lore_*.c) $(addprefix src/persona/,macro.c tokens.c) \
    $(addprefix src/voice/,align.c json_stream.c sound_in.c) src/media/kind.c src/media/webm.c $(wildcard src/media/picture*.c)
FUZZ_DATA := $(OUT)/obj/gen/share_files.o # the embedded rules; data only

build/fuzz/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/%: tests/fuzz/fuzz_%.c $(FUZZED:src/%.c=build/fuzz/obj/%.o) $(FUZZ_DATA)
	$(Q)clang $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

-include $(FUZZED:src/%.c=build/fuzz/obj/%.d)

fuzz-smoke: $(FUZZERS:%=build/fuzz/%)
	@for f in $(FUZZERS); do \
	    mkdir -p build/fuzz/work/$$f tests/fuzz/corpus/$$f; \
	    build/fuzz/$$f -seed=1 -max_total_time=$(FUZZ_SMOKE_S) -max_len=8192 -artifact_prefix=build/fuzz/ -verbosity=0 \
	        -print_final_stats=0 build/fuzz/work/$$f tests/fuzz/corpus/$$f >build/fuzz/$$f.log 2>&1 \
	        || { cat build/fuzz/$$f.log; exit 1; }; \
	    echo "ok   fuzz $$f ($(FUZZ_SMOKE_S) s)"; \
	done

fuzz: $(FUZZERS:%=build/fuzz/%)
	@for f in $(FUZZERS); do \
	    mkdir -p build/fuzz/work/$$f; \
	    build/fuzz/$$f -max_total_time=$(FUZZ_S) -max_len=8192 -artifact_prefix=build/fuzz/ build/fuzz/work/$$f \
	        tests/fuzz/corpus/$$f || exit 1; \
	    build/fuzz/$$f -merge=1 tests/fuzz/corpus/$$f build/fuzz/work/$$f; \
	done

# Bench programs link the release library; `make bench-net` runs them all (under three minutes).
build/bench/%: tests/bench/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

bench-net: build/bench/net_server build/bench/net_load
	@tests/bench/net.sh

.PHONY: fuzz fuzz-smoke bench-net
