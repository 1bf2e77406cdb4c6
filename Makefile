# The front door. `make help` lists what it opens.
#
#   make            build/eidolon, optimised, with the web app inside
#   make run        install what is missing, build, serve http://127.0.0.1:8080
#   make test       install what is missing, build, run every suite
#
# How it is built: every src/FOLDER/FILE.c goes into one library; src/app/main.c makes it the executable.
# Each variant (release, debug, asan, tsan) has its own folder under build/. Generated files lie in build/gen.

VARIANT ?= release
ifeq ($(origin CC),default)
CC := gcc
endif
# V=1 shows whole commands; else a line a file says what is being made.
Q := $(if $(V),,@)
VERSION := $(shell cat VERSION)

OUT := build/$(VARIANT)
GEN := build/gen
PACKAGES := libqrencode libuv openssl libcurl sqlite3 zlib libseccomp libpcre2-8 libzip libedit md4c expat libopusenc opus flac soxr sndfile pocketsphinx libpng libjpeg libwebp libwebpdemux
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CPPFLAGS := -D_GNU_SOURCE -Isrc -I$(GEN) -DEIDOLON_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
CFLAGS := -std=gnu17 -g $(WARN) -fno-common -fstack-protector-strong
# flite and LAME have no pkg-config files.
FLITE := -lflite_cmu_us_slt -lflite_cmu_us_rms -lflite_cmu_us_awb -lflite_cmu_us_kal16 -lflite_usenglish -lflite_cmulex -lflite -lmp3lame
# giflib has none either.
GIF := -lgif
LDLIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) $(FLITE) $(GIF) -lm -lpthread
LDFLAGS := -pthread -Wl,-z,relro,-z,now $(EXTRA_LDFLAGS)

ifeq ($(VARIANT),release)
CFLAGS += -O2 -D_FORTIFY_SOURCE=2 -DNDEBUG
else ifeq ($(VARIANT),debug)
CFLAGS += -O0
else ifeq ($(VARIANT),dist)
CFLAGS += -O2 -D_FORTIFY_SOURCE=2 -DNDEBUG
else ifeq ($(VARIANT),asan)
CC := clang
CFLAGS += -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=address,undefined
else ifeq ($(VARIANT),tsan)
CC := clang
CFLAGS += -O1 -fno-omit-frame-pointer -fsanitize=thread
LDFLAGS += -fsanitize=thread
else
$(error VARIANT is one of release, debug, asan, tsan, dist)
endif

MAIN := src/app/main.c
SOURCES := $(filter-out $(MAIN),$(wildcard src/*/*.c))
LIBRARY := $(OUT)/libeidolon.a
OBJECTS := $(SOURCES:src/%.c=$(OUT)/obj/%.o)
UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(OUT)/unit/%)

all: build/eidolon

-include $(wildcard mk/*.mk)

# By rename: a server that runs keeps the one it was started from.
build/eidolon: $(OUT)/eidolon
	@cp $< $@.new && mv $@.new $@

$(OUT)/eidolon: $(OUT)/obj/app/main.o $(LIBRARY)
	@$(if $(V),,echo "  link  $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(OBJECTS) $(GENERATED_OBJECTS)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(OUT)/obj/%.o: src/%.c | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc    $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# One program a unit test file; it links the whole library, so a test needs no list of objects.
$(OUT)/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc    $<")
	$(Q)$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(LIBRARY) -lcmocka $(LDLIBS)

# For tools/lint: what the compiler is told.
print-flags:
	@echo $(filter-out -DEIDOLON_VERSION%,$(CPPFLAGS)) -std=gnu17 $(WARN)

unit: $(UNIT_TESTS)
	@tools/run-units $(UNIT_TESTS)

# ---- the front door ----

JOBS := $(shell nproc 2>/dev/null || echo 2)

run:
	@tools/install run
	@$(MAKE) --no-print-directory -j$(JOBS) build/eidolon
	@exec build/eidolon serve $(ARGS)

# Each suite is a target of its own; mk/*.mk add theirs to SUITES.
test:
	@tools/install test
	@$(MAKE) --no-print-directory -j$(JOBS) build/eidolon
	@tools/run-suites $(SUITES)

test-asan:
	@$(MAKE) --no-print-directory -j$(JOBS) VARIANT=asan unit

test-tsan:
	@$(MAKE) --no-print-directory -j$(JOBS) VARIANT=tsan unit

# `unit` of the release build is what developers run between two edits; the sanitized ones run the same tests.
SUITES := test-asan test-tsan $(EXTRA_SUITES)

bench:
	@tools/install bench
	@$(MAKE) --no-print-directory -j$(JOBS) build/eidolon
	@tools/run-benches $(BENCHES)

lint:
	@tools/install lint
	@tools/lint

help:
	@echo "make            build/eidolon, optimised, with the web app inside"
	@echo "make run        install what is missing, build, serve (ARGS='--listen 127.0.0.1:9000')"
	@echo "make test       install what is missing, build, run every suite"
	@echo "make unit       the C unit tests only (VARIANT=release|debug|asan|tsan)"
	@echo "make bench      measure against peers and limits; prints the table of docs/BENCHMARKS.md"
	@echo "make lint       folder rule, thread annotations, clang-tidy, formatter, TypeScript check"
	@echo "make fuzz       fuzz the parsers of foreign bytes until stopped (FUZZ=head|chunk|ws|...)"
	@echo "make dist       a tarball that runs on another Debian 12"
	@echo "make install    executable, man pages, completion, units (DESTDIR=, PREFIX=/usr/local)"
	@echo "make clean      remove build/"

dist: build/eidolon
	@tools/dist $(VERSION)

clean:
	rm -rf build dist

.PHONY: all unit print-flags run test test-asan test-tsan bench lint help dist clean
.DELETE_ON_ERROR:
-include $(OBJECTS:.o=.d) $(OUT)/obj/app/main.d $(UNIT_TESTS:=.d)
