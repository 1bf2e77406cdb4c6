# The helper that speaks with espeak-ng: build/lib/eidolon-espeak. It needs nothing to be built, as it loads the library when it
# runs (espeak/main.c says why it is a program of its own).
ESPEAK_CHILD := $(OUT)/espeak/eidolon-espeak

$(ESPEAK_CHILD): espeak/main.c $(LIBRARY)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc    $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $< $(LIBRARY) $(LDLIBS) -ldl

build/lib/eidolon-espeak: build/release/espeak/eidolon-espeak
	@mkdir -p build/lib
	@cp $< $@.new && mv $@.new $@

ifeq ($(VARIANT),release)
build/eidolon: build/lib/eidolon-espeak
endif
