/* The table of a persona's fields, and reading and writing one of them; see field.h. */
#include "persona/field.h"

#include <math.h>
#include <stdio.h>

#define AT(member) offsetof(struct persona, member)

const struct persona_field persona_fields[] = {
    {"name", "name", FIELD_TEXT, AT(name), PERSONA_NAME_MAX, true},
    {"nickname", "nickname", FIELD_TEXT, AT(nickname), PERSONA_NAME_MAX, false},
    {"description", "description", FIELD_TEXT, AT(description), PERSONA_TEXT_MAX, true},
    {"personality", "personality", FIELD_TEXT, AT(personality), PERSONA_TEXT_MAX, true},
    {"scenario", "scenario", FIELD_TEXT, AT(scenario), PERSONA_TEXT_MAX, true},
    {"greeting", "first_mes", FIELD_TEXT, AT(greeting), PERSONA_TEXT_MAX, true},
    {"greetings", "alternate_greetings", FIELD_LIST, AT(greetings), PERSONA_TEXT_MAX, false},
    {"examples", "mes_example", FIELD_TEXT, AT(examples), PERSONA_TEXT_MAX, true},
    {"system_prompt", "system_prompt", FIELD_TEXT, AT(system_prompt), PERSONA_TEXT_MAX, false},
    {"post_history_instructions", "post_history_instructions", FIELD_TEXT, AT(post_history), PERSONA_TEXT_MAX,
     false},
    {"traits", NULL, FIELD_TRAITS, AT(traits), 0, false},
    {"voice", NULL, FIELD_VOICE, AT(voice), PERSONA_LABEL_MAX, false},
    {"sampling", NULL, FIELD_SAMPLING, AT(sampling), 0, false},
    {"avatar", NULL, FIELD_LABEL, AT(avatar), PERSONA_LABEL_MAX, false},
    {"engine", NULL, FIELD_LABEL, AT(engine), PERSONA_LABEL_MAX, false},
    {"boundaries", NULL, FIELD_LIST, AT(boundaries), PERSONA_LINE_MAX, false},
    {"goals", NULL, FIELD_LIST, AT(goals), PERSONA_LINE_MAX, false},
    {"starters", NULL, FIELD_LIST, AT(starters), PERSONA_LINE_MAX, false},
    {"lorebooks", NULL, FIELD_LIST, AT(lorebooks), PERSONA_LABEL_MAX, false},
    {"tags", "tags", FIELD_LIST, AT(tags), PERSONA_TAG_MAX, false},
    {"content", NULL, FIELD_CONTENT, AT(content), PERSONA_LINE_MAX, false},
};
const size_t persona_field_count = sizeof persona_fields / sizeof *persona_fields;

const char *const persona_trait_names[TRAIT_COUNT] = {
    "openness", "conscientiousness", "extraversion",  "agreeableness", "neuroticism",
    "humor",    "formality",         "talkativeness",
};

/* A number inside an object field: its bounds, and where it lies. */
struct number {
    const char *name;
    size_t offset;
    double low, high, unset;
};

static const struct number voice_numbers[] = {
    {"rate", offsetof(struct persona_voice, rate), 0.25, 4, 1},
    {"pitch", offsetof(struct persona_voice, pitch), 0.25, 4, 1},
    {"volume", offsetof(struct persona_voice, volume), 0, 1, 1},
};

static const struct number sampling_numbers[] = {
    {"temperature", offsetof(struct persona_sampling, temperature), 0, 2, NAN},
    {"top_p", offsetof(struct persona_sampling, top_p), 0, 1, NAN},
    {"frequency_penalty", offsetof(struct persona_sampling, frequency_penalty), -2, 2, NAN},
    {"presence_penalty", offsetof(struct persona_sampling, presence_penalty), -2, 2, NAN},
};
enum { VOICE_NUMBERS = 3, SAMPLING_NUMBERS = 4, MAX_TOKENS_MAX = 1000000 };

static void *place(struct persona *p, size_t offset)
{
    return (char *)p + offset;
}

static const void *place_of(const struct persona *p, size_t offset)
{
    return (const char *)p + offset;
}

static double *number_at(void *base, const struct number *n)
{
    return (double *)(void *)((char *)base + n->offset);
}

static double number_of(const void *base, const struct number *n)
{
    return *(const double *)(const void *)((const char *)base + n->offset);
}

const struct persona_field *persona_field_find(struct str name)
{
    for (size_t i = 0; i < persona_field_count; i++) {
        if (str_eq(name, str_c(persona_fields[i].name)))
            return &persona_fields[i];
    }
    return NULL;
}

const struct persona_field *persona_field_of_card(struct str name)
{
    for (size_t i = 0; i < persona_field_count; i++) {
        if (persona_fields[i].card && str_eq(name, str_c(persona_fields[i].card)))
            return &persona_fields[i];
    }
    return NULL;
}

static enum err wrong_type(const char *field, const char *want, const struct json *got, struct error *e)
{
    return error_set_param(e, ERR_WRONG_TYPE, field, "The field '%s' must be %s, not %s.", field, want,
                           json_type_name(got->type));
}

static enum err check_text(const char *field, struct str s, size_t max, bool limits, struct error *e)
{
    if (limits && s.n > max)
        return error_set_param(e, ERR_TEXT_TOO_LONG, field,
                               "The field '%s' has %zu bytes; at most %zu are allowed, so shorten it.", field,
                               s.n, max);
    return ERR_OK;
}

static enum err set_text(struct str *to, const char *name, size_t max, const struct json *value, bool limits,
                         struct error *e)
{
    if (value->type == JSON_NULL) {
        *to = STR_NONE;
        return ERR_OK;
    }
    if (value->type != JSON_STRING)
        return wrong_type(name, "a string", value, e);
    enum err err = check_text(name, value->string, max, limits, e);
    if (err == ERR_OK)
        *to = value->string;
    return err;
}

static enum err set_list(struct arena *a, struct persona_list *to, const struct persona_field *f,
                         const struct json *value, bool limits, struct error *e)
{
    struct persona_list list = {0};
    if (value->type == JSON_NULL) {
        *to = list;
        return ERR_OK;
    }
    if (value->type != JSON_ARRAY)
        return wrong_type(f->name, "an array of strings", value, e);
    if (limits && value->count > PERSONA_LIST_MAX)
        return error_set_param(e, ERR_REFUSED, f->name,
                               "The field '%s' has %u members; at most %d are allowed.", f->name,
                               value->count, PERSONA_LIST_MAX);
    list.v = arena_array(a, struct str, value->count);
    json_each (member, value) {
        if (member->type != JSON_STRING)
            return wrong_type(f->name, "an array of strings", member, e);
        enum err err = check_text(f->name, member->string, f->max, limits, e);
        if (err != ERR_OK)
            return err;
        list.v[list.n++] = member->string;
    }
    *to = list;
    return ERR_OK;
}

static enum err set_number(double *to, const char *field, const struct number *n, const struct json *value,
                           struct error *e)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", field, n->name);
    double got = n->unset;
    if (value->type != JSON_NULL && value->type != JSON_NUMBER)
        return wrong_type(name, "a number", value, e);
    if (value->type == JSON_NUMBER && (!json_double(value, &got) || !(got >= n->low && got <= n->high)))
        return error_set_param(e, ERR_REFUSED, name, "The field '%s' must lie between %g and %g.", name,
                               n->low, n->high);
    *to = got;
    return ERR_OK;
}

static enum err unknown_member(const char *field, const struct json *member, struct error *e)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%.*s", field, member->key.n > 40 ? 40 : (int)member->key.n,
             member->key.p);
    return error_set_param(e, ERR_UNKNOWN_FIELD, name, "There is no field '%s' in a persona; leave it out.",
                           name);
}

static enum err set_traits(double traits[TRAIT_COUNT], const struct json *value, struct error *e)
{
    if (value->type == JSON_NULL) {
        for (int i = 0; i < TRAIT_COUNT; i++)
            traits[i] = 0.5;
        return ERR_OK;
    }
    if (value->type != JSON_OBJECT)
        return wrong_type("traits", "an object", value, e);
    json_each (member, value) {
        int i = 0;
        while (i < TRAIT_COUNT && !str_eq(member->key, str_c(persona_trait_names[i])))
            i++;
        if (i == TRAIT_COUNT)
            return unknown_member("traits", member, e);
        struct number n = {persona_trait_names[i], 0, 0, 1, 0.5};
        enum err err = set_number(&traits[i], "traits", &n, member, e);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static const struct number *number_find(const struct number *table, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(name, str_c(table[i].name)))
            return &table[i];
    }
    return NULL;
}

static enum err set_voice(struct persona_voice *voice, const struct json *value, bool limits, struct error *e)
{
    if (value->type == JSON_NULL) {
        *voice = (struct persona_voice){.rate = 1, .pitch = 1, .volume = 1};
        return ERR_OK;
    }
    if (value->type != JSON_OBJECT)
        return wrong_type("voice", "an object", value, e);
    json_each (member, value) {
        const struct number *n = number_find(voice_numbers, VOICE_NUMBERS, member->key);
        enum err err;
        if (n)
            err = set_number(number_at(voice, n), "voice", n, member, e);
        else if (str_eq(member->key, STR("provider")))
            err = set_text(&voice->provider, "voice.provider", PERSONA_LABEL_MAX, member, limits, e);
        else if (str_eq(member->key, STR("name")))
            err = set_text(&voice->name, "voice.name", PERSONA_LABEL_MAX, member, limits, e);
        else
            err = unknown_member("voice", member, e);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err set_sampling(struct persona_sampling *sampling, const struct json *value, struct error *e)
{
    if (value->type == JSON_NULL) {
        *sampling = (struct persona_sampling){NAN, NAN, NAN, NAN, 0};
        return ERR_OK;
    }
    if (value->type != JSON_OBJECT)
        return wrong_type("sampling", "an object", value, e);
    json_each (member, value) {
        const struct number *n = number_find(sampling_numbers, SAMPLING_NUMBERS, member->key);
        enum err err = ERR_OK;
        if (n) {
            err = set_number(number_at(sampling, n), "sampling", n, member, e);
        } else if (!str_eq(member->key, STR("max_tokens"))) {
            err = unknown_member("sampling", member, e);
        } else {
            int64_t tokens = 0;
            if (member->type != JSON_NULL &&
                (!json_i64(member, &tokens) || tokens < 1 || tokens > MAX_TOKENS_MAX))
                err = error_set_param(e, ERR_REFUSED, "sampling.max_tokens",
                                      "The field 'sampling.max_tokens' must be a whole number from 1 to %d.",
                                      MAX_TOKENS_MAX);
            sampling->max_tokens = tokens;
        }
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err set_flag(bool *to, const char *name, bool unset, const struct json *value, struct error *e)
{
    if (value->type != JSON_NULL && value->type != JSON_BOOL)
        return wrong_type(name, "true or false", value, e);
    *to = value->type == JSON_NULL ? unset : value->boolean;
    return ERR_OK;
}

static enum err set_content(struct arena *a, struct persona_content *content, const struct json *value,
                            bool limits, struct error *e)
{
    static const struct persona_field words = {"content.avoid_words", NULL, FIELD_LIST, 0,
                                               PERSONA_TAG_MAX,       false};
    static const struct persona_field themes = {"content.avoid_themes", NULL, FIELD_LIST, 0,
                                                PERSONA_LINE_MAX,       false};
    if (value->type == JSON_NULL) {
        *content = (struct persona_content){0};
        return ERR_OK;
    }
    if (value->type != JSON_OBJECT)
        return wrong_type("content", "an object", value, e);
    json_each (member, value) {
        enum err err;
        bool flag = false;
        if (str_eq(member->key, STR("adult"))) {
            err = set_flag(&flag, "content.adult", false, member, e);
            content->adult = member->type == JSON_NULL ? ADULT_BY_TAGS : flag ? ADULT_YES : ADULT_NO;
        } else if (str_eq(member->key, STR("romance"))) {
            err = set_flag(&flag, "content.romance", true, member, e);
            content->no_romance = !flag;
        } else if (str_eq(member->key, STR("avoid_words"))) {
            err = set_list(a, &content->avoid_words, &words, member, limits, e);
        } else if (str_eq(member->key, STR("avoid_themes"))) {
            err = set_list(a, &content->avoid_themes, &themes, member, limits, e);
        } else {
            err = unknown_member("content", member, e);
        }
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

enum err persona_field_set(struct arena *a, struct persona *p, const struct persona_field *f,
                           const struct json *value, bool limits, struct error *e)
{
    void *to = place(p, f->offset);
    enum err err = ERR_OK;
    /* Object fields are changed in a copy, so that a refused body changes nothing. */
    switch (f->kind) {
    case FIELD_TEXT:
    case FIELD_LABEL:
        return set_text(to, f->name, f->max, value, limits, e);
    case FIELD_LIST:
        return set_list(a, to, f, value, limits, e);
    case FIELD_TRAITS: {
        double traits[TRAIT_COUNT];
        memcpy(traits, p->traits, sizeof traits);
        err = set_traits(traits, value, e);
        if (err == ERR_OK)
            memcpy(p->traits, traits, sizeof traits);
        return err;
    }
    case FIELD_VOICE: {
        struct persona_voice voice = p->voice;
        err = set_voice(&voice, value, limits, e);
        if (err == ERR_OK)
            p->voice = voice;
        return err;
    }
    case FIELD_SAMPLING: {
        struct persona_sampling sampling = p->sampling;
        err = set_sampling(&sampling, value, e);
        if (err == ERR_OK)
            p->sampling = sampling;
        return err;
    }
    case FIELD_CONTENT: {
        struct persona_content content = p->content;
        err = set_content(a, &content, value, limits, e);
        if (err == ERR_OK)
            p->content = content;
        return err;
    }
    }
    return err;
}

static void write_label(struct jw *w, const char *name, struct str s)
{
    if (str_empty(s))
        jw_kv_null(w, name);
    else
        jw_kv_string(w, name, s);
}

static void write_list(struct jw *w, const struct persona_list *list)
{
    jw_array(w);
    for (size_t i = 0; i < list->n; i++)
        jw_string(w, list->v[i]);
    jw_end_array(w);
}

static void write_value(struct jw *w, const struct persona *p, const struct persona_field *f)
{
    const void *at = place_of(p, f->offset);
    const struct persona_list *list = at;
    switch (f->kind) {
    case FIELD_TEXT:
        jw_string(w, *(const struct str *)at);
        return;
    case FIELD_LABEL:
        if (str_empty(*(const struct str *)at))
            jw_null(w);
        else
            jw_string(w, *(const struct str *)at);
        return;
    case FIELD_LIST:
        write_list(w, list);
        return;
    case FIELD_CONTENT:
        jw_object(w);
        if (p->content.adult != ADULT_BY_TAGS)
            jw_kv_bool(w, "adult", p->content.adult == ADULT_YES);
        jw_kv_bool(w, "romance", !p->content.no_romance);
        jw_key(w, STR("avoid_words"));
        write_list(w, &p->content.avoid_words);
        jw_key(w, STR("avoid_themes"));
        write_list(w, &p->content.avoid_themes);
        jw_end_object(w);
        return;
    case FIELD_TRAITS:
        jw_object(w);
        for (int i = 0; i < TRAIT_COUNT; i++)
            jw_kv_double(w, persona_trait_names[i], p->traits[i]);
        jw_end_object(w);
        return;
    case FIELD_VOICE:
        jw_object(w);
        write_label(w, "provider", p->voice.provider);
        write_label(w, "name", p->voice.name);
        for (int i = 0; i < VOICE_NUMBERS; i++)
            jw_kv_double(w, voice_numbers[i].name, number_of(&p->voice, &voice_numbers[i]));
        jw_end_object(w);
        return;
    case FIELD_SAMPLING:
        jw_object(w);
        for (int i = 0; i < SAMPLING_NUMBERS; i++)
            jw_kv_double(w, sampling_numbers[i].name, number_of(&p->sampling, &sampling_numbers[i]));
        if (p->sampling.max_tokens)
            jw_kv_i64(w, "max_tokens", p->sampling.max_tokens);
        else
            jw_kv_null(w, "max_tokens");
        jw_end_object(w);
        return;
    }
}

void persona_field_write(struct jw *w, const struct persona *p, const struct persona_field *f)
{
    write_value(w, p, f);
}

bool persona_field_empty(const struct persona *p, const struct persona_field *f)
{
    const void *at = place_of(p, f->offset);
    switch (f->kind) {
    case FIELD_TEXT:
    case FIELD_LABEL:
        return str_empty(*(const struct str *)at);
    case FIELD_LIST:
        return ((const struct persona_list *)at)->n == 0;
    case FIELD_TRAITS:
        for (int i = 0; i < TRAIT_COUNT; i++) {
            if (p->traits[i] != 0.5)
                return false;
        }
        return true;
    case FIELD_VOICE:
        return str_empty(p->voice.provider) && str_empty(p->voice.name) && p->voice.rate == 1 &&
               p->voice.pitch == 1 && p->voice.volume == 1;
    case FIELD_SAMPLING:
        for (int i = 0; i < SAMPLING_NUMBERS; i++) {
            if (!isnan(number_of(&p->sampling, &sampling_numbers[i])))
                return false;
        }
        return p->sampling.max_tokens == 0;
    case FIELD_CONTENT:
        return p->content.adult == ADULT_BY_TAGS && !p->content.no_romance && p->content.avoid_words.n == 0 &&
               p->content.avoid_themes.n == 0;
    }
    return true;
}

static void copy_list(struct arena *a, struct persona_list *list)
{
    struct str *v = arena_array(a, struct str, list->n);
    for (size_t i = 0; i < list->n; i++)
        v[i] = arena_str(a, list->v[i]);
    list->v = v;
}

void persona_field_copy(struct arena *a, struct persona *to, const struct persona_field *f)
{
    void *at = place(to, f->offset);
    if (f->kind == FIELD_TEXT || f->kind == FIELD_LABEL) {
        struct str *s = at;
        *s = arena_str(a, *s);
    } else if (f->kind == FIELD_LIST) {
        copy_list(a, at);
    } else if (f->kind == FIELD_CONTENT) {
        copy_list(a, &to->content.avoid_words);
        copy_list(a, &to->content.avoid_themes);
    } else if (f->kind == FIELD_VOICE) {
        to->voice.provider = arena_str(a, to->voice.provider);
        to->voice.name = arena_str(a, to->voice.name);
    }
}
