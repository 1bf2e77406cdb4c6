// What the server says of voice (GET /api/voice), asked for where it is shown.
import { get } from '../api';
import type { VoiceState as State } from '../generated/types';

class VoiceState {
    now = $state.raw<State | null>(null);
    private asked: Promise<void> | null = null;

    load(again = false): Promise<void> {
        if (again) this.asked = null;
        return (this.asked ??= get<State>('/api/voice').then(
            (state) => void (this.now = state),
            () => void (this.asked = null),
        ));
    }
}

export const voiceState = new VoiceState();
