// Only one tab plays. Tabs of one browser tell each other over a BroadcastChannel (which, unlike Web Locks, is there on
// plain http too): who takes the sound says so, and the others give it up; who comes later asks first, and waits where
// one has it already; who goes says so, and the next one that waits takes over.
import { freshId } from '../api';

const ANSWER_WITHIN_MS = 150;

type Word = { what: 'take' | 'ask' | 'mine' | 'gone'; who: string };

export class OneTab {
    private readonly channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('eidolon.voice');
    private readonly me = freshId();
    private mine = false;
    private wants = false;

    /* `changed` hears whether this tab has the sound, whenever that changes. */
    constructor(private readonly changed: (mine: boolean) => void) {
        this.channel?.addEventListener('message', (event: MessageEvent<Word>) => this.heard(event.data));
        addEventListener('pagehide', () => this.release());
    }

    /* Take it unless another tab has it; with `force` in any case. */
    async want(force: boolean): Promise<void> {
        this.wants = true;
        if (this.mine) return;
        if (!force && this.channel) {
            let taken = false;
            const listen = (event: MessageEvent<Word>): void => void (taken ||= event.data.what === 'mine' || event.data.what === 'take');
            this.channel.addEventListener('message', listen);
            this.say('ask');
            await new Promise((done) => setTimeout(done, ANSWER_WITHIN_MS));
            this.channel.removeEventListener('message', listen);
            if (taken || !this.wants) {
                if (this.wants) this.changed(false);
                return;
            }
        }
        this.set(true);
        this.say('take');
    }

    release(): void {
        this.wants = false;
        if (!this.mine) return;
        this.set(false);
        this.say('gone');
    }

    private heard(word: Word): void {
        if (word.who === this.me) return;
        if (word.what === 'take' && this.mine) this.set(false);
        else if (word.what === 'ask' && this.mine) this.say('mine');
        else if (word.what === 'gone' && this.wants && !this.mine) void this.want(false);
    }

    private set(mine: boolean): void {
        this.mine = mine;
        this.changed(mine);
    }

    private say(what: Word['what']): void {
        this.channel?.postMessage({ what, who: this.me } satisfies Word);
    }
}
