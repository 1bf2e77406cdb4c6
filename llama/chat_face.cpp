/*
 * llama.cpp's common code behind the C face of chat_face.h; see there.
 *
 * What a text in a message says is data, whatever it looks like: where it spells one of the model's control
 * tokens
 * ("<|im_end|>"), a mark that no tokenizer sees is put inside before the template runs, and the prompt is cut
 * at these marks before it becomes tokens. So nobody can close his own message and speak as the system.
 *
 * Parsing for reasoning and tool calls reads the whole answer again at each token, as common_chat_parse()
 * wants it. Where neither can come (no tools, and a template without reasoning, or reasoning that is over),
 * text goes straight through.
 */
#include "chat_face.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "chat.h"
#include "common.h"
#include "json-schema-to-grammar.h"
#include "json.h"
#include "log.h"
#include "sampling.h"

struct common_templates {
    common_chat_templates_ptr chat;
    const llama_vocab *vocab;
    std::vector<std::string> control; /* texts of control tokens, sorted */
};

struct common_answer {
    const llama_vocab *vocab;
    std::vector<llama_token> tokens;
    std::vector<std::string> stops;
    std::set<llama_token> shown;
    common_sampler_ptr sampler;
    bool greedy = false; /* the likeliest token and nothing else asked: no sampler needed */

    bool plain = true; /* text goes through as it is */
    bool tools = false;
    common_chat_parser_params parser;
    std::string text; /* all that was fed while not plain */
    common_chat_msg said;
    std::vector<std::string> call_ids;
};

namespace
{

const char MARK[] = "\xEF\xB7\x90"; /* U+FDD0, a noncharacter: no text that is meant to be read holds it */

bool why_is(char *why, const char *sentence)
{
    snprintf(why, COMMON_WHY, "%s", sentence);
    for (char *p = why; *p; p++) /* one line */
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    return false;
}

std::string without(std::string text, const std::string &what)
{
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
        text.erase(at, what.size());
    return text;
}

/* The text with a mark inside each control token that it spells. */
std::string disarmed(const common_templates &t, const std::string &given)
{
    std::string text = without(given, MARK), out;
    size_t kept = 0;
    for (size_t i = 0; i < text.size(); i++) {
        bool spells = false;
        auto it = std::lower_bound(t.control.begin(), t.control.end(), std::string(1, text[i]));
        for (; !spells && it != t.control.end() && (*it)[0] == text[i]; ++it)
            spells = text.compare(i, it->size(), *it) == 0;
        if (!spells)
            continue;
        size_t end = i + 1;
        while (end < text.size() && ((unsigned char)text[end] & 0xC0) == 0x80)
            end++;
        out.append(text, kept, end - kept).append(MARK);
        kept = end;
    }
    return kept ? out.append(text, kept, std::string::npos) : text;
}

std::vector<llama_token> tokens_of(const llama_vocab *vocab, const std::string &prompt)
{
    std::vector<llama_token> all;
    const std::string mark = MARK;
    for (size_t from = 0; from <= prompt.size();) {
        size_t to = std::min(prompt.find(mark, from), prompt.size());
        auto some = common_tokenize(vocab, prompt.substr(from, to - from), from == 0, true);
        all.insert(all.end(), some.begin(), some.end());
        from = to + mark.size();
    }
    return all;
}

double number(const common_json &object, const char *key, double fallback)
{
    if (!object.is_object() || !object.contains(key) || !object.at(key).is_number())
        return fallback;
    return object.at(key).get<double>();
}

common_json member(const common_json &object, const char *key)
{
    return object.is_object() && object.contains(key) ? object.at(key) : common_json();
}

void sampling_of(const common_json &asked, common_params_sampling &s)
{
    s.no_perf = true;
    s.temp = (float)number(asked, "temperature", s.temp);
    s.top_p = (float)number(asked, "top_p", s.top_p);
    s.min_p = (float)number(asked, "min_p", s.min_p);
    s.top_k = (int32_t)std::clamp(number(asked, "top_k", s.top_k), 0.0, 1e9);
    s.penalty_repeat = (float)number(asked, "repeat_penalty", s.penalty_repeat);
    s.penalty_freq = (float)number(asked, "frequency_penalty", s.penalty_freq);
    s.penalty_present = (float)number(asked, "presence_penalty", s.penalty_present);
    if (asked.is_object() && asked.contains("seed") && asked.at("seed").is_number())
        s.seed = (uint32_t)(int64_t)std::clamp(number(asked, "seed", 0), -9e15, 9e15);
}

/* A schema, or "any object" for `json`; null if neither is asked for. */
common_json schema_of(const common_json &frame)
{
    common_json schema = member(frame, "json_schema");
    if (schema.is_null() && member(frame, "json") == true)
        schema = common_json::object();
    if (schema.is_object() && schema.empty())
        schema["type"] = "object";
    return schema;
}

void grammar_from(const common_chat_params &chat, const llama_vocab *vocab, common_params_sampling &s)
{
    for (const auto &text : chat.preserved_tokens) {
        auto ids = common_tokenize(vocab, text, false, true);
        if (ids.size() == 1)
            s.preserved_tokens.insert(ids[0]);
    }
    if (!chat.grammar.empty())
        s.grammar = {COMMON_GRAMMAR_TYPE_TOOL_CALLS, chat.grammar};
    s.grammar_lazy = chat.grammar_lazy;
    for (const auto &trigger : chat.grammar_triggers) {
        auto ids = trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD
                       ? common_tokenize(vocab, trigger.value, false, true)
                       : std::vector<llama_token>();
        if (ids.size() == 1 && s.preserved_tokens.count(ids[0])) {
            common_grammar_trigger token = trigger;
            token.type = COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN;
            token.token = ids[0];
            s.grammar_triggers.push_back(token);
        } else {
            s.grammar_triggers.push_back(trigger);
        }
    }
    if (s.grammar_lazy && s.grammar_triggers.empty())
        s.grammar_lazy = false;
    s.generation_prompt = chat.generation_prompt;
    if (chat.thinking_start_tag.empty())
        return;
    s.reasoning_budget_start = common_tokenize(vocab, chat.thinking_start_tag, false, true);
    for (const auto &tag : chat.thinking_end_tags)
        s.reasoning_budget_end.push_back(common_tokenize(vocab, tag, false, true));
    if (!s.reasoning_budget_end.empty())
        s.reasoning_budget_forced = s.reasoning_budget_end.front();
}

/* Messages through the template: the prompt, and how the answer is to be read. */
std::string prompt_of_messages(const common_templates &t, common_answer &a, const common_json &frame,
                               common_params_sampling &s)
{
    common_chat_templates_inputs inputs;
    inputs.messages = common_chat_msgs_parse_oaicompat(member(frame, "messages"));
    for (auto &message : inputs.messages) {
        message.content = disarmed(t, message.content);
        message.reasoning_content = disarmed(t, message.reasoning_content);
        for (auto &part : message.content_parts)
            part.text = disarmed(t, part.text);
    }
    common_json tools = member(frame, "tools"), choice = member(frame, "tool_choice");
    if (tools.is_array() && !tools.empty()) {
        inputs.tools = common_chat_tools_parse_oaicompat(tools);
        if (choice.is_string())
            inputs.tool_choice = common_chat_tool_choice_parse_oaicompat(choice.get<std::string>());
        else if (choice.is_object()) /* one named function: that one, and surely */
            inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_REQUIRED;
        if (choice.is_object()) {
            std::string name = member(member(choice, "function"), "name").get<std::string>();
            inputs.tools.erase(
                std::remove_if(inputs.tools.begin(), inputs.tools.end(),
                               [&](const common_chat_tool &tool) { return tool.name != name; }),
                inputs.tools.end());
        }
        a.tools = inputs.tool_choice != COMMON_CHAT_TOOL_CHOICE_NONE;
        inputs.parallel_tool_calls =
            common_chat_templates_get_caps(t.chat.get())["supports_parallel_tool_calls"];
    }
    common_json schema = schema_of(frame);
    inputs.json_schema = schema.is_null() ? "" : schema.dump();
    if (member(frame, "grammar").is_string() && !a.tools)
        inputs.grammar = frame.at("grammar").get<std::string>();
    inputs.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;

    common_chat_params chat = common_chat_templates_apply(t.chat.get(), inputs);
    grammar_from(chat, t.vocab, s);
    a.stops = chat.additional_stops;
    a.plain = !a.tools && !chat.supports_thinking && chat.thinking_end_tags.empty();
    a.parser = common_chat_parser_params(chat);
    a.parser.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
    if (!a.plain && !chat.parser.empty())
        a.parser.parser.load(chat.parser);
    return chat.prompt;
}

void sampler_for(common_answer &a, const llama_model *model, const common_json &frame,
                 common_params_sampling &s)
{
    /* What the caller says holds over what the template made of it; but where reasoning may come first, the
     * template's own grammar knows how that looks. */
    common_json grammar = member(frame, "grammar"), schema = schema_of(frame);
    std::string own;
    if (grammar.is_string())
        own = grammar.get<std::string>();
    else if (!schema.is_null() && a.plain)
        own = json_schema_to_grammar(schema);
    if (!own.empty()) {
        s.grammar = {COMMON_GRAMMAR_TYPE_USER, own};
        s.grammar_lazy = false;
        s.grammar_triggers.clear();
    }
    if (common_grammar_value(s.grammar).compare(0, 1, "%") == 0) /* would end the process */
        throw std::invalid_argument("The grammar is not GBNF.");

    int32_t suppressed = 0;
    llama_vocab_get_suppress_tokens(a.vocab, &suppressed);
    a.greedy = s.temp <= 0 && s.grammar.empty() && suppressed == 0 && s.penalty_repeat == 1 &&
               s.penalty_freq == 0 && s.penalty_present == 0;
    a.shown = s.preserved_tokens;
    if (a.greedy)
        return;
    a.sampler.reset(common_sampler_init(model, s));
    for (size_t i = a.tokens.size() > 64 ? a.tokens.size() - 64 : 0; i < a.tokens.size(); i++)
        common_sampler_accept(a.sampler.get(), a.tokens[i], false);
}

common_templates *templates_new(const llama_model *model, char *why)
try {
    auto t = std::make_unique<common_templates>();
    t->vocab = llama_model_get_vocab(model);
    t->chat = common_chat_templates_init(model, "");
    for (llama_token id = 0; id < llama_vocab_n_tokens(t->vocab); id++) {
        const char *text = llama_vocab_get_text(t->vocab, id);
        if ((llama_vocab_get_attr(t->vocab, id) & LLAMA_TOKEN_ATTR_CONTROL) && text && strlen(text) > 1)
            t->control.push_back(text);
    }
    std::sort(t->control.begin(), t->control.end());
    return t.release();
} catch (const std::exception &e) {
    why_is(why, e.what());
    return nullptr;
}

void templates_free(common_templates *t)
{
    delete t;
}

bool templates_own(const common_templates *t)
{
    return common_chat_templates_was_explicit(t->chat.get());
}

common_answer *answer_new(const common_templates *t, const llama_model *model, const char *json, size_t n,
                          char *why)
try {
    auto a = std::make_unique<common_answer>();
    common_json frame = common_json::parse(std::string(json, n));
    common_params_sampling s;
    sampling_of(member(frame, "sampling"), s);
    a->vocab = t->vocab;
    common_json prompt = member(frame, "prompt");
    a->tokens = tokens_of(t->vocab, prompt.is_string() ? without(prompt.get<std::string>(), MARK)
                                                       : prompt_of_messages(*t, *a, frame, s));
    sampler_for(*a, model, frame, s);
    return a.release();
} catch (const std::exception &e) {
    why_is(why, e.what());
    return nullptr;
}

void answer_free(common_answer *a)
{
    delete a;
}

const llama_token *answer_tokens(const common_answer *a, size_t *n)
{
    *n = a->tokens.size();
    return a->tokens.data();
}

const char *answer_stop(const common_answer *a, size_t i)
{
    return i < a->stops.size() ? a->stops[i].c_str() : nullptr;
}

bool answer_shows(const common_answer *a, llama_token token)
{
    return a->shown.count(token) != 0;
}

/* The likeliest token, in lanes that the compiler can keep in vectors. */
llama_token likeliest(const float *logits, int32_t n)
{
    enum { LANES = 16 };
    float best[LANES];
    std::fill(best, best + LANES, -INFINITY);
    int32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            best[lane] = logits[i + lane] > best[lane] ? logits[i + lane] : best[lane];
    float top = *std::max_element(best, best + LANES);
    for (; i < n; i++)
        top = std::max(top, logits[i]);
    for (i = 0; i < n; i++)
        if (logits[i] == top)
            return i;
    return 0; /* not a number, all of them */
}

llama_token answer_sample(common_answer *a, llama_context *context, int idx, char *why)
try {
    if (a->greedy)
        return likeliest(llama_get_logits_ith(context, idx), llama_vocab_n_tokens(a->vocab));
    llama_token token = common_sampler_sample(a->sampler.get(), context, idx);
    common_sampler_accept(a->sampler.get(), token, true);
    return token;
} catch (const std::exception &e) {
    why_is(why, e.what());
    return -1;
}

void emit_call(const common_chat_msg_diff &diff, common_emit *emit, void *arg)
{
    common_json call = common_json::object();
    call["index"] = (uint64_t)diff.tool_call_index;
    common_json function = common_json::object();
    if (!diff.tool_call_delta.name.empty()) {
        call["id"] = diff.tool_call_delta.id;
        call["type"] = "function";
        function["name"] = diff.tool_call_delta.name;
    }
    function["arguments"] = diff.tool_call_delta.arguments;
    call["function"] = function;
    std::string json = call.dump_safe();
    emit(arg, COMMON_TOOL_CALL, json.data(), json.size());
}

/* What is new in `now` against what was said. */
void emit_new(common_answer *a, common_chat_msg now, common_emit *emit, void *arg)
{
    now.set_tool_call_ids(a->call_ids, [a] {
        char id[32];
        snprintf(id, sizeof id, "call_%zu_%08x", a->call_ids.size(), (unsigned)rand());
        return std::string(id);
    });
    for (const auto &diff : common_chat_msg_diff::compute_diffs(a->said, now)) {
        if (!diff.reasoning_content_delta.empty())
            emit(arg, COMMON_REASONING, diff.reasoning_content_delta.data(),
                 diff.reasoning_content_delta.size());
        if (!diff.content_delta.empty())
            emit(arg, COMMON_TEXT, diff.content_delta.data(), diff.content_delta.size());
        if (diff.tool_call_index != std::string::npos)
            emit_call(diff, emit, arg);
    }
    a->said = std::move(now);
    /* Reasoning comes before the text: once there is text and no call can come, the rest is text. */
    a->plain = !a->tools && !a->said.content.empty();
}

bool answer_feed(common_answer *a, const char *text, size_t n, bool last, common_emit *emit, void *arg,
                 char *why)
try {
    if (a->plain) {
        if (n)
            emit(arg, COMMON_TEXT, text, n);
        return true;
    }
    a->text.append(text, n);
    common_chat_msg now;
    try {
        now = common_chat_parse(a->text, !last, a->parser);
    } catch (const std::exception &) {
        if (!last)
            return true; /* more may make sense of it */
        if (a->said.reasoning_content.empty() && a->said.tool_calls.empty() &&
            a->text.compare(0, a->said.content.size(), a->said.content) == 0 &&
            a->text.size() > a->said.content.size())
            emit(arg, COMMON_TEXT, a->text.data() + a->said.content.size(),
                 a->text.size() - a->said.content.size());
        return true; /* what is no call after all is what the model said */
    }
    if (!now.empty())
        emit_new(a, std::move(now), emit, arg);
    return true;
} catch (const std::exception &e) {
    return why_is(why, e.what());
}

bool answer_called(const common_answer *a)
{
    return !a->said.tool_calls.empty();
}

} // namespace

extern "C" __attribute__((visibility("default"))) const common_face *eidolon_llama_common(void)
{
    static const common_face face = {
        COMMON_FACE,   templates_new, templates_free, templates_own, answer_new,  answer_free,
        answer_tokens, answer_stop,   answer_shows,   answer_sample, answer_feed, answer_called,
    };
    /* llama.cpp tells through the child's own log; this part of it only what goes wrong. */
    common_log_set_verbosity_thold(LOG_LEVEL_ERROR);
    return &face;
}
