/*
 * Looking up embedded files: a linear walk over a table of some dozens of entries, done at start and not in
 * any hot path.
 */
#include "base/share.h"

static struct share_file view(const struct share_entry *entry)
{
    return (struct share_file){str_c(entry->path), str_of(entry->start, (size_t)(entry->end - entry->start))};
}

bool share_get(struct str path, struct share_file *out)
{
    for (const struct share_entry *entry = share_table; entry->path; entry++)
        if (str_eq(str_c(entry->path), path)) {
            *out = view(entry);
            return true;
        }
    return false;
}

bool share_next(size_t *at, struct str prefix, struct share_file *out)
{
    for (; share_table[*at].path; (*at)++)
        if (str_starts(str_c(share_table[*at].path), prefix)) {
            *out = view(&share_table[(*at)++]);
            return true;
        }
    return false;
}
