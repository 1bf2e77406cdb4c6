// What every page shares: who is here, which rooms and personas there are, whether a model is configured, the theme,
// and short notices. Loaded once, kept up by whoever changes something.
//
// There may be twenty thousand personas: only the first few are loaded here (`personas`, favourites and the newest
// first), the others when somebody asks for them by id or slug (`persona`, `whole`) or looks for them (gallery).
import type { Component } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import { all, get, send, hooks, errorText } from './api';
import { filled, gist } from './format';
import { connection } from './socket.svelte';
import { keep, recall } from './storage';
import type { Engine, List, Provider, Room, Session } from './generated/types';
import type { ContentLimits, PersonaSummary, WholePersona } from './shapes';

export type Theme = 'auto' | 'light' | 'dark';

export interface Notice {
    id: number;
    text: string;
    tone: 'plain' | 'bad';
    action?: { label: string; run: () => void | Promise<void> };
}

const NOTICE_MS = 6_000;
const NOTICE_WITH_ACTION_MS = 10_000;
const TAGLINE = 160;
/* Personas that the side, the beginning and the switcher show without a search. */
export const FIRST_PERSONAS = 60;

/* What a list shows of a persona. */
export function summaryOf(persona: WholePersona | PersonaSummary): PersonaSummary {
    if ('tagline' in persona) return persona;
    return {
        id: persona.id,
        slug: persona.slug,
        name: persona.name,
        tagline: gist(filled(persona.description, persona.name), TAGLINE),
        tags: persona.tags,
        creator: persona.creator ?? null,
        portrait: persona.portrait ?? null,
        engine: persona.engine,
        adult: persona.content?.adult ?? false,
        favourite: persona.favourite ?? false,
        created_at: persona.created_at,
        updated_at: persona.updated_at,
        version: persona.version,
        deleted_at: persona.deleted_at,
    };
}

class App {
    personas = $state<PersonaSummary[]>([]);
    /* How many there are altogether. */
    personaCount = $state(0);
    rooms = $state<Room[]>([]);
    providers = $state<Provider[]>([]);
    engines = $state<Engine[]>([]);
    loaded = $state(false);
    problem = $state<string | null>(null);
    signedOut = $state(false);
    theme = $state<Theme>((recall('theme') as Theme | null) ?? 'auto');
    notices = $state<Notice[]>([]);
    drawer = $state(false);
    switcher = $state(false);
    newRoom = $state(false);
    name = $state('');
    credential = $state<Session['credential']>('none');

    /* What works on while one goes from page to page (the import): whoever begins it puts it here. */
    panel = $state.raw<Component | null>(null);
    /* What the owner allows; null until it is known. */
    limits = $state<ContentLimits | null>(null);
    /* Counts the changes of personas; a list that shows them looks at it. */
    personasChanged = $state(0);

    private nextNotice = 1;
    private known = new SvelteMap<string, PersonaSummary>();
    private ids = new SvelteMap<string, string>();
    private wholes = new SvelteMap<string, WholePersona>();
    private asked = new Set<string>();
    private limitsAsked = false;

    modelConfigured = $derived.by(() => {
        const real = new Set(this.providers.filter((provider) => provider.type !== 'scripted').map((provider) => provider.name));
        return this.engines.some((engine) => real.has(engine.provider));
    });

    constructor() {
        hooks.signedOut = () => (this.signedOut = true);
    }

    async load(): Promise<void> {
        try {
            const lists = Promise.all([this.firstPersonas(), all<Room>('/api/rooms')]);
            /* Asked at the same time; whether it matters that they failed, the session tells first. */
            lists.catch(() => {});
            const session = await get<Session>('/api/session');
            this.credential = session.credential;
            if (!session.signed_in) {
                this.signedOut = true;
                return;
            }
            this.name = session.name;
            [, this.rooms] = await lists;
            this.loaded = true;
            this.problem = null;
            this.signedOut = false;
            connection.start();
            void this.loadEngines();
        } catch (cause) {
            this.problem = errorText(cause);
        }
    }

    async loadEngines(): Promise<void> {
        try {
            [this.providers, this.engines] = await Promise.all([all<Provider>('/api/providers'), all<Engine>('/api/engines')]);
        } catch (cause) {
            this.notify(errorText(cause), 'bad');
        }
    }

    async loadLimits(): Promise<void> {
        this.limitsAsked = true;
        this.limits = await get<ContentLimits>('/api/content-limits');
    }

    /* Whether the owner said to be an adult. */
    get adult(): boolean {
        return this.limits?.adult ?? false;
    }

    async refreshRooms(): Promise<void> {
        try {
            this.rooms = await all<Room>('/api/rooms');
        } catch {
            /* The connection state says it already. */
        }
    }

    private async firstPersonas(): Promise<void> {
        const page = await get<List<PersonaSummary | WholePersona> & { total?: number }>(`/api/personas?fields=summary&sort=-updated&limit=${FIRST_PERSONAS}&total=true`);
        const list = page.data.map(summaryOf);
        for (const persona of list) this.learn(persona);
        this.personas = list.sort((a, b) => Number(b.favourite) - Number(a.favourite));
        this.personaCount = page.total ?? list.length;
    }

    /* After many changed at once. */
    async refreshPersonas(): Promise<void> {
        await this.attempt(() => this.firstPersonas());
        this.personasChanged++;
    }

    /* Keeps what was read, so that faces and names are there without asking. */
    learn(persona: PersonaSummary): void {
        this.known.set(persona.id, persona);
        this.ids.set(persona.slug, persona.id);
        /* Whether somebody is veiled depends on the limits; without such a one they are not asked for. */
        if (persona.adult && !this.limitsAsked) void this.attempt(() => this.loadLimits());
    }

    /* What is known of a persona, at once; one that is not known yet is asked for, and appears. */
    persona(idOrSlug: string | undefined): PersonaSummary | undefined {
        if (!idOrSlug) return undefined;
        const found = this.met(idOrSlug);
        if (!found) void this.ask(idOrSlug);
        return found;
    }

    /* The same without asking. */
    met(idOrSlug: string | undefined): PersonaSummary | undefined {
        return this.known.get(idOrSlug ?? '') ?? this.known.get(this.ids.get(idOrSlug ?? '') ?? '');
    }

    /* All of a persona; asked for once. */
    whole(id: string | undefined): WholePersona | undefined {
        if (!id) return undefined;
        const found = this.wholes.get(id);
        if (!found) void this.ask(id);
        return found;
    }

    private async ask(idOrSlug: string): Promise<void> {
        if (this.asked.has(idOrSlug)) return;
        this.asked.add(idOrSlug);
        try {
            this.remember(await get<WholePersona>(`/api/personas/${encodeURIComponent(idOrSlug)}`));
        } catch {
            /* Somebody who is gone keeps the name that the room has. */
        }
    }

    private remember(persona: WholePersona): void {
        this.learn(summaryOf(persona));
        this.wholes.set(persona.id, persona);
    }

    room(id: string): Room | undefined {
        return this.rooms.find((room) => room.id === id);
    }

    /* `news`: lists that show it are to look again. */
    put(persona: WholePersona | PersonaSummary, news = true): void {
        const summary = summaryOf(persona);
        if ('tagline' in persona) this.learn(summary);
        else this.remember(persona);
        const at = this.personas.findIndex((known) => known.id === persona.id);
        if (at < 0 && news) {
            this.personas.unshift(summary);
            this.personaCount++;
        } else if (at >= 0) this.personas[at] = summary;
        if (news) this.personasChanged++;
    }

    forget(id: string): void {
        this.wholes.delete(id);
        this.personas = this.personas.filter((known) => known.id !== id);
        this.personaCount = Math.max(0, this.personaCount - 1);
        this.personasChanged++;
    }

    putRoom(room: Room): void {
        this.rooms = [room, ...this.rooms.filter((known) => known.id !== room.id)];
    }

    async talkTo(personas: { id: string; name: string }[]): Promise<Room> {
        const title = personas.map((persona) => persona.name).join(', ');
        const room = await send<Room>('POST', '/api/rooms', { title, personas: personas.map((persona) => persona.id) });
        this.putRoom(room);
        return room;
    }

    async saveName(name: string): Promise<void> {
        await send('PUT', '/api/config', { 'user.name': name });
        this.name = name;
    }

    setTheme(theme: Theme): void {
        this.theme = theme;
        keep('theme', theme === 'auto' ? null : theme);
        if (theme === 'auto') delete document.documentElement.dataset.theme;
        else document.documentElement.dataset.theme = theme;
    }

    nextTheme(): void {
        const order: Theme[] = ['auto', 'light', 'dark'];
        this.setTheme(order[(order.indexOf(this.theme) + 1) % order.length]!);
    }

    notify(text: string, tone: Notice['tone'] = 'plain', action?: Notice['action']): void {
        /* Said once is enough. */
        this.notices = this.notices.filter((notice) => notice.text !== text);
        const id = this.nextNotice++;
        this.notices = [...this.notices.slice(-2), { id, text, tone, action }];
        setTimeout(() => this.dismiss(id), action ? NOTICE_WITH_ACTION_MS : NOTICE_MS);
    }

    dismiss(id: number): void {
        this.notices = this.notices.filter((notice) => notice.id !== id);
    }

    /* Runs something that may fail and says how it failed. */
    async attempt<T>(what: () => Promise<T>): Promise<T | undefined> {
        try {
            return await what();
        } catch (cause) {
            this.notify(errorText(cause), 'bad');
            return undefined;
        }
    }
}

export const app = new App();
