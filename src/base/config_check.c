/*
 * What of the settings can only be judged together: names that point at each other, pairs that need each
 * other. See config_check() in config.h.
 */
#include "base/config.h"
#include "base/nearest.h"

static bool built_in(struct str name)
{
    return str_eq(name, STR("scripted"));
}

static bool built_in_provider(struct str name)
{
    return built_in(name) || str_eq(name, STR("llama"));
}

static const char *engine_hint(const struct config *c, struct nearest *near)
{
    for (size_t i = 0; i < c->engine_count; i++)
        nearest_offer(near, c->engines[i].name);
    nearest_offer(near, STR("scripted"));
    return nearest_hint(near);
}

static enum err check_provider(const struct config_provider *p, struct error *e)
{
    bool socket = str_eq(p->type, STR("realtime"));
    if (str_eq(p->type, STR("llama")) || str_starts(p->base_url, STR("http://")) ||
        str_starts(p->base_url, STR("https://")) ||
        (socket && (str_starts(p->base_url, STR("ws://")) || str_starts(p->base_url, STR("wss://")))))
        return ERR_OK;
    if (p->base_url.n == 0)
        return error_set_param(e, ERR_INVALID, "base_url", "The provider '%.*s' needs a base_url, as %s.",
                               STR_ARG(p->name),
                               socket ? "wss://api.openai.com/v1" : "http://127.0.0.1:1234/v1");
    return error_set_param(e, ERR_INVALID, "base_url",
                           "The base_url of the provider '%.*s' must begin with %shttp:// or https://.",
                           STR_ARG(p->name), socket ? "ws://, wss://, " : "");
}

static enum err check_engine(const struct config *c, const struct config_engine *engine, struct error *e)
{
    if (engine->provider.n == 0)
        return error_set_param(e, ERR_INVALID, "provider",
                               "The engine '%.*s' needs a provider: the NAME of a [provider.NAME] section.",
                               STR_ARG(engine->name));
    if (!built_in_provider(engine->provider) && !config_provider(c, engine->provider)) {
        struct nearest near = NEAREST(engine->provider);
        for (size_t i = 0; i < c->provider_count; i++)
            nearest_offer(&near, c->providers[i].name);
        return error_set_param(
            e, ERR_INVALID, "provider",
            "The engine '%.*s' names the provider '%.*s', but there is no section [provider.%.*s].%s",
            STR_ARG(engine->name), STR_ARG(engine->provider), STR_ARG(engine->provider), nearest_hint(&near));
    }
    for (size_t i = 0; i < engine->fallback.n; i++) {
        struct str to = engine->fallback.v[i];
        struct nearest near = NEAREST(to);
        if (!built_in(to) && !config_engine(c, to))
            return error_set_param(e, ERR_INVALID, "fallback",
                                   "The engine '%.*s' falls back to '%.*s', but no engine has that name.%s",
                                   STR_ARG(engine->name), STR_ARG(to), engine_hint(c, &near));
    }
    return ERR_OK;
}

struct str config_speech_url(struct str type)
{
    static const struct {
        const char *type, *url;
    } own[] = {{"openai", "https://api.openai.com/v1"},
               {"elevenlabs", "https://api.elevenlabs.io"},
               {"fish", "https://api.fish.audio"}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (str_eq(type, str_c(own[i].type)))
            return str_c(own[i].url);
    }
    return STR_NONE;
}

static bool on_this_machine(struct str type)
{
    return str_eq(type, STR("flite")) || str_eq(type, STR("pocketsphinx")) || str_eq(type, STR("espeak")) ||
           str_eq(type, STR("sherpa"));
}

static enum err check_speech(const struct speech_provider *p, struct error *e)
{
    if (on_this_machine(p->type) || str_starts(p->base_url, STR("http://")) ||
        str_starts(p->base_url, STR("https://")) || (p->base_url.n == 0 && config_speech_url(p->type).n))
        return ERR_OK;
    return error_set_param(e, ERR_INVALID, "base_url",
                           p->base_url.n ? "The base_url of the speech provider '%.*s' must begin with "
                                           "http:// or https://."
                                         : "The speech provider '%.*s' needs a base_url, as "
                                           "http://127.0.0.1:5000.",
                           STR_ARG(p->name));
}

/* Names of the types that run on this machine stand for themselves. */
static enum err check_chain(const struct config *c, struct config_list chain, const char *setting,
                            struct error *e)
{
    for (size_t i = 0; i < chain.n; i++) {
        struct nearest near = NEAREST(chain.v[i]);
        if (on_this_machine(chain.v[i]) || config_speech(c, chain.v[i]))
            continue;
        for (size_t k = 0; k < c->speech_count; k++)
            nearest_offer(&near, c->speech[k].name);
        return error_set_param(e, ERR_INVALID, setting,
                               "%s names the speech provider '%.*s', but there is no section "
                               "[speech.%.*s].%s",
                               setting, STR_ARG(str_sub(chain.v[i], 0, 64)),
                               STR_ARG(str_sub(chain.v[i], 0, 64)), nearest_hint(&near));
    }
    return ERR_OK;
}

enum err config_check(const struct config *c, struct error *e)
{
    enum err err = ERR_OK;
    if (!c->net.tls_cert.n != !c->net.tls_key.n)
        return error_set_param(
            e, ERR_INVALID, "net.tls_key",
            "net.tls_cert and net.tls_key go together: set both for TLS, or none for plain HTTP.");
    for (size_t i = 0; i < c->provider_count && err == ERR_OK; i++)
        err = check_provider(&c->providers[i], e);
    for (size_t i = 0; i < c->engine_count && err == ERR_OK; i++)
        err = check_engine(c, &c->engines[i], e);
    for (size_t i = 0; i < c->speech_count && err == ERR_OK; i++)
        err = check_speech(&c->speech[i], e);
    err = err ? err : check_chain(c, c->voice.chain, "voice.chain", e);
    err = err ? err : check_chain(c, c->ear.chain, "ear.chain", e);
    struct str fallback = c->engine.default_name;
    if (err == ERR_OK && fallback.n && !built_in(fallback) && !config_engine(c, fallback)) {
        struct nearest near = NEAREST(fallback);
        err = error_set_param(e, ERR_INVALID, "engine.default",
                              "engine.default is '%.*s', but no engine has that name.%s", STR_ARG(fallback),
                              engine_hint(c, &near));
    }
    return err;
}
