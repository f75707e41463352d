// The words of the synthetic dialogue and how they are inflected. Plain English words; no sentence of
// anyone's is in here.

/// A noun that can be counted.
struct Noun: Sendable {
  let singular: String
  let plural: String

  /// `rope`, or `man/men` where the plural is irregular.
  init(_ entry: Substring) {
    let forms = entry.split(separator: "/").map(String.init)
    singular = forms[0]
    plural = forms.count > 1 ? forms[1] : withS(forms[0])
  }
}

struct Verb: Sendable {
  let base: String
  let third: String
  let past: String
  let participle: String

  /// `mend`, or `sing/sang/sung` where the past is irregular.
  init(_ entry: Substring) {
    let forms = entry.split(separator: "/").map(String.init)
    base = forms[0]
    third = withS(base)
    let regular =
      base.hasSuffix("e")
      ? base + "d" : base.hasSuffix("y") && !endsInVowelAndY(base) ? base.dropLast() + "ied" : base + "ed"
    past = forms.count > 1 ? forms[1] : regular
    participle = forms.count > 2 ? forms[2] : past
  }
}

/// Plural of a noun, third person of a verb.
private func withS(_ word: String) -> String {
  if word.hasSuffix("y"), !endsInVowelAndY(word) { return word.dropLast() + "ies" }
  return word + (["s", "x", "ch", "sh"].contains(where: word.hasSuffix) ? "es" : "s")
}

private func endsInVowelAndY(_ word: String) -> Bool {
  word.dropLast().last.map("aeiou".contains) ?? false
}

/// `a` or `an`, by the letter that follows: no word here is an exception.
func withArticle(_ words: String) -> String {
  (words.first.map("aeiou".contains) ?? false ? "an " : "a ") + words
}

/// What a scene is about.
struct Topic: Sendable {
  /// Of the scene's heading.
  let places: [String]
  let people: [Noun]
  let things: [Noun]
  let adjectives: [String]
  /// Without an object.
  let actions: [Verb]
  /// What people do to things.
  let deeds: [Verb]

  init(places: [String], people: String, things: String, adjectives: String, actions: String, deeds: String) {
    self.places = places
    self.people = people.split(separator: " ").map(Noun.init)
    self.things = things.split(separator: " ").map(Noun.init)
    self.adjectives = adjectives.split(separator: " ").map(String.init)
    self.actions = actions.split(separator: " ").map(Verb.init)
    self.deeds = deeds.split(separator: " ").map(Verb.init)
  }
}

enum Lexicon {
  static let topics = [
    Topic(
      places: ["A harbour at dusk", "The deck of a ship", "A beach after the storm"],
      people: "sailor pilot captain fisherman/fishermen diver smuggler keeper",
      things: "rope lantern net anchor sail harbour wave shell compass tide gull oar barrel reef",
      adjectives: "salty wet grey restless deep drifting calm northern hollow",
      actions: "drift sail sink/sank/sunk row wait shout float turn sing/sang/sung",
      deeds: "haul steer row mend drag/dragged hoist lower follow find/found curse"),
    Topic(
      places: ["A walled garden", "An orchard in spring", "The herb beds behind the abbey"],
      people: "gardener beekeeper widow child/children neighbour herbalist apprentice",
      things: "rose apple hive spade root branch leaf/leaves seed wall gate blossom ladder basket thorn",
      adjectives: "green sweet early patient wild sunny fragrant mossy ripe",
      actions: "grow/grew/grown bloom wither dig/dug rest ripen climb whisper",
      deeds: "water plant gather pick guard trim/trimmed carry/carried smell tend pull"),
    Topic(
      places: ["The hall of the duke", "A council chamber", "The throne room by night"],
      people: "king queen duke clerk herald judge envoy servant traitor",
      things: "crown letter seal throne law sword banner promise debt mirror ring candle secret treaty",
      adjectives: "royal proud false golden solemn secret loyal bitter noble",
      actions: "rule kneel/knelt lie/lied bow judge speak/spoke/spoken tremble plead",
      deeds: "break/broke/broken sign honour betray hide/hid/hidden read/read guard weigh forge burn"),
    Topic(
      places: ["A smithy", "The clockmaker's shop", "A mill with three wheels"],
      people: "smith miller clockmaker carpenter journeyman/journeymen potter mason",
      things: "hammer wheel clock spring nail anvil bell furnace blade key kettle chain gear chisel",
      adjectives: "heavy hot precise iron clever rusty exact tired bright",
      actions: "work strike/struck ring/rang/rung rust spin/spun toil sweat measure",
      deeds: "mend build/built sharpen turn cast/cast polish wind/wound repair sell/sold count"),
    Topic(
      places: ["A road in the hills", "An inn at the crossroads", "A bridge over the gorge"],
      people: "traveller pilgrim soldier thief/thieves innkeeper shepherd stranger pedlar",
      things: "road horse bridge cloak map stone purse inn mile river saddle staff boot signpost",
      adjectives: "long dusty weary foreign narrow lost steep broad muddy",
      actions: "walk ride/rode/ridden sleep/slept return wander limp hurry rest",
      deeds:
        "cross follow steal/stole/stolen lose/lost carry/carried trade choose/chose/chosen reach fear"
    ),
    Topic(
      places: ["A cabin in the snow", "A frozen lake", "The edge of a dark forest"],
      people: "hunter woodcutter hermit mother stranger trapper orphan",
      things: "wolf/wolves fire axe track pine owl star night window door blanket shadow icicle sledge",
      adjectives: "cold white silent dark hungry frozen early lonely fierce",
      actions: "freeze/froze/frozen howl burn wait shiver fall/fell/fallen listen vanish",
      deeds: "light/lit watch hear/heard follow fear bar/barred open chop/chopped warm hunt"),
  ]

  /// Speakers, with the share in percent of questions, of exclamations and of commands in what they say.
  static let cast: [(name: String, questions: Int, exclamations: Int, commands: Int)] = [
    ("Orrin", 10, 10, 10), ("Tamsel", 45, 5, 5), ("Bricka", 5, 45, 10), ("Old Wenna", 20, 20, 5),
    ("Captain Holt", 5, 10, 50), ("First Porter", 35, 20, 5), ("Second Porter", 15, 35, 5),
    ("Ysolt", 15, 5, 5), ("Marden", 5, 5, 5), ("Duke Averill", 10, 10, 40), ("Pim", 50, 20, 5),
    ("Sister Odile", 10, 5, 20), ("Garrick Vane", 10, 30, 25), ("Lysse", 25, 25, 5),
    ("The Miller", 5, 15, 15),
    ("Jorunn", 30, 5, 20), ("Quill", 40, 15, 10), ("Zephan", 15, 40, 5),
  ]

  static let openings = words("Indeed Alas Truly Come Enough Listen Well Nay Friend Perhaps Hush Still")
  static let adverbs = words(
    "slowly again alone together tonight gladly quietly today badly well twice soon here always")
  static let intensifiers = words("so too very almost quite never hardly")
  static let moods = words("glad afraid tired certain angry ready sorry alone old wise proud late")
  static let joiners = ["and", "but", "for", "yet", "so", "while", "because", "until", "though"]
  static let modals = ["will", "must", "may", "cannot", "should", "would", "might", "shall not"]
  static let prepositions = [
    "by", "under", "beyond", "near", "behind", "above", "beside", "without", "before",
  ]
  static let numbers = ["two", "three", "four", "five", "seven", "nine", "twelve", "a hundred"]
  /// Couplets close a scene with two of one class.
  static let rhymes = [
    words("night light sight fight flight knight"), words("sea key plea tree knee bee"),
    words("day way bay clay play"), words("stone bone throne tone drone"),
    words("hand sand land stand command"), words("rain pain chain plain grain"),
    words("door floor shore war core"), words("fire desire liar choir spire"),
    words("deep sheep keep heap sweep"), words("snow crow blow flow foe"),
  ]

  private static func words(_ list: String) -> [String] { list.split(separator: " ").map(String.init) }
}
