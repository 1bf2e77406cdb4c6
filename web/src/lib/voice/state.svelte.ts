// What the server says of voice (GET /api/voice), asked for where it is shown.
import { get } from '../api';
import type { VoiceState as State } from '../generated/types';

const BUILT_IN_EAR = 'pocketsphinx';

class VoiceState {
    now = $state.raw<State | null>(null);
    private asked: Promise<void> | null = null;

    /* Who turns speech into text, where it is not the ear that is part of the program; else empty. */
    get elsewhere(): string {
        const first = this.now?.hear.find((one) => one.ok)?.provider ?? '';
        return first === BUILT_IN_EAR ? '' : first;
    }

    load(again = false): Promise<void> {
        if (again) this.asked = null;
        return (this.asked ??= get<State>('/api/voice').then(
            (state) => void (this.now = state),
            () => void (this.asked = null),
        ));
    }
}

export const voiceState = new VoiceState();
