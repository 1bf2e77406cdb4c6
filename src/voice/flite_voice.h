/* The quickest of flite's voices, for those that want to know how a text is read (phone_flite.c). Any thread;
 * flite's voices hold no state of an utterance. */
#ifndef EIDOLON_VOICE_FLITE_VOICE_H
#define EIDOLON_VOICE_FLITE_VOICE_H

struct cst_voice_struct;
struct cst_voice_struct *flite_quickest(void);

#endif
