# Memory's bench: how well (LoCoMo, where LOCOMO names the file) and how fast it recalls.
#
#   make bench-recall LOCOMO=path/to/locomo.json

LOCOMO ?=

bench-recall: $(OUT)/bench/recall_bench
	@folder=$$(mktemp -d) && $< $$folder $(LOCOMO); status=$$?; rm -rf $$folder; exit $$status

.PHONY: bench-recall
