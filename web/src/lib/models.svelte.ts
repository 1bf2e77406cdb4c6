// Models on this machine, as the page of that name shows them: looked at again while something moves, with what can
// be done to each.
import { get, send } from './api';
import { app } from './app.svelte';
import type { CatalogueModel, ConfigList, Engine, List, LocalModel, ModelCatalogue, ModelLibrary, PersonaSummary, Pull } from './generated/types';
import type { WholePersona } from './shapes';

const BUSY_MS = 1_000;
const QUIET_MS = 5_000;
const GIGA = 1e9;

export const bytes = (n: number): string => (n >= GIGA ? `${(n / GIGA).toFixed(n < 10 * GIGA ? 2 : 1)} GB` : n >= 1e6 ? `${Math.round(n / 1e6)} MB` : `${Math.max(1, Math.round(n / 1000))} KB`);
export const count = (n: number): string => (n >= 1e9 ? `${(n / 1e9).toFixed(1)}B` : n >= 1e6 ? `${Math.round(n / 1e6)}M` : n >= 1e3 ? `${Math.round(n / 1e3)}K` : String(n));

export type Fit = 'fits' | 'tight' | 'large' | 'nowhere';
const over = (pull: Pull): boolean => pull.state === 'done' || pull.state === 'cancelled' || pull.state === 'failed';

export class Models {
    list = $state<LocalModel[]>([]);
    pulls = $state<Pull[]>([]);
    library = $state<ModelLibrary | null>(null);
    catalogue = $state<ModelCatalogue | null>(null);
    embedding = $state('');
    loaded = $state(false);
    /* Downloads after which everybody shall speak with the model, by id. */
    private wished = new Set<string>();
    private timer: ReturnType<typeof setTimeout> | undefined;
    private stopped = false;

    busy = $derived(this.list.some((model) => model.state === 'loading' || model.state === 'loaded') || this.pulls.some((pull) => !over(pull)));

    start(): () => void {
        this.stopped = false;
        void app.attempt(async () => {
            [this.library, this.catalogue] = await Promise.all([get<ModelLibrary>('/api/models/library'), get<ModelCatalogue>('/api/models/catalogue')]);
        });
        void this.lookAtSettings();
        void this.look();
        return () => {
            this.stopped = true;
            clearTimeout(this.timer);
        };
    }

    private async lookAtSettings(): Promise<void> {
        const list = await app.attempt(() => get<ConfigList>('/api/config'));
        this.embedding = String(list?.data.find((key) => key.key === 'llama.embedding')?.value ?? '');
    }

    async embedWith(name: string): Promise<void> {
        await app.attempt(() => send('PUT', '/api/config', { 'llama.embedding': name }));
        await this.lookAtSettings();
    }

    async look(): Promise<void> {
        clearTimeout(this.timer);
        if (!document.hidden) {
            try {
                const [models, pulls] = await Promise.all([get<List<LocalModel>>('/api/models'), get<List<Pull>>('/api/models/pulls')]);
                this.list = models.data;
                this.pulls = pulls.data;
                this.loaded = true;
                for (const pull of pulls.data) if (pull.state === 'done' && this.wished.delete(pull.id)) void this.use(pull.name);
            } catch {
                /* The connection state says it already. */
            }
        }
        if (!this.stopped) this.timer = setTimeout(() => void this.look(), this.busy ? BUSY_MS : QUIET_MS);
    }

    private path = (name: string, what = ''): string => `/api/models/${encodeURIComponent(name)}${what}`;

    private async act(method: string, path: string, body?: unknown): Promise<boolean> {
        const went = await app.attempt(async () => (await send(method, path, body), true));
        await this.look();
        return went ?? false;
    }

    load = (name: string): Promise<boolean> => this.act('POST', this.path(name, '/load'));
    unload = (name: string): Promise<boolean> => this.act('POST', this.path(name, '/unload'));
    remove = (name: string): Promise<boolean> => this.act('DELETE', this.path(name));
    end = (pull: Pull): Promise<boolean> => this.act('DELETE', `/api/models/pulls/${pull.id}`);

    async pull(what: { url?: string; catalogue?: string; sha256?: string }, use = false): Promise<boolean> {
        const pull = await app.attempt(() => send<Pull>('POST', '/api/models/pull', what));
        if (pull && use) this.wished.add(pull.id);
        await this.look();
        return !!pull;
    }

    /* The engines that speak with a model. */
    engines(name: string): Engine[] {
        return app.engines.filter((engine) => engine.provider === 'llama' && engine.model === name);
    }

    /* Everybody who has no engine of their own, or one persona. */
    async use(name: string, persona?: PersonaSummary): Promise<void> {
        const engine = await app.attempt(() => send<Engine>('POST', this.path(name, '/engine'), { default: !persona }));
        if (!engine) return;
        if (persona) {
            const changed = await app.attempt(() => send<WholePersona>('PATCH', `/api/personas/${encodeURIComponent(persona.id)}`, { engine: engine.name }));
            if (changed) app.put(changed);
        }
        await app.loadEngines();
        app.notify(persona ? `${persona.name} speaks with ${name} from now on.` : `Personas speak with ${name} from now on.`);
        void this.load(name);
    }

    fit(model: CatalogueModel): Fit {
        if (!model.url) return 'nowhere';
        const budget = this.library?.memory_budget ?? 0;
        const needs = model.memory_8k && (this.library?.context ?? 0) > 6000 ? model.memory_8k : model.memory_4k;
        return needs > budget ? 'large' : needs > budget * 0.8 ? 'tight' : 'fits';
    }

    /* What to begin with: the largest that is quick on this machine without a graphics card, or else with one. */
    get advice(): CatalogueModel | undefined {
        const chat = (this.catalogue?.models ?? []).filter((model) => model.kind === 'chat' && this.fit(model) === 'fits' && model.size_bytes < 2.2e9);
        return chat.at(-1);
    }

    /* The download or the model of a catalogue's entry. */
    pullOf(model: CatalogueModel): Pull | undefined {
        return this.pulls.find((pull) => !over(pull) && this.isOf(pull.url, model));
    }
    installed(model: CatalogueModel): LocalModel | undefined {
        return this.list.find((local) => local.url !== null && this.isOf(local.url, model));
    }
    private isOf(url: string, model: CatalogueModel): boolean {
        if (!model.url) return false;
        if (url === model.url) return true;
        const [repo, quant] = model.url.replace(/^hf:/, '').split(':');
        return url.includes(`/${repo}/`) && url.toLowerCase().includes((quant ?? '').toLowerCase());
    }
}
