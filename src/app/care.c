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
    int code = options_read(&o, argc, argv, 1);
    if (code == EX_OK && o.help) {
        print_help("backup FILE [OPTIONS]",
                   "Writes a consistent copy of the data folder's store to FILE, while the server "
                   "runs or not. The search index is not in it; it is made again from the log.");
    } else if (code == EX_OK && !o.operand_count) {
        fprintf(stderr, "eidolon: backup wants the name of the file to write.\n");
        code = EX_USAGE;
    } else if (code == EX_OK) {
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
    int code = options_read(&o, argc, argv, 1);
    if (code == EX_OK && o.help) {
        print_help("restore FILE [OPTIONS]",
                   "Puts a backup in the place of the data folder's store. The server must be "
                   "stopped. What was there is kept beside it.");
    } else if (code == EX_OK && !o.operand_count) {
        fprintf(stderr, "eidolon: restore wants the name of the backup.\n");
        code = EX_USAGE;
    } else if (code == EX_OK) {
        enum err err = store_restore(options_config(&o)->server.data, str_c(o.operands[0]), &e);
        code = err == ERR_OK ? EX_OK : complain(&e);
        if (err == ERR_OK)
            printf("%s was restored; what was there before is kept beside it.\n", o.operands[0]);
    }
    options_release(&o);
    return code;
}

int version_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("eidolon %s\n", EIDOLON_VERSION);
    printf("libuv %s, %s, SQLite %s, libcurl %s, zlib %s\n", uv_version_string(),
           OpenSSL_version(OPENSSL_VERSION), sqlite3_libversion(),
           curl_version_info(CURLVERSION_NOW)->version, zlibVersion());
    return EX_OK;
}

/* Texts made from the tables, for the documents, the web app and tests. */
int print_main(int argc, char **argv)
{
    static const struct {
        const char *name, *what;
        void (*write)(struct buf *to);
    } texts[] = {
        {"openapi", "the OpenAPI document", openapi_write},
        {"types", "the web app's TypeScript types", typescript_write},
        {"routes", "the route tables of docs/API.md", routes_write_markdown},
        {"settings", "the tables of docs/OPERATIONS.md", config_write_markdown},
    };
    for (size_t i = 0; argc == 1 && i < sizeof texts / sizeof *texts; i++) {
        if (str_eq(str_c(argv[0]), str_c(texts[i].name))) {
            CLEANUP_BUF struct buf text = BUF_INIT;
            texts[i].write(&text);
            fwrite(text.p, 1, text.n, stdout);
            return EX_OK;
        }
    }
    printf("Usage: eidolon print TEXT\n\n");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        printf("  %-10s %s\n", texts[i].name, texts[i].what);
    return argc == 1 && !str_eq(str_c(argv[0]), STR("--help")) ? EX_USAGE : EX_OK;
}
