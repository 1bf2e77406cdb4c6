/* `eidolon backup`, `restore`, `version`, `print`. The doctor has a file of its own. See command.h. */
#include "app/command.h"

#include "api/api.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

static void show_progress(void *arg, uint64_t done, uint64_t all)
{
    (void)arg;
    if (isatty(STDERR_FILENO) && all)
        fprintf(stderr, "\r%3llu %%", (unsigned long long)(done * 100 / all));
}

/* Reads a store's folder while a server may be running on it: SQLite's own locks keep the copy consistent. */
int backup_main(int argc, char **argv)
{
    struct options o;
    struct error e = {0};
    int code = options_read(&o, "backup", argc, argv);
    if (code == EX_OK && !o.help && !o.operand_count) {
        fprintf(stderr, "eidolon: backup wants the name of the file to write.\n");
        code = EX_USAGE;
    } else if (code == EX_OK && !o.help) {
        enum err err =
            store_copy(options_config(&o)->server.data, str_c(o.operands[0]), show_progress, NULL, &e);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r     \r");
        code = err == ERR_OK ? EX_OK : complain(&e);
        if (err == ERR_OK)
            printf("The backup is in %s.\n", o.operands[0]);
    }
    options_release(&o);
    return code;
}

int restore_main(int argc, char **argv)
{
    struct options o;
    struct error e = {0};
    int code = options_read(&o, "restore", argc, argv);
    if (code == EX_OK && !o.help && !o.operand_count) {
        fprintf(stderr, "eidolon: restore wants the name of the backup.\n");
        code = EX_USAGE;
    } else if (code == EX_OK && !o.help) {
        enum err err = store_restore(options_config(&o)->server.data, str_c(o.operands[0]), &e);
        code = err == ERR_OK ? EX_OK : complain(&e);
        if (err == ERR_OK)
            printf("%s was restored; what was there before is kept beside it.\n", o.operands[0]);
    }
    options_release(&o);
    return code;
}

void print_versions(void)
{
    printf("eidolon %s\n", EIDOLON_VERSION);
    printf("libuv %s, %s, SQLite %s, libcurl %s, zlib %s\n", uv_version_string(),
           OpenSSL_version(OPENSSL_VERSION), sqlite3_libversion(),
           curl_version_info(CURLVERSION_NOW)->version, zlibVersion());
}

int version_main(int argc, char **argv)
{
    struct options o;
    int code = options_read(&o, "version", argc, argv);
    if (code == EX_OK && !o.help)
        print_versions();
    options_release(&o);
    return code;
}

/* Texts made from the tables, for the documents, the web app, packages and tests. */
static bool write_text(struct buf *to, const char *name)
{
    static const struct {
        const char *name;
        void (*write)(struct buf *to);
    } texts[] = {
        {"openapi", openapi_write},          {"types", typescript_write},
        {"routes", routes_write_markdown},   {"settings", config_write_markdown},
        {"man-list", usage_write_man_list},  {"completion-bash", usage_write_bash},
        {"completion-zsh", usage_write_zsh}, {"completion-fish", usage_write_fish},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!strcmp(name, texts[i].name)) {
            texts[i].write(to);
            return true;
        }
    }
    if (!strncmp(name, "man-", 4))
        return usage_write_man(to, str_c(name + 4));
    if (strcmp(name, "man") != 0)
        return false;
    CLEANUP_BUF struct buf pages = BUF_INIT;
    usage_write_man_list(&pages);
    struct str rest = buf_str(&pages), page;
    while (str_cut(&rest, '\n', &page))
        usage_write_man(to, page);
    return true;
}

int print_main(int argc, char **argv)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    struct options o;
    int code = options_read(&o, "print", argc, argv);
    if (code == EX_OK && !o.help && !o.operand_count) {
        fprintf(stderr, "eidolon: print wants the name of a text; see `eidolon print --help`.\n");
        code = EX_USAGE;
    } else if (code == EX_OK && !o.help && !write_text(&text, o.operands[0])) {
        fprintf(stderr, "eidolon: there is no text '%s' to print; see `eidolon print --help`.\n",
                o.operands[0]);
        code = EX_USAGE;
    }
    fwrite(text.p ? text.p : "", 1, text.n, stdout);
    options_release(&o);
    return code;
}
