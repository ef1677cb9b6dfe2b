import { crc32 } from "node:zlib";
import { damaged } from "./store-error.ts";

/** Values are written side by side into chunks of this size: one allocation for some hundred of them. */
const CHUNK_BYTES = 65_536;
/** The largest number of six bytes. */
export const SIX_MAX: number = 2 ** 48 - 1;
/** Bytes of the checksum at the end of every value. */
const CHECKSUM_BYTES = 4;
/** The CRC-32 of anything that ends with its own, lowest byte first: the complement of 0xdebb20e3 (RFC 1662, appendix C). */
const GOOD = 0x2144df1c;

/**
 * Writes values, each with its checksum. A value stays as it is once written: the store hands its memory to the
 * thread that commits.
 */
export class ByteWriter {
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #start = 0;
  #at = 0;

  /** Begins a value of at most `bound` bytes. */
  begin(bound: number): void {
    const wanted = bound + CHECKSUM_BYTES;
    if (this.#chunk.length - this.#at < wanted) {
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, wanted));
      this.#at = 0;
    }
    this.#start = this.#at;
  }

  /** Ends the value and returns it. */
  end(): Uint8Array {
    this.#at = this.#chunk.writeUInt32LE(crc32(this.#chunk.subarray(this.#start, this.#at)), this.#at);
    return this.#chunk.subarray(this.#start, this.#at);
  }

  one(value: number): void {
    this.#chunk[this.#at++] = value;
  }

  two(value: number): void {
    this.#at = this.#chunk.writeUInt16BE(value, this.#at);
  }

  four(value: number): void {
    this.#at = this.#chunk.writeUInt32BE(value, this.#at);
  }

  six(value: number): void {
    this.#at = this.#chunk.writeUIntBE(value, this.#at, 6);
  }

  /** Text of at most 255 bytes, behind its length. */
  short(text: string): void {
    const length = this.#chunk.write(text, this.#at + 1);
    if (length > 0xff) throw new RangeError(`Expected at most 255 bytes of text, got ${length}.`);
    this.#chunk[this.#at] = length;
    this.#at += length + 1;
  }

  /** Text of at most 65,535 bytes, behind its length. */
  long(text: string): void {
    const length = this.#chunk.write(text, this.#at + 2);
    if (length > 0xffff) throw new RangeError(`Expected at most 65,535 bytes of text, got ${length}.`);
    this.#chunk.writeUInt16BE(length, this.#at);
    this.#at += length + 2;
  }

  /** Text or bytes up to the value's end. */
  rest(data: string | Uint8Array): void {
    if (typeof data === "string") this.#at += this.#chunk.write(data, this.#at);
    else {
      this.#chunk.set(data, this.#at);
      this.#at += data.byteLength;
    }
  }
}

/** Reads a value that {@link ByteWriter} wrote. Throws a `StoreError` when it is not what was written. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at = 0;

  constructor(value: Uint8Array) {
    this.#bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#end = value.byteLength - CHECKSUM_BYTES;
    if (crc32(value) !== GOOD) throw damaged("a value does not have the checksum that it was written with");
  }

  one(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  two(): number {
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  four(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  six(): number {
    this.#at += 6;
    return this.#bytes.readUIntBE(this.#at - 6, 6);
  }

  short(): string {
    return this.#text(this.one());
  }

  long(): string {
    return this.#text(this.two());
  }

  /** Passes over what {@link ByteReader.short} would read. */
  skipShort(): void {
    const length = this.one();
    this.#at += length;
  }

  /** Passes over what {@link ByteReader.long} would read. */
  skipLong(): void {
    const length = this.two();
    this.#at += length;
  }

  /** Text up to the value's end. */
  restText(): string {
    return this.#text(this.#end - this.#at);
  }

  /** Bytes up to the value's end; they share the value's memory. */
  restBytes(): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    const bytes = new Uint8Array(buffer, byteOffset + this.#at, this.#end - this.#at);
    this.#at = this.#end;
    return bytes;
  }

  /** True while something is left. */
  get hasMore(): boolean {
    return this.#at < this.#end;
  }

  #text(length: number): string {
    this.#at += length;
    return this.#bytes.toString("utf8", this.#at - length, this.#at);
  }
}

/** Most bytes that a text of this many UTF-16 units takes. */
export function textBound(text: string): number {
  return text.length * 3;
}
