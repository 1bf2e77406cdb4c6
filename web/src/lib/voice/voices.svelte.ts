// The voices there are (GET /api/voices), the providers that speak and hear, and how one tries a voice.
import { get, request, type Options } from '../api';
import type { VoiceInfo, VoiceList, VoiceUnreachable } from '../generated/types';
import { speaker } from './speaker.svelte';

export interface Tuning {
    provider: string;
    name: string;
    rate: number;
    pitch: number;
    volume: number;
}

class Voices {
    list = $state.raw<VoiceInfo[]>([]);
    /* Providers that do not tell theirs now. */
    unreachable = $state.raw<VoiceUnreachable[]>([]);
    problem = $state<string | null>(null);
    private asked: Promise<void> | null = null;

    load(again = false): Promise<void> {
        if (again) this.asked = null;
        return (this.asked ??= this.fetch());
    }

    private async fetch(): Promise<void> {
        try {
            const answer = await get<VoiceList>('/api/voices');
            this.list = answer.data;
            this.unreachable = answer.unreachable;
            this.problem = null;
        } catch (cause) {
            this.asked = null;
            this.problem = cause instanceof Error ? cause.message : String(cause);
        }
    }
}

export const voices = new Voices();

const percent = (factor: number): string => (factor > 0 ? `${Math.round(factor * 100)}%` : 'silent');
const escape = (text: string): string => text.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]!);

/* Speaks a sentence as the sliders stand, saved or not. Whoever names no voice speaks with the persona's own, which has
   its `saved` tuning in it already. */
export async function tryVoice(text: string, wanted: Tuning, character: string | undefined, saved: Tuning): Promise<void> {
    const own = !wanted.name && character;
    const part = (key: 'rate' | 'pitch' | 'volume'): number => (own ? wanted[key] / (saved[key] || 1) : wanted[key]);
    const voice = { ...wanted, rate: part('rate'), pitch: part('pitch'), volume: part('volume') };
    const ssml = `<speak><prosody rate="${percent(voice.rate)}" pitch="${percent(voice.pitch)}" volume="${percent(voice.volume)}">${escape(text)}</prosody></speak>`;
    const named = voice.name ? `${voice.provider ? `${voice.provider}/` : ''}${voice.name}` : undefined;
    const options: Options = { body: { text: ssml, format: 'wav', ...(named ? { voice: named } : character ? { character } : {}) } };
    const answer = await request('POST', '/api/tts', { ...options, accept: 'audio/wav' });
    await speaker.preview(await answer.arrayBuffer());
}
