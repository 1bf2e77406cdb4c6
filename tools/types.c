/*
 * Prints what the API's tables generate: `types` (the web app's TypeScript types) or `tables` (those of
 * docs/API.md). A program of its own, because the executable holds the web app, which needs the types.
 */
#include "api/api.h"
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct buf b = BUF_INIT;
    if (argc == 2 && strcmp(argv[1], "tables") == 0)
        routes_write_markdown(&b);
    else
        typescript_write(&b);
    size_t written = fwrite(b.p, 1, b.n, stdout);
    bool failed = written != b.n || fflush(stdout);
    buf_release(&b);
    return failed;
}
