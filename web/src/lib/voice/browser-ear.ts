// The browser's own recogniser (SpeechRecognition), where there is one: its words go to the server as text. It is not
// in TypeScript's library; this declares what is used of it. It ends by itself after a while and is begun again.
interface Recognition {
    continuous: boolean;
    interimResults: boolean;
    lang: string;
    onresult: ((event: { resultIndex: number; results: ArrayLike<ArrayLike<{ transcript: string; confidence: number }> & { isFinal: boolean }> }) => void) | null;
    onerror: ((event: { error: string }) => void) | null;
    onend: (() => void) | null;
    start(): void;
    stop(): void;
    abort(): void;
}

export interface EarEvents {
    text(text: string, final: boolean, confidence: number): void;
    failed(sentence: string): void;
}

const maker = (): (new () => Recognition) | undefined => {
    const scope = globalThis as unknown as Record<string, new () => Recognition>;
    return scope['SpeechRecognition'] ?? scope['webkitSpeechRecognition'];
};

export const hasBrowserEar = (): boolean => typeof window !== 'undefined' && maker() !== undefined;

const SENTENCES: Record<string, string> = {
    'not-allowed': 'The browser does not allow its recogniser the microphone here.',
    'service-not-allowed': 'This browser has its recogniser switched off. Choose Eidolon’s own in the microphone’s settings.',
    network: 'The browser’s recogniser could not reach its service. Choose Eidolon’s own in the microphone’s settings.',
    'audio-capture': 'The browser found no microphone.',
    'language-not-supported': 'The browser’s recogniser does not know this language.',
};

export class BrowserEar {
    private recognition: Recognition | null = null;

    constructor(
        private readonly language: string,
        private readonly events: EarEvents,
    ) {}

    start(): void {
        const Made = maker();
        if (!Made || this.recognition) return;
        const recognition = new Made();
        this.recognition = recognition;
        recognition.continuous = true;
        recognition.interimResults = true;
        recognition.lang = this.language || navigator.language;
        recognition.onresult = (event) => {
            for (let i = event.resultIndex; i < event.results.length; i++) {
                const result = event.results[i]!;
                this.events.text(result[0]!.transcript.trim(), result.isFinal, result[0]!.confidence);
            }
        };
        recognition.onerror = (event) => {
            if (event.error === 'no-speech' || event.error === 'aborted') return;
            this.stop();
            this.events.failed(SENTENCES[event.error] ?? `The browser’s recogniser failed (${event.error}).`);
        };
        recognition.onend = () => this.recognition === recognition && recognition.start();
        recognition.start();
    }

    /* It tells what it has heard so far as its last words; with `drop` nobody wants them. */
    stop(drop = true): void {
        const recognition = this.recognition;
        this.recognition = null;
        if (drop) recognition?.abort();
        else recognition?.stop();
    }
}
