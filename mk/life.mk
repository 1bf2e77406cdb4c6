# Personas' bench: lists, searches and tags of 20,000 over HTTP, each beside its limit.
#
#   make bench-personas            20,000 personas
#   make bench-personas COUNT=5000

BENCHES += bench-personas

bench-personas: build/eidolon
	@node tests/bench/personas.mjs $(COUNT)

.PHONY: bench-personas
