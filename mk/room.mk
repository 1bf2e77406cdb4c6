# Fault tests of the whole server, and benches of the house below the API.
EXTRA_SUITES += fuzz-smoke test-web test-storm
BENCHES += bench-start bench-turns bench-store bench-net bench-page

test-storm: build/eidolon
	@node tests/run.mjs --minutes=15 tests/fault/storm.test.mjs

BENCH_TURNS := build/release/bench/bench_turns
$(BENCH_TURNS): tests/bench/bench_turns.c tests/unit/room/house.h build/release/libeidolon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(LDFLAGS) -o $@ $< build/release/libeidolon.a -lcmocka $(LDLIBS)

bench-start: build/eidolon $(BENCH_TURNS)
	@node tests/bench/start.mjs

bench-page: build/eidolon tests/node_modules/.stamp
	@node tests/web/bench-page.mjs

bench-turns: $(BENCH_TURNS)
	@for i in 1 2 3; do $(BENCH_TURNS) first 100000; done
	@for i in 1 2 3; do $(BENCH_TURNS) rate; done

.PHONY: test-storm bench-start bench-turns bench-page
