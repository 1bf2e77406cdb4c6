// What every page shares: who is here, which rooms and personas there are, whether a model is configured, the theme,
// and short notices. Loaded once, kept up by whoever changes something.
import { all, get, send, hooks, errorText } from './api';
import { connection } from './socket.svelte';
import { keep, recall } from './storage';
import type { Engine, Persona, Provider, Room, Session } from './generated/types';

export type Theme = 'auto' | 'light' | 'dark';

export interface Notice {
    id: number;
    text: string;
    tone: 'plain' | 'bad';
    action?: { label: string; run: () => void | Promise<void> };
}

const NOTICE_MS = 6_000;
const NOTICE_WITH_ACTION_MS = 10_000;

class App {
    personas = $state<Persona[]>([]);
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

    private nextNotice = 1;

    modelConfigured = $derived.by(() => {
        const real = new Set(this.providers.filter((provider) => provider.type !== 'scripted').map((provider) => provider.name));
        return this.engines.some((engine) => real.has(engine.provider));
    });

    constructor() {
        hooks.signedOut = () => (this.signedOut = true);
    }

    async load(): Promise<void> {
        try {
            const lists = Promise.all([all<Persona>('/api/personas'), all<Room>('/api/rooms')]);
            /* Asked at the same time; whether it matters that they failed, the session tells first. */
            lists.catch(() => {});
            const session = await get<Session>('/api/session');
            this.credential = session.credential;
            if (!session.signed_in) {
                this.signedOut = true;
                return;
            }
            this.name = session.name;
            const [personas, rooms] = await lists;
            this.personas = personas;
            this.rooms = rooms;
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

    async refreshRooms(): Promise<void> {
        try {
            this.rooms = await all<Room>('/api/rooms');
        } catch {
            /* The connection state says it already. */
        }
    }

    persona(idOrSlug: string | undefined): Persona | undefined {
        return this.personas.find((persona) => persona.id === idOrSlug || persona.slug === idOrSlug);
    }

    room(id: string): Room | undefined {
        return this.rooms.find((room) => room.id === id);
    }

    put(persona: Persona): void {
        const at = this.personas.findIndex((known) => known.id === persona.id);
        if (at < 0) this.personas.push(persona);
        else this.personas[at] = persona;
    }

    putRoom(room: Room): void {
        this.rooms = [room, ...this.rooms.filter((known) => known.id !== room.id)];
    }

    async talkTo(personas: Persona[]): Promise<Room> {
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
