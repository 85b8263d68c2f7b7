import { XMLParser } from 'fast-xml-parser';
import { Fault } from '../base/fault.ts';
import { divideHalfEven, formatDecimal, parseDecimal } from '../base/money.ts';
import { type ExchangeRate, statedRateSchema, toExchangeRate } from './exchange-rate.ts';

/** A central bank that publishes its rates of the day. */
export type FeedName = 'ecb' | 'cbr';

interface Feed {
  /** The address of the rates in force on `day` (ISO date). */
  url(base: string, day: string): string;
  readonly base: string;
  /** The rows of a reply's body. Throws an `upstream_invalid_reply` fault when it is not what it should be. */
  parse(body: Buffer): readonly ExchangeRate[];
}

/**
 * ECB: euro reference rates, published about 16:00 CET on working days
 * (https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/).
 * Bank of Russia: official rates of the ruble, for a day given as DD/MM/YYYY (https://www.cbr.ru/development/SXML/). Without one
 * it may answer with those of tomorrow, which do not hold yet.
 */
export const feeds: Readonly<Record<FeedName, Feed>> = {
  ecb: { base: 'https://www.ecb.europa.eu', url: (base) => `${base}/stats/eurofxref/eurofxref-daily.xml`, parse: parseEcbRates },
  cbr: {
    base: 'https://www.cbr.ru',
    url: (base, day) => `${base}/scripts/XML_daily.asp?date_req=${day.slice(8, 10)}/${day.slice(5, 7)}/${day.slice(0, 4)}`,
    parse: parseCbrRates,
  },
};

/** Text stays text: a rate must not pass through a float. Entities are not expanded. */
const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', parseTagValue: false, parseAttributeValue: false, processEntities: false, removeNSPrefix: true });

/** `eurofxref-daily.xml`: `<Cube time='2026-10-30'><Cube currency='USD' rate='1.0867'/>…`; one euro is `rate` of the currency. */
export function parseEcbRates(body: Buffer): readonly ExchangeRate[] {
  const day = child(child(child(parseXml(body, 'utf-8', 'ecb'), 'Envelope'), 'Cube'), 'Cube');
  const date = field(day, 'time');
  return rowsOf('ecb', list(day, 'Cube').map((cube) => ({ from: 'EUR', to: field(cube, 'currency'), rate: field(cube, 'rate'), date })));
}

/**
 * `XML_daily.asp`, in windows-1251: `<ValCurs Date="30.10.2026"><Valute><CharCode>JPY</CharCode><Nominal>100</Nominal>
 * <Value>61,5623</Value>…`; `Nominal` of the currency are `Value` rubles, with a decimal comma.
 */
export function parseCbrRates(body: Buffer): readonly ExchangeRate[] {
  const root = child(parseXml(body, 'windows-1251', 'cbr'), 'ValCurs');
  const date = /^(\d\d)\.(\d\d)\.(\d{4})$/.exec(field(root, 'Date'));
  const day = date === null ? '' : `${date[3]}-${date[2]}-${date[1]}`;
  return rowsOf('cbr', list(root, 'Valute').map((valute) => ({ from: field(valute, 'CharCode'), to: 'RUB', rate: perUnit(valute), date: day })));
}

/** Rubles for one unit, to twelve places. */
function perUnit(valute: unknown): string {
  const value = field(valute, 'Value').replace(',', '.');
  const nominal = field(valute, 'Nominal');
  if (!/^\d{1,12}(\.\d{1,6})?$/.test(value) || !/^[1-9]\d{0,6}$/.test(nominal)) return '';
  return formatDecimal(divideHalfEven(parseDecimal(value, 12), BigInt(nominal)), 12);
}

/** Rows of currencies that this Node does not know are passed over; any other mistake means that the whole is not to be trusted. */
function rowsOf(source: FeedName, stated: readonly { from: string; to: string; rate: string; date: string }[]): readonly ExchangeRate[] {
  const rows: ExchangeRate[] = [];
  for (const each of stated) {
    const parsed = statedRateSchema.safeParse(each);
    if (parsed.success) rows.push(toExchangeRate(parsed.data, source));
    else if (parsed.error.issues.some(({ path }) => path[0] !== 'from' && path[0] !== 'to')) throw unreadable(source);
  }
  if (rows.length === 0) throw unreadable(source);
  return rows;
}

function parseXml(body: Buffer, encoding: string, source: FeedName): unknown {
  try {
    return parser.parse(new TextDecoder(encoding, { fatal: true }).decode(body), true);
  } catch (thrown) {
    throw unreadable(source, thrown);
  }
}

function child(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? (node as Readonly<Record<string, unknown>>)[name] : undefined;
}

function list(node: unknown, name: string): readonly unknown[] {
  const found = child(node, name);
  return Array.isArray(found) ? found : found === undefined ? [] : [found];
}

function field(node: unknown, name: string): string {
  const found = child(node, name);
  return typeof found === 'string' ? found.trim() : '';
}

function unreadable(source: FeedName, cause?: unknown): Fault {
  return new Fault('upstream_invalid_reply', { upstream: source, message: `the exchange rates of ${source} are not in the form that it documents`, cause });
}
