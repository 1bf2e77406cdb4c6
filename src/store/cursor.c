/* List cursors and other small things that all drivers need alike; see cursor.h. */
#include "store/cursor.h"

#include "base/json.h"
#include "store/row.h"

enum { PREVIEW_BYTES = 160, PREVIEW_MAX_DATA = 1 << 20, FIRST_ROWS = 16 };

/* NUMBER.ID.HEX: digits, an id, the sort key's bytes in hexadecimal. */
struct str list_place_write(struct arena *a, const struct list_place *place)
{
    struct buf b = BUF_INIT;
    buf_printf(&b, "%lld.%s.", (long long)place->number, id_text(place->id).c);
    for (size_t i = 0; i < place->text.n; i++)
        buf_printf(&b, "%02x", (unsigned char)place->text.p[i]);
    struct str s = arena_str(a, buf_str(&b));
    buf_release(&b);
    return s;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err list_place_read(struct arena *a, struct str cursor, struct list_place *out, struct error *e)
{
    struct str rest = cursor, number = STR_NONE, id = STR_NONE;
    struct list_place place = {0};
    bool good = str_cut(&rest, '.', &number) && str_cut(&rest, '.', &id) &&
                str_to_i64(number, &place.number) && id_parse(id, &place.id) && rest.n % 2 == 0;
    char *text = good ? arena_alloc(a, rest.n / 2 + 1) : NULL;
    for (size_t i = 0; good && i < rest.n; i += 2) {
        int high = hex(rest.p[i]), low = hex(rest.p[i + 1]);
        good = high >= 0 && low >= 0;
        text[i / 2] = (char)(high * 16 + low);
    }
    if (!good)
        return error_set_param(e, ERR_INVALID, "after",
                               "'after' is no cursor of this list; take it from 'next' of the page before.");
    place.text = str_of(text, rest.n / 2);
    *out = place;
    return ERR_OK;
}

struct str row_preview(struct arena *a, struct str data)
{
    struct json *root = NULL;
    if (str_empty(data) || data.n > PREVIEW_MAX_DATA || json_parse(a, data, &root, NULL) != ERR_OK)
        return STR_NONE;
    char cut[PREVIEW_BYTES + 1];
    str_copy(cut, sizeof cut, json_get_str(root, "text", STR_NONE));
    return arena_str(a, str_c(cut));
}

uint64_t row_resolve(uint64_t link, uint64_t first_seq, size_t count)
{
    if (link == 0 || UINT64_MAX - link >= count)
        return link;
    return first_seq + (UINT64_MAX - link);
}

void *store_grow(struct arena *a, void *rows, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return rows;
    *cap = *cap ? *cap * 2 : FIRST_ROWS;
    void *more = arena_alloc_array(a, *cap, size);
    if (count)
        memcpy(more, rows, count * size);
    return more;
}
