/* The chunked coding; see chunk.h. */
#include "net/chunk.h"

enum state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER,
    TRAILER_LF,
    END_LF,
    DONE
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool size_byte(struct chunk *c, char b)
{
    int digit = hex_digit(b);
    if (digit >= 0) {
        if (++c->digits > CHUNK_SIZE_DIGITS)
            return false;
        c->left = c->left << 4 | (unsigned)digit;
        return true;
    }
    if (!c->digits)
        return false;
    if (b == '\r')
        c->state = SIZE_LF;
    else if (b == ';')
        c->state = EXTENSION;
    else
        return false;
    return true;
}

/* A byte of an extension or a trailer line: CR ends it, other control bytes are refused. */
static bool text_byte(struct chunk *c, char b, unsigned max, enum state after_cr)
{
    if (b == '\r') {
        c->state = (uint8_t)after_cr;
        return true;
    }
    unsigned char u = (unsigned char)b;
    return ++c->extra <= max && (u == '\t' || (u >= 0x20 && u != 0x7f));
}

static bool trailer_start(struct chunk *c, char b)
{
    if (b == '\r') {
        c->state = END_LF;
        return true;
    }
    if (b == ' ' || b == '\t')
        return false;
    c->state = TRAILER;
    return text_byte(c, b, CHUNK_TRAILER_MAX, TRAILER_LF);
}

static bool control_byte(struct chunk *c, char b)
{
    switch ((enum state)c->state) {
    case SIZE:
        return size_byte(c, b);
    case EXTENSION:
        return text_byte(c, b, CHUNK_EXTENSION_MAX, SIZE_LF);
    case SIZE_LF:
        c->state = c->left ? DATA : TRAILER_START;
        if (!c->left)
            c->extra = 0;
        return b == '\n';
    case DATA_CR:
        c->state = DATA_LF;
        return b == '\r';
    case DATA_LF:
        c->state = SIZE;
        c->digits = 0;
        return b == '\n';
    case TRAILER_START:
        return trailer_start(c, b);
    case TRAILER:
        return text_byte(c, b, CHUNK_TRAILER_MAX, TRAILER_LF);
    case TRAILER_LF:
        c->state = TRAILER_START;
        return b == '\n';
    case END_LF:
        c->state = DONE;
        return b == '\n';
    case DATA:
    case DONE:
        break;
    }
    return false;
}

enum chunk_result chunk_next(struct chunk *c, struct str *rest, struct str *data)
{
    while (c->state != DONE) {
        if (!rest->n)
            return CHUNK_MORE;
        if (c->state == DATA) {
            *data = str_sub(*rest, 0, c->left < rest->n ? (size_t)c->left : rest->n);
            *rest = str_from(*rest, data->n);
            c->left -= data->n;
            if (!c->left)
                c->state = DATA_CR;
            return CHUNK_DATA;
        }
        char b = rest->p[0];
        *rest = str_from(*rest, 1);
        if (!control_byte(c, b))
            return CHUNK_BAD;
    }
    return CHUNK_END;
}

void chunk_untake(struct chunk *c, size_t n)
{
    if (n)
        c->state = DATA;
    c->left += n;
}

size_t chunk_line(char to[CHUNK_LINE], size_t n)
{
    char digits[16];
    size_t count = 0, at = 0;
    do {
        digits[count++] = "0123456789abcdef"[n & 15];
        n >>= 4;
    } while (n);
    while (count)
        to[at++] = digits[--count];
    to[at++] = '\r';
    to[at++] = '\n';
    return at;
}
