# Memory's bench: how well (LoCoMo, where LOCOMO names the file) and how fast it recalls.
#
#   make bench-recall LOCOMO=path/to/locomo.json

LOCOMO ?=
BENCHES += bench-recall
RECALL_BENCH := $(OUT)/bench/recall_bench

$(RECALL_BENCH): tests/bench/recall_bench.c $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

bench-recall: $(RECALL_BENCH)
	@folder=$$(mktemp -d) && $< $$folder $(LOCOMO); status=$$?; rm -rf $$folder; exit $$status

.PHONY: bench-recall
-include $(RECALL_BENCH:=.d)
