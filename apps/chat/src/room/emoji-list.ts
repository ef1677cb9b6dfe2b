/** An emoji and the words it is found by; the first is its name. */
export interface Emoji {
  readonly text: string;
  readonly words: readonly string[];
}

/** A group of the picker. */
export interface EmojiGroup {
  readonly name: string;
  readonly emoji: readonly Emoji[];
}

// A set chosen by hand: what people use in talk. Every other emoji can be typed with the keyboard of the device.
const SMILEYS = `😀 grinning happy|😄 smile happy|😁 beaming grin|😆 laughing|😅 relief sweat|😂 tears of joy lol|🤣 rolling laughing|🙂 slight smile|
🙃 upside down|😉 wink|😊 blush warm|😇 innocent angel|🥰 in love hearts|😍 heart eyes love|🤩 starstruck wow|😘 kiss|😋 yummy tasty|😜 tongue silly|
🤪 zany crazy|🤗 hug|🤭 oops giggle|🤫 hush secret|🤔 thinking hmm|🤨 doubt eyebrow|😐 neutral|😑 expressionless|😏 smirk|🙄 eye roll|😬 grimace awkward|
😌 relieved calm|😔 pensive sad|😴 sleeping tired|🤒 ill sick|🤯 mind blown|🥳 party celebrate|😎 cool sunglasses|🤓 nerd|😕 confused|😟 worried|😮 surprised oh|
😲 astonished|🥺 pleading please|😢 crying sad|😭 sobbing|😱 scream fear|😤 huffing|😡 angry|🤬 cursing|💀 skull dead|👻 ghost|🤖 robot|👽 alien`;
const PEOPLE = `👍 thumbs up yes|👎 thumbs down no|👌 ok fine|✌️ peace victory|🤞 fingers crossed luck|🤙 call me|👋 wave hello bye|👏 clap applause|🙌 hooray hands|🙏 thanks please|
💪 strong muscle|🤝 handshake deal|👀 eyes look|🫡 salute|🤷 shrug|🤦 facepalm|🙋 raised hand question|💃 dance|🏃 running|🧑‍💻 coding work`;
const HEARTS = `❤️ red heart love|🧡 orange heart|💛 yellow heart|💚 green heart|💙 blue heart|💜 purple heart|🖤 black heart|💔 broken heart|💯 hundred perfect|✨ sparkles|
🔥 fire hot|⭐ star|🌟 glowing star|💥 boom|🎉 party tada congratulations|🎈 balloon|🎁 gift present|🏆 trophy winner`;
const NATURE = `🐶 dog|🐱 cat|🦊 fox|🐻 bear|🐼 panda|🐸 frog|🐙 octopus|🦄 unicorn|🐝 bee|🦋 butterfly|🐢 turtle|🐦 bird|🌱 sprout plant|🌲 tree|🌸 blossom flower|🌻 sunflower|
🌍 earth world|☀️ sun|🌙 moon|☁️ cloud|🌧️ rain|⛈️ storm|❄️ snow cold|🌈 rainbow`;
const FOOD = `☕ coffee|🍵 tea|🍺 beer|🍷 wine|🥂 cheers toast|🍎 apple|🍌 banana|🍓 strawberry|🥑 avocado|🍕 pizza|🍔 burger|🍟 fries|🌮 taco|🍣 sushi|🍜 noodles soup|🥐 croissant|
🍰 cake|🍪 cookie|🍫 chocolate|🍦 ice cream`;
const THINGS = `🔔 bell|🎵 music note|🎹 piano keyboard|🎸 guitar|🎮 game|⚽ football soccer|🏀 basketball|🚲 bicycle|🚗 car|🚆 train|✈️ plane flight|🚀 rocket launch ship it|🏠 home house|💻 laptop computer|
📱 phone|💡 idea light|🔧 wrench fix tool|🐛 bug|📌 pin|📎 paperclip|📅 calendar date|📝 note memo|📚 books|🔒 lock secure|🔑 key|⏰ alarm clock time|💰 money|🗑️ trash`;
const SIGNS = `✅ check done yes|❌ cross no|⚠️ warning|❓ question|❗ exclamation|➕ plus|➡️ right arrow|⬆️ up arrow|🔁 repeat|🆗 ok|🆕 new|🔴 red circle|🟡 yellow circle|🟢 green circle|🏁 finish flag|🚩 red flag`;

/** The emoji of the picker. */
export const EMOJI_GROUPS: readonly EmojiGroup[] = [
  { name: "Smileys", emoji: parse(SMILEYS) },
  { name: "People", emoji: parse(PEOPLE) },
  { name: "Hearts and joy", emoji: parse(HEARTS) },
  { name: "Nature", emoji: parse(NATURE) },
  { name: "Food and drink", emoji: parse(FOOD) },
  { name: "Things", emoji: parse(THINGS) },
  { name: "Signs", emoji: parse(SIGNS) },
];

/** Emoji of which a word begins with the query; those whose name does come first. */
export function searchEmoji(query: string): Emoji[] {
  const wanted = query.trim().toLowerCase();
  const all = EMOJI_GROUPS.flatMap((group) => group.emoji);
  const found = all.filter(({ words }) => words.some((word) => word.startsWith(wanted)));
  return found.sort((a, b) => Number(b.words[0]?.startsWith(wanted)) - Number(a.words[0]?.startsWith(wanted)));
}

function parse(lines: string): Emoji[] {
  return lines.split("|").map((entry) => {
    const [text = "", ...words] = entry.trim().split(" ");
    return { text, words: [words.join(" "), ...words] };
  });
}
