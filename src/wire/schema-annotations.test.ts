import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import { withoutAnnotations } from './schema-annotations.ts';

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('withoutAnnotations', () => {
  it('hands a schema without any back as it is', () => {
    const schema: JsonObject = { $id: 'r', type: 'object', title: 't', properties: { a: { type: 'string', description: 'd', default: 'x', pattern: '^a' } }, required: ['a'] };
    expect(withoutAnnotations(schema).schema).toBe(schema);
    expect(withoutAnnotations(schema).dropped).toEqual([]);
  });

  it('drops what only annotates, wherever a schema may stand', () => {
    const { schema, dropped } = withoutAnnotations({
      $schema: 's', $id: 'r', type: 'object', $comment: 'c',
      properties: { a: { $id: 'x', type: 'string', format: 'uri' }, list: { type: 'array', items: [{ type: 'string', examples: ['x'] }, { type: 'string', readOnly: true }] } },
      additionalProperties: { type: 'string', contentEncoding: 'base64' },
      anyOf: [{ type: 'string', deprecated: true }], $defs: { d: { type: 'string', writeOnly: true } },
    });
    expect(plain(schema)).toEqual({
      $id: 'r', type: 'object',
      properties: { a: { type: 'string' }, list: { type: 'array', items: [{ type: 'string' }, { type: 'string' }] } },
      additionalProperties: { type: 'string' }, anyOf: [{ type: 'string' }], $defs: { d: { type: 'string' } },
    });
    expect(dropped).toEqual(['$id', 'format', 'examples', 'readOnly', 'contentEncoding', 'deprecated', 'writeOnly']);
  });

  it('never takes names of properties, nor values, for keywords', () => {
    const schema: JsonObject = {
      type: 'object', required: ['format', '$comment'],
      properties: { format: { type: 'string' }, $comment: { type: 'string' }, examples: { type: 'object', properties: { properties: { type: 'string', enum: ['format'] } } } },
      $defs: { format: { type: 'string' } }, default: { format: 'a', $schema: 'b' }, enum: [{ format: 1 }], const: { $comment: 1 },
    };
    expect(withoutAnnotations(schema).schema).toBe(schema);
    const mixed = withoutAnnotations({ ...schema, $schema: 's', deprecated: true });
    expect(plain(mixed.schema)).toEqual(schema);
    expect(mixed.dropped).toEqual(['deprecated']);
  });

  it('keeps a property called __proto__ a property, and bears with what is no schema', () => {
    const odd = JSON.parse('{"$schema":1,"properties":{"__proto__":{"type":"string","format":"x"},"b":true},"items":5,"anyOf":null}') as JsonObject;
    expect(JSON.stringify(withoutAnnotations(odd).schema)).toBe('{"properties":{"__proto__":{"type":"string"},"b":true},"items":5,"anyOf":null}');
  });
});
