# Cards: import in bulk, measured.
#
#   make bench-cards   10,000 mixed cards through the API of a server of its own; must stay under 60 s

BENCHES += bench-cards

bench-cards: build/eidolon
	@node tests/bench/cards.mjs

.PHONY: bench-cards
