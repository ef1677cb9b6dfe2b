import type { Socket } from "node:net";

/**
 * How far the operating system has come with what was written to a socket. `socket.writableLength` falls only when a
 * write is done as a whole, so a reader that takes one byte a second out of a large write would look like one that
 * takes nothing. Node's own time-out logic has the same need and reads `writeQueueSize` of the socket's handle, which
 * falls with every part that is taken; so does this. Where that number is missing, whole writes are counted. Of TLS,
 * the encrypted bytes. Falls when the socket has closed: what it was before counts then.
 */
export function bytesTaken(socket: Socket): number {
  const handle = innermost(socket);
  const given = numberOf(handle, "bytesWritten");
  const queued = numberOf(handle, "writeQueueSize");
  if (given !== null && queued !== null) return given - queued;
  return socket.bytesWritten - socket.writableLength;
}

/** The handle that talks to the kernel: that of a TLS socket wraps the one of the TCP connection. */
function innermost(socket: Socket): unknown {
  const handle = fieldOf(socket, "_handle");
  return fieldOf(handle, "_parent") ?? handle;
}

function numberOf(value: unknown, field: string): number | null {
  const number = fieldOf(value, field);
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}
