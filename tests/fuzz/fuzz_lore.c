/*
 * Lorebooks from anybody, and a scan with them. The input is cut at the first NUL: the book's file before it,
 * a message behind it. The book is read, compiled, scanned, written in every form, and read again: as many
 * entries must come back.
 */
#include "base/utf8.h"
#include "persona/lore.h"
#include "persona/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan(struct arena *a, const struct lore_book *book, struct str said)
{
    struct lore_source source = {lore_compile(STR("fuzz"), 1, book), LORE_OWN};
    struct lore_message messages[] = {{STR("Ana"), said, false}, {STR("Mia"), said, true}};
    struct lore_timed timed[] = {{STR("fuzz"), STR("0"), 2, 1}};
    struct macro_values values = {.user = STR("Ana"), .now_ms = 1795000000000};
    struct lore_input in = {.books = &source,
                            .book_count = 1,
                            .messages = messages,
                            .message_count = 2,
                            .total = 2,
                            .answers = 1,
                            .seed = said.n,
                            .budget_tokens = 500,
                            .rules = {.scan_depth = 2, .max_levels = 5, .recursive = true, .names = true},
                            .values = &values,
                            .timed = timed,
                            .timed_count = 1};
    struct lore_result result;
    lore_scan(a, &in, &result);
    if (result.kept > result.count || result.kept > lore_compiled_count(source.book))
        __builtin_trap();
    lore_compiled_free(source.book);
}

static void read_again(const struct buf *text, size_t count)
{
    struct arena a = ARENA_INIT;
    struct lore_book *again = NULL;
    struct error e = {0};
    enum err err = lore_file_read(&a, buf_str(text), &again, &e);
    /* What grew past a limit on the way out is refused; anything else comes back. */
    if (err == ERR_OK ? again->count != count : err != ERR_TOO_BIG)
        __builtin_trap();
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct str file, said = str_of((const char *)data, size);
    struct lore_book *book = NULL;
    struct buf v3 = BUF_INIT, world = BUF_INIT, api = BUF_INIT;
    if (!str_cut(&said, 0, &file))
        file = STR_NONE;
    if (lore_file_read(&a, file, &book, NULL) == ERR_OK) {
        scan(&a, book, utf8_valid(said) ? said : STR("a harbour"));
        lore_book_write_file(&v3, book);
        lore_book_write_world(&world, book);
        struct jw w = JW(&api);
        jw_object(&w);
        lore_book_write_api(&w, book, true);
        jw_end_object(&w);
        read_again(&v3, book->count);
        read_again(&world, book->count);
    }
    buf_release(&v3);
    buf_release(&world);
    buf_release(&api);
    arena_release(&a);
    return 0;
}
