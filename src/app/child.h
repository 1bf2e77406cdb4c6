/*
 * `eidolon child NAME`: this program as one of its own children (loop/child.h), which parses what comes from
 * strangers. Not for people: the server starts it.
 *
 * A child gives up what it does not need before it reads the first byte, then serves until the server is
 * gone. The exit code is main's to give with _exit(): what exit() does may be denied by then.
 */
#ifndef EIDOLON_APP_CHILD_H
#define EIDOLON_APP_CHILD_H

int child_run(const char *name);

#endif
