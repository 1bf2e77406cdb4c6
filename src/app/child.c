/* The children there are, and how far each is confined; see child.h. */
#include "app/child.h"

#include "chat/wire.h"
#include "loop/child.h"
#include "media/look.h"
#include "persona/card_child.h"
#include "voice/ear.h"
#include "voice/ear_live.h"
#include "voice/sherpa.h"
#include "voice/vad_live.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct job_of_child {
    const char *name;
    unsigned confine;    /* enum child_confine_flags */
    uint64_t memory_max; /* of address space */
    int (*serve)(bool (*read)(struct buf *to), bool (*write)(struct str frame));
    void (*alone)(void); /* in place of serve: confines itself when it has opened what it needs */
};

/* Its orders come with files, which it reads itself. */
static int media_serve(bool (*read)(struct buf *to), bool (*write)(struct str frame))
{
    (void)read, (void)write;
    return look_child_serve();
}

static const struct job_of_child jobs[] = {
    {"cards", CHILD_NO_FILES, CARD_CHILD_MEMORY, card_child_serve, NULL},
    {"chats", CHILD_NO_FILES, (uint64_t)2 << 30, wire_serve, NULL},
    {"media", CHILD_NO_FILES, LOOK_MEMORY, media_serve, NULL},
    {.name = "ear", .alone = ear_child_main},
    {.name = "hear", .alone = ear_live_child_main},
    {.name = "vad", .alone = vad_child_main},
    {.name = "sherpa", .alone = sherpa_child_main},
};

int child_run(const char *name)
{
    struct error e = {0};
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        if (strcmp(name, jobs[i].name) != 0)
            continue;
        if (jobs[i].alone)
            jobs[i].alone();
        if (child_confine(jobs[i].confine, jobs[i].memory_max, &e)) {
            fprintf(stderr, "%s\n", e.message);
            return EX_OSERR;
        }
        return jobs[i].serve(child_read, child_write);
    }
    fprintf(stderr, "eidolon: there is no such child.\n");
    return EX_USAGE;
}
