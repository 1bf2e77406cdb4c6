// Languages by their tags (de, pt-BR) and what they are called.

/* What a choice offers; any other tag that is set already stays possible. */
export const LANGUAGES = 'af ar bg bn ca cs cy da de el en eo es et eu fa fi fr ga gl he hi hr hu hy id is it ja ka ko la lt lv mk ms mt nb nl nn pl pt pt-BR ro ru sk sl sq sr sv sw ta th tl tr uk ur vi zh'.split(' ');

const known = new Intl.DisplayNames(['en'], { type: 'language' });

/* "German"; the tag itself where nobody knows a name. */
export function languageName(tag: string): string {
    try {
        return known.of(tag) ?? tag;
    } catch {
        return tag;
    }
}
