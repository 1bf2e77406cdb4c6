/* What a file is, by its own bytes; see kind.h. The numbers are each format's own (PNG 5.2, JFIF, RFC 9649,
 * GIF89a, RFC 3533, EBML RFC 8794, RIFF, AIFF, FLAC RFC 9639, MPEG audio ISO 11172-3). */
#include "media/kind.h"

#include <string.h>

static const struct media_form_info forms[MEDIA_FORMS] = {
    [MEDIA_UNKNOWN] = {"application/octet-stream", false},
    [MEDIA_PNG] = {"image/png", true},
    [MEDIA_JPEG] = {"image/jpeg", true},
    [MEDIA_WEBP] = {"image/webp", true},
    [MEDIA_GIF] = {"image/gif", true},
    [MEDIA_WAV] = {"audio/wav", false},
    [MEDIA_FLAC] = {"audio/flac", false},
    [MEDIA_OGG] = {"audio/ogg", false},
    [MEDIA_MP3] = {"audio/mpeg", false},
    [MEDIA_AIFF] = {"audio/aiff", false},
    [MEDIA_WEBM] = {"audio/webm", false},
};

const struct media_form_info *media_form_info(enum media_form form)
{
    return &forms[form < MEDIA_FORMS ? form : MEDIA_UNKNOWN];
}

static bool at(struct str bytes, size_t from, struct str magic)
{
    return str_eq(str_sub(bytes, from, magic.n), magic);
}

/* Two bytes of a frame's head: sync, a layer, a bit rate and a sample rate that exist. */
static bool mpeg_frame(struct str b)
{
    const unsigned char *p = (const unsigned char *)b.p;
    return b.n >= 4 && p[0] == 0xff && (p[1] & 0xe0) == 0xe0 && (p[1] >> 3 & 3) != 1 &&
           (p[1] >> 1 & 3) != 0 && p[2] >> 4 != 15 && (p[2] >> 2 & 3) != 3;
}

enum { ID3_HEAD = 10 };

/* After an ID3v2 tag, whose length is written in 7 bits a byte. */
static bool mp3(struct str b)
{
    const unsigned char *p = (const unsigned char *)b.p;
    if (!at(b, 0, STR("ID3")) || b.n < ID3_HEAD)
        return mpeg_frame(b);
    size_t length = (size_t)(p[6] & 127) << 21 | (size_t)(p[7] & 127) << 14 | (size_t)(p[8] & 127) << 7 |
                    (size_t)(p[9] & 127);
    struct str rest = str_from(b, ID3_HEAD + length);
    while (rest.n && rest.p[0] == 0)
        rest = str_from(rest, 1);
    return mpeg_frame(rest);
}

/* What people send that is none of ours. */
static const struct {
    size_t from;
    struct str magic;
    const char *what;
} others[] = {
    {4, STR_INIT("ftypavif"), "an AVIF picture; save it as PNG, JPEG or WebP"},
    {4, STR_INIT("ftypavis"), "an AVIF picture; save it as PNG, JPEG or WebP"},
    {4, STR_INIT("ftyphei"),
     "a HEIC picture; save it as JPEG (on an iPhone: Settings, Camera, Formats, Most "
     "Compatible)"},
    {4, STR_INIT("ftypmif1"), "a HEIF picture; save it as JPEG"},
    {4, STR_INIT("ftypM4A"), "an M4A recording (AAC); save it as WAV, FLAC, Opus or MP3"},
    {4, STR_INIT("ftyp"),
     "an MP4 file; videos are not kept here, and its sound must be saved as WAV, FLAC, "
     "Opus or MP3"},
    {0, STR_INIT("BM"), "a Windows bitmap; save it as PNG"},
    {0, STR_INIT("II*\0"), "a TIFF picture; save it as PNG or JPEG"},
    {0, STR_INIT("MM\0*"), "a TIFF picture; save it as PNG or JPEG"},
    {0, STR_INIT("\0\0\1\0"), "a Windows icon; save it as PNG"},
    {0, STR_INIT("\xff\x0a"), "a JPEG XL picture; save it as PNG, JPEG or WebP"},
    {0, STR_INIT("\0\0\0\x0cJXL "), "a JPEG XL picture; save it as PNG, JPEG or WebP"},
    {0, STR_INIT("caff"), "a CAF recording; save it as WAV or FLAC"},
    {0, STR_INIT("\xff\xf1"), "an AAC recording; save it as WAV, FLAC, Opus or MP3"},
    {0, STR_INIT("\xff\xf9"), "an AAC recording; save it as WAV, FLAC, Opus or MP3"},
    {0, STR_INIT("MThd"), "a MIDI file: notes, no recording; save how it sounds as WAV, FLAC or MP3"},
    {0, STR_INIT("\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
     "a Windows Media file; save its sound as WAV, FLAC, Opus or MP3"},
    {0, STR_INIT("wvpk"), "a WavPack recording; save it as WAV or FLAC"},
    {0, STR_INIT("#!AMR"), "an AMR recording; save it as WAV or MP3"},
    {0, STR_INIT("<svg"), "an SVG drawing, which may hold programs; save it as PNG"},
    {0, STR_INIT("<?xml"), "an XML file (an SVG drawing?); save pictures as PNG"},
};

static const struct {
    struct str magic;
    const char *what;
} foreign[] = {
    {STR_INIT("PK\3\4"), "a zip archive"},
    {STR_INIT("PK\5\6"), "a zip archive"},
    {STR_INIT("%PDF-"), "a PDF document"},
    {STR_INIT("Rar!\x1a"), "a RAR archive"},
    {STR_INIT("7z\xbc\xaf"), "a 7-Zip archive"},
    {STR_INIT("\x7f"
              "ELF"),
     "a program"},
    {STR_INIT("MZ"), "a program"},
    {STR_INIT("#!"), "a script"},
    {STR_INIT("<!"), "a page of HTML"},
    {STR_INIT("<html"), "a page of HTML"},
    {STR_INIT("<HTML"), "a page of HTML"},
    {STR_INIT("<script"), "a page of HTML"},
    {STR_INIT("<?php"), "a PHP script"},
    {STR_INIT("\x1f\x8b"), "a gzip file"},
};

/* Behind blanks and a byte order mark, which readers of markup pass over. */
static struct str text_of(struct str bytes)
{
    if (at(bytes, 0, STR("\xef\xbb\xbf")))
        bytes = str_from(bytes, 3);
    while (bytes.n && memchr("\r\n\t ", bytes.p[0], 5)) /* and zero bytes */
        bytes = str_from(bytes, 1);
    return bytes;
}

const char *media_foreign(struct str bytes)
{
    bytes = text_of(bytes);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (at(bytes, 0, foreign[i].magic))
            return foreign[i].what;
    }
    return NULL;
}

enum { ZIP_END = 22, ZIP_COMMENT_MAX = 65535 };

bool media_ends_as_zip(struct str b)
{
    size_t first = b.n > ZIP_END + ZIP_COMMENT_MAX ? b.n - ZIP_END - ZIP_COMMENT_MAX : 0;
    for (size_t i = b.n < ZIP_END ? 0 : b.n - ZIP_END + 1; i-- > first;) {
        const unsigned char *p = (const unsigned char *)b.p + i;
        /* The comment's length must be what is left, else four bytes of noise would do. */
        if (p[0] == 'P' && p[1] == 'K' && p[2] == 5 && p[3] == 6 &&
            (size_t)(p[20] | p[21] << 8) == b.n - i - ZIP_END)
            return true;
    }
    return false;
}

enum media_form media_form_of(struct str b, struct error *e)
{
    if (at(b, 0, STR("\x89PNG\r\n\x1a\n")))
        return MEDIA_PNG;
    if (at(b, 0, STR("\xff\xd8\xff")))
        return MEDIA_JPEG;
    if (at(b, 0, STR("GIF87a")) || at(b, 0, STR("GIF89a")))
        return MEDIA_GIF;
    if (at(b, 0, STR("RIFF")) && at(b, 8, STR("WEBP")))
        return MEDIA_WEBP;
    if ((at(b, 0, STR("RIFF")) || at(b, 0, STR("RF64"))) && at(b, 8, STR("WAVE")))
        return MEDIA_WAV;
    if (at(b, 0, STR("fLaC")))
        return MEDIA_FLAC;
    if (at(b, 0, STR("OggS")))
        return MEDIA_OGG;
    if (at(b, 0, STR("FORM")) && (at(b, 8, STR("AIFF")) || at(b, 8, STR("AIFC"))))
        return MEDIA_AIFF;
    if (at(b, 0, STR("\x1a\x45\xdf\xa3")))
        return MEDIA_WEBM;
    struct str text = text_of(b);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        bool markup = others[i].magic.p[0] == '<';
        if (at(markup ? text : b, others[i].from, others[i].magic)) {
            error_set(e, ERR_UNSUPPORTED_TYPE, "This is %s.", others[i].what);
            return MEDIA_UNKNOWN;
        }
    }
    const char *what = media_foreign(b);
    if (!what && mp3(b))
        return MEDIA_MP3;
    error_set(
        e, ERR_UNSUPPORTED_TYPE,
        "This is %s, no picture and no recording; send PNG, JPEG, WebP, GIF, WAV, FLAC, Ogg, Opus, MP3, "
        "AIFF or WebM.",
        !b.n   ? "an empty file"
        : what ? what
               : "a file of a kind that is not known here");
    return MEDIA_UNKNOWN;
}
