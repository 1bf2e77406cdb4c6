/*
 * Where the libraries and models that make speech fetched lie (mk/speech.mk): lib/ beside the executable, or
 * where an installed or a built one has it.
 *
 * Any thread. It does not: load.
 */
#ifndef EIDOLON_VOICE_SPEECH_LIB_H
#define EIDOLON_VOICE_SPEECH_LIB_H

#include <stdbool.h>

enum { SPEECH_LIB_PATH = 4096 };
#define SPEECH_LIB_ONNX "libonnxruntime.so"
#define SPEECH_LIB_SHERPA "libsherpa-onnx-c-api.so"
#define SPEECH_LIB_SILERO "silero_vad.onnx"

/* The path of a file of that name; false where there is none. */
bool speech_lib(const char *name, char to[SPEECH_LIB_PATH]);

#endif
