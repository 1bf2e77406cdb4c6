// Looks for personas as one types: waits for a pause, drops the answer to what is not asked any more. Without a query
// it gives those that the app has anyway. Whoever makes one calls `ask` from an effect.
import { get, errorText } from './api';
import { app, summaryOf } from './app.svelte';
import type { List } from './generated/types';
import type { PersonaSummary, WholePersona } from './shapes';

export const PAUSE_MS = 140;

/* Waits, unless it is called off; answers whether it may go on. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(true), ms);
        signal.addEventListener('abort', () => {
            clearTimeout(timer);
            resolve(false);
        });
    });
}

export class Finder {
    busy = $state(false);
    problem = $state<string | null>(null);
    private found = $state.raw<PersonaSummary[] | null>(null);
    private running: AbortController | null = null;

    constructor(private readonly limit = 40) {}

    get results(): PersonaSummary[] {
        return this.found ?? app.personas;
    }

    ask(query: string): void {
        this.running?.abort();
        const wanted = query.trim();
        if (!wanted) {
            this.found = null;
            this.busy = false;
            return;
        }
        this.running = new AbortController();
        void this.fetch(wanted, this.running.signal);
    }

    private async fetch(wanted: string, signal: AbortSignal): Promise<void> {
        this.busy = true;
        if (!(await pause(PAUSE_MS, signal))) return;
        try {
            const page = await get<List<PersonaSummary | WholePersona>>(`/api/personas?fields=summary&limit=${this.limit}&find=${encodeURIComponent(wanted)}`, signal);
            this.found = page.data.map(summaryOf);
            for (const persona of this.found) app.learn(persona);
            this.problem = null;
        } catch (cause) {
            if (signal.aborted) return;
            this.problem = errorText(cause);
        }
        this.busy = false;
    }
}
