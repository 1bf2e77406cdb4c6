// What is done to many personas at once: exported into one zip, tagged, deleted and brought back. A few requests at a
// time, with progress; what failed is told with the first reason.
import { errorText, get, request, send } from './api';
import { app } from './app.svelte';
import { counted } from './format';
import { gallery } from './gallery.svelte';
import type { PersonaSummary, WholePersona } from './shapes';

const PARALLEL = 4;

class Bulk {
    doing = $state<string | null>(null);
    done = $state(0);
    total = $state(0);
    private stopped = false;

    stop(): void {
        this.stopped = true;
    }

    /* Answers those it was done to. */
    private async each(doing: string, list: PersonaSummary[], what: (persona: PersonaSummary) => Promise<void>): Promise<PersonaSummary[]> {
        const queue = [...list];
        const good: PersonaSummary[] = [];
        let bad = 0;
        let reason = '';
        this.doing = doing;
        this.done = 0;
        this.total = list.length;
        this.stopped = false;
        const work = async (): Promise<void> => {
            for (let one = queue.shift(); one && !this.stopped; one = queue.shift()) {
                try {
                    await what(one);
                    good.push(one);
                } catch (cause) {
                    bad++;
                    reason ||= errorText(cause);
                }
                this.done++;
            }
        };
        await Promise.all(Array.from({ length: PARALLEL }, work));
        this.doing = null;
        if (bad) app.notify(`${counted(bad, 'persona')} could not be changed: ${reason}`, 'bad');
        return good;
    }

    async export(list: PersonaSummary[], format: 'png' | 'json' | 'charx'): Promise<void> {
        const { Zip, save } = await import('./zip');
        const zip = new Zip();
        const good = await this.each('Exporting', list, async (persona) => {
            const card = await (await request('GET', `/api/personas/${encodeURIComponent(persona.id)}/card.${format}`)).blob();
            await zip.add(`${persona.slug}.${format}`, card, new Date(persona.updated_at));
        });
        if (good.length === 0 || this.stopped) return;
        save(zip.blob(), `eidolon-personas-${new Date().toISOString().slice(0, 10)}.zip`);
        app.notify(`${counted(good.length, 'card')} exported.`);
    }

    async tag(list: PersonaSummary[], add: string[], remove: string[]): Promise<void> {
        const gone = new Set(remove.map((tag) => tag.toLowerCase()));
        const good = await this.each('Tagging', list, async (persona) => {
            const { tags: now } = await get<WholePersona>(`/api/personas/${encodeURIComponent(persona.id)}`);
            const have = new Set(now.map((tag) => tag.toLowerCase()));
            const tags = [...now.filter((tag) => !gone.has(tag.toLowerCase())), ...add.filter((tag) => !have.has(tag.toLowerCase()))];
            await send('PATCH', `/api/personas/${encodeURIComponent(persona.id)}`, { tags });
            gallery.change(persona.id, (one) => ({ ...one, tags }));
        });
        if (good.length) app.notify(`${counted(good.length, 'persona')} tagged.`);
        await gallery.loadTags();
    }

    async remove(list: PersonaSummary[]): Promise<void> {
        const good = await this.each('Deleting', list, (persona) => send('DELETE', `/api/personas/${encodeURIComponent(persona.id)}`));
        if (good.length === 0) return;
        gallery.drop(new Set(good.map((persona) => persona.id)));
        await app.refreshPersonas();
        app.notify(good.length === 1 ? `${good[0]!.name} was deleted.` : `${counted(good.length, 'persona')} were deleted.`, 'plain', { label: 'Undo', run: () => this.restore(good) });
    }

    async restore(list: PersonaSummary[]): Promise<void> {
        await this.each('Bringing back', list, (persona) => send('POST', `/api/personas/${encodeURIComponent(persona.id)}/restore`));
        await Promise.all([app.refreshPersonas(), gallery.load(), gallery.loadTags()]);
    }

    async favourite(persona: PersonaSummary): Promise<void> {
        const favourite = !persona.favourite;
        gallery.change(persona.id, (one) => ({ ...one, favourite }));
        const kept = await app.attempt(() => send<WholePersona>('PATCH', `/api/personas/${encodeURIComponent(persona.id)}`, { favourite }));
        gallery.change(persona.id, (one) => ({ ...one, favourite: kept ? favourite : !favourite }));
        if (kept) app.put({ ...persona, favourite }, false);
    }
}

export const bulk = new Bulk();
