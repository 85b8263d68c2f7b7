import { describe, expect, it } from 'vitest';
import { feeds, parseCbrRates, parseEcbRates } from './exchange-rate-feed.ts';

// As the European Central Bank published them for 2024-06-28, cut to a few currencies.
const ecb = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='2024-06-28'>
			<Cube currency='USD' rate='1.0705'/>
			<Cube currency='JPY' rate='171.94'/>
			<Cube currency='PLN' rate='4.3090'/>
			<Cube currency='IDR' rate='17487.21'/>
		</Cube>
	</Cube>
</gesmes:Envelope>`;

// As the Bank of Russia published them for 2025-04-01, cut likewise.
const cbr = `<?xml version="1.0" encoding="windows-1251"?><ValCurs Date="01.04.2025" name="Foreign Currency Market">
<Valute ID="R01035"><NumCode>826</NumCode><CharCode>GBP</CharCode><Nominal>1</Nominal><Name>Фунт стерлингов</Name><Value>110,6408</Value><VunitRate>110,6408</VunitRate></Valute>
<Valute ID="R01060"><NumCode>051</NumCode><CharCode>AMD</CharCode><Nominal>100</Nominal><Name>Армянских драмов</Name><Value>21,8342</Value><VunitRate>0,218342</VunitRate></Valute>
<Valute ID="R01360"><NumCode>704</NumCode><CharCode>VND</CharCode><Nominal>10000</Nominal><Name>Донгов</Name><Value>34,4432</Value><VunitRate>0,00344432</VunitRate></Valute></ValCurs>`;

/** Text in windows-1251, as far as these samples need it. */
function windows1251(text: string): Buffer {
  return Buffer.from([...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    return code >= 0x410 && code <= 0x44f ? code - 0x410 + 0xc0 : code;
  }));
}

describe('the feed of the ECB', () => {
  it('tells what a euro is worth', () => {
    expect(parseEcbRates(Buffer.from(ecb))).toEqual(
      [['USD', '1.0705'], ['JPY', '171.94'], ['PLN', '4.3090'], ['IDR', '17487.21']].map(([to, rate]) => ({ from: 'EUR', to, rate, validFrom: '2024-06-28', source: 'ecb' })),
    );
  });

  it('may bring a single currency, and currencies that nobody knows', () => {
    const one = ecb.replace(/<Cube currency='(JPY|PLN|IDR)'[^>]*>/g, '');
    expect(parseEcbRates(Buffer.from(one))).toHaveLength(1);
    expect(parseEcbRates(Buffer.from(ecb.replace("'JPY'", "'XXQ'"))).map(({ to }) => to)).toEqual(['USD', 'PLN', 'IDR']);
  });

  it('is asked at its own address', () => {
    expect(feeds.ecb.url(feeds.ecb.base, '2026-11-01')).toBe('https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml');
  });
});

describe('the feed of the Bank of Russia', () => {
  it('tells what one unit is worth in rubles, whatever the nominal', () => {
    expect(parseCbrRates(windows1251(cbr))).toEqual(
      [['GBP', '110.6408'], ['AMD', '0.218342'], ['VND', '0.00344432']].map(([from, rate]) => ({ from, to: 'RUB', rate, validFrom: '2025-04-01', source: 'cbr' })),
    );
  });

  it('is asked for the day', () => {
    expect(feeds.cbr.url(feeds.cbr.base, '2026-11-02')).toBe('https://www.cbr.ru/scripts/XML_daily.asp?date_req=02/11/2026');
  });
});

describe('a feed that is not what it should be', () => {
  it.each([
    ['nothing', ''],
    ['a page', '<!doctype html><html><body>Wartung</body></html>'],
    ['half of it', ecb.slice(0, -40)],
    ['no rates', ecb.replace(/<Cube currency[^>]*>/g, '')],
    ['a rate of zero', ecb.replace('1.0705', '0')],
    ['a sign', ecb.replace('1.0705', '-1.0705')],
    ['a word', ecb.replace('1.0705', 'N/A')],
    ['30 digits', ecb.replace('1.0705', '1'.repeat(30))],
    ['no day', ecb.replace("time='2024-06-28'", '')],
    ['a day that is none', ecb.replace('2024-06-28', '2024-06-31')],
    ['an entity in the place of a rate', ecb.replace('<gesmes:Envelope', '<!DOCTYPE x [<!ENTITY r "9">]><gesmes:Envelope').replace('1.0705', '&r;')],
  ])('is refused as a whole: %s (ECB)', (_what, text) => {
    expect(() => parseEcbRates(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'upstream_invalid_reply', upstream: 'ecb' }));
  });

  it.each([
    ['a nominal of zero', cbr.replace('<Nominal>100<', '<Nominal>0<')],
    ['no nominal', cbr.replace('<Nominal>100</Nominal>', '')],
    ['a value of words', cbr.replace('110,6408', 'много')],
    ['two commas', cbr.replace('110,6408', '1,10,64')],
    ['no day', cbr.replace(' Date="01.04.2025"', '')],
    ['a day in another form', cbr.replace('01.04.2025', '2025-04-01')],
  ])('is refused as a whole: %s (Bank of Russia)', (_what, text) => {
    expect(() => parseCbrRates(windows1251(text))).toThrow(expect.objectContaining({ code: 'upstream_invalid_reply', upstream: 'cbr' }));
  });
});
