/* Prints the web app's TypeScript types; `make types` keeps them in web/src/lib/generated/types.ts. */
#include "api/api.h"
#include "base/buf.h"

#include <stdio.h>

int main(void)
{
    struct buf b = BUF_INIT;
    typescript_write(&b);
    size_t written = fwrite(b.p, 1, b.n, stdout);
    bool failed = written != b.n || fflush(stdout);
    buf_release(&b);
    return failed;
}
