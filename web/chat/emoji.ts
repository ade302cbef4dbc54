/** A small set of emoji with the words that find them, in groups. Drawn by the reader's own system. */
import type { Key } from "./lang/catalogue";

export type Emoji = readonly [sign: string, name: string];

const groups: readonly (readonly [Key, string])[] = [
  ["group_faces",
    "😀 grinning happy|😃 smiley|😄 smile|😁 beaming grin|😆 laughing lol|😅 sweat_smile phew|🤣 rofl rolling|😂 joy tears lol|🙂 slight_smile|🙃 upside_down|😉 wink|😊 blush|😇 innocent angel|🥰 smiling_hearts love|😍 heart_eyes love|🤩 star_struck wow|😘 kiss|😋 yum tasty|😛 tongue|😜 wink_tongue|🤪 zany crazy|🤑 money|🤗 hug|🤭 oops giggle|🤫 shush quiet|🤔 thinking hmm|🤐 zipper|🤨 raised_eyebrow|😐 neutral|😑 expressionless|😶 speechless|😏 smirk|😒 unamused|🙄 eye_roll|😬 grimace|😌 relieved|😔 pensive sad|😪 sleepy|🤤 drool|😴 sleeping zzz|😷 mask|🤒 sick ill|🤕 hurt|🤢 nauseated|🤮 vomit|🤧 sneeze|🥵 hot|🥶 cold|😵 dizzy|🤯 mind_blown|🤠 cowboy|🥳 party|😎 cool sunglasses|🤓 nerd|🧐 monocle|😕 confused|😟 worried|🙁 frown|😮 open_mouth wow|😲 astonished|😳 flushed|🥺 pleading please|😨 fear|😰 anxious|😢 cry sad|😭 sob crying|😱 scream|😤 huff|😡 angry rage|🤬 cursing|😈 devil|💀 skull dead|💩 poop|🤡 clown|👻 ghost|👽 alien|🤖 robot|🎃 pumpkin"],
  ["group_hands",
    "👋 wave hello bye|🤚 hand|✋ stop high_five|👌 ok|🤌 pinched|✌️ victory peace|🤞 fingers_crossed luck|🤟 love_you|🤘 horns rock|👈 left|👉 right|👆 up|👇 down|👍 thumbs_up yes good|👎 thumbs_down no bad|✊ fist|👊 punch|👏 clap bravo|🙌 raised_hands hooray|🫶 heart_hands|🤝 handshake deal|🙏 pray thanks please|💪 strong muscle|👀 eyes look|🧠 brain|🫡 salute|🤷 shrug|🤦 facepalm|🙋 raise_hand|🙅 no_way|🙆 okay|💃 dance|🕺 dancing|🏃 run"],
  ["group_hearts",
    "❤️ heart love red|🧡 orange_heart|💛 yellow_heart|💚 green_heart|💙 blue_heart|💜 purple_heart|🖤 black_heart|🤍 white_heart|💔 broken_heart|💕 two_hearts|💖 sparkling_heart|💯 hundred perfect|💢 anger|💥 boom|💫 dizzy_star|💦 sweat splash|💤 zzz sleep|✨ sparkles|⭐ star|🌟 glowing_star|🔥 fire lit hot|✅ check yes|❌ cross no|❓ question|❗ exclamation|⚠️ warning|🚫 forbidden|♻️ recycle|🔴 red live|🟢 green go"],
  ["group_nature",
    "🐶 dog|🐱 cat|🐭 mouse|🐰 rabbit|🦊 fox|🐻 bear|🐼 panda|🐯 tiger|🦁 lion|🐮 cow|🐷 pig|🐸 frog|🐵 monkey|🙈 see_no_evil|🙉 hear_no_evil|🙊 speak_no_evil|🐔 chicken|🐧 penguin|🦉 owl|🦄 unicorn|🐝 bee|🦋 butterfly|🐢 turtle|🐙 octopus|🦖 dinosaur|🐳 whale|🌹 rose|🌻 sunflower|🌸 blossom|🌲 tree|🍀 clover luck|☀️ sun|🌈 rainbow|☁️ cloud|🌧️ rain|⛈️ storm|❄️ snow|🌙 moon|🌍 earth world"],
  ["group_food",
    "☕ coffee|🍵 tea|🍺 beer|🍻 cheers|🥂 toast|🍷 wine|🍕 pizza|🍔 burger|🍟 fries|🌮 taco|🍣 sushi|🍜 noodles|🍪 cookie|🎂 cake birthday|🍰 slice|🍩 donut|🍫 chocolate|🍿 popcorn|🍎 apple|🍌 banana|🍓 strawberry|🍉 watermelon|🥑 avocado|🥕 carrot|🌶️ chili|🧀 cheese|🥐 croissant|🍞 bread"],
  ["group_fun",
    "🎉 tada party|🎊 confetti|🎈 balloon|🎁 gift|🏆 trophy win|🥇 gold first|🎮 game|🕹️ joystick|🎲 dice|🎯 target|⚽ football soccer|🏀 basketball|🎵 note music|🎶 music notes|🎸 guitar|🎹 piano|🎧 headphones|🎤 microphone|🎬 film|📺 tv|📷 camera|🎥 video stream|💻 laptop|📱 phone|💡 idea|🔔 bell|📌 pin|🔗 link|🔒 lock|⏰ alarm|⏳ hourglass wait|🚀 rocket|🚗 car|✈️ plane|🏠 home|💰 money_bag|💎 gem|🎓 graduate|👑 crown"],
];

export const emojiGroups: readonly (readonly [Key, readonly Emoji[]])[] = groups.map(([key, list]) => [
  key,
  list.split("|").map((entry): Emoji => [entry.slice(0, entry.indexOf(" ")), entry.slice(entry.indexOf(" ") + 1)]),
]);

/** Emoji whose name begins with what was typed, then those of whom another word does, then those that hold it. */
export function searchEmoji(typed: string): Emoji[] {
  const asked = typed.trim().toLowerCase().replaceAll(" ", "_");
  const all = emojiGroups.flatMap(([, list]) => list);
  const rank = ([, words]: Emoji) => (
    words.startsWith(asked) ? 0 : words.includes(` ${asked}`) ? 1 : words.includes(asked) ? 2 : 3
  );
  return [0, 1, 2].flatMap((wanted) => all.filter((entry) => rank(entry) === wanted)).map(([sign, words]) => [sign, words.split(" ")[0]!]);
}
