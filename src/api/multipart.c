/* Multipart bodies; see multipart.h. */
#include "api/multipart.h"

#include <stdio.h>

#define FORM_DATA "multipart/form-data"
enum { BOUNDARY_MAX = 70 }; /* RFC 2046, 5.1.1 */

bool multipart_is(struct str content_type)
{
    return str_ieq(str_trim(str_sub(content_type, 0, str_find_char(content_type, ';'))), STR(FORM_DATA));
}

/* A parameter of a header: name="value" or name=value, after a semicolon. */
static struct str parameter(struct str header, const char *name)
{
    struct str rest = header, piece;
    while (str_cut(&rest, ';', &piece)) {
        size_t equals = str_find_char(piece, '=');
        if (equals == SIZE_MAX || !str_ieq(str_trim(str_sub(piece, 0, equals)), str_c(name)))
            continue;
        struct str value = str_trim(str_from(piece, equals + 1));
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = str_sub(value, 1, value.n - 2);
        return value;
    }
    return STR_NONE;
}

static void read_head(struct str head, struct str *name, struct multipart_part *part)
{
    struct str line;
    *name = part->type = part->filename = STR_NONE;
    while (str_cut(&head, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        if (colon == SIZE_MAX)
            continue;
        struct str key = str_trim(str_sub(line, 0, colon)), value = str_trim(str_from(line, colon + 1));
        if (str_ieq(key, STR("content-type")))
            part->type = value;
        if (!str_ieq(key, STR("content-disposition")))
            continue;
        *name = parameter(value, "name");
        part->filename = parameter(value, "filename");
    }
}

enum err multipart_find(struct str content_type, struct str body, struct str name, struct multipart_part *out,
                        struct error *e)
{
    return multipart_nth(content_type, body, name, 0, out, e);
}

enum err multipart_nth(struct str content_type, struct str body, struct str name, unsigned nth,
                       struct multipart_part *out, struct error *e)
{
    char text[BOUNDARY_MAX + 8];
    struct str boundary = parameter(content_type, "boundary"), found;
    if (str_empty(boundary) || boundary.n > BOUNDARY_MAX)
        return error_set(e, ERR_INVALID, "The multipart body's Content-Type names no boundary.");
    snprintf(text, sizeof text, "\r\n--%.*s", STR_ARG(boundary));
    struct str mark = str_c(text);
    /* The first boundary has no line before it. */
    if (!str_starts(body, str_from(mark, 2)))
        return error_set(e, ERR_INVALID, "The multipart body does not begin with its boundary.");
    struct str rest = str_from(body, mark.n - 2);
    while (!str_starts(rest, STR("--"))) {
        size_t head_end = str_find(rest, STR("\r\n\r\n"));
        if (head_end == SIZE_MAX)
            break;
        struct multipart_part part;
        read_head(str_sub(rest, 0, head_end), &found, &part);
        rest = str_from(rest, head_end + 4);
        size_t end = str_starts(rest, str_from(mark, 2)) ? 0 : str_find(rest, mark);
        if (end == SIZE_MAX)
            break;
        part.bytes = str_sub(rest, 0, end);
        if (str_eq(found, name) && nth-- == 0) {
            *out = part;
            return ERR_OK;
        }
        rest = str_from(rest, end + mark.n);
    }
    return error_set_param(e, ERR_INVALID, "file", "The multipart body has no part called '%.*s'.",
                           STR_ARG(name));
}
