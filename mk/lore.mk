# Lorebooks' bench: a prompt with 2,000 entries, beside a scan that looks for each key in each message.
BENCHES += bench-lore
BENCH_LORE := build/release/bench/bench_lore

$(BENCH_LORE): tests/bench/bench_lore.c build/release/libeidolon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< build/release/libeidolon.a $(LDLIBS)

bench-lore: $(BENCH_LORE)
	@$(BENCH_LORE)

.PHONY: bench-lore
