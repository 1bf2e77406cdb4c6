// What is left of the loudspeaker's sound in the microphone when the browser has taken out what it can. It is little with
// headphones and in most rooms; a loud speaker beside the microphone leaves enough for a persona to interrupt itself.
//
// So while something is played, what is much softer than it is sent as silence. How much softer is learnt: where speech
// was found while the persona spoke, no word came of it and the persona went on, the room gives back more than was
// thought. Somebody who speaks into it is louder, and is heard at once. What was learnt is forgotten slowly, as
// loudspeakers are turned down and devices change.
const FRAMES_AFTER = 14; /* of 32 ms: how long a room answers */
const FAINT = 0.003;
/* Of what is played; a person before a microphone with gain control is about as loud as a persona. */
const USUAL = 0.2;
const MARGIN = 1.8;
/* Two frames in a row open it for a second. */
const SURE = 2;
const OPEN_FRAMES = 31;
const MOST = 2;
const FORGETS = 0.9998;

export class EchoGate {
    /* How loud it was played, the newest last; and how much of it came back. */
    private played: number[] = [];
    private back: number[] = [];
    private share = USUAL;
    private suspect = 0;
    /* How many frames in a row were louder, and how many more are let through. */
    private louder = 0;
    private open = 0;

    /* For each frame: how loud the microphone is and the loudspeaker. False: it is the loudspeaker that one hears. */
    passes(level: number, playing: number): boolean {
        this.played = [...this.played.slice(1 - FRAMES_AFTER), playing];
        const loudest = Math.max(...this.played);
        if (loudest < FAINT) return true;
        this.share = Math.max(USUAL, this.share * FORGETS);
        this.back = [...this.back.slice(1 - FRAMES_AFTER), level / loudest];
        /* Soft sounds between loud ones are speech too: it stays open for a while. */
        this.louder = level > loudest * this.share ? this.louder + 1 : 0;
        this.open = this.louder >= SURE ? OPEN_FRAMES : Math.max(0, this.open - 1);
        return this.louder > 0 || this.open > 0;
    }

    /* Speech was found while something is played. */
    alarm(): void {
        this.suspect = Math.max(0, ...this.back);
    }

    /* Somebody said something: it was a person. */
    words(): void {
        this.suspect = 0;
    }

    /* The persona goes on: nobody had said anything. */
    falseAlarm(): void {
        this.share = Math.min(MOST, Math.max(this.share, this.suspect * MARGIN));
        this.suspect = this.open = 0;
    }

    reset(): void {
        this.share = USUAL;
        this.suspect = this.louder = this.open = 0;
        this.back = [];
    }
}
