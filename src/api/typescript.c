/*
 * The web app's types, from the server's tables: objects (schema.def), events (event/kinds.def)).
 *
 * tools/types writes them to web/src/lib/generated/types.ts; `make lint` compares.
 */
#include "api/api.h"

#include "api/schema.h"
#include "event/event.h"

static void write_type(struct buf *to, const struct type *t, bool member);

static void write_fields(struct buf *to, const struct type_field *fields, const char *indent)
{
    for (const struct type_field *f = fields; f; f = f->next) {
        if (!str_empty(f->doc))
            buf_printf(to, "%s/** %.*s */\n", indent, STR_ARG(f->doc));
        buf_printf(to, "%s%.*s%s: ", indent, STR_ARG(f->name), f->optional ? "?" : "");
        write_type(to, f->type, false);
        buf_add(to, STR(";\n"));
    }
}

static void write_object(struct buf *to, const struct type *t)
{
    buf_add(to, STR("{ "));
    for (const struct type_field *f = t->fields; f; f = f->next) {
        buf_printf(to, "%.*s%s: ", STR_ARG(f->name), f->optional ? "?" : "");
        write_type(to, f->type, false);
        buf_add(to, f->next ? STR("; ") : STR(" "));
    }
    buf_add_char(to, '}');
}

static void write_union(struct buf *to, const struct type *t, bool member)
{
    if (member)
        buf_add_char(to, '(');
    for (const struct type *alt = t->of; alt; alt = alt->next) {
        write_type(to, alt, true);
        if (alt->next)
            buf_add(to, STR(" | "));
    }
    if (member)
        buf_add_char(to, ')');
}

/* `member`: inside a union or an array, where a union needs parentheses. */
static void write_type(struct buf *to, const struct type *t, bool member)
{
    switch (t->kind) {
    case TYPE_STRING:
        buf_add(to, STR("string"));
        break;
    case TYPE_NUMBER:
    case TYPE_INTEGER:
        buf_add(to, STR("number"));
        break;
    case TYPE_BOOLEAN:
        buf_add(to, STR("boolean"));
        break;
    case TYPE_NULL:
        buf_add(to, STR("null"));
        break;
    case TYPE_UNKNOWN:
        buf_add(to, STR("unknown"));
        break;
    case TYPE_UNDEFINED:
        buf_add(to, STR("undefined"));
        break;
    case TYPE_LITERAL:
        buf_printf(to, "'%.*s'", STR_ARG(t->text));
        break;
    case TYPE_NAME:
        buf_add(to, t->text);
        break;
    case TYPE_ARRAY:
        write_type(to, t->of, true);
        buf_add(to, STR("[]"));
        break;
    case TYPE_RECORD:
        buf_add(to, STR("Record<string, "));
        write_type(to, t->of, false);
        buf_add_char(to, '>');
        break;
    case TYPE_OBJECT:
        write_object(to, t);
        break;
    case TYPE_UNION:
        write_union(to, t, member);
        break;
    }
}

static void write_events(struct buf *to)
{
    buf_add(to, STR("/** What each kind of event carries in `data`. */\nexport interface EventData {\n"));
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        const struct event_kind_info *info = event_kind_info((enum event_kind)kind);
        buf_printf(to, "    /** %s%s */\n    '%.*s': {", info->doc, info->lasting ? "" : " Passing.",
                   STR_ARG(info->name));
        if (schema_event_fields(kind)) {
            buf_add_char(to, '\n');
            write_fields(to, schema_event_fields(kind), "        ");
            buf_add(to, STR("    "));
        }
        buf_add(to, STR("};\n"));
    }
    buf_add(to,
            STR("}\n\n"
                "export type EventKind = keyof EventData;\n\n"
                "/** What every event has; `seq` is null for passing ones. */\n"
                "export interface EventBase {\n"
                "    room: string;\n"
                "    seq: number | null;\n"
                "    pos: string | null;\n"
                "    at: string;\n"
                "    v: number;\n"
                "    author: Author;\n"
                "    turn: string | null;\n"
                "    cause: number | null;\n"
                "    parent: number | null;\n"
                "    audience: string[] | null;\n"
                "}\n\n"
                "export type EventOf<K extends EventKind> = EventBase & { kind: K; data: EventData[K] };\n\n"
                "/** A discriminated union on `kind`. Kinds that are not listed may come; ignore them. */\n"
                "export type RoomEvent = { [K in EventKind]: EventOf<K> }[EventKind];\n\n"));
}

void typescript_write(struct buf *to)
{
    size_t count = 0;
    const struct schema *list = schemas(&count);
    buf_add(to, STR("// Written by `make types` from the server's tables (src/api/schema.def and\n"
                    "// src/event/kinds.def); a change here is lost.\n\n"
                    "export interface List<T> {\n    data: T[];\n    next: string | null;\n}\n\n"));
    for (size_t i = 0; i < count; i++) {
        if (!list[i].fields)
            continue;
        buf_printf(to, "/** %s */\nexport interface %s {\n", list[i].doc, list[i].name);
        write_fields(to, list[i].fields, "    ");
        buf_add(to, STR("}\n\n"));
    }
    buf_add(to, STR("export type RoomState = Room['state'];\n\n"
                    "/** A turn's waterfall, milliseconds a step. */\n"
                    "export type Timings = Record<string, number>;\n\n"));
    write_events(to);
}
