# The page of all settings, from their table.
#
#   make settings       writes docs/SETTINGS.md
#   make lint-settings  fails when the committed page is not what the table says

SETTINGS := docs/SETTINGS.md

$(OUT)/tools/settings: tools/settings.c $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

settings: $(OUT)/tools/settings
	@$< > $(SETTINGS)

lint-settings: $(OUT)/tools/settings
	@$< | cmp -s - $(SETTINGS) || { echo "$(SETTINGS) is not what the table says; run: make settings" >&2; exit 1; }

.PHONY: settings lint-settings
