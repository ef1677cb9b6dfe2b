import type { Socket } from "node:net";

/**
 * Reading from a socket put off for a moment. `socket.pause()` would not do: a paused stream goes on reading until its
 * own buffer is full, message by message, and what is to be saved is the reading. So the socket's handle is asked, as
 * the stream does when its buffer is full. A handle that can't be asked is read from as ever.
 */

/** What Node's stream handles have, of TCP and TLS alike. */
interface Handle {
  reading: boolean;
  readStart(): unknown;
  readStop(): unknown;
}

/** Stops reading. False: it is not being read from anyway, or can't be stopped. */
export function stopReading(socket: Socket): boolean {
  const handle = handleOf(socket);
  if (handle?.reading !== true) return false;
  handle.reading = false;
  handle.readStop();
  return true;
}

/** Reads on after {@link stopReading}. Harmless when the socket has closed, or is read from already. */
export function startReading(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === null || handle.reading) return;
  handle.reading = true;
  handle.readStart();
}

function handleOf(socket: Socket): Handle | null {
  const handle: unknown = Reflect.get(socket, "_handle");
  return isHandle(handle) ? handle : null;
}

function isHandle(handle: unknown): handle is Handle {
  return (
    typeof handle === "object" &&
    handle !== null &&
    typeof Reflect.get(handle, "reading") === "boolean" &&
    typeof Reflect.get(handle, "readStart") === "function" &&
    typeof Reflect.get(handle, "readStop") === "function"
  );
}
