import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeText, looksLikeText } from './text-encoding.ts';

const sentences: Readonly<Record<string, readonly [texts: readonly string[], encodings: readonly string[]]>> = {
  Russian: [['Привет, как дела?', 'Отчёт за третий квартал готов. Просим подтвердить получение до пятницы.', 'Москва', 'Итого: 12 шт.'], ['windows-1251', 'koi8-r', 'ibm866']],
  Ukrainian: [['Звіт за третій квартал готовий, просимо підтвердити отримання.'], ['windows-1251', 'koi8-u']],
  Polish: [['Zażółć gęślą jaźń', 'Łódź, źródło i ćma: proszę o potwierdzenie do piątku.', 'Właścicielka zna wszystkich z imienia.'], ['windows-1250', 'iso-8859-2']],
  Czech: [['Příliš žluťoučký kůň úpěl ďábelské ódy', 'Děkujeme za vaši zprávu, ozveme se příští týden.'], ['windows-1250', 'iso-8859-2']],
  Hungarian: [['Árvíztűrő tükörfúrógép', 'Köszönjük szépen az üzenetét, hamarosan válaszolunk.'], ['windows-1250', 'iso-8859-2']],
  German: [['Falsches Üben von Xylophonmusik quält jeden größeren Zwerg', 'Straße', 'Die Lieferung erfolgt „frei Haus“ für 12 €.'], ['windows-1252']],
  French: [['Voix ambiguë d’un cœur qui, au zéphyr, préfère les jattes de kiwis', 'déjà vu', 'Hôtel'], ['windows-1252']],
  Spanish: [['El pingüino hizo kilómetros bajo exhaustiva lluvia y frío', '¿Dónde está la niña?'], ['windows-1252']],
  Turkish: [['Pijamalı hasta yağız şoföre çabucak güvendi'], ['windows-1254']],
  Greek: [['Καλημέρα σας, τι κάνετε σήμερα;'], ['windows-1253']],
  Hebrew: [['דג סקרן שט בים מאוכזב ולפתע מצא לו חברה'], ['windows-1255']],
  Arabic: [['نص حكيم له سر قاطع وذو شأن عظيم'], ['windows-1256']],
  Lithuanian: [['Įlinkdama fechtuotojo špaga sublykčiojusi pragręžė apvalų arbūzą'], ['windows-1257']],
  Simplified: [['你好，世界', '本季度翻译了两份合同和一本菜谱。合同里的数字核对了三遍。', '价格：人民币一百元整'], ['gb18030']],
  Traditional: [['你好，世界', '本季度翻譯了兩份合約和一本食譜。數字核對了三遍。', '臺灣大學'], ['big5']],
  Japanese: [['吾輩は猫である。名前はまだ無い。', '国境の長いトンネルを抜けると雪国であった。', 'カタカナとひらがな'], ['shift_jis', 'euc-jp']],
  Korean: [['안녕하세요, 세계', '섬으로 가는 배는 아침 일곱 시에 떠난다.'], ['euc-kr']],
};

/** The bytes of each character in an encoding, found by decoding all there are. */
const tables = new Map<string, ReadonlyMap<string, readonly number[]>>();
function tableOf(encoding: string): ReadonlyMap<string, readonly number[]> {
  const known = tables.get(encoding);
  if (known !== undefined) return known;
  const table = new Map<string, readonly number[]>();
  const decoder = new TextDecoder(encoding);
  const note = (...bytes: number[]): void => {
    const character = decoder.decode(Uint8Array.from(bytes));
    if (Array.from(character).length === 1 && character !== '\ufffd' && !table.has(character)) table.set(character, bytes);
  };
  for (let byte = 0; byte < 256; byte += 1) note(byte);
  if (/gb|big5|shift|euc/.test(encoding)) for (let lead = 0x81; lead < 0xff; lead += 1) for (let trail = 0x40; trail < 0xff; trail += 1) note(lead, trail);
  tables.set(encoding, table);
  return table;
}

function encoded(text: string, encoding: string): Buffer {
  const table = tableOf(encoding);
  return Buffer.from(Array.from(text).flatMap((character) => table.get(character) ?? expect.fail(`${encoding} has no ${character}`)));
}

describe('the encoding of a text', () => {
  for (const [language, [texts, encodings]] of Object.entries(sentences)) {
    it(`is found for ${language}`, () => {
      for (const text of texts) {
        for (const encoding of encodings) expect([decodeText(encoded(text, encoding)).text, encoding]).toEqual([text, encoding]);
        const little = Buffer.from(text, 'utf16le');
        if (text.length > 4) expect(decodeText(little).text).toBe(text);
        if (text.length > 4) expect(decodeText(Buffer.from(little).swap16())).toEqual({ text, encoding: 'utf-16be' });
        expect(decodeText(Buffer.from(text)).encoding).toBe('utf-8');
      }
    });
  }

  it('is what the mark at the beginning says', () => {
    const cases: readonly (readonly [string, string])[] = [['fffe0000410000002cf30100', 'utf-32le'], ['0000feff000000410001f32c', 'utf-32be'], ['fffe41003cd82cdf', 'utf-16le'], ['feff0041d83cdf2c', 'utf-16be'], ['efbbbf41f09f8cac', 'utf-8'], ['8431953341d6d0', 'gb18030']];
    for (const [hex, encoding] of cases) expect(decodeText(Buffer.from(hex, 'hex'))).toEqual({ text: encoding === 'gb18030' ? 'A中' : 'A🌬', encoding });
  });

  it('that changes by escapes is known by them', () => {
    expect(decodeText(Buffer.from('1b2442467c4b5c1b2842', 'hex'))).toEqual({ text: '日本', encoding: 'iso-2022-jp' });
  });

  it('of UTF-8 is never mistaken, whatever stands in it', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((one) => !/[\0-\x08\x0e-\x1f]/.test(one) && !one.startsWith('\ufeff'));
    fc.assert(fc.property(text, (one) => {
      expect(decodeText(Buffer.from(one))).toEqual({ text: one, encoding: 'utf-8' });
    }));
  });

  it('of what is no text is none', () => {
    const noise = Buffer.from(Array.from({ length: 4001 }, (_, at) => (at * at * 31 + at * 17) % 256));
    expect(looksLikeText(noise)).toBe(false);
    expect(() => decodeText(noise)).toThrow('no text');
    expect(looksLikeText(Buffer.from('hello'))).toBe(true);
  });
});
