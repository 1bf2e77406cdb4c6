// Written by `make types` from the server's tables (src/api/schema.def and
// src/event/kinds.def); a change here is lost.

export interface List<T> {
    data: T[];
    next: string | null;
}

/** What went wrong, and what to do about it. */
export interface ErrorDetail {
    /** One sentence that says what to do. */
    message: string;
    /** The family of the error: invalid_request_error, authentication_error, permission_error, rate_limit_error, server_error. */
    type: string;
    /** The field or parameter at fault. */
    param?: string | null;
    /** A word for programs. */
    code?: string | null;
    /** The request's X-Request-Id. */
    request_id?: string | null;
}

/** The body of every error. */
export interface ErrorBody {
    /** The error. */
    error: ErrorDetail;
}

/** A persona's character in numbers; 0.5 is the middle. */
export interface Traits {
    /** Curiosity and imagination. */
    openness?: number;
    /** Order and duty. */
    conscientiousness?: number;
    /** Liveliness in company. */
    extraversion?: number;
    /** Kindness and trust. */
    agreeableness?: number;
    /** Worry and quick moods. */
    neuroticism?: number;
    /** How readily it jokes. */
    humor?: number;
    /** How formal its language is. */
    formality?: number;
    /** How long and how often it speaks. */
    talkativeness?: number;
}

/** How a persona sounds. */
export interface Voice {
    /** The speech provider; empty for the installation's default. */
    provider?: string;
    /** The provider's voice. */
    name?: string;
    /** Speed; 1 is as recorded. */
    rate?: number;
    /** Pitch; 1 is as recorded. */
    pitch?: number;
    /** Loudness. */
    volume?: number;
}

/** What a persona asks of its engine; null leaves the engine's own setting. */
export interface Sampling {
    /** Sampling temperature. */
    temperature?: number | null;
    /** Nucleus sampling. */
    top_p?: number | null;
    /** Penalty for repeated words. */
    frequency_penalty?: number | null;
    /** Penalty for words already used. */
    presence_penalty?: number | null;
    /** The longest answer. */
    max_tokens?: number | null;
}

/** What may be said with a persona; it only narrows what /api/content-limits allows. */
export interface Content {
    /** It is for adults: nobody meets it before the owner confirmed to be one. Left out, its tags decide (nsfw, 18+, adult, explicit). */
    adult?: boolean | null;
    /** False: no romance with this one, whatever is allowed. */
    romance?: boolean | null;
    /** Words it does not say, besides those of the installation. */
    avoid_words?: string[] | null;
    /** Themes it keeps away from, besides those of the installation. */
    avoid_themes?: string[] | null;
}

/** A persona as lists show it (?fields=summary). */
export interface PersonaSummary {
    /** Its id. */
    id: string;
    /** Its name in addresses. */
    slug: string;
    /** Its name. */
    name: string;
    /** The beginning of its description, or of its creator's notes. */
    tagline: string;
    /** Words to find it by. */
    tags: string[];
    /** Who made its card. */
    creator: string | null;
    /** The address of its picture. */
    portrait: string | null;
    /** The engine that answers for it. */
    engine: string | null;
    /** It is for adults; show it veiled until the owner confirmed to be one. */
    adult: boolean;
    /** One of the owner's favourites. */
    favourite: boolean;
    /** Counts its changes; also its ETag. */
    version: number;
    /** When it was made. */
    created_at: string;
    /** When it was last changed. */
    updated_at: string;
}

/** A page of personas: summaries where fields=summary was asked for. */
export interface PersonaPage {
    /** The personas. */
    data: PersonaSummary[] | Persona[];
    /** The cursor of the next page. */
    next: string | null;
    /** How many there are on all pages, with ?total=true. */
    total?: number;
}

/** A tag and how many personas have it. */
export interface PersonaTag {
    /** The tag, as somebody wrote it. */
    tag: string;
    /** How many personas have it. */
    count: number;
}

/** Who speaks. The API also calls it a character. */
export interface Persona {
    /** Its id. */
    id: string;
    /** Its name in addresses. */
    slug: string;
    /** Its name. */
    name: string;
    /** What it is called in a room, where that is not its name. */
    nickname?: string;
    /** Who it is. */
    description: string;
    /** Its character in words. */
    personality: string;
    /** Where it is and why. */
    scenario: string;
    /** Its first message. */
    greeting: string;
    /** Other first messages. */
    greetings?: string[];
    /** Example dialogue. */
    examples?: string;
    /** Its system prompt; empty for the house's own. */
    system_prompt: string;
    /** Instructions after the conversation. */
    post_history?: string;
    /** Its character in numbers. */
    traits: Traits;
    /** How it sounds. */
    voice: Voice;
    /** What it asks of its engine. */
    sampling?: Sampling;
    /** Its avatar. */
    avatar: string | null;
    /** The engine that answers for it; empty for the default. */
    engine: string | null;
    /** What it does not do. */
    boundaries: string[];
    /** What it wants. */
    goals: string[];
    /** Ways to begin a conversation with it. */
    starters: string[];
    /** Ids of lorebooks it knows besides its own. */
    lorebooks?: string[];
    /** Words to find it by. */
    tags: string[];
    /** What may be said with it. */
    content: Content;
    /** One of the owner's favourites. */
    favourite: boolean;
    /** Counts its changes; also its ETag. */
    version: number;
    /** When it was made. */
    created_at: string;
    /** When it was last changed. */
    updated_at: string;
    /** When it was deleted; it can be restored for 30 days. */
    deleted_at?: string | null;
}

/** A persona as it is sent. `name` is needed to create one; PATCH changes only what is named, and null resets a field. */
export interface PersonaInput {
    /** Its name. */
    name?: string;
    /** Its name in addresses; made from the name when left out. */
    slug?: string | null;
    /** What it is called in a room. */
    nickname?: string | null;
    /** Who it is. */
    description?: string | null;
    /** Its character in words. */
    personality?: string | null;
    /** Where it is and why. */
    scenario?: string | null;
    /** Its first message. */
    greeting?: string | null;
    /** Other first messages. */
    greetings?: string[] | null;
    /** Example dialogue. */
    examples?: string | null;
    /** Its system prompt. */
    system_prompt?: string | null;
    /** Instructions after the conversation. */
    post_history?: string | null;
    /** Its character in numbers. */
    traits?: Traits | null;
    /** How it sounds. */
    voice?: Voice | null;
    /** What it asks of its engine. */
    sampling?: Sampling | null;
    /** Its avatar. */
    avatar?: string | null;
    /** The engine that answers for it. */
    engine?: string | null;
    /** What it does not do. */
    boundaries?: string[] | null;
    /** What it wants. */
    goals?: string[] | null;
    /** Ways to begin a conversation with it. */
    starters?: string[] | null;
    /** Words to find it by. */
    tags?: string[] | null;
    /** What may be said with it. */
    content?: Content | null;
    /** One of the owner's favourites; makes no version. */
    favourite?: boolean | null;
    /** Ids of lorebooks it knows besides its own. */
    lorebooks?: string[] | null;
}

/** Where a card is to be fetched from. */
export interface CardUrl {
    /** Its address, http or https. */
    url: string;
}

/** A file that a persona's card names. */
export interface Asset {
    /** Its place among the card's assets. */
    index: number;
    /** icon, background, user_icon, emotion, or x_…. */
    type: string;
    /** Its name. */
    name: string;
    /** Its kind, as the card says. */
    ext: string;
    /** Where the card says it is. */
    uri: string;
    /** Its bytes; null where they are not here. */
    size: number | null;
    /** Their hash. */
    sha256: string | null;
    /** What they are. */
    media_type: string | null;
    /** Where to get them. */
    url: string | null;
}

/** How the copy of a persona is to be called. */
export interface PersonaDuplicate {
    /** Its name; left out, the original's with a mark. */
    name?: string;
}

/** One version of a persona: who made it when, and what it changed. */
export interface PersonaVersion {
    /** Its number; numbers may be missing. */
    version: number;
    /** When it was made. */
    at: string;
    /** Who made it; null where that is not known. */
    author: string | null;
    /** What it was made for. */
    note: string | null;
    /** The fields that it changed; 'card': what only a card knows, 'files': portrait and assets. */
    changed: string[];
}

/** A piece of a difference; same and removed joined give the text before, same and added the one after. */
export interface DiffHunk {
    /** What became of it. */
    op: 'same' | 'removed' | 'added';
    /** The piece. */
    text: string;
}

/** What a field was and became. */
export interface FieldDiff {
    /** Its name. */
    field: string;
    /** Its value; null for card and files. */
    before: unknown;
    /** Its value; null for card and files. */
    after: unknown;
    /** The difference, by words or by lines; of lists a line a member, of objects a line a name. */
    hunks: DiffHunk[];
}

/** What differs between two versions. */
export interface PersonaDiff {
    /** The one version. */
    from: number;
    /** The other. */
    to: number;
    /** The fields that differ. */
    fields: FieldDiff[];
}

/** Who the owner is in a room: {{user}}, the name beside their messages, and what personas are told of them. */
export interface Profile {
    /** Its id. */
    id: string;
    /** The name. */
    name: string;
    /** What personas are told. */
    description: string;
    /** Rooms without a profile of their own use this one. */
    default: boolean;
    /** Counts its changes; also its ETag. */
    version: number;
    /** When it was made. */
    created_at: string;
    /** When it was last changed. */
    updated_at: string;
}

/** A profile as it is sent; PATCH changes only what is named. */
export interface ProfileInput {
    /** The name; needed to create one. */
    name?: string;
    /** What personas are told. */
    description?: string | null;
    /** True: it becomes the default. */
    default?: boolean;
}

/** What may be said in this installation. It outranks every card. */
export interface ContentLimits {
    /** The owner confirmed to be an adult, and wants what is for adults. */
    adult: boolean;
    /** Romance is welcome; needs adult. */
    romance: boolean;
    /** Words that no persona says; they are also held back from what comes out. */
    avoid_words: string[];
    /** Themes that personas keep away from. */
    avoid_themes: string[];
    /** When adult was confirmed. */
    confirmed_at: string | null;
}

/** The limits as they are to be; what is left out is false or empty. */
export interface ContentLimitsInput {
    /** True: I am an adult, and want what is for adults. */
    adult?: boolean;
    /** Romance is welcome; needs adult. */
    romance?: boolean;
    /** Words that no persona says. */
    avoid_words?: string[];
    /** Themes that personas keep away from. */
    avoid_themes?: string[];
    /** As it was read; set by the server. */
    confirmed_at?: string | null;
}

/** Who an event comes from. */
export interface Author {
    /** What kind of author. */
    type: 'persona' | 'user' | 'system';
    /** Its id. */
    id: string;
    /** Its name as it is now. */
    name: string;
}

/** Who is in a room. */
export interface Member {
    /** A person or a persona. */
    type: 'persona' | 'user';
    /** Its id. */
    id: string;
    /** Its name. */
    name: string;
    /** A persona's name in addresses. */
    slug?: string;
}

/** A conversation with its members. The API also calls it a session. */
export interface Room {
    /** Its id. */
    id: string;
    /** Its title; may be empty. */
    title: string;
    /** Whether personas answer, or also speak on their own, or begin nothing. */
    state: 'idle' | 'running' | 'paused' | 'stopped';
    /** Who is in it. */
    members: Member[];
    /** Ids of the lorebooks that are known in it. */
    lorebooks?: string[];
    /** The profile that the owner is in it; null: the default one. */
    profile?: string | null;
    /** auto: personas speak aloud when somebody listens; off: they do not, whoever listens. */
    voice?: 'auto' | 'off';
    /** Its two languages, where it translates. */
    translate?: RoomTranslate | null;
    /** Which of its persona's greetings it began with; 0: the usual one. */
    greeting?: number;
    /** The number of its last event. */
    head: number;
    /** What lies at or before this number is hidden; 0: nothing. */
    cleared: number;
    /** Counts its changes; also its ETag. */
    version: number;
    /** When it was made. */
    created_at: string;
    /** When something last happened in it. */
    updated_at: string;
    /** When it was deleted; it can be restored for 30 days. */
    deleted_at: string | null;
    /** Lists: the beginning of the newest message. */
    last_text?: string;
    /** Lists: when something last happened. */
    last_at?: string | null;
}

/** A room between two languages: personas are shown what the person says in theirs, and what they say is translated for the person. */
export interface RoomTranslate {
    /** The personas' language, as a tag: de, en, pt-BR. */
    to: string;
    /** The person's. */
    mine: string;
    /** The engine that translates; left out: the default one. Not the scripted one. */
    engine?: string | null;
}

/** A new room. */
export interface RoomCreate {
    /** Its title. */
    title?: string;
    /** Slugs or ids of its personas. */
    personas?: string[];
    /** Ids of the lorebooks that are known in it. */
    lorebooks?: string[];
    /** The profile that the owner is in it; null: the default one. */
    profile?: string | null;
    /** auto: personas speak aloud when somebody listens. */
    voice?: 'auto' | 'off' | null;
    /** Translate what is said; null: no longer. */
    translate?: RoomTranslate | null;
    /** Which greeting it begins with: 0 is the persona's greeting, the others are its greetings. With several personas, which of the group-only greetings. */
    greeting?: number | 'random';
}

/** What changes of a room. */
export interface RoomUpdate {
    /** Its title. */
    title?: string;
    /** Slugs or ids of the personas that are in it from here on. */
    personas?: string[];
    /** Ids of the lorebooks that are known in it from here on. */
    lorebooks?: string[];
    /** The profile that the owner is in it from here on; null: the default one. */
    profile?: string | null;
    /** auto: personas speak aloud when somebody listens. */
    voice?: 'auto' | 'off' | null;
    /** Translate what is said; null: no longer. */
    translate?: RoomTranslate | null;
}

/** Which greeting a room is to begin with. */
export interface Greeting {
    /** Its number: 0 is the persona's greeting, the others are its greetings. */
    greeting: number | 'random';
}

/** What a prompt would be made for. */
export interface PreviewInput {
    /** What would be said. */
    text?: string | null;
    /** The room it would be said in; left out, a new one. */
    room?: string | null;
    /** Who would say it; left out, as in the room, or the default profile. */
    profile?: string | null;
    /** Of a new room: which greeting it begins with. */
    greeting?: number | 'random' | null;
}

/** A message of a prompt. */
export interface PromptMessage {
    /** Whose it is. */
    role: 'system' | 'user' | 'assistant';
    /** The text. */
    text: string;
}

/** A part of a prompt. */
export interface PromptPart {
    /** Its name: system, persona, profile, mood, boundaries, lore, blocks, memories, examples, limits, transcript, post_history. */
    part: string;
    /** Its estimated tokens. */
    tokens: number;
    /** Its text; empty for lore and transcript, which stand in several places. */
    text: string;
}

/** The very prompt that a turn would send. */
export interface Preview {
    /** The messages as the engine would get them. */
    messages: PromptMessage[];
    /** What they are made of. */
    parts: PromptPart[];
    /** Estimated tokens of all. */
    tokens: number;
    /** How many there may be. */
    budget: number;
    /** What lorebooks gave, and why. */
    lore: LoreHit[];
}

/** A persona to begin with. */
export interface TemplateSummary {
    /** Its id. */
    id: string;
    /** Its name. */
    name: string;
    /** What it is for: education, customer service, sales, training, healthcare, everyday, companions. */
    industry: string;
    /** What it does, in a sentence. */
    summary: string;
    /** Words to find it by. */
    tags: string[];
}

/** Something that a template asks for. */
export interface TemplateVariable {
    /** Its name; {{name}} in the template's texts. */
    name: string;
    /** What to ask. */
    question: string;
    /** What is taken where nothing is said. */
    default: string;
}

/** Something that a persona of this template should be given to know. */
export interface TemplateKnowledge {
    /** What it is called. */
    title: string;
    /** What should be in it. */
    what: string;
}

/** A line of a template's sample conversation. */
export interface TemplateLine {
    /** Who says it. */
    from: 'user' | 'persona';
    /** What is said; a persona's: how it might be. */
    text: string;
    /** Words that the persona's line must have, whatever engine says it; a|b is one of them. */
    expect?: string[];
}

/** A persona to begin with, whole. */
export interface Template {
    /** Its id. */
    id: string;
    /** Its name. */
    name: string;
    /** What it is for. */
    industry: string;
    /** What it does, in a sentence. */
    summary: string;
    /** Words to find it by. */
    tags: string[];
    /** Its fields, with {{variables}}. */
    persona: PersonaInput;
    /** What it is told when it comes up: {name, entries: [{name, keys, content}]}. */
    lorebook: unknown | null;
    /** Ways to begin a conversation with it. */
    starters: string[];
    /** What it does not do. */
    boundaries: string[];
    /** What it should be given to know. */
    knowledge: TemplateKnowledge[];
    /** What to ask before it is made. */
    variables: TemplateVariable[];
    /** A sample conversation. */
    sample: TemplateLine[];
}

/** A persona of a template. */
export interface TemplateCreate {
    /** Its name; left out, the template's. */
    name?: string;
    /** Answers to what the template asks for. */
    variables?: Record<string, string>;
}

/** A place of an imported file that was left out. */
export interface ImportSkipped {
    /** The line of the file; 0: none in particular. */
    line: number;
    /** Why, in a sentence. */
    reason: string;
}

/** Who speaks in an imported chat. */
export interface ImportPersona {
    /** The persona's id. */
    id: string;
    /** Its name in addresses. */
    slug: string;
    /** Its name. */
    name: string;
    /** It was made for this import. */
    made: boolean;
}

/** What came of a file. */
export interface RoomImport {
    /** The rooms, in the file's order. */
    rooms: Room[];
    /** How many messages came. */
    messages: number;
    /** What the file was taken for: sillytavern, text, openai, eidolon. */
    format: string;
    /** What was left out, at most 2000 places. */
    skipped: ImportSkipped[];
    /** How many places were left out. */
    skipped_total: number;
    /** Who speaks in them. */
    personas: ImportPersona[];
    /** What was decided on the way. */
    notes: string[];
}

/** Something said in a room. */
export interface Say {
    /** What is said. */
    text: string;
    /** The message it answers. */
    reply_to?: string | null;
    /** The client's own id: the same one in the same room is stored once. */
    id?: string;
    /** Ids of media that the message shows; with them the text may be empty. */
    media?: string[];
}

/** The new text of a message. */
export interface Edit {
    /** The text from here on. */
    text: string;
}

/** A message as it reads now: its event, with later edits applied, and its main fields beside the envelope. */
export interface Message {
    /** The message's id. */
    id: string;
    /** What it says now. */
    text: string;
    /** The message it answers, if its author said so. */
    reply_to: string | null;
    /** When it was last edited. */
    edited_at: string | null;
    /** The room. */
    room: string;
    /** Its number in the room. */
    seq: number;
    /** Its place among all events of the installation. */
    pos?: string;
    /** When it was said. */
    at: string;
    /** Always message. */
    kind: 'message';
    /** The version of the kind. */
    v: number;
    /** Who said it. */
    author: Author;
    /** The turn that made it. */
    turn: string | null;
    /** The event it follows from. */
    cause: number | null;
    /** The message it branches from. */
    parent: unknown;
    /** Who may see it; null for everybody. */
    audience?: string[] | null;
    /** The event's data, with the text as it reads now. */
    data: { id: string; text: string; reply_to: string | null; retry_of?: string; spoken?: SpokenMessage; media?: MessageMedia[] };
}

/** A turn that was asked to end. */
export interface TurnCancelled {
    /** Its id. */
    turn: string;
    /** Its room. */
    room: string;
    /** It has ended; the room's events say how. */
    status: 'ended';
}

/** A feeling as a word and as a point. */
export interface Mood {
    /** The word. */
    label: string;
    /** -1 (bad) to 1 (good). */
    valence: number;
    /** -1 (calm) to 1 (stirred). */
    arousal: number;
    /** -1 (yielding) to 1 (in control). */
    dominance: number;
}

/** An entry of a lorebook. Names that are not listed here are kept as they are. */
export interface LoreEntry {
    /** Its id, unique in the book. */
    id: string;
    /** Its name. */
    name?: string;
    /** A note; never sent. */
    comment?: string;
    /** Texts that call it up; /pattern/flags is a regular expression. */
    keys?: string[];
    /** Further texts, as `logic` says. */
    secondary_keys?: string[];
    /** Whether the secondary keys count. */
    selective?: boolean;
    /** What of the secondary keys must be there. */
    logic?: 'and_any' | 'not_all' | 'not_any' | 'and_all';
    /** Every key is a regular expression. */
    use_regex?: boolean;
    /** Null: as the settings say. */
    case_sensitive?: boolean | null;
    /** Null: as the settings say. */
    whole_words?: boolean | null;
    /** It needs no key. */
    constant?: boolean;
    /** Whether it is used at all. */
    enabled?: boolean;
    /** What it says; may begin with decorators. */
    content?: string;
    /** Where it stands. */
    position?: 'before_char' | 'after_char' | 'before_examples' | 'after_examples' | 'top_note' | 'bottom_note' | 'at_depth';
    /** At depth: messages behind it. */
    depth?: number;
    /** At depth: who says it. */
    role?: 'system' | 'user' | 'assistant';
    /** Lower stands first. */
    order?: number;
    /** Higher stays longer when the budget runs out. */
    priority?: number;
    /** Percent. */
    probability?: number;
    /** Messages for which it stays. */
    sticky?: number;
    /** Messages for which it rests after that. */
    cooldown?: number;
    /** Messages that must have been said. */
    delay?: number;
    /** Groups, parted by commas; one entry of a group is taken. */
    group?: string;
    /** Its lot in the group. */
    group_weight?: number;
    /** It wins its group by its order. */
    group_override?: boolean;
    /** The group's most matching keys win. */
    group_scoring?: boolean | null;
    /** Not called up by other entries. */
    exclude_recursion?: boolean;
    /** Calls up no other entries. */
    prevent_recursion?: boolean;
    /** Only from this level of recursion on; 0: no. */
    delay_until_recursion?: number;
    /** Messages that are looked at; null: as the book says. */
    scan_depth?: number | null;
    /** Taken whatever the budget. */
    ignore_budget?: boolean;
}

/** What is known when it comes up. Names that are not listed here are kept as they are. */
export interface Lorebook {
    /** Its id; of a persona's own book, the persona's. */
    id: string;
    /** Its name. */
    name: string;
    /** What it is about. */
    description: string;
    /** Known to every persona in every room. */
    everywhere: boolean;
    /** Messages that are looked at; null: as the settings say. */
    scan_depth: number | null;
    /** Tokens it may take; null: what the prompt allows. */
    token_budget: number | null;
    /** Whether entries call up entries; null: as the settings say. */
    recursive_scanning: boolean | null;
    /** How many entries it has. */
    count: number;
    /** Its entries; not in lists. */
    entries?: LoreEntry[];
    /** Counts its changes; also its ETag. */
    version: number;
    /** When it was made. */
    created_at?: string;
    /** When it was last changed. */
    updated_at?: string;
    /** When it was deleted; it can be restored for 30 days. */
    deleted_at?: string | null;
}

/** A lorebook as it is sent. An entry with the id of one that is there keeps what is not said of it; entries that are not listed are removed. */
export interface LorebookInput {
    /** Its name; needed to create one. */
    name?: string;
    /** What it is about. */
    description?: string | null;
    /** Known to every persona in every room. */
    everywhere?: boolean;
    /** Messages that are looked at. */
    scan_depth?: number | null;
    /** Tokens it may take. */
    token_budget?: number | null;
    /** Whether entries call up entries. */
    recursive_scanning?: boolean | null;
    /** Its entries (LoreEntry), all of them. */
    entries: unknown;
}

/** An entry that was called up, or that was not taken and why. */
export interface LoreHit {
    /** The book's id. */
    book: string;
    /** Its name. */
    book_name: string;
    /** The entry's id. */
    entry: string;
    /** Its name, comment or first key. */
    name: string;
    /** What called it up. */
    why?: 'key' | 'constant' | 'sticky' | 'recursion' | 'decorator';
    /** Why it was not taken. */
    dropped?: 'budget' | 'context' | 'probability' | 'cooldown' | 'delay' | 'group' | 'secondary_keys' | 'decorator';
    /** The key that was found. */
    key?: string;
    /** Where it stands. */
    position: string;
    /** Messages behind it. */
    depth?: number;
    /** Messages before it. */
    from_start?: number;
    /** Who says it. */
    role?: string;
    /** The level of recursion, from 1. */
    level?: number;
    /** What it costs. */
    tokens: number;
}

/** Texts to try a lorebook with. */
export interface LoreTest {
    /** A lorebook that is stored. */
    id?: string;
    /** Or one that is not: a LorebookInput. */
    lorebook: unknown;
    /** What was said, oldest first. */
    messages: string[];
    /** Whose name {{char}} is. */
    persona?: string;
    /** Throws the dice of probability and groups another way. */
    seed?: number;
}

/** What would happen. */
export interface LoreTested {
    /** Entries that would be sent, heaviest first. */
    activated: LoreHit[];
    /** Entries that would not, and why. */
    dropped: LoreHit[];
    /** What is wrong with the book. */
    warnings: string[];
    /** What it would cost. */
    tokens: number;
}

/** Something that memory gave a turn, and why. */
export interface Recalled {
    /** What was remembered. */
    text: string;
    /** Why. */
    reason: string;
    /** Where it was said. */
    room?: string;
    /** Its number there. */
    seq?: number;
    /** When it was said. */
    at?: string;
    /** How well it fits; comparable within one turn. */
    score?: number;
}

/** Tokens, as the engine counted them. */
export interface Usage {
    /** What went in. */
    prompt_tokens: number;
    /** What came out. */
    completion_tokens: number;
    /** Both. */
    total_tokens: number;
}

/** An endpoint that reaches language models. Its key is never shown again. */
export interface Provider {
    /** Its name. */
    name: string;
    /** Its kind: openai (anything that speaks OpenAI's chat API), llama (models on this machine) or scripted. */
    type: string;
    /** Its address. */
    base_url: string;
    /** Whether it has a key. */
    api_key_set: boolean;
    /** Whether further request headers are set. */
    headers_set: boolean;
    /** Timeouts and other settings, as in the file. */
    settings: Record<string, string>;
    /** Whether file, environment or flags set it; then it is changed there. */
    locked: boolean;
}

/** A provider as it is sent. On PUT, a key or headers left out stay as they are; an empty key removes it. */
export interface ProviderInput {
    /** Its name: lower-case letters, digits, '-', '_' and '.'. */
    name?: string;
    /** Its kind: openai or llama. */
    type?: string;
    /** The endpoint's address up to and with /v1. */
    base_url?: string;
    /** Its key; written, never read. */
    api_key?: string | null;
    /** Further request headers, Name: value, parted by commas; written, never read. */
    headers?: string | null;
    /** Timeouts and other settings, as in the file. */
    settings?: Record<string, string>;
}

/** A named choice of provider, model and sampling. */
export interface Engine {
    /** Its name. */
    name: string;
    /** The provider it reaches. */
    provider: string;
    /** The model, as the provider calls it. */
    model: string;
    /** Sampling temperature. */
    temperature: number | null;
    /** Nucleus sampling. */
    top_p: number | null;
    /** Only so many likeliest tokens are sampled from; for models on this machine. */
    top_k: number | null;
    /** Tokens less likely than this part of the likeliest are left out; for models on this machine. */
    min_p: number | null;
    /** Factor against tokens already used; for models on this machine. */
    repeat_penalty: number | null;
    /** Penalty for repeated words. */
    frequency_penalty: number | null;
    /** Penalty for words already used. */
    presence_penalty: number | null;
    /** The longest answer. */
    max_tokens: number | null;
    /** Texts that end an answer. */
    stop: string[];
    /** A fixed seed. */
    seed: number | null;
    /** How the system text is sent. */
    style: 'system' | 'user';
    /** Whether the model is shown pictures; auto: where its name is one of those known to see. */
    vision: 'auto' | 'on' | 'off';
    /** The model's context window. */
    context_tokens: number | null;
    /** Engines to try where this one fails before its first word. */
    fallback: string[];
    /** Whether personas without an engine of their own use it. */
    default: boolean;
    /** Whether file, environment or flags set it; then it is changed there. */
    locked: boolean;
}

/** An engine as it is sent. */
export interface EngineInput {
    /** Its name: lower-case letters, digits, '-', '_' and '.'. */
    name?: string;
    /** The provider it reaches. */
    provider?: string;
    /** The model, as the provider calls it. */
    model?: string;
    /** Sampling temperature. */
    temperature?: number | null;
    /** Nucleus sampling. */
    top_p?: number | null;
    /** Only so many likeliest tokens are sampled from; for models on this machine. */
    top_k?: number | null;
    /** Tokens less likely than this part of the likeliest are left out; for models on this machine. */
    min_p?: number | null;
    /** Factor against tokens already used; for models on this machine. */
    repeat_penalty?: number | null;
    /** Penalty for repeated words. */
    frequency_penalty?: number | null;
    /** Penalty for words already used. */
    presence_penalty?: number | null;
    /** The longest answer. */
    max_tokens?: number | null;
    /** Texts that end an answer. */
    stop?: string[];
    /** A fixed seed. */
    seed?: number | null;
    /** How the system text is sent. */
    style?: 'system' | 'user';
    /** Whether the model is shown pictures; auto: where its name is one of those known to see. */
    vision?: 'auto' | 'on' | 'off';
    /** The model's context window. */
    context_tokens?: number | null;
    /** Engines to try where this one fails before its first word. */
    fallback?: string[];
}

/** What an engine answered to a short question. */
export interface EngineTest {
    /** Whether it answered. */
    ok: boolean;
    /** How long the whole answer took. */
    latency_ms: number;
    /** What it said. */
    reply?: string;
    /** Why it did not. */
    error?: ErrorDetail;
}

/** One setting. */
export interface ConfigKey {
    /** Its name, section.key. */
    key: string;
    /** Its value as in the file; null for a secret. */
    value: string | number | boolean | null;
    /** Its default, as in the file. */
    default: string;
    /** What it does. */
    doc: string;
    /** text, path, choice, int, float, size, duration, bool or list. */
    type: string;
    /** What is allowed; empty for anything. */
    limits: string;
    /** Written, never read. */
    secret: boolean;
    /** Whether it has a value of its own. */
    set: boolean;
    /** Whether a change takes effect only at the next start. */
    restart: boolean;
    /** Where the value came from. */
    from: 'default' | 'stored' | 'file' | 'environment' | 'flag';
    /** Whether file, environment or flags set it; then it is changed there. */
    locked: boolean;
}

/** All settings. */
export interface ConfigList {
    /** One a row. */
    data: ConfigKey[];
    /** Always null. */
    next: string | null;
}

/** A sign-in. */
export interface SessionInput {
    /** The access token of the configuration (server.token). */
    token?: string;
    /** Or a pairing code, from a QR code. */
    pair?: string;
}

/** How a phone comes in. */
export interface Pairing {
    /** The address to open on the phone; it works once. */
    url: string;
    /** Until when. */
    expires_at: string;
    /** The address as a QR code: an SVG document. */
    qr: string;
    /** The SHA-256 of the certificate authority that vouches for this server. */
    fingerprint: string;
}

/** Who the caller is. */
export interface Session {
    /** Whether the caller is the owner. */
    signed_in: boolean;
    /** By what. */
    credential: 'local' | 'token' | 'none';
    /** The person's name; may be empty. */
    name: string;
}

/** The state of one part of the server. */
export interface PartState {
    /** How it is. */
    status: 'ok' | 'degraded' | 'failing';
    /** A sentence, where there is something to say. */
    detail?: string;
}

/** Whether the server can work, part by part. */
export interface Ready {
    /** ok when every part that must work does. */
    status: 'ok' | 'failing';
    /** Each part. */
    parts: Record<string, PartState>;
}

/** The server answers. */
export interface Status {
    /** Always ok. */
    status: 'ok';
}

/** The state of the server, for people. */
export interface Health {
    /** As /readyz has it. */
    status: 'ok' | 'failing';
    /** Eidolon's version. */
    version: string;
    /** Since the start. */
    uptime_ms: number;
    /** The providers there are. */
    providers: Provider[];
    /** The default engine. */
    engine: string;
    /** Speech. */
    voice: PartState;
    /** What is loaded of the models on this machine. */
    models: PartState;
    /** The store. */
    store: PartState;
    /** Each part. */
    parts: Record<string, PartState>;
}

/** A model file on this machine. */
export interface LocalModel {
    /** Its name: what an engine's `model` says. */
    name: string;
    /** Its file in the models folder; of a split model the first. */
    file: string;
    /** Its size, all parts. */
    size_bytes: number;
    /** Files it consists of. */
    parts: number;
    /** What its download was checked against. */
    sha256: string | null;
    /** Where it was downloaded from. */
    url: string | null;
    /** Its licence, where the catalogue says so. */
    licence: string | null;
    /** How it is. */
    state: 'file' | 'loading' | 'loaded' | 'failed';
    /** Why it could not be loaded, or how its last process ended. */
    error: string | null;
    /** Of loading, 0 to 1. */
    progress: number;
    /** Its architecture. */
    arch: string | null;
    /** Its weights, counted. */
    parameters: number | null;
    /** Tokens it was trained to read. */
    context: number | null;
    /** How its weights are kept. */
    quantization: string | null;
    /** Whether it brings a chat template. */
    template: boolean;
    /** Whether it makes embeddings rather than text. */
    embeds: boolean;
    /** Memory it will need, about. */
    needs_bytes: number;
    /** Whether that fits llama.memory. */
    fits: boolean;
    /** Memory it takes, when loaded. */
    memory_bytes: number | null;
    /** What its process said when it was loaded; null when it is not. */
    loaded: unknown;
    /** What it does, when loaded. */
    stats: ModelStats | null;
    /** Answers it gave since the server started. */
    answers: number;
}

/** What a loaded model does; sums since loading. */
export interface ModelStats {
    /** Questions that wait. */
    queue?: number;
    /** Answers under way. */
    running?: number;
    /** Answers it can write at a time. */
    sequences?: number;
    /** Tokens in its cache. */
    kv_used?: number;
    /** Tokens its cache can hold. */
    kv_size?: number;
    /** Batches computed. */
    batches?: number;
    /** Tokens computed in them. */
    batch_tokens?: number;
    /** The most answers that one batch served. */
    batch_sequences_max?: number;
    /** Prompt tokens computed. */
    prompt_tokens?: number;
    /** Time they took. */
    prompt_ms?: number;
    /** Prompt tokens that were in the cache. */
    cached_tokens?: number;
    /** Tokens written. */
    decode_tokens?: number;
    /** Time they took. */
    decode_ms?: number;
    /** Its memory. */
    memory_bytes?: number;
    /** Tokens written a second, lately. */
    tokens_per_second?: number;
}

/** The program that runs models. */
export interface ModelLibrary {
    /** Whether it works. */
    found: boolean;
    /** Whether its file is there. */
    program: boolean;
    /** Its version. */
    version: string | null;
    /** Its release of llama.cpp. */
    release: string | null;
    /** What it can compute on. */
    backends: string[];
    /** Why it does not work. */
    error: string | null;
    /** The models folder. */
    folder: string;
    /** Memory that models may take together. */
    memory_budget: number;
    /** Tokens a loaded model keeps (llama.context). */
    context: number;
}

/** Recommended models; share/models/catalogue.json. */
export interface ModelCatalogue {
    /** Where the list comes from and how far it can be trusted. */
    note: string;
    /** The models, smallest first. */
    models: CatalogueModel[];
}

/** A recommended model. */
export interface CatalogueModel {
    /** Its name here: what POST /api/models/pull takes as `catalogue`. */
    id: string;
    /** What people call it. */
    name: string;
    /** Who made it. */
    by: string;
    /** How many weights, as people say it. */
    parameters: string;
    /** How its weights are kept. */
    quantization: string;
    /** Where it can be downloaded; null where it cannot run at home. */
    url: string | null;
    /** Size of the download, about. */
    size_bytes: number;
    /** Memory with 4,096 tokens of conversation, about. */
    memory_4k: number;
    /** Memory with 8,192 tokens, about; 0 where it was not made for so many. */
    memory_8k: number;
    /** Tokens it was trained to read. */
    context: number;
    /** Its licence. */
    licence: string;
    /** Languages it speaks well. */
    languages: string[];
    /** What it is good for, in a sentence. */
    good_for: string;
    /** Engines of the cast that it stands for. */
    cast?: string[];
    /** What it makes. */
    kind: 'chat' | 'embedding';
    /** Its checksum, where it is known for certain. */
    sha256?: string;
}

/** What to download: an address, or the id of a model of the catalogue. */
export interface PullInput {
    /** http(s) address of a GGUF file, a page of it on Hugging Face, or hf:ORG/REPO:QUANT. */
    url?: string;
    /** In place of url: a model of the catalogue. */
    catalogue?: string;
    /** The model's name here; the file's own where it is left out. */
    name?: string;
    /** The checksum it must have. */
    sha256?: string;
}

/** A download of a model. */
export interface Pull {
    /** Its id. */
    id: string;
    /** The model's name. */
    name: string;
    /** Where it comes from. */
    url: string;
    /** How it is. */
    state: 'queued' | 'running' | 'verifying' | 'done' | 'failed' | 'cancelled';
    /** Bytes that are there. */
    received: number;
    /** Bytes it has; null while that is not known. */
    size: number | null;
    /** The file that is being fetched, of a split model. */
    part: number;
    /** Files it consists of. */
    parts: number;
    /** Bytes verified, while verifying. */
    checked: number;
    /** How fast it comes. */
    bytes_per_s: number;
    /** Its checksum, as it must be or as it is. */
    sha256: string | null;
    /** Why it failed. */
    error: string | null;
    /** Why it waits before its next try. */
    waiting: string | null;
}

/** An engine for a model. */
export interface ModelEngine {
    /** The engine's name; made of the model's where it is left out. */
    name?: string;
    /** Make it the default engine. */
    default?: boolean;
}

/** Texts to be embedded, as OpenAI has it. Other fields are ignored. */
export interface EmbeddingInput {
    /** engine/NAME of a model on this machine, or the name in llama.embedding. */
    model: string;
    /** A text, or several. */
    input: string | string[];
    /** float or base64. */
    encoding_format?: string | null;
    /** Not supported: the length is the model's own. */
    dimensions?: number | null;
}

/** Vectors, in the order of the texts. */
export interface EmbeddingList {
    /** Always list. */
    object: 'list';
    /** An object a text: index, embedding. */
    data: unknown[];
    /** As it was asked for. */
    model: string;
    /** prompt_tokens and total_tokens. */
    usage: unknown;
}

/** A word that was heard. */
export interface TranscriptWord {
    /** The word. */
    word: string;
    /** Seconds from the beginning. */
    start: number;
    /** Seconds from the beginning. */
    end: number;
    /** 0 to 1, where the recogniser tells it. */
    confidence?: number;
}

/** What was said without a longer pause. */
export interface TranscriptSegment {
    /** Counts from 0. */
    id: number;
    /** Seconds from the beginning. */
    start: number;
    /** Seconds from the beginning. */
    end: number;
    /** What was said. */
    text: string;
    /** 0 to 1; null where the recogniser does not tell. */
    confidence: number | null;
    /** Its words. */
    words: TranscriptWord[];
}

/** What was heard in a recording. */
export interface Transcript {
    /** All that was said; empty where nobody spoke. */
    text: string;
    /** The language's code; empty where nobody knows. */
    language: string;
    /** 0 to 1; null where the recogniser does not tell. */
    confidence: number | null;
    /** How long the recording is. */
    duration_ms: number;
    /** Who heard it; empty where nobody spoke. */
    provider: string;
    /** Its parts. */
    segments: TranscriptSegment[];
}

/** A text to be spoken. Other fields are ignored. */
export interface TtsInput {
    /** Plain text, Markdown or SSML. */
    text: string;
    /** The slug or id of the persona whose voice it is. */
    character?: string | null;
    /** A voice by name, as provider/voice (flite/slt); see /api/voices. */
    voice?: string | null;
    /** wav, pcm, opus, mp3 or flac. */
    format?: string | null;
}

/** OpenAI's speech call. Other fields are ignored. */
export interface SpeechInput {
    /** What is spoken. */
    input: string;
    /** One of OpenAI's names, provider/voice, or a persona's slug. */
    voice: unknown;
    /** mp3, opus, flac, wav or pcm. */
    response_format?: string;
    /** 0.25 to 4. */
    speed?: number;
    /** audio or sse. */
    stream_format?: string;
}

/** waifu-rt3d's chat call: one message to one persona. Other fields are ignored. */
export interface ChatInput {
    /** What is said. */
    text?: string;
    /** The same, under its other name. */
    message?: string;
    /** The room; left out, a new one begins. */
    session_id?: string | null;
    /** The persona's slug or id; left out, the session's or the first there is. */
    character?: string | null;
    /** True: the answer comes as server-sent events. */
    stream?: boolean | null;
}

/** What the persona answered. */
export interface ChatAnswer {
    /** The room. */
    session_id: string;
    /** The text. */
    reply: string;
    /** The stored message event. */
    message: unknown;
    /** The persona's mood after it. */
    affect: Mood | null;
    /** Tokens. */
    usage: Usage | null;
}

/** A model as OpenAI describes it. */
export interface Model {
    /** A persona's slug, or engine/NAME. */
    id: string;
    /** Always model. */
    object: 'model';
    /** Seconds since 1970. */
    created: number;
    /** eidolon, or the engine's provider. */
    owned_by: string;
}

/** All models. */
export interface ModelList {
    /** Always list. */
    object: 'list';
    /** Every persona and every engine. */
    data: Model[];
}

/** A picture or a recording that is kept here. */
export interface Media {
    /** Its id. */
    id: string;
    /** What it is. */
    kind: 'image' | 'audio';
    /** Its media type, found by its content. */
    type: string;
    /** Its name; may be empty. */
    name: string;
    /** What it takes on the disk, with its preview. */
    bytes: number;
    /** The room it came to. */
    room: string | null;
    /** How long a recording is. */
    duration_ms: number | null;
    /** A picture's width in pixels, upright. */
    width: number | null;
    /** A picture's height. */
    height: number | null;
    /** A recording's samples a second. */
    rate: number | null;
    /** A recording's channels. */
    channels: number | null;
    /** A picture that moves. */
    animated: boolean;
    /** The file says where it was taken; only where that was asked for. */
    places: boolean;
    /** Kept, whatever retention says. */
    keep: boolean;
    /** Where it came from. */
    source: 'upload' | 'generated' | 'recording' | 'speech';
    /** Whether a transcription is under way, or failed. */
    state: 'ready' | 'transcribing' | 'failed';
    /** What is said in it; in lists the beginning. Null: not transcribed. */
    transcript: string | null;
    /** The transcript's language. */
    language: string | null;
    /** What a generated picture was to show. */
    prompt: string | null;
    /** A recording's waveform: loudness 0 to 100, up to 400 of them. */
    peaks: number[] | null;
    /** When it came. */
    created_at: string;
    /** Where its bytes are. */
    url: string;
    /** Where a small picture of it is. */
    preview: string | null;
}

/** A transcription of a recording that is kept. */
export interface MediaJob {
    /** The recording. */
    media: string;
    /** How it stands. */
    state: 'none' | 'running' | 'done' | 'failed';
    /** How much of it was heard, 0 to 1. */
    progress: number;
    /** Why it failed. */
    error: string | null;
}

/** What may be changed of a medium. */
export interface MediaUpdate {
    /** Its name. */
    name?: string;
    /** Keep it, whatever retention says. */
    keep?: boolean;
}

/** What media of one source take. */
export interface MediaShare {
    /** How many. */
    count: number;
    /** What they take. */
    bytes: number;
}

/** What media take, and may take. */
export interface MediaUsage {
    /** By where they came from. */
    sources: { upload: MediaShare; generated: MediaShare; recording: MediaShare; speech: MediaShare };
    /** How many there are. */
    count: number;
    /** What they take on the disk. */
    bytes: number;
    /** What they may take; 0 for no limit. */
    quota: number;
    /** The largest file. */
    file_max: number;
}

/** A picture to be drawn, in OpenAI's shape, with two fields of our own. Other fields are ignored. */
export interface ImageInput {
    /** What is to be seen. */
    prompt: string;
    /** The provider's model, where media.images_model names none. */
    model?: string | null;
    /** How many. */
    n?: number | null;
    /** As the provider knows it: 1024x1024. */
    size?: string | null;
    /** As the provider knows it. */
    quality?: string | null;
    /** The bytes, or where they are here. */
    response_format?: 'b64_json' | 'url' | null;
    /** A room in which it is shown. */
    room?: string | null;
    /** The persona of that room that shows it; else the person does. */
    persona?: string | null;
}

/** Pictures that were drawn. */
export interface ImageList {
    /** When, in seconds. */
    created: number;
    /** The pictures. */
    data: DrawnImage[];
}

/** A picture that was drawn. */
export interface DrawnImage {
    /** Its bytes. */
    b64_json?: string;
    /** Where they are. */
    url?: string;
    /** What the provider made of the prompt. */
    revised_prompt?: string;
    /** What is kept of it. */
    media: Media;
}

/** OpenAI's chat completion request. Fields that are not listed are passed to an engine, and ignored by a persona. */
export interface ChatCompletionInput {
    /** A persona's slug, or engine/NAME. */
    model: string;
    /** The conversation. */
    messages: unknown[];
    /** Answer in pieces. */
    stream?: boolean | null;
    /** include_usage: a last chunk with the usage. */
    stream_options?: { include_usage?: boolean } | null;
    /** Who speaks: with it, a persona remembers. */
    user?: string | null;
    /** room: a key of your own for the conversation. */
    metadata?: unknown;
    /** Sampling temperature. */
    temperature?: number | null;
    /** Nucleus sampling. */
    top_p?: number | null;
    /** The longest answer. */
    max_tokens?: number | null;
    /** The same, under its newer name. */
    max_completion_tokens?: number | null;
    /** Texts that end an answer. */
    stop?: string | string[] | null;
    /** A fixed seed. */
    seed?: number | null;
    /** Only 1. */
    n?: number | null;
    /** Passed to the engine. */
    response_format?: unknown;
    /** Passed to the engine. */
    tools?: unknown;
    /** Passed to the engine. */
    tool_choice?: unknown;
}

/** OpenAI's chat completion. */
export interface ChatCompletion {
    /** Its id. */
    id: string;
    /** Always chat.completion. */
    object: 'chat.completion';
    /** Seconds since 1970. */
    created: number;
    /** The model that was asked for. */
    model: string;
    /** One answer. */
    choices: unknown[];
    /** Tokens. */
    usage?: Usage | null;
}

/** How long each step took until a persona was heard: milliseconds since the last sound of the person, or since the text came in. What did not happen is left out. */
export interface SpeechWaterfall {
    /** The person had ended. */
    end_of_turn_ms?: number;
    /** The person's words were known. */
    transcript_ms?: number;
    /** The first piece of the answer. */
    first_token_ms?: number;
    /** The first sentence to speak. */
    first_sentence_ms?: number;
    /** The first sound. */
    first_audio_ms?: number;
    /** The first mouth shape. */
    first_viseme_ms?: number;
}

/** How a message was said, where it was said by voice. */
export interface SpokenMessage {
    /** 0 to 1, of the recogniser. */
    confidence: number;
    /** What was spoken, as en. */
    language: string;
    /** How long. */
    duration_ms: number;
    /** Its words with their times. */
    words?: unknown;
    /** What was said before it was translated. */
    original?: string;
    /** The recording, where it was kept. */
    media?: string;
}

/** An image or a sound that goes with a message. */
export interface MessageMedia {
    /** GET /api/media/{id}. */
    id: string;
    /** Its media type. */
    type: string;
    /** Its name. */
    name?: string;
    /** Of an image. */
    width?: number;
    /** Of an image. */
    height?: number;
    /** Of a sound. */
    duration_ms?: number;
}

/** Interrupting a persona: how far it was heard. */
export interface InterruptInput {
    /** The turn that speaks. */
    turn?: string | null;
    /** Or the message that is spoken. */
    message?: string | null;
    /** The sentence that was being heard. */
    index?: number | null;
    /** How much of it, in milliseconds. */
    ms?: number | null;
}

/** A message is being spoken. */
export interface SpeechBegun {
    /** What captions, mouth shapes and sound of it carry as their turn. */
    turn: string;
}

/** To /ws: follow a room. */
export interface SocketJoin {
    /** join */
    type: 'join';
    /** The room. */
    room: string;
    /** Resume after this number; null: only what comes from now on. */
    after?: number | null;
    /** Hear the room: sound comes as binary frames. true is pcm. */
    audio?: boolean | 'pcm' | 'opus' | null;
}

/** To /ws: how far this client has played a turn's speech. */
export interface SocketPlayed {
    /** played */
    type: 'played';
    /** The room. */
    room: string;
    /** The turn. */
    turn: string;
    /** The sentence. */
    index: number;
    /** How much of it. */
    ms: number;
}

/** To /ws: the person stopped a persona. */
export interface SocketInterrupt {
    /** interrupt */
    type: 'interrupt';
    /** The room. */
    room: string;
    /** The turn that speaks. */
    turn: string;
    /** The sentence that was being heard. */
    index?: number | null;
    /** How much of it. */
    ms?: number | null;
    /** The client's own id; answered by an ack. */
    id?: string | null;
}

/** To /ws: open or close this client's microphone in a room. Its sound follows as binary frames (docs/VOICE.md). */
export interface SocketMic {
    /** mic */
    type: 'mic';
    /** The room; it must be joined. */
    room: string;
    /** Whether; default true. */
    on?: boolean;
    /** Whether a turn ends by itself or by mic.commit. */
    mode?: 'hands_free' | 'push_to_talk' | null;
    /** What its frames hold; default pcm. */
    codec?: 'pcm' | 'opus' | null;
    /** Samples a second of pcm; default 16000. */
    rate?: number | null;
    /** Only what follows this phrase is a message; true: ear.wake_phrase. */
    wake?: boolean | string | null;
    /** What is spoken, as en. */
    language?: string | null;
    /** Who writes the text; the browser's comes by mic.text. */
    recogniser?: 'server' | 'browser' | null;
    /** The client's own id, for an error. */
    id?: string | null;
}

/** To /ws: the turn is over, as push to talk says it. */
export interface SocketMicCommit {
    /** mic.commit */
    type: 'mic.commit';
    /** The room. */
    room: string;
}

/** To /ws: forget what was said since the last turn. */
export interface SocketMicDiscard {
    /** mic.discard */
    type: 'mic.discard';
    /** The room. */
    room: string;
}

/** To /ws: what the browser's own recogniser understood. */
export interface SocketMicText {
    /** mic.text */
    type: 'mic.text';
    /** The room. */
    room: string;
    /** All of the utterance so far. */
    text: string;
    /** It is over. */
    final?: boolean;
    /** How sure. */
    confidence?: number | null;
}

/** From /ws, to the microphone's owner alone: what it does now. */
export interface SocketMicState {
    /** mic */
    type: 'mic';
    /** The room. */
    room: string;
    /** What it does. */
    state: 'off' | 'listening' | 'hearing' | 'transcribing' | 'waiting_for_wake';
    /** What finds speech. */
    vad: 'silero' | 'energy';
    /** When, on the microphone's own clock. */
    at_ms: number;
}

/** From /ws, to the microphone's owner alone: the words so far. */
export interface SocketMicPartial {
    /** mic.partial */
    type: 'mic.partial';
    /** The room. */
    room: string;
    /** All of the utterance so far. */
    text: string;
}

/** From /ws, to the microphone's owner alone: what was said. */
export interface SocketMicFinal {
    /** mic.final */
    type: 'mic.final';
    /** The room. */
    room: string;
    /** What was understood; may be empty. */
    text: string;
    /** The message's number; null: it became none. */
    seq: number | null;
    /** How sure, where the recogniser tells it. */
    confidence: number | null;
    /** Why it is a message, or none. */
    reason: 'said' | 'empty' | 'backchannel' | 'unsure' | 'not_woken';
}

/** From /ws, to this client alone: fall silent and keep the place; go on; drop the rest. */
export interface SocketSpeechGate {
    /** Which. */
    type: 'speech.pause' | 'speech.resume' | 'speech.stop';
    /** The room. */
    room: string;
    /** The turn that speaks. */
    turn: string;
}

/** To /ws: follow a room no longer. */
export interface SocketLeave {
    /** leave */
    type: 'leave';
    /** The room. */
    room: string;
}

/** To /ws: say something. */
export interface SocketSay {
    /** say */
    type: 'say';
    /** The room. */
    room: string;
    /** What is said. */
    text: string;
    /** The client's own id: the same one in the same room is stored once. */
    id?: string | null;
    /** Ids of media that the message shows; with them the text may be empty. */
    media?: string[] | null;
    /** The message it answers. */
    reply_to?: string | null;
}

/** To /ws: the person writes, or stopped. */
export interface SocketTyping {
    /** typing */
    type: 'typing';
    /** The room. */
    room: string;
    /** Whether. */
    on: boolean;
}

/** To /ws: end a running turn. */
export interface SocketCancel {
    /** cancel */
    type: 'cancel';
    /** The room. */
    room: string;
    /** The turn. */
    turn: string;
}

/** What speaks or hears. Its key is never shown again. */
export interface SpeechProvider {
    /** Its name. */
    name: string;
    /** Its kind: flite, pocketsphinx, espeak, sherpa, openai, elevenlabs, fish, xtts or piper. */
    type: string;
    /** Its address. */
    base_url: string;
    /** Whether it has a key. */
    api_key_set: boolean;
    /** Whether further request headers are set. */
    headers_set: boolean;
    /** The model that speaks. */
    model: string;
    /** The model that hears. */
    ear_model: string;
    /** The voice of those who name none. */
    voice: string;
    /** The language spoken or heard. */
    language: string;
    /** Timeouts and other settings, as in the file. */
    settings: Record<string, string>;
    /** Whether it can speak. */
    speaks: boolean;
    /** Whether it can make a voice of a recording. */
    clones: boolean;
    /** False where it failed last, or is left alone for now. */
    ok: boolean;
    /** Why; or empty. */
    reason: string;
    /** Whether file, environment or flags set it; then it is changed there. */
    locked: boolean;
}

/** A speech provider as it is sent. A key or headers left out stay as they are; an empty key removes it. */
export interface SpeechProviderInput {
    /** Its name: lower-case letters, digits, '-', '_' and '.'. */
    name?: string;
    /** Its kind. */
    type?: string;
    /** Its address; empty takes the service's own where there is one. */
    base_url?: string | null;
    /** Its key; written, never read. */
    api_key?: string | null;
    /** Further request headers, Name: value, parted by commas; written, never read. */
    headers?: string | null;
    /** The model that speaks. */
    model?: string | null;
    /** The model that hears. */
    ear_model?: string | null;
    /** The voice of those who name none. */
    voice?: string | null;
    /** The language spoken or heard. */
    language?: string | null;
    /** Timeouts and other settings, as in the file. */
    settings?: Record<string, string>;
}

/** What a speech provider is to say. */
export interface SpeechTestInput {
    /** Another sentence. */
    text?: string;
    /** Another of its voices. */
    voice?: string;
}

/** How a speech provider spoke a short sentence. */
export interface SpeechTest {
    /** Whether it did. */
    ok: boolean;
    /** How long the sound is. */
    duration_ms: number;
    /** How long its first sound took. */
    first_sound_ms: number | null;
    /** How long all of it took. */
    took_ms: number;
    /** Why it did not. */
    error?: ErrorDetail;
}

/** A voice that can be spoken with. */
export interface VoiceInfo {
    /** Its speech provider. */
    provider: string;
    /** The provider's name for it. */
    name: string;
    /** What it speaks; may be empty. */
    language: string;
    /** What it is like; may be empty. */
    about: string;
    /** Whether it was cloned from here. */
    cloned: boolean;
    /** Of a cloned one: who agreed, and when. */
    consent?: string;
    /** Of a cloned one: the reference clip's SHA-256. */
    clip?: string;
    /** What /api/tts takes as `voice`. */
    preview: string;
}

/** A speech provider that does not tell its voices now. */
export interface VoiceUnreachable {
    /** Its name. */
    provider: string;
    /** Why. */
    reason: string;
}

/** Voices, and whose are missing. */
export interface VoiceList {
    /** The voices. */
    data: VoiceInfo[];
    /** All are on one page. */
    next: null;
    /** Providers that could not be asked. */
    unreachable: VoiceUnreachable[];
}

/** How a speech provider fares. */
export interface VoiceSpeaker {
    /** Its name. */
    provider: string;
    /** Its kind. */
    type: string;
    /** False where it failed last, or is left alone for now. */
    ok: boolean;
    /** Why; or empty. */
    reason: string;
    /** Its place in voice.chain or ear.chain, from 1; null where it is not in it. */
    place: number | null;
}

/** Where the page has a microphone from other machines. */
export interface VoiceHttps {
    /** The address. */
    url: string;
}

/** The state of speaking and hearing. */
export interface VoiceState {
    /** What can speak. */
    speak: VoiceSpeaker[];
    /** What hears, in the order of ear.chain. */
    hear: VoiceSpeaker[];
    /** What finds speech in open microphones. */
    vad: 'silero' | 'energy';
    /** Null where phones cannot come. */
    https: VoiceHttps | null;
}

/** To POST /v1/realtime/client_secrets. */
export interface RealtimeSecretInput {
    /** The session as session.update has it, with its model. */
    session?: unknown;
    /** An object: anchor created_at, and seconds from 10 to 7200; 600 where nothing is said. */
    expires_after?: unknown;
}

/** A client secret of /v1/realtime. */
export interface RealtimeSecret {
    /** The secret: as Bearer token, or as subprotocol openai-insecure-api-key.VALUE. */
    value: string;
    /** Until when a session can be opened with it, seconds since 1970. */
    expires_at: number;
    /** The session as it will begin. */
    session: unknown;
}

export type RoomState = Room['state'];

/** A turn's waterfall, milliseconds a step. */
export type Timings = Record<string, number>;

/** What each kind of event carries in `data`. */
export interface EventData {
    /** The room began. */
    'room.created': {
        /** Its title. */
        title: string;
    };
    /** The room's title or settings changed. */
    'room.updated': {
        /** The title as it is now. */
        title: string;
    };
    /** The room was started, paused, stopped or left idle. */
    'room.state': {
        /** The state from here on. */
        state: 'idle' | 'running' | 'paused' | 'stopped';
        /** Why, where the server itself changed it. */
        reason: string | null;
    };
    /** What lies before this event is hidden, not erased. */
    'room.cleared': {};
    /** What lies before this event came from a file. */
    'room.imported': {
        /** What the file was: sillytavern, text, openai, eidolon. */
        format: string;
        /** How many messages came. */
        messages: number;
        /** How many places of the file were left out. */
        skipped: number;
        /** The file's name. */
        file: string;
        /** What the file says of the chat as a whole; goes out again with exports. */
        head?: unknown;
    };
    /** A person or persona joined. */
    'member.joined': {
        /** Who. */
        member: Author;
    };
    /** A person or persona left. */
    'member.left': {
        /** Who. */
        member: Author;
    };
    /** A persona will answer `cause`. */
    'turn.started': {
        /** The persona's id. */
        persona: string;
        /** The message this turn gives another answer beside. */
        retry_of: string | null;
    };
    /** A turn is over, one way or another. */
    'turn.ended': {
        /** How it ended. */
        outcome: 'done' | 'cancelled' | 'failed';
        /** The partial text of a turn that did not finish. */
        text?: string;
        /** Why it failed. */
        error?: ErrorDetail;
        /** The engine that answered. */
        engine: string | null;
        /** The engine's finish reason. */
        finish: string | null;
        /** Tokens, as the engine counted them. */
        usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null;
        /** The turn's waterfall, milliseconds a step. */
        timings: Record<string, number>;
        /** The pieces of calls of the caller's tools, as the engine sent them (ROOM_ANSWER with tools). */
        tool_calls?: unknown[];
        /** How many words to avoid were replaced by a mark. */
        withheld?: number;
        /** What memory gave the turn, and why. */
        recalled: Recalled[];
        /** What lorebooks gave the turn, and why. */
        lore?: LoreHit[];
        /** What of them was not taken, and why. */
        lore_dropped?: LoreHit[];
        /** What is wrong with them. */
        lore_warnings?: string[];
        /** What their entries that count messages have left; -1: for good. */
        lore_state?: { messages: number; answers: number; timed: unknown[] };
    };
    /** Somebody said something. */
    'message': {
        /** The message's id. */
        id: string;
        /** What was said. */
        text: string;
        /** The message it answers, if its author said so. */
        reply_to: string | null;
        /** The message it stands beside as another answer. */
        retry_of?: string;
        /** What the file it came from says of it besides; goes out again with exports. */
        imported?: unknown;
        /** How it was said, where it was said by voice. */
        spoken?: SpokenMessage;
        /** The images and sounds that go with it. */
        media?: MessageMedia[];
    };
    /** A message's text changed. */
    'message.edited': {
        /** The message's id. */
        of: string;
        /** The text from here on. */
        text: string;
    };
    /** A message was taken out of the conversation. */
    'message.deleted': {
        /** The message's id. */
        of: string;
        /** True: forgotten for good; its data became a tombstone. */
        erased: boolean;
    };
    /** Somebody interrupted a persona: what was heard of its message. */
    'message.heard': {
        /** The message's id. */
        of: string;
        /** What was heard, up to a word's end; empty: nothing. */
        text: string;
        /** The author id of whoever interrupted. Others keep the whole. */
        by: string;
    };
    /** A sentence of a message was spoken; its sound and its mouth shapes are kept. */
    'speech': {
        /** The message's id. */
        of: string;
        /** The sentence's number in the message, from 0. */
        index: number;
        /** The sentence. */
        text: string;
        /** The sound, Ogg Opus: GET /api/media/{media}. */
        media: string;
        /** How long the sound is. */
        duration_ms: number;
        /** Words and mouth shapes, JSON {duration_ms, words, visemes}: GET /api/media/{visemes}. */
        visemes: string;
        /** With index 0 of a turn: how long each step took until it was heard. */
        waterfall?: SpeechWaterfall;
    };
    /** A message in the other language of its room; the latest one counts. Its `cause` is the event whose text it translates: the message or an edit. */
    'translation': {
        /** The message's id. */
        of: string;
        /** What it says in that language. */
        text?: string;
        /** Why there is no translation, in place of the text: the original counts. */
        error?: string;
        /** The language it is in, as a tag (de, pt-BR). */
        from: string;
        /** The language it was translated into. */
        to: string;
    };
    /** What feeling a message carried. */
    'affect': {
        /** The message's id. */
        of: string;
        /** One of GoEmotions' 28. */
        label: string;
        /** -1 to 1. */
        valence: number;
        /** -1 to 1. */
        arousal: number;
        /** -1 to 1. */
        dominance: number;
    };
    /** A persona's mood in this room, from here on. */
    'mood': {
        /** The persona's id. */
        persona: string;
        /** The mood in a word. */
        label: string;
        /** -1 to 1. */
        valence: number;
        /** -1 to 1. */
        arousal: number;
        /** -1 to 1. */
        dominance: number;
    };
    /** Somebody is writing, or stopped. Passing. */
    'typing': {
        /** Whether. */
        on: boolean;
    };
    /** A running turn's text so far, for who joins in its midst. Passing. */
    'turn.snapshot': {
        /** The turn's id. */
        turn: string;
        /** All deltas so far. */
        text: string;
        /** The index that the next delta will have. */
        index: number;
    };
    /** A piece of a running turn's text. Passing. */
    'delta': {
        /** The piece. */
        text: string;
        /** Counts from 0 in each turn. */
        index: number;
    };
    /** A sentence is about to be heard; before its first sound. Passing. */
    'caption': {
        /** The sentence's number in the turn, from 0. */
        index: number;
        /** The sentence, as it stands in the turn's text. */
        text: string;
        /** Where it begins in the turn's text, in bytes of UTF-8. */
        from: number;
        /** When each word is said, from the sentence's beginning. */
        words: { text: string; from_ms: number; to_ms: number }[];
    };
    /** What the mouth does in a sentence; before its first sound. Passing. */
    'visemes': {
        /** The sentence's number in the turn. */
        index: number;
        /** Keys on the clock of the sentence's sound; weights go straight from one key of a viseme to the next. */
        frames: { at_ms: number; viseme: string; weight: number }[];
    };
    /** A sentence, or a turn's whole speech, is over. Passing. */
    'speech.ended': {
        /** The sentence; null: the whole turn's speech. */
        index: number | null;
        /** How long its sound is. */
        duration_ms: number;
        /** Why. */
        reason: 'done' | 'interrupted' | 'failed';
        /** Why it failed. */
        error?: ErrorDetail;
    };
    /** A piece of a call of a tool that the caller gave a running turn. Passing. */
    'tool_call': {
        /** A member of a chunk's delta.tool_calls: index, id, function with name and arguments. */
        call: unknown;
    };
    /** Passing events were dropped for this slow reader; a snapshot follows. Passing. */
    'gap': {
        /** The last number before the gap. */
        from: number;
        /** The first number after it. */
        to: number;
    };
}

export type EventKind = keyof EventData;

/** What every event has; `seq` is null for passing ones. */
export interface EventBase {
    room: string;
    seq: number | null;
    pos: string | null;
    at: string;
    v: number;
    author: Author;
    turn: string | null;
    cause: number | null;
    parent: number | null;
    audience: string[] | null;
}

export type EventOf<K extends EventKind> = EventBase & { kind: K; data: EventData[K] };

/** A discriminated union on `kind`. Kinds that are not listed may come; ignore them. */
export type RoomEvent = { [K in EventKind]: EventOf<K> }[EventKind];

