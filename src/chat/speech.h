/*
 * One line of a log of people talking: does somebody begin to speak in it, who, when, and what? Pure.
 */
#ifndef EIDOLON_CHAT_SPEECH_H
#define EIDOLON_CHAT_SPEECH_H

#include "chat/chat.h"

/* How logs are written. A log is written in one way; which one, its first lines tell. */
enum speech_style {
    SPEECH_NONE,
    SPEECH_BRACKET, /* [31/12/2023, 21:41:05] Ana: text (WhatsApp); [31-Dec-23 09:41 PM] Ana, text below
                       (Discord) */
    SPEECH_DASH,    /* 31.12.23, 21:41 - Ana: text (WhatsApp) */
    SPEECH_SUFFIX,  /* Ana, [31.12.2023 21:41], text below (Telegram); Ana — 12/31/2023 9:41 PM (Discord) */
    SPEECH_STAMP,   /* 2023-12-31 21:41 Ana: text; 2023-12-31 21:41 <Ana> text */
    SPEECH_PLAIN,   /* Ana: text; **Ana:** text */
    SPEECH_STYLES
};

struct speech {
    enum speech_style style;
    struct str name; /* empty: nobody; the log itself says it */
    struct str text; /* the rest of the line */
    struct str when; /* from here a time stands in the line */
    int64_t at_ms;   /* 0: none */
};

bool speech_read(struct str line, const struct chat_clock *clock, struct speech *out);

#endif
