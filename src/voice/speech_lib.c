/* Looking beside the executable; see speech_lib.h. */
#include "voice/speech_lib.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool speech_lib(const char *name, char to[SPEECH_LIB_PATH])
{
    /* Beside it; installed; build/VARIANT/eidolon; build/VARIANT/unit/FOLDER/test. */
    static const char *const places[] = {"lib", "../lib/eidolon", "../lib", "../../../lib"};
    char self[SPEECH_LIB_PATH - 256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int length = snprintf(to, SPEECH_LIB_PATH, "%s/%s/%s", self, places[i], name);
        if (length > 0 && length < SPEECH_LIB_PATH && access(to, R_OK) == 0)
            return true;
    }
    return false;
}
