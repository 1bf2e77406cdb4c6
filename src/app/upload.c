/* Multipart bodies; see upload.h. */
#include "app/upload.h"

#include "base/id.h"

#include <errno.h>

enum err upload_begin(struct upload *u, const char *path, struct error *e)
{
    *u = (struct upload){.path = path};
    u->from = fopen(path, "re");
    u->body = u->from ? tmpfile() : NULL;
    if (!u->body)
        return error_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s cannot be read: %s.", path,
                         strerror(errno));
    snprintf(u->boundary, sizeof u->boundary, "eidolon-%016llx%016llx", (unsigned long long)random_u64(),
             (unsigned long long)random_u64());
    snprintf(u->type, sizeof u->type, "multipart/form-data; boundary=%s", u->boundary);
    return ERR_OK;
}

void upload_field(struct upload *u, const char *name, const char *value)
{
    fprintf(u->body, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", u->boundary, name,
            value);
}

static enum err copy_file(struct upload *u, struct error *e)
{
    char piece[65536];
    const char *slash = strrchr(u->path, '/');
    fprintf(u->body, "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"", u->boundary);
    for (const char *p = slash ? slash + 1 : u->path; *p; p++)
        fputc(*p == '"' || *p == '\\' || (unsigned char)*p < ' ' ? '_' : *p, u->body);
    fputs("\"\r\nContent-Type: application/octet-stream\r\n\r\n", u->body);
    for (size_t n; (n = fread(piece, 1, sizeof piece, u->from)) > 0;)
        fwrite(piece, 1, n, u->body);
    fprintf(u->body, "\r\n--%s--\r\n", u->boundary);
    if (ferror(u->from) || fflush(u->body) != 0)
        return error_set(e, ERR_IO, "%s cannot be read: %s.", u->path, strerror(errno));
    return ERR_OK;
}

enum err upload_send(struct upload *u, struct client *c, const char *path, struct client_answer *out,
                     struct error *e)
{
    enum err err = copy_file(u, e);
    if (err != ERR_OK)
        return err;
    struct client_request request = {
        .method = "POST", .path = str_c(path), .file = u->body, .type = u->type, .stream = true};
    request.file_bytes = (uint64_t)ftell(u->body);
    rewind(u->body);
    return client_call(c, &request, out, e);
}

void upload_end(struct upload *u)
{
    if (u->from)
        fclose(u->from);
    if (u->body)
        fclose(u->body);
}
