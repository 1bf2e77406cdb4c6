# The llama child: build/lib/eidolon-llama, and llama.cpp's libraries beside it.
#
#   make llama        builds it (make and make run do so too, where npm can be reached)
#   make LLAMA=off    leaves it out
#   make test-llama   its tests, with tiny models of random weights
#   make bench-llama  against llama-server of the same release
#
# llama.cpp itself is not compiled: npm has it prebuilt (llama/package.json, tools/llama-fetch.mjs). Ours are the child
# (llama/*.c) and one library in C++ (llama/chat_face.cpp) through which it calls llama.cpp's common code.

LLAMA ?= on
LLAMA_RELEASE := v0.5.0
LLAMA_CHILD := $(OUT)/llama/eidolon-llama
LLAMA_FACE := build/llama/libeidolon-llama.so
LLAMA_OBJECTS := $(patsubst llama/%.c,$(OUT)/llama/%.o,$(wildcard llama/*.c))
LLAMA_INCLUDES := -Illama -isystem build/llama/src/include -isystem build/llama/src/ggml/include -DLLAMA_RELEASE='"$(LLAMA_RELEASE)"'

# Fetched again when the pins are others, not when their file merely looks newer.
build/llama/.stamp: llama/package.json
	@cmp -s $< build/llama/pins.json && [ -e $@ ] || { echo "  npm   llama.cpp"; node tools/llama-fetch.mjs build/llama && cp $< build/llama/pins.json && touch $@; }

$(OUT)/llama/%.o: llama/%.c build/llama/.stamp | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc    $<")
	$(Q)$(CC) $(CPPFLAGS) $(LLAMA_INCLUDES) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LLAMA_CHILD): $(LLAMA_OBJECTS) $(LIBRARY)
	@$(if $(V),,echo "  link  $@")
	$(Q)$(CC) $(LDFLAGS) -Wl,--as-needed,-rpath,'$$ORIGIN' -o $@ $^ $(LDLIBS) -ldl

# ASan has to see libstdc++ from the start, or exceptions of the libraries loaded later end the process.
ifeq ($(VARIANT),asan)
$(LLAMA_CHILD): LDLIBS += -Wl,--no-as-needed -lstdc++
endif

build/asan/lib/eidolon-llama: build/asan/llama/eidolon-llama
	@mkdir -p $(@D) && cd $(@D) && ln -sf ../../lib/*.so .
	@cp $< $@.new && mv $@.new $@

$(LLAMA_FACE): llama/chat_face.cpp llama/chat_face.h build/llama/.stamp
	@$(if $(V),,echo "  c++   $<")
	$(Q)g++ -std=gnu++17 -O2 -g1 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -fstack-protector-strong -Illama \
	    $(addprefix -isystem build/llama/src/,common include ggml/include) -Wl,-z,defs,-z,relro,-z,now,-rpath,'$$ORIGIN' -o $@ $< \
	    -Lbuild/llama/lib -lllama-common -l:libllama.$(LLAMA_RELEASE).so -lggml-base

build/lib/eidolon-llama: build/release/llama/eidolon-llama $(LLAMA_FACE)
	@mkdir -p build/lib
	@cp -r build/llama/lib/*.so build/llama/lib/licences $(LLAMA_FACE) build/lib/
	@cp $< $@.new && mv $@.new $@

# The child links the library that the executable links too: it has to be whole first.
ifeq ($(VARIANT),release)
llama: $(LIBRARY)
endif
# Never in the way of the rest: without npm, git or a C++ compiler there is a sentence, and no child.
llama:
ifeq ($(LLAMA),on)
	@if ! $(MAKE) --no-print-directory -s VARIANT=release build/lib/eidolon-llama; then \
	    echo "Models on this machine (the llama child) are left out; everything else works. Try again with: make llama" >&2; fi
endif

build/eidolon: | llama

.PHONY: llama
-include $(LLAMA_OBJECTS:.o=.d)

BENCHES += bench-llama
EXTRA_SUITES += test-llama

# Twice: as it is shipped, and with the address and undefined behaviour sanitizers (it ends by _exit, so leaks are not asked).
test-llama: build/eidolon build/release/tools/make_gguf
	@if [ -e build/lib/eidolon-llama ]; then \
	    node tests/run.mjs tests/llama/*.test.mjs && \
	    $(MAKE) --no-print-directory VARIANT=asan build/asan/lib/eidolon-llama && \
	    EIDOLON_LLAMA=build/asan/lib/eidolon-llama node tests/run.mjs tests/llama/*.test.mjs; \
	else echo "SKIPPED: build/lib/eidolon-llama is not there, since npm could not give llama.cpp"; fi

bench-llama: build/eidolon llama-server build/release/tools/make_gguf
	@node tests/bench/llama.mjs build/lib/eidolon-llama build/llama/server/llama-server build/release/tools/make_gguf

.PHONY: test-llama bench-llama
