# What the API's tables generate, and its test suite.
#
#   make types       writes the web app's TypeScript types and the tables of docs/API.md
#   make lint-types  fails when the committed ones are not what the tables say
#   make test-api    runs tests/api against build/eidolon

TYPES := web/src/lib/generated/types.ts

$(OUT)/tools/types: tools/types.c $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

# docs/API.md with the tables between its two marks made anew.
API_DOC = awk '/<!-- end of the tables -->/ { skip = 0 } !skip { print } /<!-- the tables -->/ { skip = 1; while ((getline line < "$(GEN)/api-tables.md") > 0) print line }' docs/API.md

types: $(OUT)/tools/types
	@mkdir -p $(dir $(TYPES)) $(GEN)
	@$< types > $(TYPES)
	@$< tables > $(GEN)/api-tables.md
	@$(API_DOC) > $(GEN)/API.md && cp $(GEN)/API.md docs/API.md

lint-types: $(OUT)/tools/types
	@mkdir -p $(GEN)
	@$< types | cmp -s - $(TYPES) || { echo "$(TYPES) is not what the tables say; run: make types" >&2; exit 1; }
	@$< tables > $(GEN)/api-tables.md
	@$(API_DOC) | cmp -s - docs/API.md || { echo "docs/API.md is not what the tables say; run: make types" >&2; exit 1; }

# The whole contract against real servers: every file starts its own.
EXTRA_SUITES += test-api

test-api: build/eidolon tests/node_modules/.stamp build/release/tools/make_gguf
	@node tests/run.mjs --at-once=2 tests/api/*.test.mjs

.PHONY: types lint-types test-api
