// test/property/zz-prof.ts
import fc2 from "fast-check";

// test/property/scenario.ts
import fc from "fast-check";

// packages/protocol/src/channel-name.ts
var CHANNEL_NAME_MAX = 200;
var KEY_MAX = 128;
var PUBLICATION_ID_MAX = 64;
var POSITION_MAX = 96;
var BUILT_IN_PREFIX = "@";
var NAME = /^@?[A-Za-z0-9_.~=+-]+(?::[A-Za-z0-9_.~=+-]+)*$/;
var SEGMENT = /^[A-Za-z0-9_.~=+-]+$/;
var PRINTABLE = /^[\x21-\x7e]+$/;
function isChannelName(name) {
  return typeof name === "string" && name.length <= CHANNEL_NAME_MAX && NAME.test(name);
}
function isSegment(value) {
  return value.length <= CHANNEL_NAME_MAX && SEGMENT.test(value);
}
function isKey(key) {
  return typeof key === "string" && key.length <= KEY_MAX && PRINTABLE.test(key);
}
function isPublicationId(id) {
  return typeof id === "string" && id.length <= PUBLICATION_ID_MAX && PRINTABLE.test(id);
}
function isPosition(position) {
  return typeof position === "string" && position.length <= POSITION_MAX && PRINTABLE.test(position);
}
function presenceChannel(channel) {
  return `${BUILT_IN_PREFIX}presence:${channel}`;
}
function presenceParent(name) {
  return name.startsWith("@presence:") ? name.slice("@presence:".length) : null;
}

// packages/protocol/src/codec.ts
var EMPTY = new Uint8Array(0);
function decodeText(text, messagesMax) {
  const messages = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    if (end > start) {
      if (messages.length === messagesMax) throw new Error(`Expected at most ${messagesMax} messages in a frame.`);
      messages.push({ head: JSON.parse(text.slice(start, end)), body: EMPTY });
    }
    start = end + 1;
  }
  return messages;
}
function decodeBinary(frame3, messagesMax) {
  const messages = [];
  const view = new DataView(frame3.buffer, frame3.byteOffset, frame3.byteLength);
  const decoder2 = new TextDecoder("utf-8", { fatal: true });
  for (let offset = 0; offset < frame3.byteLength; ) {
    if (messages.length === messagesMax) throw new Error(`Expected at most ${messagesMax} messages in a frame.`);
    const head = segment(frame3, view, offset);
    const body = segment(frame3, view, offset + 4 + head.byteLength);
    messages.push({ head: JSON.parse(decoder2.decode(head)), body });
    offset += 8 + head.byteLength + body.byteLength;
  }
  return messages;
}
function segment(frame3, view, offset) {
  const length = offset + 4 <= frame3.byteLength ? view.getUint32(offset) : -1;
  if (length < 0 || offset + 4 + length > frame3.byteLength) {
    throw new Error(`Expected a length and that many bytes at byte ${offset}, got the end of the frame.`);
  }
  return frame3.subarray(offset + 4, offset + 4 + length);
}
function encodeRecord(head, bodies) {
  const encoded = new TextEncoder().encode(head);
  const bodyLength = bodies.reduce((sum2, body) => sum2 + body.byteLength, 0);
  const record = new Uint8Array(8 + encoded.byteLength + bodyLength);
  const view = new DataView(record.buffer);
  view.setUint32(0, encoded.byteLength);
  record.set(encoded, 4);
  view.setUint32(4 + encoded.byteLength, bodyLength);
  let offset = 8 + encoded.byteLength;
  for (const body of bodies) {
    record.set(body, offset);
    offset += body.byteLength;
  }
  return record;
}

// packages/protocol/src/codes.ts
var RETRYABLE_CODES = [
  "limit_exceeded",
  "out_of_order",
  "overloaded",
  "unavailable",
  "timeout"
];
var CLOSE_CODES = {
  draining: { code: 4e3, text: "The node is leaving; reconnect elsewhere." },
  slow: { code: 4001, text: "The reader made no progress for too long." },
  heartbeat_missed: { code: 4002, text: "Nothing was heard from the other end for too long." },
  overloaded: { code: 4003, text: "The node has no room for the connection now." },
  replaced: { code: 4004, text: "The instance came back on another connection." },
  failed: { code: 4005, text: "The node failed while serving the connection." },
  ticket_refused: { code: 4100, text: "The ticket was refused; take a new one." },
  resume_refused: { code: 4101, text: "The resume credential was refused; take a ticket." },
  session_expired: { code: 4102, text: "The session's lifetime ended without a refresh." },
  connect_timeout: { code: 4103, text: "No connect command came in time." },
  revoked: { code: 4500, text: "The user's access was revoked." },
  disconnected: { code: 4501, text: "The application disconnected the user." },
  protocol_error: { code: 4502, text: "The peer broke the protocol." },
  too_large: { code: 4503, text: "A message was over its limit." },
  too_many_errors: { code: 4504, text: "Too many commands failed in a given time." },
  contract_mismatch: { code: 4505, text: "The client was built with a contract that this server can't serve." }
};

// packages/protocol/src/definition-error.ts
var DefinitionError = class extends Error {
  name = "DefinitionError";
  /** Always the same; `instanceof` fails where two copies of the package are installed, this does not. */
  code = "invalid_definition";
};

// packages/protocol/src/describe.ts
var QUOTED_MAX = 60;
function describe(value) {
  if (typeof value === "string") {
    const quoted = JSON.stringify(value.slice(0, QUOTED_MAX));
    return value.length > QUOTED_MAX ? `${quoted}\u2026 (${value.length} characters)` : quoted;
  }
  if (typeof value === "symbol") return "a symbol";
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value).slice(0, QUOTED_MAX);
}

// packages/protocol/src/duration.ts
var DURATION_MAX_MS = 36500 * 864e5;
var UNITS_MS = /* @__PURE__ */ new Map([
  ["ms", 1],
  ["s", 1e3],
  ["m", 6e4],
  ["h", 36e5],
  ["d", 864e5]
]);
var TEXT = /^(\d{1,15}(?:\.\d{1,15})?)(ms|s|m|h|d)$/;
function parseDuration(duration, name) {
  const ms = milliseconds(duration);
  if (ms === null || !(ms >= 0 && ms <= DURATION_MAX_MS)) {
    throw new DefinitionError(
      `${name}: expected milliseconds, or a number with one of the units ms, s, m, h, d (like "1.5s"), from 0 to 100 years; got ${describe(duration)}.`
    );
  }
  return Math.round(ms);
}
function milliseconds(duration) {
  if (typeof duration === "number") return duration;
  const parts = typeof duration === "string" ? TEXT.exec(duration) : null;
  const unitMs = UNITS_MS.get(parts?.[2] ?? "");
  return unitMs === void 0 ? null : Number(parts?.[1]) * unitMs;
}

// packages/protocol/src/error.ts
var CarillonError = class _CarillonError extends Error {
  name = "CarillonError";
  code;
  retry;
  retryAfterMs;
  version;
  constructor(code, message, options = {}) {
    super(message, options.cause === void 0 ? void 0 : { cause: options.cause });
    this.code = code;
    this.retry = options.retry ?? RETRYABLE_CODES.includes(code);
    this.retryAfterMs = options.retryAfterMs;
    this.version = options.version;
  }
  /** The error that a reply carries. An unknown code is kept: the other end may be newer. */
  static fromWire(error) {
    return new _CarillonError(error.code, error.message, error);
  }
  /** The error as a reply carries it: without stack and cause, which are nobody else's business. */
  toWire() {
    return {
      code: this.code,
      message: this.message,
      retry: this.retry,
      ...this.retryAfterMs === void 0 ? {} : { retryAfterMs: this.retryAfterMs },
      ...this.version === void 0 ? {} : { version: this.version }
    };
  }
};

// packages/protocol/src/pattern.ts
function compilePatterns(patterns) {
  const groups = /* @__PURE__ */ new Map();
  for (const pattern of patterns) {
    const compiled = compile(pattern);
    const group = groups.get(groupOf(compiled.segments)) ?? [];
    groups.set(groupOf(compiled.segments), group);
    const other = group.find((earlier) => overlap(earlier, compiled));
    if (other) {
      throw new DefinitionError(
        `Expected patterns of which no two can match one name; ${describe(other.pattern)} and ${describe(pattern)} both match ${describe(commonName(other, compiled))}.`
      );
    }
    group.push(compiled);
  }
  return {
    match(name) {
      if (!isChannelName(name)) return null;
      const segments = name.split(":");
      const compiled = groups.get(groupOf(segments))?.find((candidate) => matches(candidate, segments));
      return compiled ? { pattern: compiled.pattern, params: paramsOf(compiled, segments) } : null;
    }
  };
}
var PARAMETER = /^\{([A-Za-z][A-Za-z0-9_]{0,63})\}$/;
function groupOf(segments) {
  return `${segments.length}:${segments[0]}`;
}
function compile(pattern) {
  const segments = pattern.split(":");
  const parameters = segments.map((text) => PARAMETER.exec(text)?.[1] ?? null);
  const names = parameters.filter((parameter) => parameter !== null);
  const problem = segments.some((text, place) => parameters[place] === null && !isSegment(text)) ? 'segments joined by ":", each a text of A-Z a-z 0-9 _ . ~ = + - or a {parameter} named with letters, digits and _' : parameters[0] !== null ? "a literal first segment (the namespace)" : new Set(names).size !== names.length ? "each parameter once" : isChannelName(segments.map((text, place) => parameters[place] === null ? text : "x").join(":")) ? null : `names of at most ${CHANNEL_NAME_MAX} characters`;
  if (problem !== null) throw new DefinitionError(`Pattern ${describe(pattern)}: expected ${problem}.`);
  return { pattern, segments, parameters };
}
function overlap(one, other) {
  return one.segments.every(
    (text, place) => text === other.segments[place] || one.parameters[place] !== null || other.parameters[place] !== null
  );
}
function commonName(one, other) {
  return one.segments.map(
    (text, place) => one.parameters[place] === null ? text : other.parameters[place] === null ? other.segments[place] : "x"
  ).join(":");
}
function matches(compiled, segments) {
  return compiled.segments.every((text, place) => compiled.parameters[place] !== null || text === segments[place]);
}
function paramsOf(compiled, segments) {
  const params = Object.fromEntries(
    compiled.parameters.flatMap((parameter, place) => parameter === null ? [] : [[parameter, segments[place] ?? ""]])
  );
  Object.setPrototypeOf(params, null);
  return Object.freeze(params);
}

// packages/protocol/src/schema.ts
function isSchema(value) {
  if (typeof value !== "object" && typeof value !== "function" || value === null || !("~standard" in value)) {
    return false;
  }
  const standard = value["~standard"];
  if (typeof standard !== "object" || standard === null) return false;
  return "version" in standard && standard.version === 1 && "validate" in standard && typeof standard.validate === "function";
}
var BYTES = Object.freeze({
  "~standard": Object.freeze({
    version: 1,
    vendor: "carillon",
    validate: (value) => value instanceof Uint8Array ? { value } : { issues: [{ message: "Expected bytes (a Uint8Array)" }] }
  })
});

// packages/protocol/src/contract.ts
var CALL_NAME_MAX = 128;
function log(options) {
  const { data, history: history2 = {}, presence, version = 1, upgrade = null, coalesce } = options;
  checkSchema(data, "log: data");
  if (presence !== void 0) checkSchema(presence, "log: presence");
  checkInteger(history2.size ?? 1e3, 0, "log: history.size");
  checkInteger(version, 1, "log: version");
  if (upgrade !== null && typeof upgrade !== "function") {
    throw new DefinitionError(`log: upgrade: expected a function, got ${describe(upgrade)}.`);
  }
  if (version > 1 && upgrade === null) {
    throw new DefinitionError(
      `log: expected upgrade(data, version) beside version ${version}, for what is stored already.`
    );
  }
  return Object.freeze({
    kind: "log",
    data,
    historySize: history2.size ?? 1e3,
    historyTtlMs: positiveDuration(history2.ttl ?? "1d", "log: history.ttl"),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Presence is undefined exactly when none was given.
    presence,
    version,
    upgrade,
    coalesceMs: coalesce === void 0 ? null : parseDuration(coalesce, "log: coalesce")
  });
}
function state(options) {
  const { value, ttl, owned = true, coalesce } = options;
  checkSchema(value, "state: value");
  if (typeof owned !== "boolean") {
    throw new DefinitionError(`state: owned: expected true or false, got ${describe(owned)}.`);
  }
  return Object.freeze({
    kind: "state",
    value,
    ttlMs: ttl === void 0 ? null : positiveDuration(ttl, "state: ttl"),
    owned,
    coalesceMs: coalesce === void 0 ? null : parseDuration(coalesce, "state: coalesce")
  });
}
function defineContract(definition) {
  const { version = 1, channels, calls } = definition;
  checkInteger(version, 1, "defineContract: version");
  for (const [pattern, spec] of entriesOf(channels, "defineContract: channels")) {
    if (isSpec(spec, "log") || isSpec(spec, "state")) continue;
    throw new DefinitionError(`Channel ${describe(pattern)}: expected log(\u2026) or state(\u2026), got ${describe(spec)}.`);
  }
  compilePatterns(Object.keys(channels));
  for (const [name, spec] of entriesOf(calls ?? {}, "defineContract: calls")) {
    if (name.length > CALL_NAME_MAX || !CALL_NAME.test(name)) {
      throw new DefinitionError(
        `Call ${describe(name)}: expected a name of words joined by ".", each a letter, then letters, digits, _ and -, ${CALL_NAME_MAX} characters at most.`
      );
    }
    if (isSpec(spec, "call")) continue;
    throw new DefinitionError(`Call ${describe(name)}: expected call(\u2026), got ${describe(spec)}.`);
  }
  return Object.freeze({ version, channels: table(channels), calls: table(calls ?? {}) });
}
var CALL_NAME = /^[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*$/;
function checkSchema(value, name) {
  if (isSchema(value)) return;
  throw new DefinitionError(
    `${name}: expected a schema (valibot, zod, arktype, \u2026: Standard Schema 1), got ${describe(value)}.`
  );
}
function checkInteger(value, least, name) {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return;
  throw new DefinitionError(`${name}: expected a whole number from ${least}, got ${describe(value)}.`);
}
function positiveDuration(duration, name) {
  const ms = parseDuration(duration, name);
  if (ms > 0) return ms;
  throw new DefinitionError(`${name}: expected a duration of at least 1 ms, got ${describe(duration)}.`);
}
function entriesOf(value, name) {
  if (typeof value === "object" && value !== null) return Object.entries(value);
  throw new DefinitionError(`${name}: expected an object, got ${describe(value)}.`);
}
function isSpec(value, kind) {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}
function table(source) {
  const copy = { ...source };
  Object.setPrototypeOf(copy, null);
  return Object.freeze(copy);
}

// packages/protocol/src/json.ts
var JSON_DEPTH_MAX = 64;
var JSON_VALUES_MAX = 1e6;
function jsonProblem(value) {
  try {
    const fault = findFault(value, 0, { left: JSON_VALUES_MAX });
    if (fault === null) return null;
    const place = fault.path === "" ? "" : ` at ${fault.path.replace(/^\./, "").slice(0, PATH_MAX)}`;
    return `Expected JSON${place}, got ${fault.got}.`;
  } catch {
    return "Expected JSON, got a value with a getter or proxy that throws.";
  }
}
var PATH_MAX = 200;
function findFault(value, depth, budget) {
  budget.left -= 1;
  if (budget.left < 0) return { path: "", got: `more than ${JSON_VALUES_MAX} values` };
  if (value === null || typeof value === "string" || typeof value === "boolean") return null;
  if (typeof value === "number") return Number.isFinite(value) ? null : { path: "", got: String(value) };
  if (typeof value === "bigint") return { path: "", got: "a bigint" };
  if (typeof value !== "object") return { path: "", got: describe(value) };
  if (depth === JSON_DEPTH_MAX) return { path: "", got: `more than ${JSON_DEPTH_MAX} levels, or a cycle` };
  return Array.isArray(value) ? faultInArray(value, depth, budget) : faultInObject(value, depth, budget);
}
function faultInArray(array, depth, budget) {
  for (let index2 = 0; index2 < array.length; index2 += 1) {
    const fault = findFault(array[index2], depth + 1, budget);
    if (fault) return within(`[${index2}]`, fault);
  }
  return null;
}
function faultInObject(object, depth, budget) {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return { path: "", got: instanceName(object) };
  for (const [key, value] of Object.entries(object)) {
    const fault = value === void 0 ? null : findFault(value, depth + 1, budget);
    if (fault) return within(/^[A-Za-z_$][\w$]{0,59}$/.test(key) ? `.${key}` : `[${describe(key)}]`, fault);
  }
  return null;
}
function within(step, fault) {
  return { path: step + fault.path, got: fault.got };
}
function instanceName(object) {
  const name = object.constructor?.name;
  return typeof name === "string" && /^\w{1,60}$/.test(name) ? `an instance of ${name}` : "an instance of a class";
}

// test/property/setting.ts
var ANYTHING = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
var CONTRACT = defineContract({
  channels: {
    "log:{id}": log({ data: ANYTHING, history: { size: 6, ttl: "20s" } }),
    "room:{id}": log({ data: ANYTHING, history: { size: 1e3, ttl: "1d" }, presence: ANYTHING }),
    "own:{id}": state({ value: ANYTHING, ttl: "8s" }),
    "held:{id}": state({ value: ANYTHING }),
    "board:{id}": state({ value: ANYTHING, owned: false, coalesce: "20ms" })
  }
});
var LOGS = ["log:a", "room:a"];
var PRESENCE = "@presence:room:a";
var STATES = ["own:a", "held:a", "board:a", PRESENCE];
var LIMITS = {
  outboxBytes: 1500,
  pageItems: 4,
  pageBytes: 600,
  stateEntries: 6,
  stateJournal: 8,
  idempotencyWindowMs: 15e3,
  stallTimeoutMs: 12e3
};
function limitsOf({ isTight }) {
  return isTight ? { ...LIMITS, idempotencyEntries: 12, commandsInFlight: 4 } : LIMITS;
}
var DRAIN_BYTES = 700;
var DELAY_MAX_MS = 4;
var REST_MS = 45;

// test/property/wire.ts
var NO_BYTES = new Uint8Array(0);
function decodeFrame(frame3) {
  if (frame3.type === "binary") return decodeRecords(frame3.payload);
  return frame3.payload.split("\n").map((line) => ({ ...JSON.parse(line), body: NO_BYTES }));
}
function encodeCommand(command) {
  const { bytes, ...rest } = command;
  if (!(bytes instanceof Uint8Array)) return JSON.stringify(command);
  const head = Buffer.from(JSON.stringify({ ...rest, bytes: bytes.byteLength }));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(head.length, 0);
  lengths.writeUInt32BE(bytes.byteLength, 4);
  return Buffer.concat([lengths.subarray(0, 4), head, lengths.subarray(4), bytes]);
}
function payloadFields(value) {
  if (value === null) return { erased: true };
  if (value.startsWith("b:")) return { bytes: Buffer.from(value.slice(2), "base64") };
  return { data: JSON.parse(value) };
}
function shownOf(items, body) {
  let offset = 0;
  return items.map((item) => {
    if ("removed" in item || item.erased === true) return null;
    if (item.bytes === void 0) return JSON.stringify(item.data);
    offset += item.bytes;
    return showBytes(body.subarray(offset - item.bytes, offset));
  });
}
function showBytes(bytes) {
  return `b:${Buffer.from(bytes).toString("base64")}`;
}
function decodeRecords(frame3) {
  const bytes = Buffer.from(frame3.buffer, frame3.byteOffset, frame3.byteLength);
  const messages = [];
  for (let offset = 0; offset < bytes.length; ) {
    const headEnd = offset + 4 + bytes.readUInt32BE(offset);
    const bodyEnd = headEnd + 4 + bytes.readUInt32BE(headEnd);
    const head = JSON.parse(bytes.toString("utf8", offset + 4, headEnd));
    messages.push({ ...head, body: bytes.subarray(headEnd + 4, bodyEnd) });
    offset = bodyEnd;
  }
  return messages;
}

// test/property/kinds.ts
var NUMBERS = 12;
var TIMES_MS = [10, 150, 600, 1500, 2500, 4990, 5010, 8500, 12e3, 16e3, 21e3, 31e3];
var PADDING = ["", "x".repeat(60), "x".repeat(250)];
var KEYS = [void 0, "k1", "k2", "k3"];
var USERS = ["ada", "bob"];
var logOf = (what) => LOGS[what % 4 === 3 ? 1 : 0];
var stateOf = (what) => STATES[what % 3] ?? STATES[0];
var channelOf = (what) => [...LOGS, ...STATES][what % 6] ?? LOGS[0];
var isOwned = (channel) => channel !== "board:a";
var userOf = (amount) => USERS[amount % 2] ?? USERS[0];
function payload(id, what) {
  const text = id + (PADDING[what % 3] ?? "");
  return what === 7 ? showBytes(Buffer.from(text)) : JSON.stringify(text);
}
var TRAFFIC = [
  {
    name: "publishes",
    weight: 20,
    run: (stage, client, what, amount) => {
      const expiresInMs = what === 11 ? 3e3 : 0;
      for (let count = 0; count <= amount; count++) {
        stage.publish(client, logOf(what), (id) => payload(id, what), expiresInMs);
      }
    }
  },
  {
    name: "the application publishes",
    weight: 3,
    run: (stage, _client, what) => stage.simulation.publish(logOf(what), stage.id("app"))
  },
  {
    name: "repeats",
    weight: 6,
    run: (_stage, { attempts }, _what, amount) => {
      const attempt = attempts.confirmed.at(-1 - amount);
      if (attempt !== void 0) attempts.repeat(attempt, attempt.value);
    }
  },
  {
    name: "reuses an id",
    weight: 2,
    run: ({ simulation }, { attempts }, _what, amount) => {
      const attempt = attempts.confirmed.at(-1 - amount);
      if (attempt !== void 0 && simulation.logs.rollBacks === 0) attempts.repeat(attempt, '"other"');
    }
  },
  {
    name: "amends",
    weight: 6,
    run: (stage, client, what, amount) => {
      const channel = logOf(what);
      const target = stage.recent(channel, amount);
      if (target === void 0) return;
      const id = stage.id(client.name);
      const value = what % 3 === 0 ? null : JSON.stringify(`amended by ${id}`);
      client.attempts.add({ channel, id, target, value, expiresInMs: 0 });
    }
  },
  { name: "reads history", weight: 2, run: (_stage, client, what, amount) => client.history(logOf(what), 1 + amount) },
  {
    name: "sets",
    weight: 8,
    run: (_stage, client, what, amount) => {
      const channel = stateOf(what);
      client.set({ channel, key: KEYS[amount % 4], value: JSON.stringify(`${client.name} ${what}`) }, isOwned(channel));
    }
  },
  {
    name: "compares and sets",
    weight: 3,
    run: ({ simulation }, client, what, amount) => {
      const channel = stateOf(what);
      const key = KEYS[1 + amount % 3];
      const expect = amount < 6 ? simulation.states.version(channel, key ?? "") : amount - 6;
      const value = JSON.stringify(`${client.name} ${what} ${amount}`);
      client.set({ channel, key, value }, isOwned(channel), expect);
    }
  },
  {
    name: "removes",
    weight: 3,
    run: (_stage, client, what, amount) => client.remove(stateOf(what), KEYS[amount % 4], amount > 8 ? amount : void 0)
  },
  {
    name: "enters or leaves the room",
    weight: 3,
    run: (_stage, client, what) => {
      if (what % 3 === 0) client.remove(PRESENCE, void 0);
      else client.set({ channel: PRESENCE, key: void 0, value: JSON.stringify(client.name) }, true);
    }
  }
];
var COMING_AND_GOING = [
  { name: "comes back", weight: 9, run: (_stage, client) => client.connect() },
  {
    name: "is cut",
    weight: 7,
    run: ({ simulation }, client, what, amount) => {
      if (amount % 3 === 1) simulation.serve();
      if (amount % 3 === 2) simulation.calm();
      client.cut(what % 3 !== 0);
    }
  },
  { name: "leaves", weight: 2, run: (_stage, client) => client.leave() },
  {
    name: "is thrown out",
    weight: 1,
    run: ({ simulation }, _client, _what, amount) => simulation.throwOut(userOf(amount))
  },
  {
    name: "subscribes",
    weight: 5,
    run: (_stage, { subscriptions }, what, amount) => {
      const channel = channelOf(what);
      subscriptions.subscribe(channel, LOGS.some((name) => name === channel) ? amount : 0);
    }
  },
  {
    name: "unsubscribes",
    weight: 3,
    run: (_stage, { subscriptions }, what, amount) => {
      subscriptions.unsubscribe(channelOf(what));
      if (amount < 4) subscriptions.forget(channelOf(what));
    }
  },
  {
    name: "is subscribed by the application",
    weight: 2,
    run: ({ simulation }, _client, what, amount) => simulation.subscribeUser("subscribe", userOf(amount), channelOf(what))
  },
  {
    name: "is unsubscribed by the application",
    weight: 1,
    run: ({ simulation }, _client, what, amount) => simulation.subscribeUser("unsubscribe", userOf(amount), channelOf(what))
  },
  {
    name: "stalls",
    weight: 9,
    run: (_stage, client) => {
      client.isStalled = client.isConnected;
    }
  },
  {
    name: "wakes",
    weight: 4,
    run: (_stage, client) => {
      client.isStalled = false;
    }
  }
];
var THE_WORLD = [
  { name: "calm", weight: 12, run: ({ simulation }) => simulation.calm() },
  { name: "the node serves", weight: 7, run: ({ simulation }) => void simulation.serve() },
  { name: "all read", weight: 5, run: ({ simulation }) => void simulation.read() },
  {
    name: "time passes",
    weight: 8,
    run: ({ simulation }, _client, _what, amount) => simulation.advance(TIMES_MS[amount] ?? 0)
  },
  {
    name: "a channel is removed",
    weight: 1,
    run: ({ simulation }, _client, what) => simulation.removeChannel(channelOf(what))
  },
  {
    name: "the logs are rolled back",
    weight: 3,
    run: ({ simulation }, _client, what, amount) => simulation.rollBack(1 + amount % 8, what % 4 !== 0)
  }
];
var DRAWS = [...THE_WORLD, ...TRAFFIC, ...COMING_AND_GOING].flatMap(
  (kind) => Array.from({ length: kind.weight }, () => kind)
);

// test/property/stage.ts
var RECENT_MAX = 12;
var Stage = class {
  simulation;
  #recent = /* @__PURE__ */ new Map();
  #count = 0;
  constructor(simulation) {
    this.simulation = simulation;
  }
  /** A fresh id, which tells when it was made. */
  id(name) {
    return `${name}-${++this.#count}`;
  }
  /** Publishes what is shown of a fresh id. */
  publish(client, channel, show2, expiresInMs) {
    const id = this.id(client.name);
    client.attempts.add({ channel, id, target: null, value: show2(id), expiresInMs });
    const recent = [...this.#recent.get(channel) ?? [], id];
    this.#recent.set(channel, recent.slice(-RECENT_MAX));
  }
  /** The id of a publication that was made some time ago. */
  recent(channel, back) {
    return this.#recent.get(channel)?.at(-1 - back);
  }
};

// test/property/scenario.ts
var STEPS_MAX = 90;
var CLIENTS = 3;
function scenarios() {
  const setting = fc.record({
    seed: fc.nat(65535),
    isStoreLate: fc.boolean(),
    isRuleLate: fc.boolean(),
    bufferBytes: fc.constantFrom(1e3, 300),
    isTight: fc.nat(7).map((draw) => draw === 7)
  });
  const step = fc.tuple(fc.nat(DRAWS.length - 1), fc.nat(CLIENTS - 1), fc.nat(NUMBERS - 1), fc.nat(NUMBERS - 1));
  return fc.record({ setting, steps: fc.array(step, { minLength: 1, maxLength: STEPS_MAX, size: "max" }) });
}
function play(simulation, { steps }) {
  const stage = new Stage(simulation);
  for (const client of simulation.clients) {
    client.subscriptions.subscribe("log:a", 0);
    client.subscriptions.subscribe("held:a", 0);
    client.connect();
  }
  simulation.calm();
  for (const [kind, who, what, amount] of steps) {
    const client = simulation.clients[who];
    if (client !== void 0) DRAWS[kind]?.run(stage, client, what, amount);
  }
  simulation.finish();
  simulation.end();
}

// packages/server/src/backplane/failures.ts
var OUT_OF_ORDER = {
  ok: false,
  code: "out_of_order",
  message: "An earlier publish to the channel failed; send that one again first."
};
function reused(id) {
  return {
    ok: false,
    code: "id_reused",
    message: `Expected the data first published as "${id.slice(0, 64)}", got other data. Use a new id.`
  };
}
function epochChanged() {
  const message = "Expected a repetition within the idempotency window and epoch of its first attempt, it came later.";
  return { ok: false, code: "epoch_changed", message };
}
function tooManyIds() {
  return {
    ok: false,
    code: "overloaded",
    message: "Too many publication ids are remembered; publish again later."
  };
}
function unknownPublication(target) {
  const message = `Expected the id of a retained publication, "${target.slice(0, 64)}" is not one.`;
  return { ok: false, code: "unknown_publication", message };
}
function notYourPublication() {
  return {
    ok: false,
    code: "not_owner",
    message: "Expected a publication of your own, this one is another user's."
  };
}
function wrongKind(channel, expected) {
  return {
    ok: false,
    code: "wrong_kind",
    message: `Expected a ${expected} channel, "${channel}" is of the other kind.`
  };
}
function tooManyCredentials(max) {
  return {
    ok: false,
    code: "overloaded",
    message: `The store holds all of its ${max} credentials; try again later.`
  };
}
var BatchOrder = class {
  #failed = /* @__PURE__ */ new Set();
  /** The result of the request: `out_of_order`, or what `append` comes to. */
  run(request, append) {
    const key = `${request.channel}
${request.idempotency?.scope ?? ""}`;
    const result = this.#failed.size > 0 && this.#failed.has(key) ? OUT_OF_ORDER : append(request);
    if (result !== null && !result.ok && RETRYABLE_CODES.includes(result.code)) this.#failed.add(key);
    return result;
  }
};

// packages/server/src/backplane/position.ts
var FORM = /^([A-Za-z0-9_-]{11,22})\.([0-9a-z]{1,11})\.([A-Za-z0-9_-]{1,11})$/;
var FIRST_TAG = "0";
function firstPlace(epoch) {
  return { epoch, offset: 0, tag: FIRST_TAG };
}
function nextPlace(place, id, at, hash2) {
  const offset = place.offset + 1;
  return { epoch: place.epoch, offset, tag: hash2(`${place.tag} ${offset} ${at} ${id}`) };
}
function formatPlace(place) {
  return `${place.epoch}.${place.offset.toString(36)}.${place.tag}`;
}
function parsePlace(position) {
  const match = FORM.exec(position);
  if (match === null) return null;
  const [, epoch = "", digits = "", tag = ""] = match;
  const offset = Number.parseInt(digits, 36);
  return Number.isSafeInteger(offset) ? { epoch, offset, tag } : null;
}

// packages/server/src/backplane/ring.ts
var Ring = class {
  #items = [];
  #start = 0;
  /** How many items it holds. */
  get length() {
    return this.#items.length - this.#start;
  }
  /** The oldest item. */
  get first() {
    return this.#items[this.#start];
  }
  /** The item at an index from the oldest. Throws a `RangeError` beyond the ends: a broken invariant of the caller. */
  at(index2) {
    if (index2 < 0 || index2 >= this.length)
      throw new RangeError(`Expected an index below ${this.length}, got ${index2}.`);
    return this.#items[this.#start + index2];
  }
  /** Adds an item at the end. */
  push(item) {
    this.#items.push(item);
  }
  /** Takes the oldest item away. Space is given back once more than half of the array is empty. */
  shift() {
    if (this.length === 0) return void 0;
    const item = this.#items[this.#start];
    this.#items[this.#start] = void 0;
    this.#start++;
    if (this.#start > 32 && this.#start * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }
};

// packages/server/src/backplane/log.ts
var Log = class {
  #top;
  #ring = new Ring();
  #targets = /* @__PURE__ */ new Map();
  #ports;
  #faults;
  constructor(ports, faults) {
    this.#ports = ports;
    this.#faults = faults;
    this.#top = firstPlace(ports.id());
  }
  /** The position after the newest item. */
  get top() {
    return formatPlace(this.#top);
  }
  /** How many items are retained. */
  get size() {
    return this.#ring.length;
  }
  /** What stands for a publication while it, or an amendment of it, is retained. */
  target(id) {
    return this.#targets.get(id);
  }
  /** Appends and returns the position after it. An amendment replaces the payload of every retained copy first. */
  append(record, options) {
    const id = record.kind === "amend" ? record.amend : record.id;
    if (record.kind === "amend") this.#replace(id, record.data);
    const before = this.#top.tag;
    this.#top = nextPlace(this.#top, record.id, record.at, this.#ports.hash);
    this.#ring.push({ record, place: this.#top, before });
    const target = this.#targets.get(id);
    if (target !== void 0) target.offsets.push(this.#top.offset);
    else {
      const { publisher, expires } = record;
      this.#targets.set(id, { publisher, expires, offsets: [this.#top.offset] });
    }
    this.trim(options);
    return this.top;
  }
  /** Lets go of what is over the size or the age. */
  trim(options) {
    const oldest = this.#ports.wallMs() - options.historyTtlMs;
    for (let first = this.#ring.first; first !== void 0; first = this.#ring.first) {
      if (this.#ring.length <= options.historySize && first.record.at >= oldest) return;
      this.#ring.shift();
      this.#forget(first);
    }
  }
  /** The page after a position; after a gap, the page after the oldest place that is left. */
  read(after, options, bounds) {
    this.trim(options);
    const place = parsePlace(after);
    const gap = place === null ? "unreadable" : this.#verify(place);
    const start = place === null || gap !== null ? this.#oldest() : place;
    const records = [];
    let pos = start;
    let bytes = 0;
    for (let index2 = start.offset - this.#oldest().offset; index2 < this.#ring.length; index2++) {
      const entry = this.#ring.at(index2);
      bytes += payloadSize(entry.record.data);
      if (records.length === bounds.items || bytes > bounds.bytes && records.length > 0) break;
      records.push(this.#asOfNow(entry.record));
      pos = entry.place;
    }
    const atTop = pos.offset === this.#top.offset;
    return { prev: formatPlace(start), pos: formatPlace(pos), records, atTop, gap };
  }
  /** Publications before a position, newest page first; from the top when the position is null or no longer good. */
  history(before, options, limit) {
    this.trim(options);
    const place = before === null ? this.#top : parsePlace(before);
    const end = place !== null && this.#verify(place) === null ? place : this.#oldest();
    const oldest = this.#oldest();
    const records = [];
    let offset = end.offset;
    while (offset > oldest.offset && records.length < limit) {
      const { record } = this.#ring.at(offset - oldest.offset - 1);
      if (record.kind === "publication") records.push(this.#asOfNow(record));
      offset--;
    }
    const prev = offset === oldest.offset ? oldest : this.#ring.at(offset - oldest.offset - 1).place;
    return { prev: formatPlace(prev), pos: formatPlace(end), records: records.reverse(), more: offset > oldest.offset };
  }
  /**
   * What is wrong with a position, null if nothing: it is good if its successor is retained and links to it, or if it
   * is the top itself (P5).
   */
  #verify(place) {
    if (place.epoch !== this.#top.epoch) return "epoch";
    if (place.offset > this.#top.offset) return "rollback";
    const index2 = place.offset - this.#oldest().offset;
    if (index2 < 0) return "trimmed";
    const tag = index2 < this.#ring.length ? this.#ring.at(index2).before : this.#top.tag;
    return tag === place.tag || this.#faults.has("no-tag-check") ? null : "rollback";
  }
  /** The place before the first retained entry. */
  #oldest() {
    const first = this.#ring.first;
    if (first === void 0) return this.#top;
    return { epoch: this.#top.epoch, offset: first.place.offset - 1, tag: first.before };
  }
  #replace(id, data) {
    const base = this.#oldest().offset + 1;
    for (const offset of this.#targets.get(id)?.offsets ?? []) {
      const entry = this.#ring.at(offset - base);
      entry.record = { ...entry.record, data };
    }
  }
  #forget(entry) {
    const id = entry.record.kind === "amend" ? entry.record.amend : entry.record.id;
    const offsets = this.#targets.get(id)?.offsets;
    offsets?.shift();
    if (offsets?.length === 0) this.#targets.delete(id);
  }
  /** The record with an expired payload blanked. */
  #asOfNow(record) {
    const isExpired = record.expires !== 0 && record.expires <= this.#ports.wallMs();
    return isExpired ? { ...record, data: null } : record;
  }
};
function payloadSize(data) {
  if (data === null) return 0;
  return typeof data === "string" ? data.length : data.byteLength;
}

// packages/server/src/backplane/publication-ids.ts
var PublicationIds = class {
  /** Identity of this memory. A client that attempted a publish under another must not send it again. */
  epoch;
  #remembered = /* @__PURE__ */ new Map();
  #ports;
  #faults;
  #windowMs;
  #entriesMax;
  constructor(ports, faults, bounds) {
    this.#ports = ports;
    this.#faults = faults;
    this.#windowMs = bounds.windowMs;
    this.#entriesMax = bounds.entries;
    this.epoch = ports.id();
  }
  /** How many ids are remembered. */
  get size() {
    return this.#remembered.size;
  }
  /** The answer to an attempt that must not be appended: the first result, or a refusal. Null: append it. */
  check(request, idempotency) {
    this.#expire();
    if (this.#faults.has("no-dedup")) return null;
    const known = this.#remembered.get(keyOf(request, idempotency));
    if (known !== void 0) {
      return known.fingerprint === idempotency.fingerprint ? { ...known.result, duplicate: true } : reused(request.id);
    }
    const { resend } = idempotency;
    const isLate = resend !== null && resend.at <= this.#ports.wallMs() - this.#windowMs;
    if (resend !== null && (resend.epoch !== this.epoch || isLate)) return epochChanged();
    if (this.#remembered.size >= this.#entriesMax) return tooManyIds();
    return null;
  }
  /** Remembers an accepted append. */
  remember(request, idempotency, result) {
    const until = this.#ports.monotonicMs() + this.#windowMs;
    this.#remembered.set(keyOf(request, idempotency), { fingerprint: idempotency.fingerprint, result, until });
  }
  /** Ids were inserted in order of time, so the oldest come first. */
  #expire() {
    const now = this.#ports.monotonicMs();
    for (const [key, { until }] of this.#remembered) {
      if (until > now) return;
      this.#remembered.delete(key);
    }
  }
};
function keyOf(request, idempotency) {
  return `${request.channel}
${idempotency.scope}
${request.id}`;
}

// packages/server/src/backplane/state-rules.ts
function refuseChange(change, held, entries, entriesMax) {
  const version = held?.version ?? 0;
  if (change.expect !== null && change.expect !== version) {
    return {
      ok: false,
      code: "conflict",
      version,
      message: `Expected version ${change.expect} of the entry, it has ${version}.`
    };
  }
  const owner = held?.owner?.instance ?? null;
  const asker = change.op === "remove" ? change.onlyBy : change.ownOnly ? change.owner?.instance ?? "" : null;
  if (asker !== null && held !== null && owner !== asker) {
    return {
      ok: false,
      code: "not_owner",
      message: "Expected an entry of your own, this one belongs to another instance."
    };
  }
  if (change.op === "set" && held === null && entries >= entriesMax) {
    return {
      ok: false,
      code: "too_large",
      message: `Expected at most ${entriesMax} entries in a state channel.`
    };
  }
  return null;
}
function isRefresh(change, held) {
  return change.owner !== null && held.owner?.instance === change.owner.instance && samePayload(change.data, held.data);
}
function samePayload(a, b) {
  if (a === null || b === null || typeof a === "string" || typeof b === "string") return a === b;
  return a.byteLength === b.byteLength && a.every((byte, index2) => byte === b[index2]);
}

// packages/server/src/backplane/state.ts
var State = class {
  #top;
  #entries = /* @__PURE__ */ new Map();
  /** Monotonic times at which entries end, the next one first: all entries of a channel live equally long. */
  #ends = /* @__PURE__ */ new Map();
  #journal = new Ring();
  /** Versions of the removals in the journal whose keys have not come back. */
  #tombstones = /* @__PURE__ */ new Map();
  #ports;
  #faults;
  #journalMax;
  #entriesMax;
  constructor(ports, faults, bounds) {
    this.#ports = ports;
    this.#faults = faults;
    this.#journalMax = bounds.journal;
    this.#entriesMax = bounds.entries;
    this.#top = firstPlace(ports.id());
  }
  /** The position after the newest change. */
  get top() {
    return formatPlace(this.#top);
  }
  /** How many entries it has. */
  get size() {
    return this.#entries.size;
  }
  /** Monotonic time at which the next entry ends; null: none does by itself. */
  get nextEndMs() {
    for (const endsAtMs of this.#ends.values()) return endsAtMs;
    return null;
  }
  /** Applies one change. `ttlMs` is the same for every change of a channel; 0: entries do not end by themselves. */
  apply(change, ttlMs) {
    const prev = this.top;
    if (change.op === "release") {
      const gone = [...this.#entries.values()].filter(
        (held2) => held2.record.owner?.instance === change.instance && held2.holder === change.holder
      );
      return this.#done(
        prev,
        gone.map((held2) => this.#end(held2.record.key))
      );
    }
    const held = this.#entries.get(change.key);
    const refusal = refuseChange(change, held?.record ?? null, this.#entries.size, this.#entriesMax);
    if (refusal !== null) return refusal;
    if (change.op === "remove") return this.#done(prev, held === void 0 ? [] : [this.#end(change.key)]);
    if (ttlMs !== 0) {
      this.#ends.delete(change.key);
      this.#ends.set(change.key, this.#ports.monotonicMs() + ttlMs);
    }
    if (held !== void 0 && isRefresh(change, held.record)) {
      held.holder = change.holder;
      return this.#done(prev, [], held.record.version);
    }
    return this.#done(prev, [this.#set(change)]);
  }
  /** Ends every entry whose time has come: an ordered, versioned removal like any other. */
  expire() {
    const prev = this.top;
    const now = this.#ports.monotonicMs();
    const removals = [];
    for (const [key, endsAtMs] of this.#ends) {
      if (endsAtMs > now) break;
      removals.push(this.#end(key));
    }
    return this.#done(prev, removals);
  }
  /** The latest value of each key that changed after a position, in order of version; a gap: take a snapshot. */
  read(after, bounds) {
    const start = parsePlace(after);
    const offset = start === null ? -1 : start.offset - (this.#top.offset - this.#journal.length);
    const isKnown = start !== null && this.#verify(start, offset);
    if (!isKnown) return { prev: this.top, pos: this.top, records: [], atTop: true, gap: "trimmed" };
    const records = [];
    let bytes = 0;
    let index2 = offset;
    for (; index2 < this.#journal.length; index2++) {
      const { record } = this.#journal.at(index2);
      if (!this.#isLatest(record)) continue;
      bytes += record.kind === "entry" ? payloadSize(record.data) : 0;
      if (records.length === bounds.items || bytes > bounds.bytes && records.length > 0) break;
      records.push(record);
    }
    const pos = index2 === this.#journal.length ? this.#top : this.#placeBefore(index2);
    return { prev: after, pos: formatPlace(pos), records, atTop: index2 === this.#journal.length, gap: null };
  }
  /** All entries, oldest version first. */
  snapshot() {
    return { pos: this.top, records: Array.from(this.#entries.values(), (held) => held.record) };
  }
  #set(change) {
    const at = this.#ports.wallMs();
    const before = this.#advance(change.key, at);
    const version = this.#top.offset;
    const record = { kind: "entry", key: change.key, version, at, data: change.data, owner: change.owner };
    this.#entries.delete(change.key);
    this.#tombstones.delete(change.key);
    this.#entries.set(change.key, { record, holder: change.holder });
    this.#remember({ record, before });
    return record;
  }
  #end(key) {
    const before = this.#advance(key, this.#ports.wallMs());
    const record = { kind: "removal", key, version: this.#top.offset };
    this.#entries.delete(key);
    this.#ends.delete(key);
    this.#tombstones.set(key, record.version);
    this.#remember({ record, before });
    return record;
  }
  #advance(key, at) {
    const before = this.#top.tag;
    this.#top = nextPlace(this.#top, key, at, this.#ports.hash);
    return before;
  }
  #remember(entry) {
    this.#journal.push(entry);
    if (this.#journal.length <= this.#journalMax) return;
    const oldest = this.#journal.shift()?.record;
    if (oldest !== void 0 && this.#tombstones.get(oldest.key) === oldest.version)
      this.#tombstones.delete(oldest.key);
  }
  #done(prev, records, version = this.#top.offset) {
    return { ok: true, prev, pos: this.top, version, records };
  }
  #verify(place, index2) {
    if (place.epoch !== this.#top.epoch || index2 < 0 || index2 > this.#journal.length) return false;
    const tag = index2 < this.#journal.length ? this.#journal.at(index2).before : this.#top.tag;
    return tag === place.tag || this.#faults.has("no-tag-check");
  }
  /** True for the newest record of its key: older ones are what conflation skips. */
  #isLatest(record) {
    const held = this.#entries.get(record.key);
    if (record.kind === "entry") return held?.record === record;
    return this.#tombstones.get(record.key) === record.version;
  }
  #placeBefore(index2) {
    const base = this.#top.offset - this.#journal.length;
    return { epoch: this.#top.epoch, offset: base + index2, tag: this.#journal.at(index2).before };
  }
};

// packages/server/src/backplane/memory-channels.ts
var SWEEP_MS = 3e4;
var MemoryChannels = class {
  capabilities = { durable: false, distributed: false, entryTtl: true };
  #channels = /* @__PURE__ */ new Map();
  #subscribed = /* @__PURE__ */ new Set();
  #ids;
  #context;
  #sweep = null;
  #isClosed = false;
  constructor(context) {
    this.#context = context;
    const { idempotencyWindowMs, idempotencyEntries } = context.limits;
    this.#ids = new PublicationIds(context.ports, context.faults, {
      windowMs: idempotencyWindowMs,
      entries: idempotencyEntries
    });
  }
  get idempotencyEpoch() {
    return this.#ids.epoch;
  }
  subscribe(channel, options, done) {
    const found = this.#open(channel, options);
    if ("ok" in found) return done(found);
    this.#subscribed.add(channel);
    done({ ok: true, value: found.data.top });
  }
  unsubscribe(channel) {
    this.#subscribed.delete(channel);
  }
  append(batch) {
    const order = new BatchOrder();
    for (const request of batch) {
      const result = order.run(request, (next) => this.#append(next));
      if (result !== null) request.done(result);
    }
  }
  apply(batch) {
    for (const request of batch) request.done(this.#apply(request));
  }
  read({ channel, options, after, bounds }, done) {
    const found = this.#open(channel, options);
    if ("ok" in found) return done(found);
    const { data } = found;
    done({ ok: true, value: data instanceof Log ? data.read(after, options, bounds) : data.read(after, bounds) });
  }
  history({ channel, options, before, limit }, done) {
    const log2 = this.#log(channel, options);
    done(log2 instanceof Log ? { ok: true, value: log2.history(before, options, limit) } : log2);
  }
  snapshot(channel, options, done) {
    const state2 = this.#state(channel, options);
    done(state2 instanceof State ? { ok: true, value: state2.snapshot() } : state2);
  }
  remove(channel, options, done) {
    const old = this.#channels.get(channel);
    old?.timer?.cancel();
    this.#channels.delete(channel);
    const found = this.#open(channel, options);
    if ("ok" in found) return done(found);
    if (this.#subscribed.has(channel)) this.#context.sink.deliver(channel, found.data.top, found.data.top, []);
    done({ ok: true, value: found.data.top });
  }
  close() {
    this.#isClosed = true;
    this.#sweep?.cancel();
    for (const { timer } of this.#channels.values()) timer?.cancel();
    this.#channels.clear();
  }
  #append(request) {
    const { idempotency } = request;
    const earlier = idempotency === null ? null : this.#ids.check(request, idempotency);
    if (earlier !== null) return earlier;
    const log2 = this.#log(request.channel, request.options);
    if (!(log2 instanceof Log)) return log2;
    const record = this.#record(request, log2);
    if ("ok" in record) return record;
    const prev = log2.top;
    const pos = log2.append(record, request.options);
    const result = { ok: true, pos, at: record.at, duplicate: false };
    if (idempotency !== null) this.#ids.remember(request, idempotency, result);
    if (this.#subscribed.has(request.channel)) this.#context.sink.deliver(request.channel, prev, pos, [record]);
    return result;
  }
  #record(request, log2) {
    const { id, data, publisher, tags, meta, version, amend: amend2 } = request;
    const at = this.#context.ports.wallMs();
    log2.trim(request.options);
    if (amend2 === null) {
      if (log2.target(id) !== void 0 && !this.#context.faults.has("no-dedup")) return reused(id);
      const expires = request.expiresInMs === 0 ? 0 : at + request.expiresInMs;
      return { kind: "publication", id, at, data, publisher, tags, meta, expires, version };
    }
    const target = log2.target(amend2.target);
    if (target === void 0) return unknownPublication(amend2.target);
    if (amend2.onlyBy !== null && target.publisher?.user !== amend2.onlyBy) return notYourPublication();
    return { kind: "amend", id, amend: amend2.target, at, data, publisher, expires: target.expires };
  }
  #apply({ channel, options, change }) {
    const state2 = this.#state(channel, options);
    if (!(state2 instanceof State)) return state2;
    if (options.ttlMs !== 0) this.#expire(channel, state2);
    const result = state2.apply(change, options.ttlMs);
    if (!result.ok) return result;
    if (options.ttlMs !== 0) this.#expireLater(channel);
    this.#deliver(channel, result);
    return { ok: true, pos: result.pos, version: result.version };
  }
  #deliver(channel, change) {
    if (change.records.length === 0 || !this.#subscribed.has(channel)) return;
    this.#context.sink.deliver(channel, change.prev, change.pos, change.records);
  }
  #expireLater(name) {
    const channel = this.#channels.get(name);
    if (channel === void 0 || channel.timer !== null || !(channel.data instanceof State)) return;
    const state2 = channel.data;
    const endsAtMs = state2.nextEndMs;
    if (endsAtMs === null) return;
    channel.timer = this.#context.ports.after(Math.max(1, endsAtMs - this.#context.ports.monotonicMs()), () => {
      channel.timer = null;
      this.#expire(name, state2);
      this.#expireLater(name);
    });
  }
  #expire(name, state2) {
    const change = state2.expire();
    if (change.ok) this.#deliver(name, change);
  }
  #log(name, options) {
    const channel = this.#open(name, options);
    if ("ok" in channel) return channel;
    return channel.data instanceof Log ? channel.data : wrongKind(name, "log");
  }
  #state(name, options) {
    const channel = this.#open(name, options);
    if ("ok" in channel) return channel;
    return channel.data instanceof State ? channel.data : wrongKind(name, "state");
  }
  #open(name, options) {
    const known = this.#channels.get(name);
    if (known !== void 0) return known;
    const { ports, limits, faults } = this.#context;
    if (this.#channels.size >= limits.channels && !this.#makeRoom()) {
      return { ok: false, code: "overloaded", message: `The store has all of its ${limits.channels} channels in use.` };
    }
    const bounds = { entries: limits.stateEntries, journal: limits.stateJournal };
    const data = options.kind === "log" ? new Log(ports, faults) : new State(ports, faults, bounds);
    const channel = { options, data, timer: null };
    this.#channels.set(name, channel);
    this.#sweepLater();
    return channel;
  }
  /** Forgets channels that nobody would miss: no subscriber, nothing retained. True if that made room. */
  #makeRoom() {
    for (const [name, channel] of this.#channels) {
      if (channel.data.size === 0 && !this.#subscribed.has(name)) this.#channels.delete(name);
    }
    return this.#channels.size < this.#context.limits.channels;
  }
  #sweepLater() {
    if (this.#sweep !== null || this.#isClosed) return;
    this.#sweep = this.#context.ports.after(SWEEP_MS, () => {
      this.#sweep = null;
      let retained = 0;
      for (const { data, options } of this.#channels.values()) {
        if (data instanceof Log) data.trim(options);
        retained += data.size;
      }
      if (retained > 0) this.#sweepLater();
    });
  }
};

// packages/server/src/backplane/memory-tickets.ts
var SWEEP_MS2 = 1e4;
var MemoryTickets = class {
  #kept = /* @__PURE__ */ new Map();
  #revocations = /* @__PURE__ */ new Map();
  #ports;
  #entriesMax;
  #sweep = null;
  #isClosed = false;
  constructor(ports, entriesMax) {
    this.#ports = ports;
    this.#entriesMax = entriesMax;
  }
  put(key, value, ttlMs, done) {
    if (this.#kept.size >= this.#entriesMax && !this.#kept.has(key)) return done(tooManyCredentials(this.#entriesMax));
    this.#kept.set(key, { value, until: this.#ports.monotonicMs() + ttlMs });
    this.#sweepLater();
    done({ ok: true, value: null });
  }
  take(key, done) {
    const kept = this.#kept.get(key);
    this.#kept.delete(key);
    done({ ok: true, value: kept !== void 0 && kept.until > this.#ports.monotonicMs() ? kept.value : null });
  }
  revoke(user, ttlMs, done) {
    this.#revocations.set(user, { at: this.#ports.wallMs(), until: this.#ports.monotonicMs() + ttlMs });
    this.#sweepLater();
    done({ ok: true, value: null });
  }
  revokedAt(user, done) {
    done({ ok: true, value: { revokedAt: this.#revocations.get(user)?.at ?? 0, now: this.#ports.wallMs() } });
  }
  /** Stops the sweep. */
  close() {
    this.#isClosed = true;
    this.#sweep?.cancel();
  }
  #sweepLater() {
    if (this.#sweep !== null || this.#isClosed) return;
    this.#sweep = this.#ports.after(SWEEP_MS2, () => {
      this.#sweep = null;
      const now = this.#ports.monotonicMs();
      for (const [key, { until }] of this.#kept) if (until <= now) this.#kept.delete(key);
      for (const [user, { until }] of this.#revocations) if (until <= now) this.#revocations.delete(user);
      if (this.#kept.size + this.#revocations.size > 0) this.#sweepLater();
    });
  }
};

// packages/server/src/backplane/memory.ts
function openMemory(context) {
  const channels = new MemoryChannels(context);
  const tickets = new MemoryTickets(context.ports, context.limits.tickets);
  return {
    channels,
    tickets,
    control: { send: context.onControl, close: () => {
    } },
    close: (done) => {
      channels.close();
      tickets.close();
      done();
    }
  };
}

// packages/server/src/core/faults.ts
var NO_FAULTS = /* @__PURE__ */ new Set();

// packages/server/src/core/limits.ts
var DEFAULT_LIMITS = {
  messageBytes: 65536,
  messagesPerFrame: 256,
  unauthenticatedBytes: 16384,
  connectTimeoutMs: 5e3,
  fragmentsPerMessage: 1024,
  connections: 15e3,
  connectionsPerUser: 100,
  connectionsPerAddress: 15e3,
  channelsPerSession: 256,
  commandsInFlight: 1024,
  commandsPerSecond: 1e3,
  commandsBurst: 5e3,
  errorsPerMinute: 1e3,
  outboxBytes: 262144,
  stallTimeoutMs: 3e4,
  heartbeatMs: 1e4,
  pageItems: 300,
  pageBytes: 65536,
  stateEntries: 1e4,
  stateJournal: 4096,
  annotationsChars: 1024,
  grantsPerSession: 512,
  idempotencyWindowMs: 12e4,
  idempotencyEntries: 1e6,
  channels: 1e6,
  graceMs: 5e3,
  ticketTtlMs: 3e4,
  tickets: 1e6,
  resumeTtlMs: 36e5,
  resumeOverlapMs: 6e4,
  hookTimeoutMs: 1e4
};

// packages/server/src/core/metrics.ts
var Metrics = class {
  /** Gauge: accepted connections of every transport. */
  connections = 0;
  /** Gauge: sessions whose connect succeeded and that have not ended. */
  sessions = 0;
  /** Gauge: subscriptions of all sessions and raw peers. */
  subscriptions = 0;
  /** Gauge: channels with a local subscriber. */
  channels = 0;
  /** Gauge: subscribers that are catching up. */
  catchingUp = 0;
  /** Gauge: commands that wait for an answer. */
  commandsInFlight = 0;
  /** Gauge: instances whose entries wait out their grace. */
  graces = 0;
  /** Counter: connections ever accepted. */
  connectionsTotal = 0;
  /** Counter: connects with a ticket or credential that was refused. */
  connectsRefused = 0;
  /** Counter: commands by outcome. */
  commandsOk = 0;
  commandsFailed = 0;
  /** Counter: publications and amendments appended through this node. */
  appended = 0;
  /** Counter: appends answered with an earlier result (P3). */
  duplicates = 0;
  /** Counter: items handed to live subscribers; one item to one subscriber is one delivery. */
  deliveries = 0;
  /** Counter: units built. */
  units = 0;
  /** Counter: live subscribers that fell back to catching up. */
  lags = 0;
  /** Counter: gaps announced. */
  gaps = 0;
  /** Counter: pages read for recovery and slow readers. */
  pages = 0;
  /** Counter: connections closed because their reader made no progress. */
  slowClosed = 0;
  /** Counter: writes to sockets. */
  writes = 0;
  /** Counter: bytes written to sockets. */
  bytesWritten = 0;
};
var GAUGES = [
  "connections",
  "sessions",
  "subscriptions",
  "channels",
  "catchingUp",
  "commandsInFlight",
  "graces"
];

// packages/server/src/policy/grant.ts
var NO_GRANT = resolveGrant({});
function resolveGrant(grant) {
  if (typeof grant === "boolean") {
    return resolveGrant(grant ? { subscribe: true, publish: true, amend: "own", set: "own" } : {});
  }
  const subscribe2 = grant.subscribe === true;
  return {
    subscribe: subscribe2,
    publish: grant.publish === true,
    amend: grant.amend === true ? "own" : grant.amend || null,
    history: grant.history ?? subscribe2,
    presence: grant.presence ?? subscribe2,
    enter: grant.enter ?? subscribe2,
    set: grant.set === true ? "own" : grant.set || null
  };
}

// packages/server/src/session/liveness.ts
var Liveness = class {
  #ports;
  #connection;
  #silenceMsMax;
  #stallMsMax;
  #heardAt;
  #takenAt;
  #taken;
  constructor(ports, connection, bounds) {
    this.#ports = ports;
    this.#connection = connection;
    this.#silenceMsMax = bounds.heartbeatMs * 1.5;
    this.#stallMsMax = bounds.stallTimeoutMs;
    this.#heardAt = ports.monotonicMs();
    this.#takenAt = this.#heardAt;
    this.#taken = connection.takenBytes;
  }
  /** Something came from the peer. */
  heard() {
    this.#heardAt = this.#ports.monotonicMs();
  }
  /**
   * Looks at the connection. `isPaused`: nothing is read from it now, so that silence proves nothing. Nor does it after
   * that at once: a reader that has just woken was sent no heartbeat while its outbox was full, and owes no answer.
   */
  beat(isPaused) {
    const now = this.#ports.monotonicMs();
    const taken = this.#connection.takenBytes;
    if (taken !== this.#taken || this.#connection.queuedBytes === 0) this.#takenAt = now;
    if (isPaused || taken !== this.#taken && this.#connection.queuedBytes > 0) this.#heardAt = now;
    this.#taken = taken;
    if (now - this.#takenAt > this.#stallMsMax) return "slow";
    return now - this.#heardAt > this.#silenceMsMax ? "heartbeat_missed" : "alive";
  }
};

// packages/server/src/session/outbox.ts
var Outbox = class {
  #connection;
  #owner;
  #bytesMax;
  #onRoom;
  // Most ticks bring a connection one buffer, and an array for it would cost more than everything else here.
  #first = null;
  #others = null;
  #pendingBytes = 0;
  /** `onRoom` is called when writing made room in a full outbox; that the peer made room, the connection tells. */
  constructor(connection, owner, bytesMax, onRoom) {
    this.#connection = connection;
    this.#owner = owner;
    this.#bytesMax = bytesMax;
    this.#onRoom = onRoom;
  }
  /** Bytes that the peer has yet to take. */
  get bytes() {
    return this.#pendingBytes + this.#connection.queuedBytes;
  }
  /** True at or over the bound: offer nothing and read nothing until there is room. */
  get isFull() {
    return this.bytes >= this.#bytesMax;
  }
  /** Takes a unit if there is room for it: whoever has none catches up by pages. An empty outbox takes any unit. */
  offer(bytes) {
    const queued = this.bytes;
    if (queued > 0 && queued + bytes.byteLength > this.#bytesMax) return false;
    this.push(bytes);
    return true;
  }
  /** Takes a message of any size unless the outbox is full: for senders who stop when it is. */
  accept(bytes) {
    if (this.isFull) return false;
    this.push(bytes);
    return true;
  }
  /** Takes a reply or a push that must not be lost. */
  push(bytes) {
    this.#pendingBytes += bytes.byteLength;
    if (this.#first === null) {
      this.#first = bytes;
      this.#owner.dirty(this);
    } else if (this.#others === null) this.#others = [bytes];
    else this.#others.push(bytes);
  }
  /**
   * Ends the tick: writes what was collected, and tells whoever waits for room if that made some. Bytes that the system
   * takes at once never count as queued, so no `drained` follows them. Returns the bytes written.
   */
  endTick(joiner) {
    const wasFull = this.isFull;
    const bytes = this.flush(joiner);
    if (wasFull && !this.isFull) this.#onRoom();
    return bytes;
  }
  /** Writes what was collected. Returns the bytes written. */
  flush(joiner) {
    const first = this.#first;
    const others = this.#others;
    const bytes = this.#pendingBytes;
    if (first === null) return 0;
    this.clear();
    if (others === null) this.#connection.write(first);
    else joiner.write(this.#connection, [first, ...others]);
    return bytes;
  }
  /** Forgets what was collected: the connection is gone, or the permission to see it is. */
  clear() {
    this.#first = null;
    this.#others = null;
    this.#pendingBytes = 0;
  }
};
var Joiner = class {
  #list = [];
  #joined = null;
  /** Writes the list to the connection. */
  write(connection, list) {
    if (!this.#isSame(list)) {
      this.#list = list;
      this.#joined = null;
      connection.writeAll(list);
      return;
    }
    this.#joined ??= join(list);
    connection.write(this.#joined);
  }
  /** Lets go of the last list: the tick is over. */
  reset() {
    this.#list = [];
    this.#joined = null;
  }
  #isSame(list) {
    return list.length === this.#list.length && list.every((buffer, index2) => buffer === this.#list[index2]);
  }
};
function join(list) {
  const joined = new Uint8Array(list.reduce((sum2, buffer) => sum2 + buffer.byteLength, 0));
  let offset = 0;
  for (const buffer of list) {
    joined.set(buffer, offset);
    offset += buffer.byteLength;
  }
  return joined;
}

// packages/server/src/session/subscription.ts
var RETRY_MS = 1e3;
var NEVER = -1;
var Subscription = class {
  target;
  channel;
  group;
  position = null;
  slot = -1;
  #host;
  #owner;
  #isEnded = false;
  /** A read is under way: its answer decides what comes next. */
  #isReading = false;
  /** Catching up waits for room in the outbox. */
  #isWaiting = false;
  #isCatchingUp = false;
  /** The channel's moment when the page under way was asked for. */
  #askedAt = 0;
  /** Units of a snapshot that are still to be sent. */
  #snapshot = [];
  constructor(target, group, host, owner) {
    this.target = target;
    this.#host = host;
    this.#owner = owner;
    this.channel = target.name;
    this.group = group;
    host.metrics.subscriptions++;
  }
  /** Starts delivery at a position; null: from a snapshot. The reply to subscribe has been sent. */
  start(position, isLive2) {
    if (this.#isEnded) return;
    this.position = position;
    if (!isLive2 || !this.#host.hub.join(this, NEVER)) this.#catchUp();
  }
  offer(bytes) {
    return bytes.byteLength === 0 || this.#owner.outbox.offer(bytes);
  }
  lagged() {
    this.#catchUp();
  }
  /** There is room in the outbox again. */
  drained() {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#host.catchUp(this);
  }
  /** Does the next bounded piece of catching up. */
  step() {
    if (this.#isEnded || this.#isReading || !this.#isCatchingUp) return;
    if (this.#mustWait()) return;
    if (this.#snapshot.length > 0) return this.#sendSnapshot();
    this.#isReading = true;
    this.#askedAt = this.#host.hub.moment(this.channel);
    const { position } = this;
    const { name, options } = this.target;
    if (position === null) this.#host.pages.snapshot(name, options, (answer) => this.#onSnapshot(answer));
    else this.#host.pages.read(name, options, position, (answer) => this.#onPage(position, answer));
  }
  /** Ends it. Nothing of the channel is sent afterwards. */
  end() {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#host.hub.leave(this);
    this.#host.hub.detach(this.target.name);
    this.#host.metrics.subscriptions--;
    if (this.#isCatchingUp) this.#host.metrics.catchingUp--;
  }
  /**
   * True while the outbox is full: nothing is asked of the store, and what it answers is not taken. The place is kept,
   * the page is not: pages of all of a session's channels may come at once, and must not pile up.
   */
  #mustWait() {
    this.#isWaiting = this.#owner.outbox.isFull;
    return this.#isWaiting;
  }
  #catchUp() {
    if (this.#isEnded) return;
    if (!this.#isCatchingUp) this.#host.metrics.catchingUp++;
    this.#isCatchingUp = true;
    this.#host.catchUp(this);
  }
  #onPage(after, answer) {
    this.#isReading = false;
    if (this.#isEnded || this.#mustWait()) return;
    if (!answer.ok) return this.#retry(answer);
    const { unit, prev, pos, gap, isEmpty, atTop } = answer.value;
    if (gap !== null) {
      this.#host.metrics.gaps++;
      if (this.target.options.kind === "state") {
        this.position = null;
        return this.#host.catchUp(this);
      }
      this.#owner.push({ push: "gap", channel: this.target.name, from: after, to: prev, reason: gap });
    }
    if (!isEmpty) this.#owner.outbox.push(unit.bytes(this.group));
    this.position = pos;
    if (atTop && this.#host.hub.join(this, this.#askedAt)) this.#wentLive(pos);
    else this.#host.catchUp(this);
  }
  #onSnapshot(answer) {
    this.#isReading = false;
    if (this.#isEnded || this.#mustWait()) return;
    if (!answer.ok) return this.#retry(answer);
    this.#snapshot = answer.value.units;
    this.#sendSnapshot();
  }
  #sendSnapshot() {
    const [unit, ...rest] = this.#snapshot;
    if (unit === void 0) return;
    this.#snapshot = rest;
    this.#owner.outbox.push(unit.bytes(this.group));
    if (unit.content.pos !== null) this.position = unit.content.pos;
    this.#host.catchUp(this);
  }
  #wentLive(pos) {
    this.#isCatchingUp = false;
    this.#host.metrics.catchingUp--;
    this.#owner.push({ push: "live", channel: this.target.name, pos });
  }
  #retry(failure) {
    if (failure.code !== "unavailable" && failure.code !== "timeout" && failure.code !== "overloaded") {
      return this.#owner.failed(this, failure);
    }
    this.#host.ports.after(RETRY_MS, () => this.#host.catchUp(this));
  }
};

// packages/server/src/hub/unit.ts
var Unit = class {
  content;
  // Nearly every unit meets one group, so the first pair is kept outside of the map.
  #group = null;
  #bytes = null;
  #others = null;
  constructor(content) {
    this.content = content;
  }
  /** The bytes for a group, encoded at the first call. */
  bytes(group) {
    if (this.#group === group && this.#bytes !== null) return this.#bytes;
    const known = this.#others?.get(group);
    if (known !== void 0) return known;
    const bytes = group.encode(this);
    if (this.#group === null) {
      this.#group = group;
      this.#bytes = bytes;
    } else {
      this.#others ??= /* @__PURE__ */ new Map();
      this.#others.set(group, bytes);
    }
    return bytes;
  }
};

// packages/server/src/hub/hub.ts
var Hub = class {
  #channels = /* @__PURE__ */ new Map();
  #dirty = /* @__PURE__ */ new Set();
  #context;
  constructor(context) {
    this.#context = context;
  }
  /** How many channels have local interest. */
  get size() {
    return this.#channels.size;
  }
  /** Names of the channels with local interest. */
  names() {
    return [...this.#channels.keys()];
  }
  /**
   * Registers interest and answers once live delivery is active, with the position up to which units were handed out.
   * Each `attach` that was answered with success wants one `detach`; a failed one wants none.
   */
  attach(name, options, coalesceMs, done) {
    const channel = this.#channels.get(name) ?? this.#open(name, options, coalesceMs);
    channel.interest++;
    if (channel.position !== null) return done({ ok: true, value: this.#settled(channel) });
    channel.waiting.push(done);
    if (channel.waiting.length === 1) this.#ask(channel);
  }
  /** Takes back one interest; the last one ends the store's delivery. */
  detach(name) {
    const channel = this.#channels.get(name);
    if (channel === void 0 || this.#context.faults.has("leaky-unsubscribe")) return;
    channel.interest--;
    if (channel.interest === 0) this.#close(channel);
  }
  /** The present moment of a channel, for {@link Hub.join}. */
  moment(name) {
    return this.#channels.get(name)?.moment ?? 0;
  }
  /**
   * Makes a subscriber live if nothing can have passed it by: it stands where the channel stands, or nothing was handed
   * out since `since`, the moment when it asked the store for what it has. If false, it must ask again: the unit that
   * passed may have been the last for a long time, and nothing later would show that it is missing (P4). The channel's
   * pending items go out first, because a page that was just read may include them already.
   */
  join(subscriber, since) {
    const channel = this.#channels.get(subscriber.channel);
    if (channel === void 0 || isLive(subscriber)) return true;
    if (channel.pending !== null) this.#flushChannel(channel);
    if (channel.moment !== since && channel.position !== subscriber.position) return false;
    subscriber.slot = channel.live.length;
    channel.live.push(subscriber);
    return true;
  }
  /** Takes a subscriber off the shared path. Harmless for one that is not on it. */
  leave(subscriber) {
    const channel = this.#channels.get(subscriber.channel);
    if (channel === void 0 || !isLive(subscriber)) return;
    this.#takeOff(channel, subscriber);
  }
  /** Items from the store, in the channel's order. They go out at the end of the tick. */
  deliver(name, prev, pos, records) {
    const channel = this.#channels.get(name);
    if (channel === void 0) return;
    if (channel.pending !== null && channel.pending.pos !== prev) this.#flushChannel(channel);
    if (channel.pending === null) channel.pending = { prev, pos, records: [...records] };
    else {
      channel.pending.pos = pos;
      channel.pending.records.push(...records);
    }
    this.#mark(channel);
  }
  /** Live delivery may have lost something: everybody compares with the store. */
  suspect(name) {
    const channel = this.#channels.get(name);
    if (channel === void 0) return;
    if (channel.pending !== null) this.#flushChannel(channel);
    channel.position = null;
    channel.moment++;
    this.#lag(channel, [...channel.live]);
    this.#ask(channel);
  }
  /** Builds the units of this tick and hands them out. */
  flush() {
    for (const channel of this.#dirty) this.#flushChannel(channel);
    this.#dirty.clear();
  }
  #open(name, options, coalesceMs) {
    const channel = {
      name,
      options,
      coalesceMs,
      live: [],
      interest: 0,
      position: null,
      moment: 0,
      question: 0,
      pending: null,
      timer: null,
      waiting: []
    };
    this.#channels.set(name, channel);
    this.#context.metrics.channels++;
    return channel;
  }
  #close(channel) {
    channel.timer?.cancel();
    this.#dirty.delete(channel);
    this.#channels.delete(channel.name);
    this.#context.metrics.channels--;
    this.#context.store().unsubscribe(channel.name);
    this.#context.closed(channel.name);
  }
  /** Asks the store to deliver, or whether it still does, and where the channel stands. */
  #ask(channel) {
    const question = ++channel.question;
    this.#context.store().subscribe(channel.name, channel.options, (answer) => {
      if (this.#channels.get(channel.name) === channel && channel.question === question) this.#told(channel, answer);
    });
  }
  #told(channel, answer) {
    const waiting = channel.waiting.splice(0);
    if (answer.ok) {
      channel.position ??= channel.pending?.prev ?? answer.value;
      for (const waiter of waiting) waiter({ ok: true, value: this.#settled(channel) });
      return;
    }
    channel.interest -= waiting.length;
    if (channel.interest === 0) this.#close(channel);
    for (const waiter of waiting) waiter(answer);
  }
  /** The position where a subscriber who wants only what comes next may start. */
  #settled(channel) {
    if (channel.pending !== null) this.#flushChannel(channel);
    return channel.position ?? "";
  }
  #mark(channel) {
    if (channel.coalesceMs === 0) {
      this.#dirty.add(channel);
      this.#context.schedule();
      return;
    }
    channel.timer ??= this.#context.ports.after(channel.coalesceMs, () => {
      channel.timer = null;
      this.#dirty.add(channel);
      this.#context.schedule();
    });
  }
  /** The fan-out loop: the hottest few lines of the server. No allocation per subscriber. */
  #flushChannel(channel) {
    const { pending, live } = channel;
    if (pending === null) return;
    channel.pending = null;
    channel.position = pending.pos;
    channel.moment++;
    const records = channel.options.kind === "state" ? conflate(pending.records) : pending.records;
    const unit = new Unit({ channel: channel.name, prev: pending.prev, pos: pending.pos, records, reset: false });
    const lagged = [];
    for (let slot = 0; slot < live.length; slot++) {
      const subscriber = live[slot];
      const fits = subscriber.position === pending.prev && subscriber.offer(unit.bytes(subscriber.group));
      if (fits) subscriber.position = pending.pos;
      else lagged.push(subscriber);
    }
    const { metrics } = this.#context;
    metrics.units++;
    metrics.deliveries += records.length * (live.length - lagged.length);
    this.#lag(channel, lagged);
  }
  #lag(channel, lagged) {
    for (const subscriber of lagged) this.#takeOff(channel, subscriber);
    this.#context.metrics.lags += lagged.length;
    for (const subscriber of lagged) subscriber.lagged();
  }
  /** Swaps the last subscriber into the free slot: constant time. */
  #takeOff(channel, subscriber) {
    const last = channel.live.pop();
    if (last !== void 0 && last !== subscriber) {
      channel.live[subscriber.slot] = last;
      last.slot = subscriber.slot;
    }
    subscriber.slot = -1;
  }
};
function isLive(subscriber) {
  return subscriber.slot !== -1;
}
function conflate(records) {
  if (records.length < 2) return records;
  const latest = /* @__PURE__ */ new Map();
  for (const record of records)
    if (record.kind === "entry" || record.kind === "removal") latest.set(record.key, record);
  return latest.size === records.length ? records : records.filter((record) => "key" in record && latest.get(record.key) === record);
}

// packages/server/src/hub/single-flight.ts
var CHANNELS_MAX = 1024;
var ANSWERS_MAX = 64;
var FRESH_MS = 1e3;
var SingleFlight = class {
  #channels = /* @__PURE__ */ new Map();
  #ports;
  constructor(ports) {
    this.#ports = ports;
  }
  /** Answers from what is known or in flight; asks `read` otherwise. */
  ask(channel, key, done, read) {
    const slots = this.#slots(channel);
    const known = slots.get(key);
    if (known !== void 0 && known.until > this.#ports.monotonicMs()) {
      if (known.answer === null) known.waiters.push(done);
      else done(known.answer);
      return;
    }
    evictOldest(slots, ANSWERS_MAX);
    const slot = { until: this.#ports.monotonicMs() + FRESH_MS, answer: null, waiters: [done] };
    slots.set(key, slot);
    read((answer) => {
      slot.answer = answer;
      if (!answer.ok) slot.until = 0;
      for (const waiter of slot.waiters.splice(0)) waiter(answer);
    });
  }
  /** Something happened in the channel: kept answers are forgotten, those in flight are not kept. */
  invalidate(channel) {
    const slots = this.#channels.get(channel);
    if (slots === void 0) return;
    for (const slot of slots.values()) slot.until = 0;
    this.#channels.delete(channel);
  }
  #slots(channel) {
    const known = this.#channels.get(channel);
    if (known !== void 0) return known;
    evictOldest(this.#channels, CHANNELS_MAX);
    const slots = /* @__PURE__ */ new Map();
    this.#channels.set(channel, slots);
    return slots;
  }
};
function evictOldest(map, max) {
  const [oldest] = map.keys();
  if (map.size >= max && oldest !== void 0) map.delete(oldest);
}

// packages/server/src/hub/page-cache.ts
var PageCache = class {
  #pages;
  #snapshots;
  #context;
  constructor(context) {
    this.#context = context;
    this.#pages = new SingleFlight(context.ports);
    this.#snapshots = new SingleFlight(context.ports);
  }
  /** The page after a position. */
  read(channel, options, after, done) {
    this.#pages.ask(channel, after, done, (answer) => {
      this.#context.metrics.pages++;
      this.#context.store().read({ channel, options, after, bounds: this.#context.bounds }, (read) => {
        if (!read.ok) return answer(read);
        const { prev, pos, records, atTop, gap } = read.value;
        if (gap === "rollback" || gap === "epoch") this.invalidate(channel);
        const unit = new Unit({ channel, prev, pos, records, reset: false });
        answer({ ok: true, value: { unit, pos, prev, isEmpty: records.length === 0, atTop, gap } });
      });
    });
  }
  /** All entries of a state channel. */
  snapshot(channel, options, done) {
    this.#snapshots.ask(channel, "", done, (answer) => {
      this.#context.metrics.pages++;
      this.#context.store().snapshot(channel, options, (read) => {
        if (!read.ok) return answer(read);
        const { pos, records } = read.value;
        const pages = pagesOf(records, this.#context.bounds);
        const units = pages.map((page, index2) => {
          const isLast = index2 === pages.length - 1;
          return new Unit({ channel, prev: null, pos: isLast ? pos : null, records: page, reset: index2 === 0 });
        });
        answer({ ok: true, value: { units, pos } });
      });
    });
  }
  /** Something happened in the channel: its pages may have been amended or may no longer end at the top. */
  invalidate(channel) {
    this.#pages.invalidate(channel);
    this.#snapshots.invalidate(channel);
  }
};
function pagesOf(records, bounds) {
  let page = [];
  const pages = [page];
  let bytes = 0;
  for (const record of records) {
    const size = record.data?.length ?? 0;
    if (page.length === bounds.items || bytes + size > bounds.bytes && page.length > 0) {
      page = [];
      pages.push(page);
      bytes = 0;
    }
    page.push(record);
    bytes += size;
  }
  return pages;
}

// packages/server/src/session/heartbeat-wheel.ts
var SPOKES = 25;
var HeartbeatWheel = class {
  #spokes = Array.from({ length: SPOKES }, () => /* @__PURE__ */ new Set());
  #ports;
  #stepMs;
  #current = 0;
  #size = 0;
  #timer = null;
  constructor(ports, intervalMs) {
    this.#ports = ports;
    this.#stepMs = intervalMs / SPOKES;
  }
  /** Gauge: how many beat. */
  get size() {
    return this.#size;
  }
  /** Beats once an interval from now on, the first time after a random part of it. Returns the removal. */
  add(beating) {
    const spoke = this.#spokes[Math.floor(this.#ports.random() * SPOKES)];
    spoke.add(beating);
    this.#size++;
    this.#turn();
    return () => {
      if (!spoke.delete(beating)) return;
      this.#size--;
      if (this.#size > 0) return;
      this.#timer?.cancel();
      this.#timer = null;
    };
  }
  #turn() {
    this.#timer ??= this.#ports.after(this.#stepMs, () => {
      this.#timer = null;
      this.#current = (this.#current + 1) % SPOKES;
      for (const beating of this.#spokes[this.#current]) beating.beat();
      if (this.#size > 0) this.#turn();
    });
  }
};

// packages/server/src/session/json-codec.ts
function jsonGroup(framing) {
  return { name: "carillon.1.json", encode: (unit) => encodeUnit(unit, framing) };
}
function encodeHistoryReply(id, fields, records, framing) {
  const head = `{"re":${id},"ok":{${fields},"items":[${records.map(encodeRecordHead).join()}]}}`;
  return frame(head, records, framing);
}
function encodeUnit({ content }, framing) {
  const { channel, prev, pos, records, reset } = content;
  const items = records.map(encodeRecordHead).join();
  const mark = reset ? ',"reset":true' : "";
  const head = `{"push":"items","channel":"${channel}","prev":${quote(prev)},"pos":${quote(pos)}${mark},"items":[${items}]}`;
  return frame(head, records, framing);
}
function frame(head, records, framing) {
  const bodies = [];
  for (const record of records) if ("data" in record && record.data instanceof Uint8Array) bodies.push(record.data);
  return bodies.length === 0 ? framing.text(head) : framing.binary(encodeRecord(head, bodies));
}
function encodeRecordHead(record) {
  if (record.kind === "publication") return encodePublication(record);
  if (record.kind === "removal")
    return `{"key":${JSON.stringify(record.key)},"version":${record.version},"removed":true}`;
  const data = payload2(record.data);
  if (record.kind === "entry") {
    const { key, version, at: at2, owner } = record;
    return `{"key":${JSON.stringify(key)},"version":${version},"at":${at2}${person("owner", owner)}${data}}`;
  }
  const { amend: amend2, id, at, publisher } = record;
  return `{"amend":${JSON.stringify(amend2)},"id":${JSON.stringify(id)},"at":${at}${person("publisher", publisher)}${data}}`;
}
function encodePublication({ id, at, publisher, tags, meta, expires, version, data }) {
  return `{"id":${JSON.stringify(id)},"at":${at}${person("publisher", publisher)}` + (tags === null ? "" : `,"tags":${JSON.stringify(tags)}`) + (meta === null ? "" : `,"meta":${JSON.stringify(meta)}`) + (expires === 0 ? "" : `,"expires":${expires}`) + (version === 1 ? "" : `,"version":${version}`) + `${payload2(data)}}`;
}
function person(field, who) {
  if (who === null) return "";
  return `,"${field}":{"user":${JSON.stringify(who.user)},"instance":${JSON.stringify(who.instance)}}`;
}
function payload2(data) {
  if (data === null) return ',"erased":true';
  return typeof data === "string" ? `,"data":${data}` : `,"bytes":${data.byteLength}`;
}
function quote(position) {
  return position === null ? "null" : `"${position}"`;
}

// packages/server/src/session/registry.ts
var Registry = class {
  #sessions = /* @__PURE__ */ new Map();
  #byInstance = /* @__PURE__ */ new Map();
  #byUser = /* @__PURE__ */ new Map();
  /** How many sessions are open. */
  get size() {
    return this.#sessions.size;
  }
  /** How many entries all indexes have together: zero when nobody is connected. */
  get entries() {
    return this.#sessions.size + this.#byInstance.size + this.#byUser.size;
  }
  /** Adds an open session. */
  add(session) {
    this.#sessions.set(session.id, session);
    if (session.identity === null) return;
    index(this.#byInstance, session.identity.instance, session);
    index(this.#byUser, session.identity.publisher.user, session);
  }
  /** Removes a session that has ended. */
  remove(session) {
    this.#sessions.delete(session.id);
    if (session.identity === null) return;
    unindex(this.#byInstance, session.identity.instance, session);
    unindex(this.#byUser, session.identity.publisher.user, session);
  }
  /** The sessions of an instance: more than one only while it is coming back. */
  ofInstance(instance) {
    return [...this.#byInstance.get(instance) ?? []];
  }
  /** The sessions of a user. */
  ofUser(user) {
    return [...this.#byUser.get(user) ?? []];
  }
  /** All of them. */
  all() {
    return [...this.#sessions.values()];
  }
  /** Ids of the users with an open session. */
  users() {
    return [...this.#byUser.keys()];
  }
};
function index(map, key, session) {
  const set2 = map.get(key);
  if (set2 === void 0) map.set(key, /* @__PURE__ */ new Set([session]));
  else set2.add(session);
}
function unindex(map, key, session) {
  const set2 = map.get(key);
  set2?.delete(session);
  if (set2?.size === 0) map.delete(key);
}

// packages/server/src/session/answer.ts
var Answer = class {
  id;
  #sink;
  #onRetry = null;
  #isDone = false;
  constructor(id, sink) {
    this.id = id;
    this.#sink = sink;
  }
  whenRetryable(callback) {
    this.#onRetry = callback;
  }
  ok(result) {
    this.#end(true, { re: this.id, ok: result });
  }
  okEncoded(bytes) {
    this.#end(true, bytes);
  }
  fail(code, message) {
    this.failWith(new CarillonError(code, message));
  }
  failWith(error) {
    this.#fail(error.toWire());
  }
  failure(failure) {
    const { version } = failure;
    this.failWith(new CarillonError(failure.code, failure.message, version === void 0 ? {} : { version }));
  }
  #fail(error) {
    if (error.retry && !this.#isDone) this.#onRetry?.();
    this.#end(false, { re: this.id, error });
  }
  #end(isOk, reply) {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#sink.reply(reply);
    this.#sink.answered(isOk);
  }
};

// packages/server/src/session/channel-command.ts
function onChannel(context, command, answer, work) {
  const { channel, kind, action } = command;
  const target = context.host.target(channel);
  if (target === null)
    return answer.fail(
      "unknown_channel",
      `Expected a channel of the contract, "${channel}" matches none of its patterns.`
    );
  if (kind !== null && target.options.kind !== kind) {
    return answer.fail("wrong_kind", `Expected a ${kind} channel, "${channel}" is a ${target.options.kind} channel.`);
  }
  context.lane(channel).run((release) => {
    context.grant(target, (grant) => {
      if (!context.isOpen()) return release();
      if (grant instanceof CarillonError) answer.failWith(grant);
      else if (!command.isGranted(grant, target))
        answer.fail("forbidden", `You are not allowed to ${action} "${channel}".`);
      else return work(target, grant, release);
      release();
    });
  });
}

// packages/server/src/session/payload.ts
function readPayload(fields, body) {
  const given = ["data", "bytes", "erased"].filter((name) => fields[name] !== void 0);
  if (given.length !== 1)
    return `Expected exactly one of data, bytes and erased, got ${given.join(" and ") || "none"}.`;
  if (fields["erased"] !== void 0)
    return fields["erased"] === true ? { erased: true } : "Expected erased to be true.";
  if (fields["bytes"] === void 0) return { value: fields["data"] };
  if (fields["bytes"] !== body.byteLength)
    return `Expected bytes to be the length of what follows, ${body.byteLength}.`;
  return { value: body.slice() };
}
function readAnnotations(value, name, charsMax) {
  if (value === void 0) return null;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return `Expected ${name} to be an object of strings.`;
  let chars = 0;
  const annotations = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") return `Expected each of ${name} to be a string.`;
    chars += key.length + text.length;
    annotations.push([key, text]);
  }
  if (chars > charsMax) return `Expected ${name} to have at most ${charsMax} characters, got ${chars}.`;
  return Object.fromEntries(annotations);
}
function readResend(value) {
  if (value === void 0) return null;
  if (typeof value === "object" && value !== null && "epoch" in value && "at" in value) {
    const { epoch, at } = value;
    if (typeof epoch === "string" && epoch.length <= 64 && typeof at === "number") return { epoch, at };
  }
  return "Expected resend to be {epoch, at}.";
}

// packages/server/src/session/commands/publish.ts
var ANNOTATIONS_MAX = 4096;
var publish = {
  read({ channel, publication, tags, meta, expiresInMs = 0, resend, ...fields }, body) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (!isPublicationId(publication))
      return "Expected publication to be 1 to 64 printable ASCII characters without space.";
    const payload3 = readPayload(fields, body);
    if (typeof payload3 === "string") return payload3;
    if ("erased" in payload3) return "Expected data or bytes, a publication can't be erased before it exists.";
    const readTags = readAnnotations(tags, "tags", ANNOTATIONS_MAX);
    if (typeof readTags === "string") return readTags;
    const readMeta = readAnnotations(meta, "meta", ANNOTATIONS_MAX);
    if (typeof readMeta === "string") return readMeta;
    if (typeof expiresInMs !== "number" || !(expiresInMs >= 0)) return "Expected expiresInMs to be a positive number.";
    const readAgain = readResend(resend);
    if (typeof readAgain === "string") return readAgain;
    return {
      channel,
      publication,
      value: payload3.value,
      tags: readTags,
      meta: readMeta,
      expiresInMs,
      resend: readAgain
    };
  },
  run(context, input, answer) {
    const { channel, publication } = input;
    const command = {
      channel,
      kind: "log",
      action: "publish to",
      isGranted: (grant) => grant.publish
    };
    keepOrder(context, channel, publication, answer);
    onChannel(context, command, answer, (target, _grant, release) => {
      if (isRefusedForOrder(context, channel, publication, answer)) return release();
      context.host.hooks.validate(target, input.value, (data) => {
        if (data instanceof CarillonError) answer.failWith(data);
        else {
          const annotations = [input.tags, input.meta, input.expiresInMs];
          const { options, version } = target;
          submit(context, answer, {
            channel,
            options,
            version,
            data,
            id: publication,
            amend: null,
            tags: input.tags,
            meta: input.meta,
            publisher: context.identity.publisher,
            expiresInMs: input.expiresInMs,
            idempotency: {
              scope: `i:${context.identity.instance}`,
              fingerprint: fingerprint(context, "publish", data, annotations),
              resend: input.resend
            }
          });
        }
        release();
      });
    });
  }
};
function keepOrder(context, channel, id, answer) {
  answer.whenRetryable(() => context.lane(channel).hold(id));
}
function isRefusedForOrder(context, channel, id, answer) {
  if (!isHeld(context, channel, id)) return false;
  answer.fail("out_of_order", "An earlier publish to the channel failed; send that one again first.");
  return true;
}
function submit(context, answer, request) {
  const done = (result) => {
    if (result.ok) answer.ok({ pos: result.pos, at: result.at });
    else answer.failure(result);
  };
  context.host.append({ ...request, done }, () => isHeld(context, request.channel, request.id));
}
function isHeld(context, channel, id) {
  return context.lane(channel).isHeldFor(id, context.host.ports.monotonicMs());
}
function fingerprint(context, verb, data, rest) {
  const { hash: hash2 } = context.host.ports;
  return hash2(`${verb} ${typeof data === "string" ? data : data === null ? "" : hash2(data)} ${JSON.stringify(rest)}`);
}

// packages/server/src/session/commands/amend.ts
var amend = {
  read({ channel, publication, amendment, resend, ...fields }, body) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (!isPublicationId(publication)) return "Expected publication to be the id of a publication.";
    if (!isPublicationId(amendment))
      return "Expected amendment to be 1 to 64 printable ASCII characters without space.";
    const payload3 = readPayload(fields, body);
    if (typeof payload3 === "string") return payload3;
    const readAgain = readResend(resend);
    if (typeof readAgain === "string") return readAgain;
    return { channel, publication, amendment, payload: payload3, resend: readAgain };
  },
  run(context, { channel, publication, amendment, payload: payload3, resend }, answer) {
    const command = {
      channel,
      kind: "log",
      action: "amend",
      isGranted: (grant) => grant.amend !== null
    };
    keepOrder(context, channel, amendment, answer);
    onChannel(context, command, answer, (target, grant, release) => {
      if (isRefusedForOrder(context, channel, amendment, answer)) return release();
      const finish = (data) => {
        if (data instanceof CarillonError) answer.failWith(data);
        else {
          const { identity } = context;
          const { options, version } = target;
          submit(context, answer, {
            channel,
            options,
            version,
            data,
            id: amendment,
            tags: null,
            meta: null,
            expiresInMs: 0,
            publisher: identity.publisher,
            amend: { target: publication, onlyBy: grant.amend === "any" ? null : identity.publisher.user },
            idempotency: {
              scope: `i:${identity.instance}`,
              fingerprint: fingerprint(context, "amend", data, [publication, data === null]),
              resend
            }
          });
        }
        release();
      };
      if ("erased" in payload3) finish(null);
      else context.host.hooks.validate(target, payload3.value, finish);
    });
  }
};

// packages/server/src/session/commands/call.ts
var NAME_MAX = 128;
var call = {
  read({ name, input }) {
    if (typeof name !== "string" || name.length === 0 || name.length > NAME_MAX)
      return "Expected name to be the name of a call.";
    if (input === void 0) return "Expected input; null for a call without one.";
    return { name, input };
  },
  run(context, { name, input }, answer) {
    context.host.hooks.call(context.identity, name, input, (output) => {
      if (output instanceof CarillonError) answer.failWith(output);
      else answer.ok({ output });
    });
  }
};

// packages/server/src/session/commands/history.ts
var history = {
  read({ channel, before, limit }) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (before !== void 0 && !isPosition(before)) return "Expected before to be a position that the server sent.";
    if (!Number.isSafeInteger(limit) || Number(limit) < 1)
      return "Expected limit to be a positive number of publications.";
    return { channel, before: before ?? null, limit: Number(limit) };
  },
  run(context, { channel, before, limit }, answer) {
    const command = {
      channel,
      kind: "log",
      action: "read the history of",
      isGranted: (grant) => grant.history
    };
    onChannel(context, command, answer, (target, _grant, release) => {
      const { host, connection } = context;
      host.history(target, before, Math.min(limit, host.limits.pageItems), (page) => {
        if (!page.ok) answer.failure(page);
        else {
          const { prev, pos, more, records } = page.value;
          const fields = `"prev":"${prev}","pos":"${pos}","more":${more}`;
          answer.okEncoded(encodeHistoryReply(answer.id, fields, records, connection.framing));
        }
        release();
      });
    });
  }
};

// packages/server/src/session/commands/ping.ts
var ping = {
  read: () => ({}),
  run: (_context, _input, answer) => answer.ok({})
};

// packages/server/src/session/commands/refresh.ts
var refresh = {
  read: ({ ticket }) => typeof ticket === "string" ? { ticket } : "Expected ticket to be a ticket.",
  run(context, { ticket }, answer) {
    const { remoteAddress, origin } = context.connection;
    const credential = { ticket, resume: null, remoteAddress, origin };
    context.host.admission.refresh(context.receipt(), credential, (result) => {
      if (result instanceof CarillonError) return answer.failWith(result);
      context.refreshed(result);
      answer.ok(result.lifetimeMs === null ? {} : { lifetimeMs: result.lifetimeMs });
    });
  }
};

// packages/server/src/session/commands/set.ts
var set = {
  read({ channel, key, expect, ...fields }, body) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (key !== void 0 && !isKey(key))
      return "Expected key to be 1 to 128 printable ASCII characters without space.";
    if (!isExpectation(expect)) return "Expected expect to be a version, or 0 for no entry.";
    const payload3 = readPayload(fields, body);
    if (typeof payload3 === "string") return payload3;
    if ("erased" in payload3) return "Expected data or bytes; use remove to end an entry.";
    return { channel, key: key ?? null, value: payload3.value, expect: expect ?? null };
  },
  run(context, { channel, key, value, expect }, answer) {
    const { identity, host } = context;
    const ownKey = identity.instance;
    const isGranted = (grant, target) => (
      // A presence has one entry per instance, so that nobody can speak for another.
      grant.set !== null && (!target.isPresence || key === null || key === ownKey)
    );
    onChannel(
      context,
      { channel, kind: "state", action: "set that entry of", isGranted },
      answer,
      (target, grant, release) => {
        host.hooks.validate(target, value, (data) => {
          if (!context.isOpen()) return release();
          if (data instanceof CarillonError) answer.failWith(data);
          else {
            const { options } = target;
            if (options.owned) context.holdEntries(target);
            const owner = options.owned ? identity.publisher : null;
            const ownOnly = options.owned && grant.set !== "any";
            host.apply({
              channel,
              options,
              change: { op: "set", key: key ?? ownKey, data, expect, owner, holder: context.id, ownOnly },
              done: (result) => result.ok ? answer.ok({ pos: result.pos, version: result.version }) : answer.failure(result)
            });
          }
          release();
        });
      }
    );
  }
};
function isExpectation(expect) {
  return expect === void 0 || typeof expect === "number" && Number.isSafeInteger(expect) && expect >= 0;
}

// packages/server/src/session/commands/remove.ts
var maySet = (grant) => grant.set !== null;
var remove = {
  read({ channel, key, expect }) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (key !== void 0 && !isKey(key))
      return "Expected key to be 1 to 128 printable ASCII characters without space.";
    if (!isExpectation(expect)) return "Expected expect to be a version, or 0 for no entry.";
    return { channel, key: key ?? null, expect: expect ?? null };
  },
  run(context, { channel, key, expect }, answer) {
    const { identity, host } = context;
    const ownKey = identity.instance;
    onChannel(
      context,
      { channel, kind: "state", action: "remove that entry of", isGranted: maySet },
      answer,
      (target, grant, release) => {
        const { options } = target;
        const onlyBy = options.owned && grant.set !== "any" ? ownKey : null;
        host.apply({
          channel,
          options,
          change: { op: "remove", key: key ?? ownKey, expect, onlyBy },
          done: (result) => result.ok ? answer.ok({ pos: result.pos, version: result.version }) : answer.failure(result)
        });
        release();
      }
    );
  }
};

// packages/server/src/session/commands/subscribe.ts
var subscribe = {
  read({ channel, position, history: history2 = 0 }) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (position !== void 0 && history2 !== 0) return "Expected position or history, got both.";
    if (position !== void 0 && !isPosition(position)) return "Expected position to be one that the server sent.";
    if (!Number.isSafeInteger(history2) || Number(history2) < 0)
      return "Expected history to be a number of publications.";
    return { channel, position: position ?? null, history: Number(history2) };
  },
  run(context, input, answer) {
    const command = {
      channel: input.channel,
      kind: null,
      action: "subscribe to",
      isGranted: (grant) => grant.subscribe && (input.history === 0 || grant.history)
    };
    onChannel(context, command, answer, (target, _grant, release) => {
      const { subscriptions, host } = context;
      const refuse = (fail) => {
        fail();
        release();
      };
      if (subscriptions.has(target.name)) {
        return refuse(
          () => answer.fail("already_subscribed", `The session is subscribed to "${target.name}" already.`)
        );
      }
      const max = host.limits.channelsPerSession;
      if (subscriptions.size >= max) {
        return refuse(
          () => answer.fail("too_large", `Expected at most ${max} subscriptions in a session; unsubscribe from one first.`)
        );
      }
      attach(context, target, input, answer, release);
    });
  }
};
function attach(context, target, input, answer, release) {
  const { host } = context;
  host.hub.attach(target.name, target.options, target.coalesceMs, (attached) => {
    if (!attached.ok) answer.failure(attached);
    else if (!context.isOpen()) host.hub.detach(target.name);
    else {
      const begin = (pos, isLive2) => {
        const subscription = context.createSubscription(target);
        answer.ok({ channel: target.name, kind: target.options.kind, pos, live: isLive2 });
        subscription.start(pos, isLive2);
      };
      if (input.position !== null) {
        const pos = host.faults.has("no-catching-up") ? attached.value : input.position;
        begin(pos, pos === attached.value);
      } else if (target.options.kind === "state") begin(null, false);
      else if (input.history === 0) begin(attached.value, true);
      else return rewind(context, target, input.history, answer, begin, release);
    }
    release();
  });
}
function rewind(context, target, count, answer, begin, release) {
  const { host } = context;
  host.history(target, null, Math.min(count, host.limits.pageItems), (page) => {
    if (page.ok && context.isOpen()) begin(page.value.prev, page.value.prev === page.value.pos);
    else {
      host.hub.detach(target.name);
      if (!page.ok) answer.failure(page);
    }
    release();
  });
}

// packages/server/src/session/commands/unsubscribe.ts
var unsubscribe = {
  read: ({ channel }) => isChannelName(channel) ? { channel } : "Expected channel to be a well-formed channel name.",
  run(context, { channel }, answer) {
    context.lane(channel).run((release) => {
      const subscription = context.subscriptions.get(channel);
      if (subscription === void 0) answer.fail("not_subscribed", `The session is not subscribed to "${channel}".`);
      else {
        context.subscriptions.delete(channel);
        subscription.end();
        answer.ok({});
      }
      release();
    });
  }
};

// packages/server/src/session/commands/commands.ts
var COMMANDS = new Map(
  Object.entries({ amend, call, history, ping, publish, refresh, remove, set, subscribe, unsubscribe })
);

// packages/server/src/session/connect.ts
var CREDENTIAL_MAX = 256;
function readConnect({ ticket, resume, contract }) {
  const credential = ticket ?? resume;
  if (ticket === void 0 === (resume === void 0)) return "Expected exactly one of ticket and resume.";
  if (typeof credential !== "string" || credential.length > CREDENTIAL_MAX)
    return "Expected a credential of at most 256 characters.";
  if (contract !== void 0 && typeof contract !== "number") return "Expected contract to be a version.";
  return {
    ticket: ticket === void 0 ? null : credential,
    resume: resume === void 0 ? null : credential,
    contract: contract ?? null
  };
}
function connectResult(session, admitted, host) {
  const { limits, ports } = host;
  return {
    session,
    instance: admitted.instance,
    user: admitted.user.id,
    resume: admitted.resume,
    features: [],
    limits: { messageBytes: limits.messageBytes, channels: limits.channelsPerSession, historyPage: limits.pageItems },
    idempotency: { windowMs: limits.idempotencyWindowMs, epoch: host.idempotencyEpoch },
    time: ports.wallMs(),
    heartbeatMs: limits.heartbeatMs,
    ...admitted.lifetimeMs === null ? {} : { lifetimeMs: admitted.lifetimeMs }
  };
}

// packages/server/src/session/error-budget.ts
var WINDOW_MS = 6e4;
var ErrorBudget = class {
  #ports;
  #perMinute;
  #count = 0;
  #since = 0;
  constructor(ports, perMinute) {
    this.#ports = ports;
    this.#perMinute = perMinute;
  }
  /** Counts one failure; false once there were too many in a minute. */
  spend() {
    const now = this.#ports.monotonicMs();
    if (now - this.#since > WINDOW_MS) {
      this.#since = now;
      this.#count = 0;
    }
    this.#count++;
    return this.#count <= this.#perMinute;
  }
};

// packages/server/src/session/grant-cache.ts
var GrantCache = class {
  #grants = /* @__PURE__ */ new Map();
  #identity;
  #hooks;
  #max;
  constructor(identity, hooks, max) {
    this.#identity = identity;
    this.#hooks = hooks;
    this.#max = max;
  }
  /** The grant for a target. */
  get(target, done) {
    const known = this.#grants.get(target.grantedBy);
    if (known !== void 0) return done(seenFrom(target, known));
    this.#hooks.authorize(this.#identity, target, (grant) => {
      if (!("subscribe" in grant)) return done(grant);
      const [oldest] = this.#grants.keys();
      if (this.#grants.size >= this.#max && oldest !== void 0) this.#grants.delete(oldest);
      this.#grants.set(target.grantedBy, grant);
      done(seenFrom(target, grant));
    });
  }
  /** Forgets a channel's grant: the permission has changed. */
  forget(channel) {
    this.#grants.delete(channel);
  }
};
function seenFrom(target, grant) {
  if (!target.isPresence) return grant;
  return {
    ...NO_GRANT,
    subscribe: grant.presence,
    presence: grant.presence,
    enter: grant.enter,
    set: grant.enter ? "own" : null
  };
}

// packages/server/src/policy/rate-limit.ts
var TokenBucket = class {
  #ports;
  #rate;
  #tokens;
  #atMs;
  constructor(ports, rate) {
    this.#ports = ports;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = ports.monotonicMs();
  }
  /** Takes a token and returns 0, or takes none and returns the milliseconds, 1 or more, until there is one. */
  take() {
    const now = this.#ports.monotonicMs();
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + Math.max(0, now - this.#atMs) * perSecond / 1e3);
    this.#atMs = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - this.#tokens) * 1e3 / perSecond));
  }
  /** True once nothing that was taken counts any more: the bucket can be forgotten. */
  get isFull() {
    const { perSecond, burst } = this.#rate;
    return this.#tokens + (this.#ports.monotonicMs() - this.#atMs) * perSecond / 1e3 >= burst;
  }
};

// packages/server/src/session/inbox.ts
var Inbox = class {
  #queue = [];
  #connection;
  #owner;
  #ports;
  #limits;
  #rate;
  #timer = null;
  #isPaused = false;
  #isPumping = false;
  #isClosed = false;
  constructor(connection, owner, ports, limits) {
    this.#connection = connection;
    this.#owner = owner;
    this.#ports = ports;
    this.#limits = limits;
    this.#rate = new TokenBucket(ports, { perSecond: limits.commandsPerSecond, burst: limits.commandsBurst });
  }
  /** A text frame came. */
  text(payload3) {
    this.#add(() => decodeText(payload3, this.#limits.messagesPerFrame));
  }
  /** A binary frame came. */
  binary(payload3) {
    this.#add(() => decodeBinary(payload3, this.#limits.messagesPerFrame));
  }
  /** Hands over what may be handed over, and reads on or stops reading accordingly. */
  pump() {
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    while (this.#queue.length > 0 && this.#owner.isReady && this.#hasToken()) {
      const { message, isAlone } = this.#queue.shift();
      this.#owner.take(message, isAlone);
    }
    this.#isPumping = false;
    const mustPause = this.#queue.length > 0 || !this.#owner.isReady;
    if (mustPause === this.#isPaused || this.#isClosed) return;
    this.#isPaused = mustPause;
    if (mustPause) this.#connection.pause();
    else this.#connection.resume();
  }
  /** Forgets what waits. */
  close() {
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#timer?.cancel();
    this.#timer = null;
  }
  #add(decode) {
    if (this.#isClosed) return;
    try {
      const messages = decode();
      for (const message of messages) this.#queue.push({ message, isAlone: messages.length === 1 });
    } catch (error) {
      return this.#owner.undecodable(error instanceof Error ? error.message : "The frame can't be decoded.");
    }
    this.pump();
  }
  #hasToken() {
    const waitMs = this.#rate.take();
    if (waitMs === 0) return true;
    this.#timer ??= this.#ports.after(waitMs, () => {
      this.#timer = null;
      this.pump();
    });
    return false;
  }
};

// packages/server/src/session/lane.ts
var HOLD_MS = 1e4;
var Lane = class {
  #beats;
  #waiting = [];
  #isBusy = false;
  /** The publish that failed in a way that invites a repetition; others wait for it (P2). */
  #heldBy = null;
  /** Heartbeats that had gone out when it failed. */
  #heldAt = 0;
  /** Null while its sender need not know of the failure yet. */
  #heldUntil = null;
  constructor(beats) {
    this.#beats = beats;
  }
  /** True when nothing would be lost by forgetting the lane. */
  get isIdle() {
    return !this.#isBusy && this.#heldBy === null;
  }
  /** Runs the task now, or after those before it. */
  run(task) {
    if (this.#isBusy) this.#waiting.push(task);
    else this.#start(task);
  }
  /** Holds publishes back for the one that failed, until it is sent again or was given up. */
  hold(id) {
    if (this.#heldBy !== null) return;
    this.#heldBy = id;
    this.#heldAt = this.#beats.sent;
    this.#heldUntil = null;
  }
  /**
   * True when a publish must be refused because another has to come first. That one itself ends the hold: what comes
   * behind it can follow without waiting for its result, and fails with it if it fails again.
   *
   * A sender that never comes back for it must not be stuck for ever, and one that is slow to read must not be taken for
   * such a sender: only the answer to a heartbeat that went out behind the failure shows that the failure was read.
   */
  isHeldFor(id, nowMs) {
    if (this.#heldBy !== null && this.#beats.answered > this.#heldAt) this.#heldUntil ??= nowMs + HOLD_MS;
    const isOver = this.#heldBy === id || this.#heldUntil !== null && nowMs >= this.#heldUntil;
    if (isOver) this.#heldBy = null;
    return this.#heldBy !== null;
  }
  #start(task) {
    this.#isBusy = true;
    let isReleased = false;
    task(() => {
      if (isReleased) return;
      isReleased = true;
      const next = this.#waiting.shift();
      if (next === void 0) this.#isBusy = false;
      else this.#start(next);
    });
  }
};

// packages/server/src/session/server-subscription.ts
function subscribeFromServer(context, channel) {
  const { host, subscriptions } = context;
  const target = host.target(channel);
  if (target === null || !context.isOpen() || subscriptions.has(channel)) return;
  context.lane(channel).run((release) => {
    host.hub.attach(target.name, target.options, target.coalesceMs, (attached) => {
      if (attached.ok && (!context.isOpen() || subscriptions.has(channel))) host.hub.detach(channel);
      else if (attached.ok) {
        const { kind } = target.options;
        const pos = kind === "log" ? attached.value : null;
        const subscription = context.createSubscription(target);
        context.push({ push: "subscribed", channel, kind, pos, live: kind === "log" });
        subscription.start(pos, kind === "log");
      }
      release();
    });
  });
}

// packages/server/src/session/session.ts
var LANES_MAX = 64;
var Session = class {
  id;
  connection;
  host;
  outbox;
  subscriptions = /* @__PURE__ */ new Map();
  #state = "opened";
  #admitted = null;
  #context = null;
  /** The connect reply is the first: it wants a pong as heartbeats do. */
  #beats = { sent: 1, answered: 0 };
  #renewedAt = 0;
  #grants = null;
  #lifetime = null;
  #commandsInFlight = 0;
  #inbox;
  #errors;
  #liveness;
  #lanes = /* @__PURE__ */ new Map();
  /** Channels where the instance may own entries. */
  #held = /* @__PURE__ */ new Map();
  #connectTimeout;
  #leaveWheel;
  constructor(connection, host) {
    this.id = host.ports.id();
    this.connection = connection;
    this.host = host;
    this.outbox = new Outbox(connection, host, host.limits.outboxBytes, () => this.drained());
    this.#inbox = new Inbox(connection, this, host.ports, host.limits);
    this.#errors = new ErrorBudget(host.ports, host.limits.errorsPerMinute);
    this.#liveness = new Liveness(host.ports, connection, host.limits);
    this.#connectTimeout = host.ports.after(host.limits.connectTimeoutMs, () => this.#close("connect_timeout"));
    this.#leaveWheel = host.wheel.add(this);
    host.metrics.connections++;
    host.metrics.connectionsTotal++;
  }
  get identity() {
    return this.#context?.identity ?? null;
  }
  /** True while another message may be taken; see {@link Inbox}. */
  get isReady() {
    if (this.#state === "opened") return true;
    return this.#state === "open" && this.#commandsInFlight < this.host.limits.commandsInFlight && !this.outbox.isFull;
  }
  text(payload3) {
    this.#liveness.heard();
    this.#inbox.text(payload3);
  }
  binary(payload3) {
    this.#liveness.heard();
    this.#inbox.binary(payload3);
  }
  drained() {
    for (const subscription of this.subscriptions.values()) subscription.drained();
    this.#inbox.pump();
  }
  closed(_code, isClean) {
    this.#finish(isClean);
  }
  beat() {
    const pulse = this.#liveness.beat(!this.isReady);
    if (pulse === "slow") this.host.metrics.slowClosed++;
    if (pulse !== "alive") return this.#close(pulse);
    if (this.#state !== "open" || this.outbox.isFull) return;
    this.#beats.sent++;
    this.send({ push: "heartbeat" });
  }
  take({ head: fields, body }, isAlone) {
    if (!isFields(fields)) return this.#refuseMessage("Expected a JSON object.");
    if (fields["cmd"] === "pong") return this.#pong();
    const { id, cmd } = fields;
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 1 || typeof cmd !== "string") {
      return this.#refuseMessage("Expected a command with cmd and a positive integer id.");
    }
    this.#commandsInFlight++;
    this.host.metrics.commandsInFlight++;
    const answer = new Answer(id, this);
    if (this.#state === "opened") return this.#connect(fields, isAlone, answer);
    const command = COMMANDS.get(cmd);
    if (cmd === "connect")
      return answer.fail("not_connected", "Expected one connect in a connection, this is another.");
    if (command === void 0)
      return answer.fail("unknown_command", `Expected a command of carillon.1, got "${cmd.slice(0, 64)}".`);
    const input = command.read(fields, body);
    if (typeof input === "string") return answer.fail("bad_message", input);
    if (this.#context !== null) command.run(this.#context, input, answer);
  }
  undecodable(problem) {
    this.#close("protocol_error", problem);
  }
  reply(reply) {
    if (this.#state === "closed") return;
    this.outbox.push(reply instanceof Uint8Array ? reply : this.connection.framing.text(JSON.stringify(reply)));
  }
  answered(isOk) {
    const { metrics } = this.host;
    if (this.#state !== "closed") metrics.commandsInFlight--;
    this.#commandsInFlight--;
    if (isOk) metrics.commandsOk++;
    else {
      metrics.commandsFailed++;
      if (!this.#errors.spend()) this.#close("too_many_errors");
    }
    this.#inbox.pump();
  }
  send(message) {
    this.reply(message);
  }
  push(message) {
    this.reply(message);
  }
  failed(subscription, failure) {
    this.#unsubscribe(subscription.target.name, failure.code, failure.message, false);
  }
  subscribeFromServer(channel) {
    if (this.#context !== null) subscribeFromServer(this.#context, channel);
  }
  unsubscribeFromServer(channel, reason) {
    this.#grants?.forget(channel);
    this.#unsubscribe(channel, "forbidden", reason, false);
  }
  end(code, reason, isForGood) {
    if (this.#state === "closed") return;
    if (isForGood) this.outbox.clear();
    else this.host.flushOutbox(this.outbox);
    this.#finish(isForGood);
    this.connection.close(code, reason);
  }
  /** A message that can't be answered by its id is answered by 0; the connection goes on. */
  #refuseMessage(problem) {
    if (this.#state !== "open") return this.undecodable(problem);
    this.#commandsInFlight++;
    this.host.metrics.commandsInFlight++;
    new Answer(0, this).fail("bad_message", problem);
  }
  #close(name, reason = CLOSE_CODES[name].text) {
    this.end(CLOSE_CODES[name].code, reason, false);
  }
  #connect(fields, isAlone, answer) {
    const isFirst = fields["cmd"] === "connect" && isAlone;
    const input = isFirst ? readConnect(fields) : "Expected connect first, alone in its frame.";
    if (typeof input === "string") {
      answer.fail(isFirst ? "bad_message" : "not_connected", input);
      return this.#close("protocol_error", input);
    }
    if (input.contract !== null && input.contract > this.host.contractVersion) {
      answer.fail(
        "contract_mismatch",
        `The server serves contract version ${this.host.contractVersion}, the client has ${input.contract}.`
      );
      return this.#close("contract_mismatch");
    }
    this.#state = "connecting";
    const { remoteAddress, origin } = this.connection;
    this.host.admission.admit({ ...input, remoteAddress, origin }, (admitted) => {
      if (this.#state !== "connecting") {
        if (!(admitted instanceof CarillonError)) this.host.admission.ended(admitted.receipt, false);
        return;
      }
      if (admitted instanceof CarillonError) return this.#refuse(admitted, answer);
      this.#open(admitted, answer);
    });
    this.#inbox.pump();
  }
  #refuse(error, answer) {
    this.host.metrics.connectsRefused++;
    answer.failWith(error);
    const code = error.code === "ticket_refused" || error.code === "resume_refused" ? error.code : "overloaded";
    this.#close(code, error.message);
  }
  #open(admitted, answer) {
    const { host } = this;
    this.#identify(admitted);
    const refusal = host.opened(this, admitted);
    if (refusal !== null) {
      this.#context = null;
      host.admission.ended(admitted.receipt, false);
      this.#admitted = null;
      return this.#refuse(refusal, answer);
    }
    this.#state = "open";
    this.#renewedAt = host.ports.monotonicMs();
    this.#connectTimeout.cancel();
    this.connection.opened();
    this.#setLifetime(admitted.lifetimeMs);
    answer.ok(connectResult(this.id, admitted, host));
    if (this.#context?.isOpen() === true) host.greet(this);
  }
  #refreshed({ user, lifetimeMs, receipt }) {
    if (this.#admitted === null || this.#state !== "open") return;
    this.#identify({ ...this.#admitted, user, lifetimeMs, receipt });
    this.#setLifetime(lifetimeMs);
  }
  #identify(admitted) {
    const publisher = { user: admitted.user.id, instance: admitted.instance };
    const identity = { user: admitted.user, instance: admitted.instance, publisher };
    this.#admitted = admitted;
    this.#grants = new GrantCache(identity, this.host.hooks, this.host.limits.grantsPerSession);
    this.#context = this.#commandContext(identity, admitted);
  }
  #commandContext(identity, admitted) {
    return {
      id: this.id,
      identity,
      host: this.host,
      connection: this.connection,
      outbox: this.outbox,
      subscriptions: this.subscriptions,
      isOpen: () => this.#state === "open",
      lane: (channel) => this.#lane(channel),
      grant: (target, done) => this.#grants?.get(target, done),
      createSubscription: (target) => this.#createSubscription(target),
      holdEntries: (target) => this.#held.set(target.name, target),
      receipt: () => admitted.receipt,
      refreshed: (refreshed) => this.#refreshed(refreshed),
      push: (message) => this.push(message)
    };
  }
  #createSubscription(target) {
    const subscription = new Subscription(target, this.host.group(this.connection.framing), this.host, this);
    this.subscriptions.set(target.name, subscription);
    return subscription;
  }
  #unsubscribe(channel, code, message, retry) {
    const subscription = this.subscriptions.get(channel);
    if (subscription === void 0) return;
    this.subscriptions.delete(channel);
    subscription.end();
    this.push({ push: "unsubscribed", channel, code, message, retry });
  }
  #lane(channel) {
    const known = this.#lanes.get(channel);
    if (known !== void 0) return known;
    if (this.#lanes.size >= LANES_MAX) {
      for (const [name, lane2] of this.#lanes) if (lane2.isIdle) this.#lanes.delete(name);
    }
    const lane = new Lane(this.#beats);
    this.#lanes.set(channel, lane);
    return lane;
  }
  #pong() {
    if (this.#admitted === null) return;
    const { admission, limits, ports } = this.host;
    if (this.#beats.answered === 0) admission.confirmed(this.#admitted.receipt);
    this.#beats.answered++;
    if (ports.monotonicMs() - this.#renewedAt < limits.resumeTtlMs / 4) return;
    this.#renewedAt = ports.monotonicMs();
    admission.renew(this.#admitted.receipt, () => this.end(CLOSE_CODES.revoked.code, CLOSE_CODES.revoked.text, true));
  }
  #setLifetime(lifetimeMs) {
    this.#lifetime?.cancel();
    this.#lifetime = lifetimeMs === null ? null : this.host.ports.after(lifetimeMs, () => this.#close("session_expired"));
  }
  /** The one end of everything that the session owns. `isForGood`: the instance does not come back. */
  #finish(isForGood) {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#connectTimeout.cancel();
    this.#lifetime?.cancel();
    this.#leaveWheel();
    this.#inbox.close();
    this.outbox.clear();
    for (const subscription of this.subscriptions.values()) subscription.end();
    this.subscriptions.clear();
    const { metrics, admission } = this.host;
    metrics.connections--;
    metrics.commandsInFlight -= this.#commandsInFlight;
    if (this.#admitted === null) return;
    admission.ended(this.#admitted.receipt, isForGood);
    this.host.closed(this, [...this.#held.values()], isForGood);
  }
};
function isFields(head) {
  return typeof head === "object" && head !== null && !Array.isArray(head);
}

// packages/server/src/node.ts
var Node = class {
  ports;
  limits;
  logger;
  faults;
  hooks;
  contractVersion;
  metrics = new Metrics();
  registry = new Registry();
  hub;
  pages;
  wheel;
  #targets;
  #groups = /* @__PURE__ */ new Map();
  /** What ends with the graces of each instance. */
  #graces = /* @__PURE__ */ new Map();
  #joiner = new Joiner();
  #backplane = null;
  #admission = null;
  #appends = [];
  #applies = [];
  /** Questions to the store that wait for what was appended before them. */
  #questions = [];
  #isSubmitting = false;
  #catchingUp = /* @__PURE__ */ new Set();
  #dirty = [];
  #isScheduled = false;
  constructor(context) {
    this.ports = context.ports;
    this.limits = context.limits;
    this.logger = context.logger;
    this.faults = context.faults;
    this.hooks = context.hooks;
    this.contractVersion = context.contractVersion;
    this.#targets = context.targets;
    const store = () => this.backplane.channels;
    const { ports, metrics, faults, limits } = this;
    const schedule = () => this.#schedule();
    const closed = (channel) => this.pages.invalidate(channel);
    this.hub = new Hub({ ports, metrics, faults, store, schedule, closed });
    this.pages = new PageCache({ ports, metrics, store, bounds: { items: limits.pageItems, bytes: limits.pageBytes } });
    this.wheel = new HeartbeatWheel(ports, limits.heartbeatMs);
  }
  /** The open backplane. Throws before `open`: a programmer's error, since nothing is accepted before. */
  get backplane() {
    if (this.#backplane === null) throw new Error("Expected an open backplane; wait for ready() first.");
    return this.#backplane;
  }
  get admission() {
    if (this.#admission === null) throw new Error("Expected an open backplane; wait for ready() first.");
    return this.#admission;
  }
  get idempotencyEpoch() {
    return this.backplane.channels.idempotencyEpoch;
  }
  /** True once connections can be served. */
  get isOpen() {
    return this.#backplane !== null;
  }
  /** Starts with a backplane that was opened for this node. */
  open(backplane, admission) {
    this.#backplane = backplane;
    this.#admission = admission;
  }
  /** Serves a connection of the `carillon.1` protocol. */
  accept(connection) {
    return new Session(connection, this);
  }
  target(name) {
    return this.#targets.find(name);
  }
  group(framing) {
    const known = this.#groups.get(framing);
    if (known !== void 0) return known;
    const group = jsonGroup(framing);
    this.#groups.set(framing, group);
    return group;
  }
  append(request, isHeld2 = never) {
    this.#appends.push({ request: { ...request, done: (result) => this.#appended(request, result) }, isHeld: isHeld2 });
    this.#schedule();
  }
  apply(request) {
    this.#applies.push(request);
    this.#schedule();
  }
  history(target, before, limit, done) {
    this.#questions.push(() => {
      this.backplane.channels.history({ channel: target.name, options: target.options, before, limit }, done);
    });
    this.#submit();
  }
  catchUp(subscription) {
    this.#catchingUp.add(subscription);
    this.#schedule();
  }
  dirty(outbox) {
    this.#dirty.push(outbox);
    this.#schedule();
  }
  flushOutbox(outbox) {
    this.metrics.bytesWritten += outbox.flush(this.#joiner);
  }
  opened(session, admitted) {
    const { connectionsPerUser } = this.limits;
    if (this.registry.ofUser(admitted.user.id).length >= connectionsPerUser) {
      const message = `Expected at most ${connectionsPerUser} connections of a user; close one first.`;
      return new CarillonError("overloaded", message);
    }
    this.registry.add(session);
    this.metrics.sessions++;
    return null;
  }
  greet(session) {
    const { identity } = session;
    if (identity === null) return;
    this.backplane.control.send({ type: "replace", instance: identity.instance, session: session.id });
    this.hooks.connected(identity, (channels) => {
      for (const channel of channels) session.subscribeFromServer(channel);
    });
  }
  closed(session, held, isForGood) {
    const { identity } = session;
    this.registry.remove(session);
    this.metrics.sessions--;
    if (identity === null) return;
    const { instance } = identity;
    if (isForGood) for (const grace of this.#graces.get(instance) ?? []) grace.end();
    if (held.length === 0) return;
    const release = () => this.#release(held, instance, session.id);
    if (isForGood) release();
    else this.#holdFor(instance, release);
  }
  deliver(channel, prev, pos, records) {
    this.pages.invalidate(channel);
    this.hub.deliver(channel, prev, pos, records);
  }
  suspect(channel) {
    this.pages.invalidate(channel);
    this.hub.suspect(channel);
  }
  available(isAvailable) {
    this.logger.warn(isAvailable ? "The store can be reached again." : "The store can't be reached.");
  }
  /** A message from this node or another. */
  onControl(message) {
    switch (message.type) {
      case "replace":
        for (const session of this.registry.ofInstance(message.instance)) {
          if (session.id !== message.session) session.end(CLOSE_CODES.replaced.code, CLOSE_CODES.replaced.text, false);
        }
        return;
      case "disconnect":
        for (const session of this.registry.ofUser(message.user)) session.end(message.code, message.reason, true);
        return;
      case "subscribe":
        for (const session of this.registry.ofUser(message.user)) session.subscribeFromServer(message.channel);
        return;
      case "unsubscribe":
        for (const session of this.registry.ofUser(message.user))
          session.unsubscribeFromServer(message.channel, message.reason);
        return;
    }
  }
  /** Ends every session of a user whose access was revoked, on every node. */
  revoke(user) {
    this.backplane.control.send({
      type: "disconnect",
      user,
      code: CLOSE_CODES.revoked.code,
      reason: CLOSE_CODES.revoked.text
    });
  }
  /** Ends every session and forgets every grace. What is queued for the store is submitted first. */
  close() {
    for (const session of this.registry.all()) session.end(CLOSE_CODES.draining.code, CLOSE_CODES.draining.text, false);
    for (const graces of this.#graces.values()) for (const grace of graces) grace.timer.cancel();
    this.metrics.graces = 0;
    this.#graces.clear();
    if (this.#backplane !== null) this.#flush();
  }
  #appended(request, result) {
    if (result.ok && result.duplicate) this.metrics.duplicates++;
    else if (result.ok) this.metrics.appended++;
    request.done(result);
  }
  /** Releases what an instance holds when its grace is over, or when it is ended early. */
  #holdFor(instance, release) {
    const graces = this.#graces.get(instance) ?? /* @__PURE__ */ new Set();
    const end = () => {
      grace.timer.cancel();
      graces.delete(grace);
      if (graces.size === 0) this.#graces.delete(instance);
      this.metrics.graces--;
      release();
    };
    const grace = { timer: this.ports.after(this.limits.graceMs, end), end };
    graces.add(grace);
    this.#graces.set(instance, graces);
    this.metrics.graces++;
  }
  #release(held, instance, holder) {
    for (const { name, options } of held) {
      this.apply({ channel: name, options, change: { op: "release", instance, holder }, done: () => {
      } });
    }
  }
  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.ports.endOfTick(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }
  /**
   * The end of a tick. Everything that arrived in it goes to the store as one batch; what the store delivers at once
   * becomes one unit per channel; each connection that got something is written once.
   */
  #flush() {
    this.#submit();
    this.hub.flush();
    const catchingUp = this.#catchingUp;
    this.#catchingUp = /* @__PURE__ */ new Set();
    for (const subscription of catchingUp) subscription.step();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const outbox of dirty) this.metrics.bytesWritten += outbox.endTick(this.#joiner);
    this.metrics.writes += dirty.length;
    this.#joiner.reset();
  }
  /**
   * Hands the store what it was asked to do, then asks it what it was asked for: a page must include what was appended
   * before it. Answers can bring in the next commands, while the store is still at the batch. Theirs must wait, or they
   * would overtake the rest of it.
   */
  #submit() {
    if (this.#isSubmitting) return;
    this.#isSubmitting = true;
    do {
      const appends = this.#appends;
      const applies = this.#applies;
      const questions = this.#questions;
      this.#appends = [];
      this.#applies = [];
      this.#questions = [];
      if (appends.length > 0) this.#submitAppends(appends);
      if (applies.length > 0) this.backplane.channels.apply(applies);
      for (const ask of questions) ask();
    } while (this.#questions.length > 0);
    this.#isSubmitting = false;
  }
  #submitAppends(queued) {
    const batch = [];
    for (const { request, isHeld: isHeld2 } of queued) {
      if (isHeld2()) request.done(OUT_OF_ORDER2);
      else batch.push(request);
    }
    if (batch.length > 0) this.backplane.channels.append(batch);
  }
};
var OUT_OF_ORDER2 = {
  ok: false,
  code: "out_of_order",
  message: "An earlier publish to the channel failed; send that one again first."
};
function never() {
  return false;
}

// packages/server/src/policy/target.ts
var Targets = class {
  #contract;
  #patterns;
  #optionsByPattern = /* @__PURE__ */ new Map();
  constructor(contract) {
    this.#contract = contract;
    this.#patterns = compilePatterns(Object.keys(contract.channels));
    for (const [pattern, spec] of Object.entries(contract.channels))
      this.#optionsByPattern.set(pattern, optionsOf(spec));
  }
  /** What a name stands for; null when no pattern matches it, or when it asks for a presence that is not there. */
  find(name) {
    const parent = presenceParent(name);
    const match = this.#patterns.match(parent ?? name);
    const spec = match === null ? void 0 : this.#contract.channels[match.pattern];
    const options = match === null ? void 0 : this.#optionsByPattern.get(match.pattern);
    if (match === null || spec === void 0 || options === void 0) return null;
    const common = { name, pattern: match.pattern, params: match.params, grantedBy: parent ?? name };
    if (parent === null) {
      const schema = spec.kind === "log" ? spec.data : spec.value;
      const version = spec.kind === "log" ? spec.version : 1;
      return { ...common, options, schema, version, coalesceMs: spec.coalesceMs ?? 0, isPresence: false };
    }
    if (spec.kind !== "log" || spec.presence === void 0) return null;
    return { ...common, options: PRESENCE2, schema: spec.presence, version: 1, coalesceMs: 0, isPresence: true };
  }
  /** The members of a channel; null when its pattern has no presence. */
  presenceOf(name) {
    return this.find(presenceChannel(name));
  }
};
var PRESENCE2 = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: true };
function optionsOf(spec) {
  if (spec.kind === "log") {
    const { historySize, historyTtlMs } = spec;
    return { kind: "log", historySize, historyTtlMs, ttlMs: 0, owned: false };
  }
  return { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: spec.ttlMs ?? 0, owned: spec.owned };
}

// packages/server/src/policy/credential-records.ts
function encodeRecord2(record) {
  return JSON.stringify(record);
}
function readTicket(value) {
  const record = parse(value);
  if (record === null || record["kind"] !== "ticket") return null;
  const { user, ip, origin, lifetimeMs, issuedAt } = record;
  if (!isUser(user) || !isTextOrNull(ip) || !isTextOrNull(origin)) return null;
  if (!isNumberOrNull(lifetimeMs) || typeof issuedAt !== "number") return null;
  return { kind: "ticket", user, ip, origin, lifetimeMs, issuedAt };
}
function readResume(value) {
  const record = parse(value);
  if (record === null || record["kind"] !== "resume") return null;
  const { user, instance, origin, endsAt, issuedAt, usedAt } = record;
  if (!isUser(user) || typeof instance !== "string" || !isTextOrNull(origin)) return null;
  if (!isNumberOrNull(endsAt) || !isNumberOrNull(usedAt) || typeof issuedAt !== "number") return null;
  return { kind: "resume", user, instance, origin, endsAt, issuedAt, usedAt };
}
function parse(value) {
  try {
    const record = JSON.parse(value);
    return isRecord(record) ? record : null;
  } catch {
    return null;
  }
}
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isUser(value) {
  return isRecord(value) && typeof value["id"] === "string";
}
function isTextOrNull(value) {
  return value === null || typeof value === "string";
}
function isNumberOrNull(value) {
  return value === null || typeof value === "number";
}

// packages/server/src/policy/tickets.ts
var Tickets = class {
  #store;
  #ports;
  #limits;
  constructor(store, ports, limits) {
    this.#store = store;
    this.#ports = ports;
    this.#limits = limits;
  }
  /** Issues a ticket: `t_` and 22 characters. Errors are `invalid_data`, `too_large` or a store's trouble. */
  issue(request, done) {
    const problem = this.#requestProblem(request);
    if (problem !== null) return done(problem);
    const { user, ip = null, origin = null, lifetimeMs = null, ttlMs = this.#limits.ticketTtlMs } = request;
    this.#store.revokedAt(user.id, (answer) => {
      if (!answer.ok) return done(trouble(answer));
      const ticket = `${TICKET_PREFIX}${this.#ports.id()}`;
      const record = encodeRecord2({ kind: "ticket", user, ip, origin, lifetimeMs, issuedAt: answer.value.now });
      if (record.length > RECORD_CHARS_MAX) {
        return done(
          new CarillonError("too_large", `Expected a user of at most ${RECORD_CHARS_MAX} characters of JSON.`)
        );
      }
      this.#store.put(this.#key(ticket), record, ttlMs, (put) => done(put.ok ? { ticket } : trouble(put)));
    });
  }
  /** Refuses everything that was issued to the user until now; tickets issued from now on are good. */
  revoke(userId, done) {
    const ttlMs = Math.max(this.#resumeTtlMs, this.#limits.ticketTtlMs) + REVOCATION_SLACK_MS;
    this.#store.revoke(userId, ttlMs, (answer) => done(answer.ok ? null : trouble(answer)));
  }
  admit(credential, done) {
    if (credential.ticket !== null) return this.#admitTicket(credential.ticket, credential, done);
    this.#admitResume(credential.resume ?? "", credential, done);
  }
  refresh(receipt, credential, done) {
    const current = readResume(receipt.value);
    this.#takeTicket(credential.ticket ?? "", credential, (taken) => {
      if (taken instanceof CarillonError) return done(taken);
      const { record, now } = taken;
      if (current === null || record.user.id !== current.user.id) return done(ticketRefused());
      const { user, lifetimeMs } = record;
      const endsAt = lifetimeMs === null ? null : now + lifetimeMs;
      const value = encodeRecord2({ ...current, user, endsAt, issuedAt: now });
      const refreshed = { user, lifetimeMs, receipt: { ...receipt, value } };
      this.#replace(receipt, value, (answer) => done(answer.ok ? refreshed : trouble(answer)));
    });
  }
  confirmed({ previousKey }) {
    if (previousKey !== null) this.#store.take(previousKey, ignore);
  }
  renew(receipt, revoked) {
    const record = readResume(receipt.value);
    if (record === null) return;
    this.#store.revokedAt(record.user.id, (answer) => {
      if (!answer.ok) return;
      if (record.issuedAt > answer.value.revokedAt) return this.#replace(receipt, receipt.value, ignore);
      this.ended(receipt, true);
      revoked();
    });
  }
  ended({ previousKey, nextKey }, isForGood) {
    if (!isForGood) return;
    this.#store.take(nextKey, ignore);
    if (previousKey !== null) this.#store.take(previousKey, ignore);
  }
  /** For how long the next credential is stored: what is left after a quarter, when it is renewed, is `resumeTtlMs`. */
  get #resumeTtlMs() {
    return this.#limits.resumeTtlMs * 1.25;
  }
  #admitTicket(ticket, from, done) {
    this.#takeTicket(ticket, from, (taken) => {
      if (taken instanceof CarillonError) return done(taken);
      const { record, now } = taken;
      const { user, origin, lifetimeMs } = record;
      const endsAt = lifetimeMs === null ? null : now + lifetimeMs;
      const instance = `${INSTANCE_PREFIX}${this.#ports.id()}`;
      const next = { kind: "resume", user, instance, origin, endsAt, issuedAt: now, usedAt: null };
      this.#issueResume(next, null, now, done);
    });
  }
  /** Takes a ticket and checks everything about it; it is consumed whatever the result. */
  #takeTicket(ticket, from, done) {
    if (!hasForm(ticket, TICKET_PREFIX)) return done(ticketRefused());
    this.#store.take(this.#key(ticket), (answer) => {
      if (!answer.ok) return done(trouble(answer));
      const record = answer.value === null ? null : readTicket(answer.value);
      if (record === null || !isBoundTo(record.ip, from.remoteAddress) || !isBoundTo(record.origin, from.origin)) {
        return done(ticketRefused());
      }
      this.#store.revokedAt(record.user.id, (revocation) => {
        if (!revocation.ok) return done(trouble(revocation));
        const { revokedAt, now } = revocation.value;
        done(record.issuedAt > revokedAt ? { record, now } : ticketRefused());
      });
    });
  }
  #admitResume(resume, from, done) {
    if (!hasForm(resume, RESUME_PREFIX)) return done(resumeRefused());
    const key = this.#key(resume);
    this.#store.take(key, (answer) => {
      if (!answer.ok) return done(trouble(answer));
      const record = answer.value === null ? null : readResume(answer.value);
      if (record === null || !isBoundTo(record.origin, from.origin)) return done(resumeRefused());
      this.#store.revokedAt(record.user.id, (revocation) => {
        if (!revocation.ok) return this.#putBack(key, record, () => done(trouble(revocation)));
        const { revokedAt, now } = revocation.value;
        if (record.issuedAt <= revokedAt || (record.endsAt ?? Infinity) <= now) return done(resumeRefused());
        this.#rotate(key, record, now, done);
      });
    });
  }
  /** Puts the used credential back for the rest of its overlap, then issues the next. */
  #rotate(key, record, now, done) {
    const usedAt = record.usedAt ?? now;
    const leftMs = Math.min(usedAt + this.#limits.resumeOverlapMs - now, this.#limits.resumeOverlapMs);
    if (leftMs <= 0) return done(resumeRefused());
    this.#store.put(key, encodeRecord2({ ...record, usedAt }), leftMs, (answer) => {
      if (!answer.ok) return this.#putBack(key, record, () => done(trouble(answer)));
      const next = { ...record, issuedAt: now, usedAt: null };
      this.#issueResume(next, key, now, (result) => {
        if (!(result instanceof CarillonError)) return done(result);
        this.#putBack(key, record, () => done(result));
      });
    });
  }
  /** The store failed between taking a credential and issuing the next: the client may try again with the same. */
  #putBack(key, record, done) {
    const ttlMs = record.usedAt === null ? this.#resumeTtlMs : this.#limits.resumeOverlapMs;
    this.#store.put(key, encodeRecord2(record), ttlMs, done);
  }
  #issueResume(record, previousKey, now, done) {
    const resume = `${RESUME_PREFIX}${this.#ports.id()}`;
    const nextKey = this.#key(resume);
    const value = encodeRecord2(record);
    const { user, instance, endsAt } = record;
    this.#store.put(nextKey, value, this.#resumeTtlMs, (answer) => {
      if (!answer.ok) return done(trouble(answer));
      const receipt = { previousKey, nextKey, value };
      done({ user, instance, resume, lifetimeMs: endsAt === null ? null : endsAt - now, receipt });
    });
  }
  /**
   * Stores the next credential of a session again. It is taken first: what was used in the meantime, by a client that
   * is already back elsewhere, must not become good again.
   */
  #replace({ nextKey, value: before }, value, done) {
    this.#store.take(nextKey, (answer) => {
      if (!answer.ok) return done(answer);
      if (answer.value === before) return this.#store.put(nextKey, value, this.#resumeTtlMs, done);
      if (answer.value === null) return done({ ok: true, value: null });
      this.#store.put(nextKey, answer.value, this.#limits.resumeOverlapMs, done);
    });
  }
  /** Where a credential is stored. A hash of the port has 64 bits, and two of them have what a credential has. */
  #key(credential) {
    return this.#ports.hash(`credential 1 ${credential}`) + this.#ports.hash(`credential 2 ${credential}`);
  }
  #requestProblem({ user, lifetimeMs = null, ttlMs, ip, origin }) {
    const problem = jsonProblem(user);
    if (problem !== null) return new CarillonError("invalid_data", `The user of a ticket: ${problem}`);
    if (!isUserId(user.id)) {
      const got = describe(user.id);
      return new CarillonError("invalid_data", `Expected user.id of 1 to ${USER_ID_MAX} characters, got ${got}.`);
    }
    if (lifetimeMs !== null && !(lifetimeMs > 0 && Number.isFinite(lifetimeMs))) {
      return new CarillonError("invalid_data", `Expected a lifetime over 0 ms, got ${describe(lifetimeMs)}.`);
    }
    const ttlMax = Math.max(this.#limits.resumeTtlMs, this.#limits.ticketTtlMs);
    if (ttlMs !== void 0 && !(ttlMs > 0 && ttlMs <= ttlMax)) {
      return new CarillonError("invalid_data", `Expected a ttl over 0 and up to ${ttlMax} ms, got ${describe(ttlMs)}.`);
    }
    return (ip ?? null) === "" || (origin ?? null) === "" ? new CarillonError("invalid_data", "Expected an ip and an origin that are not empty; leave them out for any.") : null;
  }
};
var TICKET_PREFIX = "t_";
var RESUME_PREFIX = "r_";
var INSTANCE_PREFIX = "i_";
var CREDENTIAL_CHARS_MAX = 256;
var RECORD_CHARS_MAX = 8192;
var USER_ID_MAX = 200;
var REVOCATION_SLACK_MS = 6e4;
var UNFIT_FOR_ID = /[\p{Cc}\p{Cs}]/u;
var ignore = () => {
};
function isUserId(id) {
  return typeof id === "string" && id.length > 0 && id.length <= USER_ID_MAX && !UNFIT_FOR_ID.test(id);
}
function hasForm(credential, prefix) {
  return credential.length <= CREDENTIAL_CHARS_MAX && credential.startsWith(prefix);
}
function isBoundTo(bound, actual) {
  return bound === null || bound === actual;
}
function ticketRefused() {
  return new CarillonError(
    "ticket_refused",
    "Expected a ticket that is fresh, unused and issued for this use; take a new one from the application."
  );
}
function resumeRefused() {
  return new CarillonError(
    "resume_refused",
    "Expected a resume credential that is fresh and unused; connect with a new ticket."
  );
}
function trouble({ code, message }) {
  return new CarillonError(code, message);
}

// packages/server/src/core/logger.ts
var ignore2 = () => {
};
var SILENT_LOGGER = { debug: ignore2, info: ignore2, warn: ignore2, error: ignore2 };

// packages/server/src/testing/virtual-world.ts
import { hash } from "node:crypto";
var TICKS_MAX = 1e5;
var START_WALL_MS = 179e10;
var ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
var VirtualWorld = class {
  #nowMs = 0;
  #wallOffsetMs;
  #chance;
  #order = 0;
  #ticks = [];
  /** A binary heap: the next alarm is the first. */
  #alarms = [];
  constructor({ seed = 1, wallMs = START_WALL_MS } = {}) {
    this.#chance = seed | 0;
    this.#wallOffsetMs = wallMs;
  }
  monotonicMs() {
    return this.#nowMs;
  }
  wallMs() {
    return this.#wallOffsetMs + this.#nowMs;
  }
  after(delayMs, callback) {
    const alarm = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#push(alarm);
    return {
      cancel: () => {
        alarm.callback = null;
      }
    };
  }
  endOfTick(callback) {
    this.#ticks.push(callback);
  }
  random() {
    return this.#draw() / 2 ** 32;
  }
  id() {
    let id = "";
    for (let bits = 0; id.length < 22; bits = Math.floor(bits / 64)) {
      if (id.length % 5 === 0) bits = this.#draw();
      id += ALPHABET.charAt(bits % 64);
    }
    return id;
  }
  hash(data) {
    return hash("sha256", data, "base64url").slice(0, 11);
  }
  /** How many timers are set. */
  get timers() {
    return this.#alarms.reduce((count, { callback }) => count + (callback === null ? 0 : 1), 0);
  }
  /** The wall clock is set by this much; no timer notices. */
  shiftWall(ms) {
    this.#wallOffsetMs += ms;
  }
  /** Ends the tick, and those that follow from it, until nothing is left to do. Throws if that never comes. */
  settle() {
    for (let count = 0; this.#ticks.length > 0; count++) {
      if (count === TICKS_MAX) throw new Error(`Expected rest within ${TICKS_MAX} ticks.`);
      const ticks = this.#ticks;
      this.#ticks = [];
      for (const tick of ticks) tick();
    }
  }
  /** Lets time pass: timers ring at their time and in order, and each ends its tick. */
  advance(ms) {
    this.settle();
    const untilMs = this.#nowMs + ms;
    for (let next = this.#alarms[0]; next !== void 0 && next.atMs <= untilMs; next = this.#alarms[0]) {
      this.#shift();
      const { callback } = next;
      if (callback === null) continue;
      next.callback = null;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      callback();
      this.settle();
    }
    this.#nowMs = untilMs;
  }
  /** 32 bits of Mulberry32 (Tommy Ettinger): small, fast, and good enough for anything but secrets. */
  #draw() {
    this.#chance = this.#chance + 1831565813 | 0;
    let bits = Math.imul(this.#chance ^ this.#chance >>> 15, this.#chance | 1);
    bits ^= bits + Math.imul(bits ^ bits >>> 7, bits | 61);
    return (bits ^ bits >>> 14) >>> 0;
  }
  #push(alarm) {
    const heap = this.#alarms;
    let index2 = heap.length;
    while (index2 > 0) {
      const parent = index2 - 1 >> 1;
      const above = heap[parent];
      if (above === void 0 || isBefore(above, alarm)) break;
      heap[index2] = above;
      index2 = parent;
    }
    heap[index2] = alarm;
  }
  #shift() {
    const heap = this.#alarms;
    const last = heap.pop();
    if (last === void 0 || heap.length === 0) return;
    let index2 = 0;
    for (; ; ) {
      const left = heap[index2 * 2 + 1];
      const right = heap[index2 * 2 + 2];
      const isRight = left !== void 0 && right !== void 0 && isBefore(right, left);
      const below = isRight ? right : left;
      if (below === void 0 || isBefore(last, below)) break;
      heap[index2] = below;
      index2 = index2 * 2 + (isRight ? 2 : 1);
    }
    heap[index2] = last;
  }
};
function isBefore(one, other) {
  return one.atMs < other.atMs || one.atMs === other.atMs && one.order < other.order;
}

// packages/server/src/testing/line.ts
var Line = class {
  #ports;
  #delayMs;
  #arrivals = [];
  #lastAtMs = 0;
  /** `delayMs` is asked for each message; null: messages arrive within the call. */
  constructor(ports, delayMs) {
    this.#ports = ports;
    this.#delayMs = delayMs;
  }
  /** True while nothing is on its way. */
  get isEmpty() {
    return this.#arrivals.length === 0;
  }
  /** Runs `arrive` after a delay, and after everything that was sent before. */
  send(arrive) {
    if (this.#delayMs === null) return arrive();
    const now = this.#ports.monotonicMs();
    this.#lastAtMs = Math.max(this.#lastAtMs, now + this.#delayMs());
    const arrivals = this.#arrivals;
    arrivals.push(arrive);
    this.#ports.after(this.#lastAtMs - now, () => arrivals.shift()?.());
  }
  /** What is on its way never arrives. */
  drop() {
    this.#arrivals.length = 0;
    this.#arrivals = [];
  }
};

// packages/server/src/testing/recorded-logs.ts
var ignore3 = () => {
};
var RecordedLogs = class {
  #context;
  #ids = [];
  #deeds = [];
  /** While deeds are done again: when the present one was done, and how many ids were drawn again. */
  #past = null;
  #store;
  constructor(context) {
    this.#context = { ...context, ports: this.#ports(context.ports) };
    this.#store = new MemoryChannels(this.#context);
  }
  /** The store as it is now; another one after each roll back. */
  get store() {
    return this.#store;
  }
  /** Publishes and amends. */
  append(batch) {
    const redo = (store) => store.append(batch.map((request) => ({ ...request, done: ignore3 })));
    this.#do(true, redo, (store) => store.append(batch));
  }
  /** Begins a new life of a channel. */
  remove(channel, options, done) {
    this.#do(
      false,
      (store) => store.remove(channel, options, ignore3),
      (store) => store.remove(channel, options, done)
    );
  }
  /** Does something that changes nothing but may open the channel. */
  touch(channel, options, work) {
    const open = (store) => store.history({ channel, options, before: null, limit: 0 }, ignore3);
    const ids = this.#ids.length;
    open(this.#store);
    if (this.#ids.length > ids) this.#do(false, open, ignore3);
    work(this.#store);
  }
  /** Makes the store what it was that many batches of appends ago, and forgets what came after. */
  rollBack(appends) {
    let kept = this.#deeds.length;
    let left = appends;
    for (let index2 = kept - 1; index2 >= 0 && left > 0; index2--) {
      if (this.#deeds[index2]?.isAppend !== true) continue;
      kept = index2;
      left--;
    }
    this.#deeds = this.#deeds.slice(0, kept);
    this.#store.close();
    this.#past = { at: { wallMs: 0, monotonicMs: 0 }, ids: 0 };
    this.#store = new MemoryChannels(this.#context);
    for (const deed of this.#deeds) {
      this.#past.at = deed;
      deed.redo(this.#store);
    }
    this.#ids.length = this.#past.ids;
    this.#past = null;
  }
  #do(isAppend, redo, work) {
    const { ports } = this.#context;
    this.#deeds.push({ wallMs: ports.wallMs(), monotonicMs: ports.monotonicMs(), isAppend, redo });
    work(this.#store);
  }
  #ports(world) {
    return {
      monotonicMs: () => this.#past?.at.monotonicMs ?? world.monotonicMs(),
      wallMs: () => this.#past?.at.wallMs ?? world.wallMs(),
      after: (delayMs, callback) => world.after(delayMs, callback),
      endOfTick: (callback) => world.endOfTick(callback),
      random: () => world.random(),
      id: () => this.#id(world),
      hash: (data) => world.hash(data)
    };
  }
  #id(world) {
    const again = this.#past === null ? void 0 : this.#ids[this.#past.ids++];
    if (again !== void 0) return again;
    const id = world.id();
    this.#ids.push(id);
    return id;
  }
};

// packages/server/src/testing/fickle-channels.ts
var FickleChannels = class {
  capabilities = { durable: false, distributed: false, entryTtl: true };
  #witness;
  #sink;
  #logs;
  #states;
  #requests;
  #answers;
  /** Of logs, and of states: a roll back takes what logs were about to deliver. */
  #deliveries;
  /** When the latest failure that invites a repetition was answered, by channel and scope; Infinity: not yet. */
  #failures = /* @__PURE__ */ new Map();
  /** Counts appends that were handed in and failures that were answered. */
  #time = 0;
  /** Channels with a subscription that is active or on its way, and which one it is. */
  #subscribed = /* @__PURE__ */ new Map();
  constructor(context, { delayMs, witness = {} }) {
    this.#witness = witness;
    this.#sink = context.sink;
    const sink = { ...quiet, deliver: (...delivery) => this.#deliver(...delivery) };
    this.#logs = new RecordedLogs({ ...context, sink });
    this.#states = new MemoryChannels({ ...context, sink });
    this.#requests = new Line(context.ports, delayMs);
    this.#answers = new Line(context.ports, delayMs);
    this.#deliveries = { log: new Line(context.ports, delayMs), state: new Line(context.ports, delayMs) };
  }
  get idempotencyEpoch() {
    return this.#logs.store.idempotencyEpoch;
  }
  /** True while nothing is under way. */
  get isIdle() {
    return this.#requests.isEmpty && this.#answers.isEmpty && this.#deliveries.log.isEmpty && this.#deliveries.state.isEmpty;
  }
  subscribe(channel, options, done) {
    const subscription = this.#subscribed.get(channel) ?? { options };
    this.#subscribed.set(channel, subscription);
    this.#requests.send(() => {
      if (this.#subscribed.get(channel) !== subscription) {
        const message = "The subscription was ended before it was active.";
        return this.#answers.send(() => done({ ok: false, code: "unavailable", message }));
      }
      this.#on(
        channel,
        options,
        (store) => store.subscribe(channel, options, (answer) => this.#answers.send(() => done(answer)))
      );
    });
  }
  unsubscribe(channel) {
    const subscription = this.#subscribed.get(channel);
    this.#subscribed.delete(channel);
    if (subscription === void 0) return;
    this.#requests.send(() => {
      if (this.#subscribed.has(channel)) return;
      this.#on(channel, subscription.options, (store) => store.unsubscribe(channel));
    });
  }
  append(batch) {
    const handedIn = ++this.#time;
    const answered = batch.map((request) => ({
      ...request,
      done: (result) => this.#done(request, result)
    }));
    this.#requests.send(() => {
      const isBehind = ({ channel, idempotency }) => (this.#failures.get(`${channel} ${idempotency?.scope}`) ?? 0) > handedIn;
      for (const request of answered) if (isBehind(request)) request.done(OUT_OF_ORDER3);
      this.#logs.append(answered.filter((request) => !isBehind(request)));
    });
  }
  apply(batch) {
    this.#requests.send(() => {
      for (const request of batch) {
        const done = (result) => {
          this.#witness.applied?.(request, result);
          this.#answers.send(() => request.done(result));
        };
        this.#states.apply([{ ...request, done }]);
      }
    });
  }
  read(request, done) {
    const { channel, options } = request;
    this.#requests.send(
      () => this.#on(channel, options, (store) => store.read(request, (answer) => this.#answers.send(() => done(answer))))
    );
  }
  history(request, done) {
    const { channel, options } = request;
    this.#requests.send(
      () => this.#on(channel, options, (store) => store.history(request, (answer) => this.#answers.send(() => done(answer))))
    );
  }
  snapshot(channel, options, done) {
    this.#requests.send(
      () => this.#states.snapshot(channel, options, (answer) => this.#answers.send(() => done(answer)))
    );
  }
  remove(channel, options, done) {
    this.#requests.send(() => {
      const finish = (answer) => {
        if (answer.ok) this.#witness.removed?.(channel, answer.value);
        this.#answers.send(() => done(answer));
      };
      if (options.kind === "log") this.#logs.remove(channel, options, finish);
      else this.#states.remove(channel, options, finish);
    });
  }
  close() {
    this.#logs.store.close();
    this.#states.close();
  }
  /**
   * Makes all logs what they were `appends` batches ago, the memory of publication ids included. `isNoticed`: the store
   * knows that it lost touch, and says so; otherwise the next delivery has to give it away.
   */
  rollBack(appends, isNoticed) {
    const logs = [...this.#subscribed].filter(([, { options }]) => options.kind === "log");
    this.#deliveries.log.drop();
    this.#logs.rollBack(appends);
    for (const [channel, { options }] of logs) this.#logs.store.subscribe(channel, options, () => {
    });
    if (isNoticed) for (const [channel] of logs) this.#sink.suspect(channel);
  }
  /** The top of a channel as of now. */
  top(channel, options) {
    let top = "";
    const tell = (answer) => {
      if (answer.ok) top = answer.value.pos;
    };
    this.#on(channel, options, (store) => {
      if (options.kind === "state") store.snapshot(channel, options, tell);
      else store.history({ channel, options, before: null, limit: 0 }, tell);
    });
    return top;
  }
  #done(request, result) {
    this.#witness.appended?.(request, result);
    const isFailed = !result.ok && RETRYABLE_CODES.includes(result.code);
    const scope = `${request.channel} ${request.idempotency?.scope}`;
    if (isFailed) this.#failures.set(scope, Infinity);
    this.#answers.send(() => {
      if (isFailed) this.#failures.set(scope, ++this.#time);
      request.done(result);
    });
  }
  #on(channel, options, work) {
    if (options.kind === "log") this.#logs.touch(channel, options, work);
    else work(this.#states);
  }
  #deliver(channel, prev, pos, records) {
    const subscription = this.#subscribed.get(channel);
    if (subscription === void 0) return;
    this.#deliveries[subscription.options.kind].send(() => {
      if (this.#subscribed.get(channel) === subscription) this.#sink.deliver(channel, prev, pos, records);
    });
  }
};
var OUT_OF_ORDER3 = {
  ok: false,
  code: "out_of_order",
  message: "An earlier publish to the channel failed; send that one again first."
};
var quiet = { deliver: () => {
}, suspect: () => {
}, available: () => {
} };

// packages/server/src/testing/memory-connection.ts
var TEXT2 = 1;
var BINARY = 2;
var HEAD_BYTES = 5;
var encoder = new TextEncoder();
var decoder = new TextDecoder();
var MEMORY_FRAMING = {
  text: (payload3) => frame2(TEXT2, encoder.encode(payload3)),
  binary: (payload3) => frame2(BINARY, payload3)
};
var MemoryConnection = class {
  id;
  remoteAddress;
  origin;
  framing = MEMORY_FRAMING;
  takenBytes = 0;
  queuedBytes = 0;
  /** The highest that `queuedBytes` ever was. */
  queuedBytesMax = 0;
  #options;
  #bufferBytesMax;
  #drainBytes;
  #events = null;
  #sent = [];
  /** Written, and not yet taken as a whole. */
  #queue = [];
  /** Bytes of the queue's first buffer that were taken. */
  #takenOfFirst = 0;
  /** Taken, and not yet read. */
  #buffered = [];
  #bufferedBytes = 0;
  #isPaused = false;
  #isDelivering = false;
  #owesDrained = false;
  #closing = null;
  #isServerDone = false;
  #isClientDone = false;
  #hasVanished = false;
  constructor(options) {
    this.#options = options;
    this.id = options.id;
    this.remoteAddress = options.remoteAddress ?? "192.0.2.1";
    this.origin = options.origin ?? null;
    this.#bufferBytesMax = options.bufferBytes ?? Infinity;
    this.#drainBytes = options.drainBytes ?? 65536;
  }
  /** Begins to tell what happens. */
  serve(events) {
    this.#events = events;
  }
  // The server end.
  probe() {
    this.#events?.alive?.();
  }
  opened() {
  }
  write(frames) {
    this.writeAll([frames]);
  }
  writeAll(frames) {
    if (this.#isServerDone) return;
    for (const buffer of frames) {
      this.#queue.push(buffer);
      this.queuedBytes += buffer.byteLength;
    }
    this.#take();
    this.queuedBytesMax = Math.max(this.queuedBytesMax, this.queuedBytes);
    if (this.queuedBytes >= this.#drainBytes) this.#owesDrained = true;
  }
  pause() {
    this.#isPaused = true;
  }
  resume() {
    this.#isPaused = false;
    this.deliver();
  }
  close(code, reason) {
    if (this.#isServerDone) return;
    this.#end(false);
    this.#closing = { code, reason };
    this.#options.endOfTick(() => this.#tellClosed(code, false));
  }
  terminate() {
    if (this.#isServerDone) return;
    this.#end(false);
    this.#loseAll();
    this.#closing = { code: 1006, reason: "" };
    this.#options.endOfTick(() => this.#tellClosed(1006, false));
  }
  // The client end.
  /** True once the client end can neither send nor read. */
  get isOver() {
    return this.#isClientDone;
  }
  /** True once the server end was told, or has itself decided, that the connection is gone. */
  get isServerDone() {
    return this.#isServerDone;
  }
  /** True while frames wait for `deliver`, and the server reads. */
  get hasSent() {
    return this.#sent.length > 0 && !this.#isPaused && !this.#isServerDone;
  }
  /** True while something waits for `read`. */
  get hasReceived() {
    return !this.#isClientDone && (this.#bufferedBytes > 0 || this.#closing !== null);
  }
  /** Sends a frame; it waits for `deliver`. */
  send(payload3) {
    if (this.#isClientDone) return;
    this.#sent.push(typeof payload3 === "string" ? { type: "text", payload: payload3 } : { type: "binary", payload: payload3 });
  }
  /** Closes with code 1000, behind what was sent. The client end reads no more. */
  leave() {
    if (this.#isClientDone) return;
    this.#sent.push({ type: "leave" });
    this.#isClientDone = true;
    this.#bufferBytesMax = Infinity;
    this.#drain();
  }
  /** What was sent reaches the server, unless it has stopped reading. */
  deliver() {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    while (!this.#isPaused && !this.#isServerDone) {
      const sent = this.#sent.shift();
      if (sent === void 0) break;
      if (sent.type === "text") this.#events?.text(sent.payload);
      else if (sent.type === "binary") this.#events?.binary(sent.payload);
      else {
        this.#end(true);
        this.#tellClosed(1e3, true);
      }
    }
    this.#isDelivering = false;
  }
  /** Everything that is there to read. The room this makes is filled from the queue, and read as well. */
  read() {
    if (this.#isClientDone) return [];
    const received = split(this.#drain());
    if (this.#closing !== null) {
      received.push({ type: "closed", ...this.#closing });
      this.#isClientDone = true;
    }
    return received;
  }
  /** Breaks the connection: what is under way in either direction is lost, and both ends know. */
  cut() {
    this.vanish();
    if (this.#isServerDone) return;
    this.#end(false);
    this.#tellClosed(1006, false);
  }
  /** The client end is gone, and the server is not told: it finds out, or its writes pile up. */
  vanish() {
    this.#isClientDone = true;
    this.#hasVanished = true;
    this.#sent = [];
  }
  #take() {
    while (this.#bufferedBytes < this.#bufferBytesMax) {
      const [first] = this.#queue;
      if (first === void 0) return;
      const part = Math.min(first.byteLength - this.#takenOfFirst, this.#bufferBytesMax - this.#bufferedBytes);
      this.#buffered.push(first.subarray(this.#takenOfFirst, this.#takenOfFirst + part));
      this.#bufferedBytes += part;
      this.takenBytes += part;
      this.#takenOfFirst += part;
      if (this.#takenOfFirst < first.byteLength) return;
      this.#takenOfFirst = 0;
      this.#queue.shift();
      this.queuedBytes -= first.byteLength;
    }
  }
  /** Reads until nothing is left; tells `drained` where that is owed, which may bring more. */
  #drain() {
    const parts = [];
    while (this.#bufferedBytes > 0 && !this.#hasVanished) {
      parts.push(...this.#buffered);
      this.#buffered = [];
      this.#bufferedBytes = 0;
      this.#take();
      if (this.queuedBytes > 0 || !this.#owesDrained) continue;
      this.#owesDrained = false;
      if (!this.#isServerDone) this.#events?.drained();
    }
    return join2(parts);
  }
  #loseAll() {
    this.#queue = [];
    this.queuedBytes = 0;
    this.#buffered = [];
    this.#bufferedBytes = 0;
  }
  #end(isClean) {
    this.#isServerDone = true;
    this.#options.ended?.(isClean);
  }
  #tellClosed(code, isClean) {
    const events = this.#events;
    this.#events = null;
    if (this.#hasVanished || isClean) this.#loseAll();
    events?.closed(code, isClean);
  }
};
function frame2(kind, payload3) {
  const bytes = new Uint8Array(HEAD_BYTES + payload3.byteLength);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, payload3.byteLength);
  bytes.set(payload3, HEAD_BYTES);
  return bytes;
}
function join2(parts) {
  const [only] = parts;
  if (parts.length === 1 && only !== void 0) return only;
  const bytes = new Uint8Array(parts.reduce((sum2, part) => sum2 + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}
function split(bytes) {
  const received = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < bytes.byteLength; ) {
    const end = offset + HEAD_BYTES + view.getUint32(offset + 1);
    if (end > bytes.byteLength) throw new Error("Expected whole frames, got a part of one.");
    const payload3 = bytes.subarray(offset + HEAD_BYTES, end);
    if (bytes[offset] === TEXT2) received.push({ type: "text", payload: decoder.decode(payload3) });
    else received.push({ type: "binary", payload: payload3 });
    offset = end;
  }
  return received;
}

// packages/server/src/testing/kernel.ts
var Kernel = class {
  node;
  #world;
  #tickets;
  constructor({ world, contract, limits = {}, faults = NO_FAULTS, hooks = {}, openChannels }) {
    this.#world = world;
    const node = new Node({
      ports: world,
      limits: { ...DEFAULT_LIMITS, ...limits },
      logger: SILENT_LOGGER,
      faults,
      targets: new Targets(contract),
      contractVersion: contract.version,
      hooks: { ...PERMISSIVE, ...hooks }
    });
    this.node = node;
    const context = {
      ports: world,
      limits: node.limits,
      logger: SILENT_LOGGER,
      faults,
      sink: node,
      onControl: (message) => node.onControl(message)
    };
    const memory = openMemory(context);
    const backplane = openChannels === void 0 ? memory : { ...memory, channels: openChannels(context) };
    this.#tickets = new Tickets(backplane.tickets, world, node.limits);
    node.open(backplane, this.#tickets);
  }
  /** A ticket for a user. */
  ticket(user) {
    let ticket = "";
    this.#tickets.issue({ user: { id: user } }, (result) => {
      if (result instanceof CarillonError) throw result;
      ({ ticket } = result);
    });
    return ticket;
  }
  /** A connection that was just accepted; say `connect` on it. */
  accept(options = {}) {
    const { id = this.#world.id() } = options;
    const connection = new MemoryConnection({
      endOfTick: (callback) => this.#world.endOfTick(callback),
      ...options,
      id
    });
    connection.serve(this.node.accept(connection));
    return connection;
  }
};
function createKernel(options) {
  return new Kernel(options);
}
var EVERYTHING = resolveGrant({ subscribe: true, publish: true, amend: "own", set: "own" });
var PERMISSIVE = {
  authorize: (_identity, _target, done) => done(EVERYTHING),
  validate: (_target, value, done) => done(value instanceof Uint8Array ? value : JSON.stringify(value)),
  call: (_identity, name, _input, done) => done(new CarillonError("unknown_call", `There is no call "${name}".`)),
  connected: () => {
  }
};

// test/property/violation.ts
var Violation = class extends Error {
  name = "Violation";
};
function demand(fact, told) {
  if (!fact) throw new Violation(told());
}

// test/property/log-oracle.ts
var LogOracle = class {
  #places = /* @__PURE__ */ new Map();
  #logs = /* @__PURE__ */ new Map();
  /** Places of accepted publishes by scope and id. */
  #accepted = /* @__PURE__ */ new Map();
  #wallMs;
  #lives = 0;
  rollBacks = 0;
  duplicates = 0;
  constructor(wallMs) {
    this.#wallMs = wallMs;
  }
  /** A channel is there, with nothing in it. */
  opened(channel, options, top) {
    this.#logs.set(channel, { options, chain: [], publications: /* @__PURE__ */ new Map(), life: 0, retainedFrom: 1 });
    this.removed(channel, top);
  }
  /** A channel began a new life. */
  removed(channel, top) {
    const log2 = this.#log(channel);
    const life = ++this.#lives;
    const first = { pos: top, before: null, depth: 0, life, item: null, isTrimmed: false };
    demand(!this.#places.has(top), () => `P5: ${channel} began anew at a place that was there before`);
    this.#places.set(top, first);
    for (const place of log2.chain) place.isTrimmed = true;
    log2.chain = [first];
    log2.life = life;
    log2.retainedFrom = 1;
    log2.publications = /* @__PURE__ */ new Map();
  }
  /** A store was rolled back; `top` is where the channel stands now. */
  rolledBack(channel, top) {
    const log2 = this.#log(channel);
    this.#trim(log2);
    const place = this.#places.get(top);
    demand(place !== void 0, () => `${channel} was rolled back to a place where it never was`);
    const isKept = log2.chain[place.depth] === place;
    const dropped = isKept ? log2.chain.length - 1 - place.depth : log2.chain.length;
    log2.chain = [];
    for (let step = place; step !== null; step = step.before) log2.chain.unshift(step);
    log2.life = place.life;
    log2.publications = /* @__PURE__ */ new Map();
    for (const { item } of log2.chain) if (item !== null) log2.publications.set(item.publication.id, item.publication);
    log2.retainedFrom = 1;
    this.#trim(log2);
    return dropped;
  }
  /** The store answered an append. */
  appended(request, result) {
    const { channel, idempotency, id } = request;
    this.#trim(this.#log(channel));
    if (!result.ok) return this.#checkRefusal(request, result.code);
    const key = idempotency === null ? null : `${channel} ${idempotency.scope} ${id}`;
    const earlier = key === null ? [] : this.#accepted.get(key) ?? [];
    if (result.duplicate) {
      this.duplicates++;
      const first = earlier.at(-1);
      demand(
        first?.pos === result.pos && first.item?.at === result.at,
        () => `P3: a duplicate of ${id} got another result`
      );
      return;
    }
    const log2 = this.#log(channel);
    demand(
      !earlier.some((place2) => log2.chain[place2.depth] === place2),
      () => `P3: ${id} was appended to ${channel} twice`
    );
    const item = this.#item(log2, request, key, result.at);
    const before = log2.chain.at(-1) ?? null;
    const known = this.#places.get(result.pos);
    const isSame = known === void 0 || known.before === before && known.item?.id === id;
    demand(isSame, () => `P5: a place in ${channel} was given twice`);
    const fresh = { pos: result.pos, before, depth: log2.chain.length, life: log2.life, item, isTrimmed: false };
    const place = known ?? fresh;
    this.#places.set(result.pos, place);
    log2.chain.push(place);
    if (key !== null) this.#accepted.set(key, [...earlier, place]);
    this.#trim(log2);
  }
  /** A client's attempt was answered with success. */
  accepted(who, attempt, result) {
    const place = this.#places.get(result.pos);
    const item = place?.item;
    demand(
      item !== void 0 && item !== null && item.id === attempt.id,
      () => `P2, ${who}: ${attempt.id} was accepted at a place that is not its own`
    );
    demand(
      item.value === attempt.value,
      () => `P3, ${who}: ${attempt.id} was accepted with other data than was stored`
    );
    demand(item.at === result.at, () => `P3, ${who}: ${attempt.id} was stored at another time than the reply says`);
  }
  /** A subscription begins at a place. */
  started(who, channel, asked, pos) {
    demand(pos !== null && this.#places.has(pos), () => `${who}: ${channel} begins at a place that never was`);
    demand(
      asked === null || asked === pos,
      () => `P4, ${who}: ${channel} begins at ${pos} without a gap, it was asked for ${asked}`
    );
  }
  /** A client was given items that lead from one place to another. */
  items(who, { channel, prev, pos, items }, values) {
    const steps = this.#between(prev, pos, items.length, `P1, ${who}: ${channel}`);
    items.forEach((item, index2) => {
      const step = steps[index2];
      const isSame = "key" in item ? false : item.id === step.id && ("amend" in item ? step.isAmendment && item.amend === step.publication.id : !step.isAmendment);
      demand(isSame, () => `P1, ${who}: ${channel} has ${step.id} where ${JSON.stringify(item)} was told`);
      this.#checkValue(who, step, values[index2] ?? null);
    });
  }
  /** A client was told of a gap. */
  gap(who, { channel, from, to, reason }) {
    const log2 = this.#log(channel);
    const start = this.#places.get(from);
    const end = this.#places.get(to);
    demand(
      start !== void 0 && end !== void 0,
      () => `${who}: a gap of ${channel} between places that never were`
    );
    this.#trim(log2);
    demand(end.depth === 0 || end.isTrimmed, () => `P4, ${who}: a gap of ${channel} hides items that are retained`);
    if (start.life !== end.life)
      return demand(reason === "epoch", () => `${who}: a gap by ${reason} between two lives of ${channel}`);
    if (!isBefore2(start, end)) {
      const isFair = reason === "rollback" || reason === "trimmed" && start.depth < end.depth;
      return demand(isFair, () => `${who}: a gap by ${reason} back or aside in ${channel}`);
    }
    demand(reason === "trimmed" && start !== end, () => `${who}: a gap by ${reason} along ${channel}`);
  }
  /** A page of history agrees with what was there. */
  history(who, channel, page, values) {
    const steps = this.#between(page.prev, page.pos, null, `${who}: history of ${channel}`).filter(
      ({ isAmendment }) => !isAmendment
    );
    const ids = page.items.map((item) => "id" in item ? item.id : "");
    demand(
      ids.join(" ") === steps.map(({ id }) => id).join(" "),
      () => `${who}: history of ${channel} has ${ids.join(" ")}, which is not what was published`
    );
    steps.forEach((step, index2) => this.#checkValue(who, step, values[index2] ?? null));
  }
  /** The place where a channel stands. */
  top(channel) {
    return this.#log(channel).chain.at(-1)?.pos ?? "";
  }
  /** How many items a channel retains. */
  retained(channel) {
    const log2 = this.#log(channel);
    this.#trim(log2);
    return log2.chain.length - log2.retainedFrom;
  }
  /** What a reader who saw everything since some gap knows must be what the publications have become. */
  checkPayloads(who, channel, seen) {
    const latest = /* @__PURE__ */ new Map();
    for (const { item } of this.#log(channel).chain) if (item !== null) latest.set(item.publication.id, item);
    for (const [id, value] of seen) {
      const item = latest.get(id);
      if (item === void 0 || this.#isExpired(item.publication)) continue;
      const isRight = item.value === value || this.rollBacks > 0 && item.publication.values.has(value);
      demand(isRight, () => `P1, ${who}: ${id} in ${channel} is ${value}, it has become ${item.value}`);
    }
  }
  /** Publications of one scope stand in the order in which their sender made them; `numberOf` reads it off the id. */
  checkSenders(numberOf) {
    for (const [channel, { chain }] of this.#logs) {
      const last = /* @__PURE__ */ new Map();
      for (const { item } of chain) {
        if (item === null || item.scope === null || item.isAmendment) continue;
        const number = numberOf(item.id);
        demand(number > (last.get(item.scope) ?? -1), () => `P2: ${item.id} stands behind a later one in ${channel}`);
        last.set(item.scope, number);
      }
    }
  }
  #item(log2, request, key, at) {
    const { id, data, amend: amend2, expiresInMs, idempotency, publisher } = request;
    const user = publisher?.user ?? null;
    const value = data === null ? null : typeof data === "string" ? data : showBytes(data);
    const targetId = amend2?.target ?? id;
    const known = log2.publications.get(targetId);
    const publication = known ?? {
      id: targetId,
      user,
      expires: expiresInMs === 0 ? 0 : at + expiresInMs,
      values: /* @__PURE__ */ new Set()
    };
    if (amend2 === null) demand(!this.#isRetained(log2, targetId), () => `P3: ${id} is in ${request.channel} twice`);
    else
      demand(
        this.#isRetained(log2, targetId) && publication.user === user,
        () => `${user} changed ${targetId} of ${publication.user}`
      );
    publication.values.add(value);
    log2.publications.set(targetId, publication);
    return { id, key, scope: idempotency?.scope ?? null, publication, isAmendment: amend2 !== null, value, at };
  }
  #checkRefusal({ id, channel, amend: amend2, publisher }, code) {
    const log2 = this.#log(channel);
    const told = () => `${id} was refused in ${channel} with ${code}`;
    if (code === "unknown_publication") demand(amend2 !== null && !this.#isRetained(log2, amend2.target), told);
    else if (code === "not_owner") demand(log2.publications.get(amend2?.target ?? "")?.user !== publisher?.user, told);
    else
      demand(
        code === "id_reused" || code === "epoch_changed" || code === "overloaded" || code === "out_of_order",
        told
      );
  }
  /** True while the publication, or an amendment of it, is retained. */
  #isRetained(log2, id) {
    const publication = log2.publications.get(id);
    return publication !== void 0 && log2.chain.slice(log2.retainedFrom).some(({ item }) => item?.publication === publication);
  }
  #between(prev, pos, count, what) {
    const start = this.#places.get(prev ?? "");
    const end = this.#places.get(pos ?? "");
    demand(start !== void 0 && end !== void 0, () => `${what} between places that never were`);
    const length = end.depth - start.depth;
    demand(
      length >= 0 && (count === null || length === count),
      () => `${what}: ${count} items where there were ${length}`
    );
    const steps = [];
    let place = end;
    while (place !== start) {
      demand(
        place.before !== null && place.item !== null,
        () => `P5: ${what} goes on from a place that it never came from`
      );
      steps.push(place.item);
      place = place.before;
    }
    return steps.reverse();
  }
  #checkValue(who, { publication }, value) {
    const isErased = value === null && this.#isExpired(publication);
    demand(
      isErased || publication.values.has(value),
      () => `${who}: ${publication.id} was told as ${value}, which it never was`
    );
  }
  #isExpired({ expires }) {
    return expires !== 0 && expires <= this.#wallMs();
  }
  #trim(log2) {
    const oldest = this.#wallMs() - log2.options.historyTtlMs;
    for (; log2.retainedFrom < log2.chain.length; log2.retainedFrom++) {
      const place = log2.chain[log2.retainedFrom];
      if (log2.chain.length - log2.retainedFrom <= log2.options.historySize && (place.item?.at ?? 0) >= oldest) return;
      place.isTrimmed = true;
    }
  }
  #log(channel) {
    const log2 = this.#logs.get(channel);
    demand(log2 !== void 0, () => `${channel} is not known`);
    return log2;
  }
};
function isBefore2(start, end) {
  let place = end;
  while (place !== null && place.depth > start.depth) place = place.before;
  return place === start;
}

// test/property/attempts.ts
var RETRY_MS2 = 1e3;
var Attempts = class {
  /** Without a final answer, in order. */
  unconfirmed = [];
  /** Accepted in the present instance. */
  confirmed = [];
  #host;
  constructor(host) {
    this.#host = host;
  }
  /** True while an answer is missing, or something is to be sent again. */
  get isBusy() {
    return this.unconfirmed.some(({ state: state2 }) => state2 !== "queued");
  }
  /** Publishes, now or once there is a connection. */
  add(attempt) {
    const isBehind = this.unconfirmed.some(({ channel, state: state2 }) => channel === attempt.channel && state2 === "waiting");
    const full = { ...attempt, first: null, state: isBehind ? "waiting" : "queued" };
    this.unconfirmed.push(full);
    if (!isBehind) this.#send(full);
  }
  /** Sends a confirmed one once more, possibly with other data under the same id. */
  repeat(attempt, value) {
    if (this.#host.under() === null) return;
    const again = { ...attempt, value };
    this.#host.ask(commandOf(again, attempt.first), ({ ok }) => {
      if (ok !== void 0) this.#host.judge.accepted(this.#host.name, again, resultOf(ok));
    });
  }
  /** There is a connection: everything goes out. */
  connected() {
    for (const attempt of this.unconfirmed) this.#send(attempt);
  }
  /** The connection is lost, and with it the answers. */
  lost() {
    for (const attempt of this.unconfirmed) attempt.state = "queued";
  }
  /** A new instance is another scope: what was attempted in the old one is uncertain, and not sent again. */
  forget() {
    this.confirmed.length = 0;
    this.unconfirmed = this.unconfirmed.filter(({ first }) => first === null);
  }
  #send(attempt) {
    const under = this.#host.under();
    if (under === null) return;
    const resend = attempt.first;
    attempt.first ??= under;
    attempt.state = "sent";
    this.#host.ask(commandOf(attempt, resend), ({ ok, error }) => {
      if (error?.retry === true) {
        attempt.state = "waiting";
        return this.#retryLater(attempt.channel);
      }
      attempt.state = "done";
      this.unconfirmed = this.unconfirmed.filter((other) => other !== attempt);
      if (ok === void 0) return;
      this.#host.judge.accepted(this.#host.name, attempt, resultOf(ok));
      this.confirmed.push(attempt);
    });
  }
  /** Sends again all that wait, in their order, once no answer is missing: what is under way is refused as well. */
  #retryLater(channel) {
    this.#host.later(RETRY_MS2, () => {
      const attempts = this.unconfirmed.filter((attempt) => attempt.channel === channel);
      if (attempts.some(({ state: state2 }) => state2 === "sent")) return this.#retryLater(channel);
      for (const attempt of attempts) if (attempt.state === "waiting") this.#send(attempt);
    });
  }
};
function commandOf(attempt, resend) {
  const { channel, id, target, value, expiresInMs } = attempt;
  const fields = { channel, ...payloadFields(value), ...resend === null ? {} : { resend } };
  if (target !== null) return { cmd: "amend", publication: target, amendment: id, ...fields };
  return { cmd: "publish", publication: id, ...fields, ...expiresInMs === 0 ? {} : { expiresInMs } };
}
function resultOf(ok) {
  return ok;
}

// test/property/subscriptions.ts
var Subscriptions = class {
  #views = /* @__PURE__ */ new Map();
  #host;
  constructor(host) {
    this.#host = host;
  }
  views() {
    return this.#views.values();
  }
  /** Subscribes; with `history` publications back if it has no position. */
  subscribe(channel, history2) {
    const view = this.#view(channel);
    view.isWanted = true;
    if (this.#host.isConnected && view.status === "none") this.#subscribe(view, history2);
  }
  unsubscribe(channel) {
    const view = this.#view(channel);
    view.isWanted = false;
    if (view.status === "subscribed" && this.#host.isConnected) this.#unsubscribe(view);
  }
  /** Forgets where it was in a channel that it is not subscribed to. */
  forget(channel) {
    const view = this.#view(channel);
    if (view.status !== "none" || view.isWanted) return;
    view.position = null;
    view.entries.clear();
    view.payloads.clear();
  }
  /** Subscribes to all that is wanted; pipelined behind a connect, or after it. */
  connecting() {
    for (const view of this.#views.values()) if (view.isWanted && view.status === "none") this.#subscribe(view, 0);
  }
  /** The connection is lost, and with it every subscription; positions stay. */
  lost() {
    for (const view of this.#views.values()) this.#end(view);
  }
  /** Takes a push of a channel. */
  take(message) {
    const { push } = message;
    if (push === "subscribed") return this.#subscribedByServer(message);
    const view = this.#open(message["channel"]);
    if (push === "unsubscribed") {
      this.#end(view);
      view.isWanted &&= message["retry"] === true;
    } else if (view.isForeign) return;
    else if (push === "items") this.#items(view, message, message.body);
    else if (push === "gap") this.#gap(view, message);
    else if (push === "live") {
      demand(view.position === message["pos"], () => `${this.#host.name}: live at another place in ${view.channel}`);
      view.isLive = true;
    } else demand(false, () => `${this.#host.name}: an unexpected push, ${JSON.stringify(message)}`);
  }
  #view(channel) {
    const known = this.#views.get(channel);
    if (known !== void 0) return known;
    const flags = { isWanted: false, isLive: false, isResuming: false, isForeign: false };
    const view = { channel, status: "none", position: null, ...flags, entries: /* @__PURE__ */ new Map(), payloads: /* @__PURE__ */ new Map() };
    this.#views.set(channel, view);
    return view;
  }
  #subscribe(view, history2) {
    const asked = view.position;
    view.status = "subscribing";
    const from = asked !== null ? { position: asked } : history2 > 0 ? { history: history2 } : {};
    this.#host.ask({ cmd: "subscribe", channel: view.channel, ...from }, ({ ok, error }) => {
      if (error?.code === "already_subscribed") return;
      demand(ok !== void 0, () => `${this.#host.name}: subscribe to ${view.channel} got ${error?.code}`);
      this.#begin(view, asked, ok);
    });
  }
  #begin(view, asked, { pos, live }) {
    this.#host.judge.started(this.#host.name, view, asked, pos);
    view.status = "subscribed";
    view.position = pos;
    view.isLive = live;
    view.isResuming = asked !== null;
    if (pos === null) view.entries.clear();
    if (!view.isWanted) this.#unsubscribe(view);
  }
  #subscribedByServer(message) {
    const view = this.#view(String(message["channel"]));
    const result = message;
    demand(view.status === "none" || view.status === "subscribing", () => `${this.#host.name}: subscribed twice`);
    const isElsewhere = view.position !== null && view.position !== result.pos;
    view.isWanted = true;
    if (!isElsewhere) return this.#begin(view, null, result);
    view.isForeign = true;
    this.#unsubscribe(view);
  }
  #unsubscribe(view) {
    view.status = "unsubscribing";
    this.#host.ask({ cmd: "unsubscribe", channel: view.channel }, ({ error }) => {
      if (error !== void 0 && view.status !== "unsubscribing") return;
      demand(error === void 0, () => `${this.#host.name}: unsubscribe from ${view.channel} got ${error?.code}`);
      this.#end(view);
      if (view.isWanted) this.#subscribe(view, 0);
    });
  }
  /** The view of a channel of which a push may come: after the reply to subscribe, before that to unsubscribe. */
  #open(channel) {
    const view = this.#views.get(String(channel));
    const isOpen = view?.status === "subscribed" || view?.status === "unsubscribing";
    demand(isOpen, () => `P1, ${this.#host.name}: a push of ${String(channel)}, which is ${view?.status}`);
    return view;
  }
  #items(view, push, body) {
    const { channel, prev, pos, items, reset } = push;
    if (reset === true) {
      view.position = null;
      view.entries.clear();
    }
    demand(
      prev === view.position,
      () => `P1, ${this.#host.name}: ${channel} goes on at ${prev}, not at ${view.position}`
    );
    const values = shownOf(items, body);
    this.#host.judge.items(this.#host.name, view, push, values);
    items.forEach((item, index2) => {
      const value = values[index2] ?? null;
      if (!("key" in item)) view.payloads.set("amend" in item ? item.amend : item.id, value);
      else if ("removed" in item) view.entries.delete(item.key);
      else view.entries.set(item.key, { version: item.version, value, owner: item.owner ?? null });
    });
    view.position = pos;
    view.isResuming = false;
  }
  #gap(view, push) {
    const { channel, from, to } = push;
    demand(
      from === view.position,
      () => `P4, ${this.#host.name}: a gap of ${channel} from ${from}, not ${view.position}`
    );
    this.#host.judge.gap(this.#host.name, view, push);
    view.payloads.clear();
    view.position = to;
    view.isResuming = false;
  }
  #end(view) {
    view.status = "none";
    view.isLive = false;
    view.isResuming = false;
    view.isForeign = false;
    if (view.position === null) view.entries.clear();
  }
};

// test/property/model-client.ts
var TICKET_CODE = 4100;
var ModelClient = class {
  name;
  judge;
  attempts = new Attempts(this);
  subscriptions = new Subscriptions(this);
  connection = null;
  isConnected = false;
  isStalled = false;
  #user;
  #world;
  #own = /* @__PURE__ */ new Map();
  #instance = null;
  #resume = null;
  #pending = /* @__PURE__ */ new Map();
  #nextId = 1;
  #epoch = "";
  #serverAheadMs = 0;
  constructor(name, user, world, judge) {
    this.name = name;
    this.judge = judge;
    this.#user = user;
    this.#world = world;
  }
  /** True while the server owes an answer, or something is to be sent again. */
  get isBusy() {
    return this.#pending.size > 0 || this.attempts.isBusy;
  }
  /** Connects, with what was subscribed pipelined behind. */
  connect() {
    if (this.connection !== null) return;
    this.connection = this.#world.accept();
    const credential = this.#resume === null ? { ticket: this.#world.ticket(this.#user) } : { resume: this.#resume };
    this.ask({ cmd: "connect", ...credential }, (reply) => this.#connected(reply));
    this.subscriptions.connecting();
  }
  /** The connection breaks. `isNoticed`: the server learns of it at once. */
  cut(isNoticed) {
    if (isNoticed) this.connection?.cut();
    else this.connection?.vanish();
    this.#lost();
  }
  /** Leaves for good: everything owned ends, and what is not confirmed stays uncertain. */
  leave() {
    this.connection?.leave();
    this.#lost();
    this.#resume = null;
    this.#forgetInstance();
  }
  /** Takes what has come, unless the reader is stalled. True if there was something. */
  read() {
    if (this.isStalled || this.connection === null) return false;
    const received = this.connection.read();
    for (const frame3 of received) this.#take(frame3);
    return received.length > 0;
  }
  /** Sets an entry; `isOwned`: it ends with the instance, so it is set again after a reconnect. */
  set(entry, isOwned2, expect) {
    if (!this.isConnected) return;
    const { channel, key, value } = entry;
    const fields = { channel, data: JSON.parse(value), ...key === void 0 ? {} : { key } };
    this.ask({ cmd: "set", ...fields, ...expect === void 0 ? {} : { expect } }, ({ ok, error }) => {
      if (isOwned2 && ok !== void 0) this.#own.set(`${channel} ${key}`, entry);
      if (error?.code === "not_owner") this.#own.delete(`${channel} ${key}`);
    });
  }
  remove(channel, key, expect) {
    if (!this.isConnected) return;
    this.#own.delete(`${channel} ${key}`);
    const fields = { channel, ...key === void 0 ? {} : { key }, ...expect === void 0 ? {} : { expect } };
    this.ask({ cmd: "remove", ...fields }, () => {
    });
  }
  history(channel, limit) {
    if (!this.isConnected) return;
    this.ask({ cmd: "history", channel, limit }, ({ ok, body }) => {
      demand(ok !== void 0, () => `${this.name}: history of ${channel} failed`);
      const page = ok;
      this.judge.history(this.name, channel, page, shownOf(page.items, body));
    });
  }
  under() {
    return this.isConnected ? { epoch: this.#epoch, at: this.#world.nowMs() + this.#serverAheadMs } : null;
  }
  ask(command, answered) {
    const id = this.#nextId++;
    this.#pending.set(id, answered);
    this.connection?.send(encodeCommand({ ...command, id }));
  }
  later(delayMs, callback) {
    const { connection } = this;
    this.#world.after(delayMs, () => {
      if (this.connection === connection) callback();
    });
  }
  #connected({ ok }) {
    if (ok === void 0) return;
    const result = ok;
    if (this.#instance !== result.instance) this.#forgetInstance();
    this.#instance = result.instance;
    this.#resume = result.resume ?? null;
    this.#epoch = result.idempotency.epoch;
    this.#serverAheadMs = result.time - this.#world.nowMs();
    this.isConnected = true;
    this.connection?.send(encodeCommand({ cmd: "pong" }));
    for (const entry of this.#own.values()) this.set(entry, true);
    this.attempts.connected();
    this.subscriptions.connecting();
  }
  #take(frame3) {
    if (frame3.type !== "closed") for (const message of decodeFrame(frame3)) this.#message(message);
    else {
      this.#lost();
      if (frame3.code >= TICKET_CODE) this.#resume = null;
    }
  }
  #message(message) {
    const { re, push } = message;
    if (typeof re === "number") {
      const answered = this.#pending.get(re);
      demand(answered !== void 0, () => `${this.name}: a reply to a command that was not sent, or has its reply`);
      this.#pending.delete(re);
      answered(message);
    } else if (push === "heartbeat") this.connection?.send(encodeCommand({ cmd: "pong" }));
    else this.subscriptions.take(message);
  }
  #lost() {
    this.connection = null;
    this.isConnected = false;
    this.isStalled = false;
    this.#pending = /* @__PURE__ */ new Map();
    this.#nextId = 1;
    this.subscriptions.lost();
    this.attempts.lost();
  }
  #forgetInstance() {
    this.#instance = null;
    this.#own.clear();
    this.attempts.forget();
  }
};

// test/property/session-book.ts
var SessionBook = class {
  #sessions = /* @__PURE__ */ new Map();
  #byConnection = /* @__PURE__ */ new Map();
  #nowMs;
  constructor(nowMs) {
    this.#nowMs = nowMs;
  }
  opened(session, instance, connection) {
    this.#sessions.set(session, { instance, end: null });
    this.#byConnection.set(connection, session);
  }
  /** The server end of a connection is over. */
  ended(connection, isClean) {
    const session = this.#sessions.get(this.#byConnection.get(connection) ?? "");
    if (session === void 0 || session.end !== null) return;
    session.end = { atMs: this.#nowMs(), isClean };
    if (!isClean) return;
    for (const other of this.#sessions.values()) {
      if (other.instance === session.instance && other.end !== null) other.end = session.end;
    }
  }
  /** Null while the session is open, or if it never was. */
  endOf(session) {
    return this.#sessions.get(session)?.end ?? null;
  }
};

// test/property/state-oracle.ts
var StateOracle = class {
  #states = /* @__PURE__ */ new Map();
  #world;
  #turns = 0;
  constructor(world) {
    this.#world = world;
  }
  opened(channel, options) {
    this.#states.set(channel, { options, entries: /* @__PURE__ */ new Map(), version: 0 });
  }
  removed(channel) {
    const state2 = this.#state(channel);
    state2.entries.clear();
    state2.version = 0;
  }
  /** The store answered a change. */
  applied({ channel, change }, result) {
    const state2 = this.#state(channel);
    this.#expire(state2);
    if (change.op === "release") this.#checkRelease(channel, change);
    const refusal = this.#refusal(state2, change);
    const told = result.ok ? "ok" : result.code;
    demand(
      told === (refusal?.code ?? "ok"),
      () => `${channel}: ${describe2(change)} got ${told}, not ${refusal?.code ?? "ok"}`
    );
    if (!result.ok)
      return demand(
        result.version === refusal?.version,
        () => `${channel}: ${describe2(change)} was told version ${result.version}`
      );
    const version = this.#change(state2, change);
    demand(
      result.version === version,
      () => `${channel}: ${describe2(change)} got version ${result.version}, not ${version}`
    );
  }
  /** What a client that is up to date must see. */
  checkView(who, channel, seen) {
    const state2 = this.#state(channel);
    this.#expire(state2);
    const truth = show(state2.entries);
    const shown = show(seen);
    demand(truth === shown, () => `${who}: ${channel} is ${shown}, not ${truth}`);
  }
  /** No entry outlives its session by more than the grace, and none at all outlives a clean leave. */
  checkOwners() {
    const { graceMs, delayMaxMs } = this.#world;
    const now = this.#world.nowMs();
    for (const [channel, state2] of this.#states) {
      this.#expire(state2);
      if (!state2.options.owned) continue;
      for (const [key, { holder }] of state2.entries) {
        const end = this.#world.endOf(holder ?? "");
        if (end === null) continue;
        const allowedMs = (end.isClean ? 0 : graceMs) + delayMaxMs;
        demand(now - end.atMs <= allowedMs, () => `${channel}: ${key} outlives its session by ${now - end.atMs} ms`);
      }
    }
  }
  keys(channel) {
    const state2 = this.#state(channel);
    this.#expire(state2);
    return [...state2.entries.keys()];
  }
  version(channel, key) {
    return this.#state(channel).entries.get(key)?.version ?? 0;
  }
  #checkRelease(channel, { holder }) {
    const end = this.#world.endOf(holder);
    const { graceMs, delayMaxMs } = this.#world;
    const now = this.#world.nowMs();
    demand(end !== null, () => `${channel}: entries of a session that is open were ended`);
    const late = now - end.atMs - (end.isClean ? 0 : graceMs);
    demand(
      late >= 0 && late <= delayMaxMs,
      () => `${channel}: entries were ended ${now - end.atMs} ms after a ${end.isClean ? "clean" : "unclean"} end`
    );
  }
  #refusal(state2, change) {
    if (change.op === "release") return null;
    const entry = state2.entries.get(change.key);
    const version = entry?.version ?? 0;
    if (change.expect !== null && change.expect !== version) return { code: "conflict", version };
    if (change.op === "set")
      demand(state2.options.owned === (change.owner !== null && change.ownOnly), () => "A set that ignores who owns");
    const speaker = change.op === "set" ? change.owner?.instance : change.onlyBy;
    if (state2.options.owned && entry !== void 0 && entry.owner?.instance !== speaker) return { code: "not_owner" };
    if (change.op === "set" && entry === void 0 && state2.entries.size >= this.#world.entriesMax)
      return { code: "too_large" };
    return null;
  }
  #change(state2, change) {
    if (change.op === "release") {
      const held = [...state2.entries].filter(
        ([, { owner, holder }]) => owner?.instance === change.instance && holder === change.holder
      );
      for (const [key] of held) this.#end(state2, key);
      return state2.version;
    }
    if (change.op === "remove") {
      if (state2.entries.has(change.key)) this.#end(state2, change.key);
      return state2.version;
    }
    const { ttlMs } = state2.options;
    const endsAtMs = ttlMs === 0 ? Infinity : this.#world.nowMs() + ttlMs;
    const value = typeof change.data === "string" ? change.data : null;
    const entry = state2.entries.get(change.key);
    const isRefresh2 = entry !== void 0 && change.owner !== null && entry.owner?.instance === change.owner.instance && entry.value === value;
    const version = isRefresh2 ? entry.version : ++state2.version;
    state2.entries.set(change.key, {
      version,
      value,
      owner: change.owner,
      holder: change.holder,
      endsAtMs,
      turn: ++this.#turns
    });
    return version;
  }
  #expire(state2) {
    const now = this.#world.nowMs();
    const due = [...state2.entries].filter(([, { endsAtMs }]) => endsAtMs <= now);
    due.sort(([, one], [, other]) => one.endsAtMs - other.endsAtMs || one.turn - other.turn);
    for (const [key] of due) this.#end(state2, key);
  }
  #end(state2, key) {
    state2.entries.delete(key);
    state2.version++;
  }
  #state(channel) {
    const state2 = this.#states.get(channel);
    demand(state2 !== void 0, () => `${channel} is not known`);
    return state2;
  }
};
function show(entries) {
  const texts = Array.from(
    entries,
    ([key, { version, value, owner }]) => `${key}@${version}=${value} ${owner?.instance}`
  );
  return texts.sort((one, other) => one < other ? -1 : 1).join(", ");
}
function describe2(change) {
  return change.op === "release" ? "a release" : `${change.op} ${change.key} (expect ${change.expect})`;
}

// test/property/simulation.ts
var ROUNDS_MAX = 2e3;
var STEP_MS = 2500;
var EVERYTHING2 = {
  subscribe: true,
  publish: true,
  history: true,
  presence: true,
  enter: true,
  amend: "own",
  set: "own"
};
var Simulation = class {
  world;
  kernel;
  clients;
  logs;
  states;
  /** What this run has seen. */
  seen = { resumeAfterTrim: false, duplicate: false, slowReader: false, rollBack: false };
  #setting;
  #book;
  #options = /* @__PURE__ */ new Map();
  #connections = [];
  /** Logs that may have been rolled back without notice, and were not appended to since. */
  #silent = /* @__PURE__ */ new Set();
  #store = null;
  #delivering = null;
  #isThrowingOut = false;
  constructor(setting, faults) {
    this.#setting = setting;
    this.world = new VirtualWorld({ seed: setting.seed });
    const { world } = this;
    const nowMs = () => world.monotonicMs();
    this.#book = new SessionBook(nowMs);
    this.logs = new LogOracle(() => world.wallMs());
    this.states = new StateOracle({
      nowMs,
      endOf: (session) => this.#book.endOf(session),
      graceMs: DEFAULT_LIMITS.graceMs,
      delayMaxMs: setting.isStoreLate ? 3 * DELAY_MAX_MS : 0,
      entriesMax: limitsOf(setting).stateEntries
    });
    this.kernel = this.#open(faults);
    for (const channel of LOGS) this.logs.opened(channel, this.options(channel), this.#top(channel));
    for (const channel of STATES) this.states.opened(channel, this.options(channel));
    const clientWorld = {
      accept: () => this.#accept(),
      ticket: (user) => this.kernel.ticket(user),
      nowMs,
      after: (delayMs, callback) => void world.after(delayMs, callback)
    };
    this.clients = ["ada", "bob", "ada"].map((user, index2) => new ModelClient(`c${index2}`, user, clientWorld, this));
  }
  options(channel) {
    const options = this.#options.get(channel) ?? this.kernel.node.target(channel)?.options;
    demand(options !== void 0, () => `${channel} has no pattern`);
    this.#options.set(channel, options);
    return options;
  }
  /** What clients have sent reaches the node, which ends its tick. */
  serve() {
    let isBusy = false;
    this.#watchingReaders(() => {
      for (const connection of this.#connections) {
        if (!connection.hasSent) continue;
        isBusy = true;
        this.#delivering = connection;
        connection.deliver();
      }
      this.#delivering = null;
      this.world.settle();
    });
    return isBusy;
  }
  /** Clients read what has come, but for those who are stalled. */
  read() {
    let isBusy = false;
    for (const client of this.clients) isBusy = client.read() || isBusy;
    return isBusy;
  }
  /** Everything that is under way arrives; then whoever is not held up knows all there is to know. */
  calm() {
    for (let round = 0, quiet2 = 0; quiet2 < 2; round++) {
      demand(round < ROUNDS_MAX, () => `Expected rest within ${ROUNDS_MAX} rounds.`);
      const isServed = this.serve();
      const isRead = this.read();
      quiet2 = isServed || isRead ? 0 : quiet2 + 1;
      if (quiet2 === 1) this.world.advance(REST_MS);
      if (!this.store.isIdle) quiet2 = 0;
    }
    this.#connections = this.#connections.filter(({ isServerDone }) => !isServerDone);
    this.states.checkOwners();
    for (const client of this.clients) if (client.isConnected && !client.isStalled) this.#checkViews(client);
  }
  /** Time passes, and clients go on reading. */
  advance(ms) {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.#watchingReaders(() => this.world.advance(Math.min(left, STEP_MS)));
      this.serve();
      this.read();
      this.serve();
    }
  }
  get store() {
    demand(this.#store !== null, () => "The store is not open.");
    return this.#store;
  }
  removeChannel(channel) {
    this.kernel.node.backplane.channels.remove(channel, this.options(channel), () => {
    });
  }
  /** The logs become what they were some appends ago; `isNoticed`: the store says that it lost touch. */
  rollBack(appends, isNoticed) {
    this.world.advance(1);
    this.store.rollBack(appends, isNoticed);
    let dropped = 0;
    for (const channel of LOGS) {
      dropped += this.logs.rolledBack(channel, this.#top(channel));
      if (!isNoticed) this.#silent.add(channel);
    }
    if (dropped === 0) return;
    this.logs.rollBacks++;
    this.seen.rollBack = true;
  }
  /** The application publishes. */
  publish(channel, id) {
    const options = this.options(channel);
    this.kernel.node.append({
      channel,
      options,
      id,
      data: JSON.stringify(id),
      publisher: null,
      amend: null,
      tags: null,
      meta: null,
      idempotency: null,
      expiresInMs: 0,
      version: 1,
      done: () => {
      }
    });
  }
  /** The application subscribes a user to a channel, or ends the user's subscriptions to it. */
  subscribeUser(type, user, channel) {
    this.kernel.node.backplane.control.send({ type, user, channel, reason: "test" });
  }
  /** The application ends the sessions of a user for good. */
  throwOut(user) {
    const { code, text } = CLOSE_CODES.disconnected;
    this.#isThrowingOut = true;
    this.kernel.node.backplane.control.send({ type: "disconnect", user, code, reason: text });
    this.#isThrowingOut = false;
  }
  /** Everybody comes back, and everything that was to be known is known. */
  finish() {
    const isDone = () => this.clients.every(({ isConnected, attempts }) => isConnected && attempts.unconfirmed.length === 0);
    for (let second = 0; second < 60 && (second === 0 || !isDone()); second++) {
      if (second > 0) this.advance(1e3);
      for (const client of this.clients) {
        client.isStalled = false;
        client.connect();
      }
      this.calm();
    }
    for (const channel of this.#silent) this.publish(channel, `closing-${channel}`);
    this.calm();
    demand(isDone(), () => "A client is not connected, or still waits for answers");
    for (const client of this.clients) this.#checkViews(client);
    if (this.logs.rollBacks === 0) this.logs.checkSenders((id) => Number(id.split("-")[1]));
    this.seen.duplicate = this.logs.duplicates > 0;
  }
  /** Everybody leaves, one way or another, and nothing is left of them. */
  end() {
    this.clients.forEach((client, index2) => index2 % 2 === 0 ? client.leave() : client.cut(true));
    this.serve();
    this.calm();
    this.world.advance(6e4);
    this.states.checkOwners();
    const { node } = this.kernel;
    const left = GAUGES.filter((gauge) => node.metrics[gauge] !== 0).map((gauge) => `${gauge} ${node.metrics[gauge]}`);
    if (node.registry.entries > 0) left.push(`registry ${node.registry.entries}`);
    if (node.hub.size > 0) left.push(`hub ${node.hub.size}`);
    demand(left.length === 0, () => `Left behind: ${left.join(", ")}`);
  }
  started(who, { channel }, asked, pos) {
    if (this.#isLog(channel)) this.logs.started(who, channel, asked, pos);
    else demand(asked === pos, () => `P4, ${who}: ${channel} begins elsewhere`);
  }
  items(who, { channel }, push, values) {
    if (this.#isLog(channel)) this.logs.items(who, push, values);
  }
  gap(who, view, push) {
    demand(this.#isLog(view.channel), () => `${who}: a gap of ${view.channel}`);
    this.logs.gap(who, push);
    if (view.isResuming && push.reason === "trimmed") this.seen.resumeAfterTrim = true;
  }
  accepted(...told) {
    this.logs.accepted(...told);
  }
  history(who, channel, page, values) {
    this.logs.history(who, channel, page, values);
  }
  #open(faults) {
    const { world } = this;
    const { isStoreLate, isRuleLate } = this.#setting;
    const delayMs = () => Math.floor(world.random() * (DELAY_MAX_MS + 1));
    const authorize = (_identity, _target, done) => {
      if (isRuleLate) world.after(delayMs(), () => done(EVERYTHING2));
      else done(EVERYTHING2);
    };
    const connected = ({ instance }) => {
      const [session] = kernel.node.registry.ofInstance(instance);
      if (session !== void 0 && this.#delivering !== null) this.#book.opened(session.id, instance, this.#delivering);
    };
    const kernel = createKernel({
      world,
      contract: CONTRACT,
      limits: limitsOf(this.#setting),
      faults,
      hooks: { authorize, connected },
      openChannels: (context) => {
        this.#store = new FickleChannels(context, {
          delayMs: isStoreLate ? delayMs : null,
          witness: {
            appended: (request, result) => {
              this.logs.appended(request, result);
              if (result.ok && !result.duplicate) this.#silent.delete(request.channel);
            },
            applied: (request, result) => this.states.applied(request, result),
            removed: (channel, top) => this.#removed(channel, top)
          }
        });
        return this.#store;
      }
    });
    return kernel;
  }
  #removed(channel, top) {
    if (this.#isLog(channel)) this.logs.removed(channel, top);
    else this.states.removed(channel);
    this.#silent.delete(channel);
  }
  #accept() {
    const connection = this.kernel.accept({
      bufferBytes: this.#setting.bufferBytes,
      drainBytes: DRAIN_BYTES,
      ended: (isClean) => this.#book.ended(connection, isClean || this.#isThrowingOut)
    });
    this.#connections.push(connection);
    return connection;
  }
  #checkViews(client) {
    if (client.isBusy) return;
    const { name, subscriptions } = client;
    for (const { channel, status, position, isWanted, isLive: isLive2, payloads, entries } of subscriptions.views()) {
      if (!isWanted || this.#silent.has(channel)) continue;
      demand(status === "subscribed" && isLive2, () => `P4, ${name}: ${channel} is ${status}, live: ${isLive2}`);
      const top = this.#top(channel);
      demand(position === top, () => `P4, ${name}: ${channel} stands at ${top}, the client at ${position}`);
      if (this.#isLog(channel)) this.logs.checkPayloads(name, channel, payloads);
      else this.states.checkView(name, channel, entries);
    }
  }
  /** Notices when a reader who is stalled leaves the shared path for want of room. */
  #watchingReaders(work) {
    const { metrics, limits } = this.kernel.node;
    const { lags } = metrics;
    work();
    if (metrics.lags === lags || this.seen.slowReader) return;
    this.seen.slowReader = this.clients.some(
      ({ isStalled, connection }) => isStalled && (connection?.queuedBytes ?? 0) >= limits.outboxBytes
    );
  }
  #top(channel) {
    return this.store.top(channel, this.options(channel));
  }
  #isLog(channel) {
    return this.options(channel).kind === "log";
  }
};

// test/property/zz-prof.ts
var samples = fc2.sample(scenarios(), { seed: 5, numRuns: 1500 });
var sum = {};
for (const scenario of samples) {
  const t = process.cpuUsage().user;
  const s = new Simulation(scenario.setting, /* @__PURE__ */ new Set());
  play(s, scenario);
  const d = (process.cpuUsage().user - t) / 1e3;
  const k = `tight ${scenario.setting.isTight} late ${scenario.setting.isStoreLate} `;
  const x = sum[k] ??= [0, 0, 0];
  x[0]++;
  x[1] += d;
  x[2] += s.kernel.node.metrics.commandsFailed;
}
for (const [k, [n, d, f]] of Object.entries(sum)) console.log(k, n, (d / n).toFixed(2), "ms cpu", (f / n).toFixed(0), "failed");
