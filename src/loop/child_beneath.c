/*
 * Reading beneath a few folders and nowhere else, by Landlock (landlock(7), Linux 5.13 and later); see
 * child.h. The C library of Debian 12 has no wrappers, so the three calls are made by number.
 */
#include "loop/child.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All that the first version of Landlock knows: whatever is not allowed below is denied. */
#define HANDLED ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static bool allow(int rules, const char *folder)
{
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
        .parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
    };
    if (beneath.parent_fd < 0)
        return false;
    bool good = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
    close(beneath.parent_fd);
    return good;
}

bool child_read_beneath(const char *const *folders, size_t count)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = HANDLED};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    bool good = rules >= 0;
    for (size_t i = 0; i < count && good; i++)
        good = allow(rules, folders[i]);
    good = good && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    if (rules >= 0)
        close(rules);
    return good;
}
