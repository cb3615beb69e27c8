/*
 * Text from certificates and servers is hostile: it may move the cursor, recolour the screen or reorder what is read.
 */

// Controls (C0, DEL, C1), soft hyphen, zero-width and bidirectional controls, line and paragraph separators, BOM, tags.
const unsafe =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;

const escape = (character: string): string => {
  const point = character.codePointAt(0) ?? 0;
  return point > 0xffff ? `\\u{${point.toString(16)}}` : `\\u${point.toString(16).padStart(4, '0')}`;
};

/** What nearly all text is: looked at in a tenth of the time. */
const plain = /^[ -~]*$/;

/** One line of text with everything invisible or active shown as `\u001b`. */
export const printable = (text: string): string => (plain.test(text) ? text : text.replace(unsafe, escape));

/** JSON that is safe to look at in a terminal: the same characters, as JSON escapes. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(unsafe, (character) => {
    if (character === '\n') return character;
    return [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join('');
  });
}
