# The web app: SvelteKit's static build, compressed and put into the executable as `webapp_assets` (net/asset.h).
#
#   make web        build/gen/webapp.c and what it includes
#   make web-dev    the dev server of the page, in front of an Eidolon at EIDOLON_URL (default 127.0.0.1:8080)
#   make test-web   drives Chromium against build/eidolon; screenshots go to build/screenshots
#   make pictures   the pictures of docs/images, from the real page
#   make WEB=off    an executable without the page, where node is not to be had
#
# Only the executable links it; unit tests need no node. It is built again when a file of web/ changes.

WEB ?= on
NPM ?= npm
WEB_SOURCES := $(shell find web/src web/static -type f 2>/dev/null) $(wildcard web/*.js web/*.mjs web/*.ts web/*.json) web/.npmrc

web/node_modules/.stamp: web/package.json web/package-lock.json web/.npmrc
	@command -v $(NPM) >/dev/null || { echo "The web app needs node and npm: run tools/install build, or build without it: make WEB=off" >&2; exit 1; }
	@echo "  npm   web"
	@$(NPM) --prefix web ci --silent --no-audit --no-fund
	@touch $@

$(GEN)/webapp.c: web/node_modules/.stamp $(WEB_SOURCES) tools/webapp.mjs
	@echo "  vite  web"
	@$(NPM) --prefix web run --silent build >$(GEN)/webapp.log 2>&1 || { cat $(GEN)/webapp.log >&2; exit 1; }
	@node tools/webapp.mjs web/build $(GEN)

$(OUT)/obj/gen/webapp.o: $(GEN)/webapp.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

ifeq ($(WEB),on)
$(OUT)/eidolon: $(OUT)/obj/gen/webapp.o
endif

web: $(GEN)/webapp.c

web-dev: web/node_modules/.stamp
	$(NPM) --prefix web run dev

tests/node_modules/.stamp: tests/package.json tests/package-lock.json tests/.npmrc
	@echo "  npm   tests"
	@$(NPM) --prefix tests ci --silent --no-audit --no-fund
	@touch $@

# Most of a browser's test is waiting: two at once on two cores. Voice is alone, as sound does not wait.
test-web: build/eidolon tests/node_modules/.stamp
	@node tests/run.mjs --at-once=2 $(filter-out tests/web/voice.test.mjs,$(wildcard tests/web/*.test.mjs))
	@node tests/run.mjs tests/web/voice.test.mjs

pictures: build/eidolon tests/node_modules/.stamp
	node tests/web/pictures.mjs

.PHONY: web web-dev test-web pictures
