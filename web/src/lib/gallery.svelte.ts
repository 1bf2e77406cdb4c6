// The gallery's list: what is looked for, the personas that match, and which of them are selected. The server gives
// pages behind cursors; they are fetched one after the other as far as somebody looks, so twenty thousand personas cost
// what is seen. A new search calls off the old one. It outlives the page, so that going back shows the same place.
import { get, errorText } from './api';
import { app, summaryOf } from './app.svelte';
import { PAUSE_MS, pause } from './finder.svelte';
import type { List } from './generated/types';
import type { PersonaSummary, TagCount, WholePersona } from './shapes';

export type Sort = 'name' | '-name' | '-updated' | '-created';

const PAGE = 120;
/* A walk to the far end takes the longest pages there are. */
const WALK_PAGE = 200;

export class Gallery {
    find = $state('');
    tags = $state<string[]>([]);
    sort = $state<Sort>('name');
    favourites = $state(false);

    /* Replaced at every change; the list is long and needs no watching of each. */
    items = $state.raw<PersonaSummary[]>([]);
    total = $state(0);
    loading = $state(true);
    problem = $state<string | null>(null);
    tagCounts = $state.raw<TagCount[]>([]);
    selected = $state.raw<ReadonlySet<string>>(new Set());
    /* Where one was. */
    scrollTop = 0;

    private next: string | null = null;
    private running: AbortController | null = null;
    private wanted = 0;
    private walking = false;

    get filtered(): boolean {
        return this.find.trim() !== '' || this.tags.length > 0 || this.favourites;
    }

    private query(limit: number, more: string): string {
        const query = new URLSearchParams({ fields: 'summary', sort: this.sort, limit: String(limit) });
        if (this.find.trim()) query.set('find', this.find.trim());
        for (const tag of this.tags) query.append('tag', tag);
        if (this.favourites) query.set('favourite', 'true');
        return `/api/personas?${query}${more}`;
    }

    /* From the beginning; what is shown stays until the answer is there. */
    async load(wait = 0): Promise<void> {
        this.running?.abort();
        const running = (this.running = new AbortController());
        this.walking = false;
        this.loading = true;
        if (wait && !(await pause(wait, running.signal))) return;
        try {
            const page = await get<List<PersonaSummary | WholePersona> & { total?: number }>(this.query(PAGE, '&total=true'), running.signal);
            this.items = this.learn(page);
            this.next = page.next;
            this.total = page.total ?? this.items.length + (page.next ? PAGE : 0);
            this.problem = null;
            this.wanted = 0;
        } catch (cause) {
            if (running.signal.aborted) return;
            this.problem = errorText(cause);
        }
        this.loading = false;
    }

    search(): void {
        void this.load(PAUSE_MS);
    }

    private learn(page: List<PersonaSummary | WholePersona>): PersonaSummary[] {
        return page.data.map(summaryOf);
    }

    /* Sees to it that the first `count` are there. */
    async reach(count: number): Promise<void> {
        this.wanted = Math.max(this.wanted, Math.min(count, this.total));
        if (this.walking || this.loading) return;
        this.walking = true;
        const { signal } = this.running!;
        const found: PersonaSummary[] = [];
        try {
            while (this.next && this.items.length + found.length < this.wanted) {
                const far = this.wanted - this.items.length - found.length > PAGE;
                const page = await get<List<PersonaSummary | WholePersona>>(this.query(far ? WALK_PAGE : PAGE, `&after=${encodeURIComponent(this.next)}`), signal);
                found.push(...this.learn(page));
                this.next = page.next;
                if (!far) this.items = [...this.items, ...found.splice(0)];
            }
            if (found.length) this.items = [...this.items, ...found];
            if (!this.next) this.total = this.items.length;
        } catch (cause) {
            if (signal.aborted) return;
            this.problem = errorText(cause);
        }
        this.walking = false;
    }

    /* All that match, for what is done to all. */
    async everyone(): Promise<PersonaSummary[]> {
        this.wanted = this.total;
        while (this.walking) await new Promise((resolve) => setTimeout(resolve, 20));
        await this.reach(this.total);
        return this.items;
    }

    async loadTags(): Promise<void> {
        try {
            this.tagCounts = (await get<List<TagCount>>('/api/personas/tags?limit=200')).data;
        } catch {
            /* The list itself says what is wrong. */
        }
    }

    toggleTag(tag: string): void {
        this.tags = this.tags.includes(tag) ? this.tags.filter((one) => one !== tag) : [...this.tags, tag];
        void this.load();
    }

    change(id: string, how: (persona: PersonaSummary) => PersonaSummary): void {
        this.items = this.items.map((one) => (one.id === id ? how(one) : one));
    }

    drop(ids: ReadonlySet<string>): void {
        const before = this.items.length;
        this.items = this.items.filter((one) => !ids.has(one.id));
        this.total = Math.max(0, this.total - (before - this.items.length));
        this.select([...this.selected].filter((id) => !ids.has(id)));
    }

    select(ids: Iterable<string>): void {
        this.selected = new Set(ids);
    }

    toggle(id: string): void {
        const next = new Set(this.selected);
        if (!next.delete(id)) next.add(id);
        this.selected = next;
    }

    /* Shift and a click: everything from the last one to this. */
    range(from: number, to: number): void {
        const [low, high] = from < to ? [from, to] : [to, from];
        this.select([...this.selected, ...this.items.slice(low, high + 1).map((one) => one.id)]);
    }

    get selection(): PersonaSummary[] {
        return this.items.filter((one) => this.selected.has(one.id));
    }
}

export const gallery = new Gallery();

/* Whether a portrait is to be veiled. */
export const veiled = (persona: PersonaSummary): boolean => persona.adult && !app.adult;
