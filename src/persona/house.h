/*
 * The house: what the owner set for all personas and rooms. Content limits (limits.h), and profiles: who the
 * owner is in a room ("who I am": a name and a description; one of them is the default).
 *
 * It is small and wanted everywhere, so all of it lies in memory as one unchanging snapshot, which any thread
 * reads without waiting; a change is stored first, then read back into a new snapshot. The documents are of
 * the kinds "house" (one: the limits, and which profile is the default) and "profile".
 *
 * A snapshot lives on for a minute after it was replaced: use it within one callback, copy what you keep.
 */
#ifndef EIDOLON_PERSONA_HOUSE_H
#define EIDOLON_PERSONA_HOUSE_H

#include "persona/limits.h"
#include "persona/personas.h"

enum { PROFILES_MAX = 500, PROFILE_NAME_MAX = 200, PROFILE_TEXT_MAX = 8000 };

struct profile {
    struct id id;
    struct str name, description;
    bool is_default;
    uint64_t version;
    int64_t created_ms, updated_ms;
};

struct house {
    struct content_limits limits;
    uint64_t limits_version;  /* of the document; 0: none was stored yet */
    struct profile *profiles; /* in the order of their making */
    size_t profile_count;
};

/* Never NULL; before the first load everything is at its default. Any thread. */
const struct house *personas_house(const struct personas *ps);
/* The profile of this id; id none or unknown: the default one, or NULL where there is none. */
const struct profile *house_profile(const struct house *house, struct id id);
/* Only that one, or NULL. */
const struct profile *house_profile_of(const struct house *house, struct id id);

/* Reads the house from the store; at start, before anybody asks. `op` carries arena and done. */
void personas_house_load(struct personas *ps, struct personas_op *op) LOOP;
/* Body: {"adult","romance","avoid_words","avoid_themes"}; what is left out is false or empty. ERR_REFUSED:
 * romance without adult. */
void personas_limits_set(struct personas *ps, struct personas_op *op) LOOP;
/* Body: {"name","description","default"}; done: op->made is its id. */
void personas_profile_create(struct personas *ps, struct personas_op *op) LOOP;
/* op->key is its id. ERR_PRECONDITION by op->if_match. */
void personas_profile_change(struct personas *ps, struct personas_op *op) LOOP;
void personas_profile_delete(struct personas *ps, struct personas_op *op) LOOP;

/* For personas_new() and personas_free(). */
struct house_store;
struct house_store *house_new(void);
void house_free(struct house_store *h);

#endif
