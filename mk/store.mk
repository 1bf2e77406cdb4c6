# The store's fault tests and benches.
#
#   make bench-store   durable appends (real disk, and every sync delayed), pages, growth, opening; the index
#
# The fault tests run with the unit tests.

UNIT_TESTS += $(OUT)/fault/test_power $(OUT)/fault/test_kill
STORE_FAULT := $(OUT)/fault/vfs.o
STORE_BENCHES := $(OUT)/bench/store_bench $(OUT)/bench/index_bench
STORE_TESTS_CPPFLAGS = $(CPPFLAGS) -Itests -Itests/unit

$(STORE_FAULT): tests/fault/vfs.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STORE_TESTS_CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/fault/%: tests/fault/%.c $(STORE_FAULT) $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STORE_TESTS_CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(STORE_FAULT) $(LIBRARY) -lcmocka $(LDLIBS)

$(STORE_BENCHES): $(OUT)/bench/%: tests/bench/%.c $(STORE_FAULT) $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(STORE_TESTS_CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(STORE_FAULT) $(LIBRARY) -lcmocka $(LDLIBS)

bench-store: $(STORE_BENCHES)
	@rm -rf $(OUT)/bench/data && mkdir -p $(OUT)/bench/data
	@$(OUT)/bench/store_bench $(OUT)/bench/data
	@$(OUT)/bench/index_bench $(OUT)/bench/data
	@rm -rf $(OUT)/bench/data

.PHONY: bench-store
-include $(STORE_BENCHES:=.d) $(STORE_FAULT:.o=.d)
