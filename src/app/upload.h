/*
 * A file as a multipart/form-data body: fields first, the file last, made in a temporary file, so that its
 * size does not matter.
 */
#ifndef EIDOLON_APP_UPLOAD_H
#define EIDOLON_APP_UPLOAD_H

#include "app/client.h"

struct upload {
    FILE *from, *body;
    const char *path;
    char boundary[48], type[96];
};

/* Opens the file; upload_end() always. */
enum err upload_begin(struct upload *u, const char *path, struct error *e);
void upload_field(struct upload *u, const char *name, const char *value);
enum err upload_send(struct upload *u, struct client *c, const char *path, struct client_answer *out,
                     struct error *e);
void upload_end(struct upload *u);

#endif
