# Everything under share/ goes into the executable as bytes: src/base/share.h looks it up by its path
# ("scripted/core.rules"). The generated file holds one .incbin a file; it is written again when a file is
# added, removed or changed, and not otherwise.

SHARE_FILES := $(sort $(shell find share -type f ! -name '.*' 2>/dev/null))

$(shell mkdir -p $(GEN); printf '%s\n' $(SHARE_FILES) | cmp -s - $(GEN)/share.list || printf '%s\n' $(SHARE_FILES) > $(GEN)/share.list)

$(GEN)/share_files.c: $(GEN)/share.list mk/share.mk
	@{ echo '/* Written by mk/share.mk. */'; \
	echo '#include "base/share.h"'; \
	i=0; for f in $$(cat $<); do \
	printf '%s\n' "__asm__(\".section .rodata; .balign 16; .global share_$${i}; share_$${i}: .incbin \\\"$$f\\\"; .global share_$${i}_end; share_$${i}_end: .byte 0; .previous\");"; \
	echo "extern const char share_$${i}[], share_$${i}_end[];"; i=$$((i+1)); done; \
	echo 'const struct share_entry share_table[] = {'; \
	i=0; for f in $$(cat $<); do \
	echo "    {\"$${f#share/}\", share_$${i}, share_$${i}_end},"; i=$$((i+1)); done; \
	echo '    {0, 0, 0}};'; } > $@

$(OUT)/obj/gen/share_files.o: $(GEN)/share_files.c $(SHARE_FILES)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

GENERATED_OBJECTS += $(OUT)/obj/gen/share_files.o
