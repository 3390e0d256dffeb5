import type { Language } from '@logline/contracts';

/** The one of our two languages that `Accept-Language` prefers; English when it names neither. */
export function languageOf(header: string | undefined): Language {
  const wanted = (header ?? '')
    .split(',')
    .map((part) => {
      const [tag = '', quality] = part.trim().toLowerCase().split(';q=');
      return { tag, quality: quality === undefined ? 1 : Number(quality) || 0 };
    })
    .filter(({ tag }) => /^(pt|en)(-|$)/.test(tag))
    .toSorted((a, b) => b.quality - a.quality)[0];
  return wanted?.tag.startsWith('pt') === true ? 'pt-BR' : 'en';
}
