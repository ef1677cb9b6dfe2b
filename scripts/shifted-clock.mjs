// Loaded before a server (`node --import`): its clock stands a day behind, until SIGUSR2 sets it right. Nothing else
// makes yesterday's messages.

const DAY_MS = 86_400_000;
const now = Date.now;
let behindMs = DAY_MS;
Date.now = () => now() - behindMs;
process.on("SIGUSR2", () => {
  behindMs = 0;
});
