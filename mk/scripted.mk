# Small programs for looking at the scripted engine by hand: build/VARIANT/tools/scripted_chat, facts_probe.
$(OUT)/tools/%: tests/tools/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)
