/* Which models are known to see; see engine.h (engine_info.sees) and the setting [engine.NAME] vision. */
#include "engine/engine_inner.h"

/* Parts of the names of models that take pictures, as providers write them. Where this is wrong, the engine's
 * setting says so. */
static const struct str seeing[] = {
    STR_INIT("gpt-4o"),
    STR_INIT("gpt-4.1"),
    STR_INIT("gpt-4-turbo"),
    STR_INIT("gpt-5"),
    STR_INIT("o1"),
    STR_INIT("o3"),
    STR_INIT("o4-"),
    STR_INIT("claude"),
    STR_INIT("gemini"),
    STR_INIT("gemma-3"),
    STR_INIT("gemma3"),
    STR_INIT("llava"),
    STR_INIT("vision"),
    STR_INIT("-vl"),
    STR_INIT("vl-"),
    STR_INIT("pixtral"),
    STR_INIT("moondream"),
    STR_INIT("minicpm-v"),
    STR_INIT("internvl"),
    STR_INIT("llama-4"),
    STR_INIT("mistral-small-3"),
    STR_INIT("grok-4"),
    STR_INIT("phi-4-multimodal"),
};

bool engine_model_sees(struct str model)
{
    char name[128];
    str_copy(name, sizeof name, model);
    for (char *p = name; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    for (size_t i = 0; i < sizeof seeing / sizeof *seeing; i++) {
        size_t at = str_find(str_c(name), seeing[i]);
        /* "o1" must begin a word: not "foo1". */
        if (at != SIZE_MAX && (seeing[i].n > 2 || at == 0 || name[at - 1] == '/'))
            return true;
    }
    return false;
}

bool engine_sees(const struct config_engine *engine, const struct config_provider *provider)
{
    if (!provider || !str_eq(provider->type, STR("openai")) || str_eq(engine->vision, STR("off")))
        return false;
    return str_eq(engine->vision, STR("on")) || engine_model_sees(engine->model);
}
