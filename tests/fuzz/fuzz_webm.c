/* WebM recordings, and what is read of any file before a library sees it: its kind, EXIF, metadata cut out.
 */
#include "media/picture.h"
#include "media/webm.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct str bytes)
{
    struct webm w;
    struct error e = {0};
    struct str packet;
    uint64_t at_ms;
    if (webm_open(&w, bytes, &e) != ERR_OK) {
        if (!e.message[0])
            abort();
        return;
    }
    /* Every packet lies in the file, and the walk ends. */
    for (size_t n = 0; webm_next(&w, &packet, &at_ms) == 1; n++) {
        if (n > bytes.n || packet.p < bytes.p || packet.p + packet.n > bytes.p + bytes.n)
            abort();
    }
}

static void strip(enum media_form form, struct str bytes)
{
    struct picture p = {.orientation = 6, .end = bytes.n};
    CLEANUP_BUF struct buf clean = BUF_INIT;
    picture_strip(form, bytes, &p, &clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_of((const char *)data, size);
    struct error e = {0};
    unsigned orientation;
    bool places;
    if (media_form_of(bytes, &e) == MEDIA_UNKNOWN && !e.message[0])
        abort();
    media_ends_as_zip(bytes);
    walk(bytes);
    picture_exif(bytes, &orientation, &places);
    if (size < 12)
        return 0;
    strip(MEDIA_JPEG, bytes);
    strip(MEDIA_PNG, bytes);
    strip(MEDIA_WEBP, bytes);
    return 0;
}
