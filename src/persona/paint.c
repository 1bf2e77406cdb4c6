/* Painting portraits: three colours, two lights, and zlib; see paint.h. PNG, third edition (W3C). */
#include "persona/paint.h"

#include "base/arena.h"
#include "persona/card_file_inner.h"

#include <math.h>
#include <stdlib.h>
#include <zlib.h>

enum { CHANNELS = 3, TRUE_COLOUR = 2, PAINT_LEVEL = 6 };

struct colour {
    float r, g, b;
};

void png_chunk(struct buf *to, const char type[4], struct str data)
{
    unsigned char word[4];
    uint32_t n = (uint32_t)data.n;
    for (int i = 0; i < 4; i++)
        word[i] = (unsigned char)(n >> (24 - 8 * i));
    buf_add(to, str_of((char *)word, 4));
    buf_add(to, str_of(type, 4));
    buf_add(to, data);
    uLong sum = crc32(crc32(0, Z_NULL, 0), (const Bytef *)type, 4);
    sum = data.n ? crc32_z(sum, (const Bytef *)data.p, data.n) : sum;
    for (int i = 0; i < 4; i++)
        word[i] = (unsigned char)(sum >> (24 - 8 * i));
    buf_add(to, str_of((char *)word, 4));
}

/* Hue in turns, saturation and lightness 0..1 (CSS Color 4, "HSL to RGB"). */
static float channel(float n, float hue, float saturation, float light)
{
    float k = fmodf(n + hue * 12, 12), a = saturation * fminf(light, 1 - light);
    return light - a * fmaxf(-1, fminf(fminf(k - 3, 9 - k), 1));
}

static struct colour hsl(float hue, float saturation, float light)
{
    return (struct colour){channel(0, hue, saturation, light), channel(8, hue, saturation, light),
                           channel(4, hue, saturation, light)};
}

static struct colour mix(struct colour a, struct colour b, float t)
{
    return (struct colour){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

static float smooth(float t)
{
    t = fmaxf(0, fminf(1, t));
    return t * t * (3 - 2 * t);
}

static unsigned char byte_of(float v)
{
    return (unsigned char)(fmaxf(0, fminf(1, v)) * 255 + 0.5f);
}

static void paint_row(unsigned char *row, unsigned y, const struct colour c[3])
{
    float v = (float)y / PAINT_HEIGHT;
    *row++ = 0; /* no filter */
    for (unsigned x = 0; x < PAINT_WIDTH; x++) {
        float u = (float)x / PAINT_WIDTH;
        struct colour at = mix(c[0], c[1], smooth(v + 0.25f * (u - 0.5f)));
        /* A light from above, and the rise of a head and shoulders against it. */
        float light = expf(-((u - 0.32f) * (u - 0.32f) + (v - 0.2f) * (v - 0.2f)) * 5);
        float head = hypotf((u - 0.5f) * 1.0f, (v - 0.42f) * 1.35f) - 0.2f;
        float body = hypotf((u - 0.5f) * 0.85f, (v - 1.08f) * 1.1f) - 0.43f;
        at = mix(at, c[2], 0.55f * light);
        at = mix(at, c[1], 0.38f * smooth(-fminf(head, body) * 60 + 0.5f));
        *row++ = byte_of(at.r);
        *row++ = byte_of(at.g);
        *row++ = byte_of(at.b);
    }
}

static void add_pixels(struct buf *to, const struct colour c[3])
{
    enum { ROW = 1 + PAINT_WIDTH * CHANNELS };
    uLong n = (uLong)ROW * PAINT_HEIGHT;
    uLongf packed_n = compressBound(n);
    unsigned char *rows = heap_alloc(n), *packed = heap_alloc(packed_n);
    for (unsigned y = 0; y < PAINT_HEIGHT; y++)
        paint_row(rows + (size_t)y * ROW, y, c);
    if (compress2(packed, &packed_n, rows, n, PAINT_LEVEL) != Z_OK)
        abort(); /* the bound was asked for */
    png_chunk(to, "IDAT", str_of((char *)packed, packed_n));
    free(packed);
    free(rows);
}

void persona_paint(struct buf *to, struct id id)
{
    unsigned char head[13] = {0, 0,          PAINT_WIDTH >> 8,  PAINT_WIDTH & 255,
                              0, 0,          PAINT_HEIGHT >> 8, PAINT_HEIGHT & 255,
                              8, TRUE_COLOUR};
    uint64_t seed = id_hash(id);
    float hue = (float)(seed % 3600) / 3600, turn = 0.08f + (float)(seed / 3600 % 100) / 700;
    const struct colour c[3] = {hsl(hue, 0.52f, 0.62f), hsl(hue + turn, 0.58f, 0.3f),
                                hsl(hue - turn / 2, 0.8f, 0.86f)};
    buf_add(to, STR(PNG_MARK));
    png_chunk(to, "IHDR", str_of((char *)head, sizeof head));
    png_chunk(to, "tEXt", str_of(CARD_PAINTED_KEY "\0made by Eidolon", sizeof CARD_PAINTED_KEY + 15));
    add_pixels(to, c);
    png_chunk(to, "IEND", STR_NONE);
}
