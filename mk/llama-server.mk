# llama-server of the release that the llama child loads, for `make bench-llama` only.
#
# Only the server's own sources are compiled, from the same bundle as the headers, and linked to the same prebuilt
# libraries as the child: both run the very same kernels, so what is compared is what is around them. It takes some
# minutes the first time, politely, and stays in build/llama/server.

PEER := build/llama/server
PEER_SRC := build/llama/src
PEER_LIB := build/llama/lib
PEER_SERVER = $(filter-out %/tests/%,$(wildcard $(PEER_SRC)/tools/server/*.cpp))
PEER_MTMD = $(filter-out %/deprecation-warning.cpp %/mtmd-cli.cpp,$(wildcard $(PEER_SRC)/tools/mtmd/*.cpp $(PEER_SRC)/tools/mtmd/models/*.cpp))
PEER_HASH = $(PEER_SRC)/vendor/hash/hash.cpp $(PEER_SRC)/vendor/hash/xxhash/xxhash.c $(PEER_SRC)/vendor/hash/sha1/sha1.c $(PEER_SRC)/vendor/hash/sha256/sha256.c
PEER_OBJECTS = $(patsubst $(PEER_SRC)/%,$(PEER)/%.o,$(PEER_SERVER) $(PEER_MTMD) $(PEER_HASH)) $(PEER)/ui.o
PEER_FLAGS := -O2 -DNDEBUG -w -I$(PEER) $(addprefix -I$(PEER_SRC)/,. include ggml/include common vendor tools/server tools/mtmd vendor/hash \
    vendor/cpp-httplib vendor/sheredom vendor/stb vendor/miniaudio vendor/nlohmann)

$(PEER)/%.cpp.o: $(PEER_SRC)/%.cpp $(PEER)/ui.h
	@mkdir -p $(@D)
	@echo "  c++   llama-server $(notdir $<)"
	$(Q)nice -n 19 g++ -std=gnu++17 $(PEER_FLAGS) -c -o $@ $<

$(PEER)/%.c.o: $(PEER_SRC)/%.c
	@mkdir -p $(@D)
	$(Q)nice -n 19 $(if $(findstring /sha1,$<),g++ -x c++,gcc) $(PEER_FLAGS) -c -o $@ $<

# An empty page: the server's own web app is not built.
$(PEER)/ui.h: build/llama/.stamp
	@mkdir -p $(PEER)
	@cmake -DUI_SOURCE_DIR=$(abspath $(PEER_SRC)/tools/ui) -DUI_BINARY_DIR=$(abspath $(PEER)) -DLLAMA_SOURCE_DIR=$(abspath $(PEER_SRC)) \
	    -DHF_ENABLED=OFF -DBUILD_UI=OFF -P $(PEER_SRC)/scripts/ui-assets.cmake >$(PEER)/ui.log 2>&1 || { cat $(PEER)/ui.log >&2; exit 1; }

$(PEER)/ui.o: $(PEER)/ui.h
	$(Q)g++ -std=gnu++17 -O1 -w -I$(PEER) -c -o $@ $(PEER)/ui.cpp

# The sources are there only after the fetch, so the list of objects is asked for by a make of its own.
llama-server: build/llama/.stamp
	@$(MAKE) --no-print-directory $(PEER)/llama-server

$(PEER)/llama-server: $(PEER_OBJECTS)
	$(Q)g++ -o $@ $^ -L$(PEER_LIB) -lllama-common -l:libllama.$(LLAMA_RELEASE).so -l:libggml.$(LLAMA_RELEASE).so -lggml-base \
	    -pthread -Wl,-rpath,'$$ORIGIN'
	@cd $(PEER) && ln -sf ../lib/*.so . # it looks for back-ends beside itself

.PHONY: llama-server
