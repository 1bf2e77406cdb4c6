/* Prints docs/SETTINGS.md from the table of settings (src/base/config.def); `make settings` keeps it. */
#include "base/config.h"

#include <stdio.h>

int main(void)
{
    struct buf b = BUF_INIT;
    buf_add(
        &b,
        STR("# Settings\n\n"
            "Written by `make settings` from `src/base/config.def`; do not edit.\n\n"
            "From the least to the most binding: default, stored by the settings page, file, environment,\n"
            "flag. `data` of `[server]` is `EIDOLON_SERVER_DATA` in the environment and `--server.data=...`\n"
            "as a flag; `api_key` of `[provider.lm]` is `EIDOLON_PROVIDER_LM_API_KEY` and\n"
            "`--provider.lm.api_key=...`. Durations are written 250ms, 10s, 5m, 2h, 30d; sizes 64K, 10M, "
            "2G.\n"
            "Lists are parted by commas; a member with a comma or an escape (`\\n`) stands in double "
            "quotes.\n\n"));
    config_write_markdown(&b);
    size_t written = fwrite(b.p, 1, b.n, stdout);
    bool failed = written != b.n || fflush(stdout) != 0;
    buf_release(&b);
    return failed;
}
