/*
 * `eidolon child NAME`: this program as one of its own children (loop/child.h), which parses what comes from
 * strangers. Not for people: the server starts it.
 *
 * A child gives up what it does not need before it reads the first byte, then serves until the server is
 * gone.
 */
#include "app/command.h"

#include "chat/wire.h"
#include "loop/child.h"

#include <stdio.h>
#include <string.h>

struct job_of_child {
    const char *name;
    unsigned confine;
    uint64_t memory_max; /* of address space */
    int (*serve)(bool (*read)(struct buf *to), bool (*write)(struct str frame));
};

static const struct job_of_child jobs[] = {
    {"chats", CHILD_NO_FILES, (uint64_t)2 << 30, wire_serve},
};

int child_main(int argc, char **argv)
{
    struct error e = {0};
    for (size_t i = 0; argc == 1 && i < sizeof jobs / sizeof *jobs; i++) {
        if (strcmp(argv[0], jobs[i].name) != 0)
            continue;
        if (child_confine(jobs[i].confine, jobs[i].memory_max, &e)) {
            fprintf(stderr, "%s\n", e.message);
            return EX_OSERR;
        }
        return jobs[i].serve(child_read, child_write);
    }
    fprintf(stderr, "eidolon: there is no such child.\n");
    return EX_USAGE;
}
