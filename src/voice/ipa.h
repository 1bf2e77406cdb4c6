/* Phonemes as the IPA writes them, to the phones of viseme.h: by what the mouth does. Pure; any thread. */
#ifndef EIDOLON_VOICE_IPA_H
#define EIDOLON_VOICE_IPA_H

#include "base/str.h"

/* One phoneme ("\xc9\x99", "t\xca\x83", "\xcb\x88o\xca\x8a"): its first and its second phone, the second
 * empty where there is but one. Stress, length and what is not known are skipped. False: there is no sound in
 * it. */
bool ipa_phones(struct str phoneme, struct str *first, struct str *second);

#endif
