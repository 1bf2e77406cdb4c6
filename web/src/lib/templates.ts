// How the industries of templates look, in the order in which they are shown; and a template's texts with what was
// answered so far.
import type { ComponentProps } from 'svelte';
import type Icon from './components/Icon.svelte';
import type { Template } from './generated/types';

interface Industry {
    name: string;
    icon: ComponentProps<typeof Icon>['name'];
    hue: number;
}
export const INDUSTRIES: Record<string, Industry> = {
    education: { name: 'Education', icon: 'book', hue: 250 },
    'customer service': { name: 'Customer service', icon: 'chat', hue: 200 },
    sales: { name: 'Sales', icon: 'tag', hue: 75 },
    training: { name: 'Training', icon: 'people', hue: 310 },
    healthcare: { name: 'Healthcare', icon: 'clock', hue: 160 },
    everyday: { name: 'Every day', icon: 'sun', hue: 45 },
    companions: { name: 'Companions', icon: 'star', hue: 350 },
};

export const industryOf = (key: string): Industry => INDUSTRIES[key] ?? { name: key, icon: 'grid', hue: 285 };

/* As the persona will have it. */
export function fillIn(text: string, template: Template, values: Record<string, string>, name: string): string {
    let filled = text;
    for (const variable of template.variables) filled = filled.replaceAll(`{{${variable.name}}}`, values[variable.name]?.trim() || variable.default);
    return filled.replaceAll('{{char}}', name).replaceAll('{{user}}', 'you');
}
