// One persona being edited: what is written (the draft), what the server had when it began, and the way back. A save
// sends only what was changed, with the ETag it began from. If somebody else saved meanwhile, the two are brought
// together: what only one side changed is taken, what both changed is asked. Nothing that was typed is thrown away
// without being asked for.
import { ApiError, errorText, getTagged, request, send, sendTagged } from './api';
import { app } from './app.svelte';
import { TRAITS } from './persona-fields';
import type { PersonaInput, Sampling, Traits } from './generated/types';
import type { WholePersona } from './shapes';

const SAMPLING = ['temperature', 'top_p', 'max_tokens'] as const;

export function draftOf(from: WholePersona | null, name = '') {
    const traits = Object.fromEntries(TRAITS.map(([key]) => [key, from?.traits[key] ?? 0.5])) as Required<Traits>;
    const content = from?.content;
    return {
        name: from?.name ?? name,
        nickname: from?.nickname ?? '',
        description: from?.description ?? '',
        personality: from?.personality ?? '',
        scenario: from?.scenario ?? '',
        /* The first is the usual one, the others may be chosen. */
        greetings: [from?.greeting ?? '', ...(from?.greetings ?? [])],
        examples: from?.examples ?? '',
        system_prompt: from?.system_prompt ?? '',
        post_history: from?.post_history ?? '',
        traits,
        voice: { provider: from?.voice.provider ?? '', name: from?.voice.name ?? '', rate: from?.voice.rate ?? 1, pitch: from?.voice.pitch ?? 1, volume: from?.voice.volume ?? 1 },
        sampling: Object.fromEntries(SAMPLING.map((key) => [key, from?.sampling?.[key] ?? null])) as Record<(typeof SAMPLING)[number], number | null>,
        engine: from?.engine ?? '',
        boundaries: [...(from?.boundaries ?? [])],
        goals: [...(from?.goals ?? [])],
        starters: [...(from?.starters ?? [])],
        tags: [...(from?.tags ?? [])],
        lorebooks: [...(from?.lorebooks ?? [])],
        content: {
            adult: content?.adult ?? false,
            romance: content?.romance ?? true,
            avoid_words: [...(content?.avoid_words ?? [])],
            avoid_themes: [...(content?.avoid_themes ?? [])],
        },
    };
}
export type Draft = ReturnType<typeof draftOf>;
export type DraftKey = keyof Draft;

const text = (value: unknown): string => JSON.stringify(value);
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export interface Conflict {
    theirs: Draft;
    etag: string | null;
    persona: WholePersona;
    /* Changed on both sides: whose shall stay? */
    both: { key: DraftKey; keep: 'mine' | 'theirs' }[];
    onlyTheirs: DraftKey[];
    onlyMine: DraftKey[];
}

export class PersonaEdit {
    persona = $state.raw<WholePersona | null>(null);
    draft = $state<Draft>(draftOf(null));
    base = $state.raw<Draft>(draftOf(null));
    etag: string | null;
    busy = $state(false);
    problem = $state<string | null>(null);
    problemField = $state<string | null>(null);
    conflict = $state<Conflict | null>(null);
    /* Of a persona that is not there yet: sent after it is made. */
    picture = $state.raw<File | null>(null);
    /* Set by whoever leaves on purpose. */
    leaving = false;

    dirty = $derived(this.changed().length > 0);

    constructor(persona: WholePersona | null, etag: string | null, name = '') {
        this.etag = etag;
        this.persona = persona;
        this.base = draftOf(persona, name);
        this.draft = copy(this.base);
    }

    get path(): string {
        return `/api/personas/${encodeURIComponent(this.persona?.id ?? '')}`;
    }

    private changed(): DraftKey[] {
        return (Object.keys(this.base) as DraftKey[]).filter((key) => text(this.draft[key]) !== text(this.base[key]));
    }

    discard(): void {
        this.draft = copy(this.base);
        this.problem = this.problemField = null;
    }

    /* The named fields as the API has them. */
    private body(keys: DraftKey[]): PersonaInput {
        const draft = copy(this.draft);
        const body: Record<string, unknown> = {};
        for (const key of keys) {
            if (key === 'greetings') {
                [body['greeting'], body['greetings']] = [draft.greetings[0] ?? '', draft.greetings.slice(1).filter((one) => one.trim())];
            } else if (key === 'engine') body['engine'] = draft.engine || null;
            else if (key === 'sampling') body['sampling'] = { ...this.persona?.sampling, ...draft.sampling } satisfies Sampling;
            else if (key === 'content') body['content'] = { ...draft.content, romance: draft.content.romance ? null : false };
            else if (['boundaries', 'goals', 'starters'].includes(key)) body[key] = (draft[key] as string[]).filter((one) => one.trim());
            else body[key] = draft[key];
        }
        return body as PersonaInput;
    }

    /* Answers the new persona where one was made. */
    async save(): Promise<WholePersona | null> {
        this.busy = true;
        this.problem = this.problemField = null;
        try {
            if (!this.persona) return await this.create();
            const sent = copy(this.draft);
            const result = await sendTagged<WholePersona>('PATCH', this.path, this.body(this.changed()), this.etag);
            this.settle(result.value, result.etag);
            this.base = sent;
            app.notify('Saved.');
        } catch (cause) {
            if (cause instanceof ApiError && cause.status === 412) await this.compare();
            else {
                this.problem = errorText(cause);
                this.problemField = cause instanceof ApiError ? cause.param : null;
            }
        } finally {
            this.busy = false;
        }
        return null;
    }

    private async create(): Promise<WholePersona> {
        /* What was never touched stays unset rather than becoming this form's resting position. */
        const empty = draftOf(null);
        const keys = (Object.keys(empty) as DraftKey[]).filter((key) => text(this.draft[key]) !== text(empty[key]));
        const made = await send<WholePersona>('POST', '/api/personas', this.body(keys));
        this.leaving = true;
        app.put(made);
        const { picture } = this;
        if (picture) await app.attempt(() => sendPortrait(made.id, picture));
        return made;
    }

    /* What the server has now, while the draft stays. */
    settle(persona: WholePersona, etag: string | null): void {
        this.persona = persona;
        this.etag = etag;
        app.put(persona);
    }

    /* After something else than this form changed it (restore, portrait). */
    async reload(): Promise<void> {
        const { value, etag } = await getTagged<WholePersona>(this.path);
        const mine = this.changed();
        const now = draftOf(value);
        const kept = copy(this.draft);
        this.settle(value, etag);
        this.base = now;
        this.draft = copy(now);
        for (const key of mine) (this.draft as Record<string, unknown>)[key] = kept[key];
    }

    private async compare(): Promise<void> {
        try {
            const { value, etag } = await getTagged<WholePersona>(this.path);
            const theirs = draftOf(value);
            const mine = new Set(this.changed());
            const other = (Object.keys(this.base) as DraftKey[]).filter((key) => text(theirs[key]) !== text(this.base[key]));
            this.conflict = {
                theirs,
                etag,
                persona: value,
                both: other.filter((key) => mine.has(key) && text(theirs[key]) !== text(this.draft[key])).map((key) => ({ key, keep: 'mine' })),
                onlyTheirs: other.filter((key) => !mine.has(key)),
                onlyMine: [...mine].filter((key) => !other.includes(key)),
            };
        } catch (cause) {
            this.problem = errorText(cause);
        }
    }

    /* Brings the two together as was chosen. */
    async resolve(): Promise<void> {
        const { conflict } = this;
        if (!conflict) return;
        const merged = copy(this.draft) as Record<string, unknown>;
        for (const key of conflict.onlyTheirs) merged[key] = copy(conflict.theirs[key]);
        for (const { key, keep } of conflict.both) if (keep === 'theirs') merged[key] = copy(conflict.theirs[key]);
        this.settle(conflict.persona, conflict.etag);
        this.base = copy(conflict.theirs);
        this.draft = merged as Draft;
        this.conflict = null;
        if (this.dirty) await this.save();
        else app.notify('Theirs is here now.');
    }
}

/* Pictures from cameras are made smaller before they travel. */
const LARGE_BYTES = 3 * 1024 * 1024;
const LARGEST_PX = 1536;

async function reduced(file: File): Promise<Blob> {
    if (file.size <= LARGE_BYTES) return file;
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, LARGEST_PX / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), 'image/jpeg', 0.9));
}

export async function sendPortrait(id: string, file: File): Promise<void> {
    const data = await reduced(file).catch(() => file);
    await request('PUT', `/api/personas/${encodeURIComponent(id)}/portrait`, { raw: { data, type: data.type || 'application/octet-stream' } });
}
