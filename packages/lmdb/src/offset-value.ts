import { damaged } from "./store-error.ts";

/** An offset as a value of its own: six bytes. */
export const OffsetValue = {
  encode(offset: number): Uint8Array {
    const value = Buffer.allocUnsafe(6);
    value.writeUIntBE(offset, 0, 6);
    return value;
  },
  decode(value: Uint8Array): number {
    if (value.byteLength !== 6) throw damaged("an offset does not have six bytes");
    return Buffer.from(value.buffer, value.byteOffset, 6).readUIntBE(0, 6);
  },
};
