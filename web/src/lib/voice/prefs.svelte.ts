// What this browser remembers about voice. Of the server's side (providers, voices) nothing is kept here.
import { keep, recallJson } from '../storage';
import type { SocketMic } from '../generated/types';

export type MicMode = NonNullable<SocketMic['mode']>;
export type Recogniser = NonNullable<SocketMic['recogniser']>;
/* What the browser does to the microphone's sound before anybody hears it. */
export interface Cleaning {
    echo: boolean;
    noise: boolean;
    gain: boolean;
}

const START = {
    /* Whether personas are heard here. */
    sound: false,
    volume: 0.9,
    muted: false,
    captions: true,
    mode: 'hands_free' as MicMode,
    device: '',
    cleaning: { echo: true, noise: true, gain: true } as Cleaning,
    recogniser: 'server' as Recogniser,
    /* Only what follows the wake phrase is meant for the persona. */
    wake: false,
    /* Empty: "hey" and the persona's name. */
    wakePhrase: '',
    language: '',
    /* The explanation before the first question of the browser was read. */
    explained: false,
};

class Prefs {
    now = $state({ ...START, ...recallJson<Partial<typeof START>>('voice', {}) });

    set(change: Partial<typeof START>): void {
        Object.assign(this.now, change);
        keep('voice', JSON.stringify(this.now));
    }
}

export const prefs = new Prefs();
