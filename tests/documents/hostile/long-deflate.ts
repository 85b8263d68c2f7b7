import { constants, deflateRawSync } from 'node:zlib';

/** Ends a deflate stream: an empty block, marked as the last. */
const lastBlock = Buffer.from([0x03, 0x00]);

/**
 * The raw deflate stream of `head`, `times` times `piece`, and `tail`, without ever holding what it unfolds to: the compressed
 * piece ends on a byte and refers to nothing before it, and so can be repeated.
 */
export function longDeflate(head: string, piece: string | Buffer, times: number, tail: string): Buffer {
  const compressed = deflatePiece(piece);
  return Buffer.concat([deflatePiece(head), ...Array.from({ length: times }, () => compressed), deflatePiece(tail), lastBlock]);
}

function deflatePiece(piece: string | Buffer): Buffer {
  return deflateRawSync(piece, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
}

/** The same with the header of zlib, as PDF wants it; its checksum is wrong, which readers of PDF forgive. */
export function longZlib(head: string, piece: string | Buffer, times: number, tail: string): Buffer {
  return Buffer.concat([Buffer.from([0x78, 0x9c]), longDeflate(head, piece, times, tail), Buffer.alloc(4)]);
}
