# The store's benches and fault tests.
#
#   make bench-store   durable appends (real disk, and every sync delayed), pages, growth, opening; the index
#   make fault-store   power loss, full disk, failing syncs, kill -9: tests/fault

STORE_BENCH_DIR ?= $(OUT)/bench/data
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(OUT)/bench/%,$(wildcard tests/bench/*_bench.c))

$(OUT)/bench/%: tests/bench/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

-include $(BENCH_PROGRAMS:=.d)
