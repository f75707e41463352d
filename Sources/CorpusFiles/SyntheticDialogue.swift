// The synthetic dialogue: scenes in verse. What a model can learn: scenes keep to their topics and cast,
// speakers to a manner, verbs agree with subjects, answers with questions, couplets rhyme.

import Reproducibility

enum SyntheticDialogue {
  /// Whole scenes until the text has at least this many bytes.
  static func text(atLeast byteCount: Int) -> String {
    var grammar = PhraseGrammar(seed: 1, rules)
    var text = ""
    var number = 0
    while text.utf8.count < byteCount {
      number += 1
      text += "Scene \(number), " + scene(&grammar)
    }
    return text
  }

  private static func scene(_ grammar: inout PhraseGrammar) -> String {
    let topics = grammar.random.permutation(5).prefix(2)
    for kind in ["thing", "person", "quality", "deed", "action"] {
      let lists = topics.map { grammar.rules["\(kind) by topic"]![$0][0] }
      grammar.rules[kind] = lists.joined(separator: " ").split(separator: " ").map { [String($0)] }
    }
    let (cast, habits) = (grammar.rules["cast"]!, grammar.rules["habits"]!)
    var present = grammar.random.permutation(cast.count).prefix(2 + grammar.random.next(below: 3))
    var text = grammar.choose("where") + ".\n\n"
    var answer = ""
    for turnsLeft in (0..<7 + grammar.random.next(below: 14)).reversed() {
      // The first of those present speaks, never twice in a row; each prefers one kind of sentence.
      present.swapAt(0, 1 + grammar.random.next(below: present.count - 1))
      grammar.rules["name"] = present.dropFirst().map { cast[$0] }
      grammar.rules["habit"] = (0..<4).map { habits[(present[0] + $0) % 4] }
      let turn = (answer + grammar.choose(turnsLeft == 0 ? "end" : "speech")).split(separator: ">")
      answer = turn.count > 1 ? turn[1] + "/" : ""
      let lines = turn[0].split(separator: "/").map { $0.prefix(1).uppercased() + $0.dropFirst() + "\n" }
      text += cast[present[0]][0] + ":\n" + lines.joined() + "\n"
    }
    return text
  }

  /// A slash ends a line of verse; what follows `>` goes to the next speaker.
  static let rules = """
    cast: Orrin | Tamsel | Bricka | Old Wenna | Captain Holt | First Porter | Second Porter | Ysolt | Pim | \
    Duke Averill | Sister Odile | Garrick Vane | Lysse | The Miller | Jorunn | Quill | Marden | Zephan
    habits: [question] | [statement] | [exclamation] | [command]
    speech: [statement]/[habit] | [habit] | [statement]/[statement]/[habit]
    end: [statement]/[clause] [near] the [rhyme].
    rhyme: night[and] light | stone[and] throne | sea[and] tree | rain[and] grain | day[and] clay
    and: ,/and [clause] [near] the
    statement: [clause]. | [clause],/[joiner] [clause]. | if [clause],/then [clause]. | \
    [opening], [clause]. | [clause];/[clause].
    question: where is the [thing]?>the [=thing] is [where]. | who [deed]ed the [thing]?>[who] \
    [=deed]ed the [=thing]. | why does the [person] [deed] the [thing]?>because the [=thing] is [state]. | \
    have you [deed]ed the [thing]s?>[yes] [=deed]ed the [=thing]s.
    yes: yes, I have | no, I have never
    exclamation: O [quality] [thing], we [action] [how]! | [opening], [clause]! | what a [quality] [thing]!
    command: [name], [deed] [what]! | [deed] [what] and [action], [name]. | do not [deed] [what]!
    clause: [one] [does] | [many] [do] | [who] [did] | the [thing] is [state] | I [deed] [what] | I am [state]
    one: the [person] | he | [owner] [person] | the [quality] [person] | she | [name] | every [person]
    many: the [person]s | you | [quality] [person]s | we | [number] [person]s | they
    who: I | [one] | [many]
    does: [deed]s [what] | is [state] | [action]s [where] | has [deed]ed [what] | does not [deed] [what]
    do: [deed] [what] | are [state] | [action] [where] | have [deed]ed [what] | do not [deed] [what]
    did: [deed]ed [what] | [must] [deed] [what] | [action]ed [where] | [found] [what] | [must] [action] [how]
    found: found lost held sold kept saw brought hid stole
    state: so [quality] | glad | [where] | too [quality] | afraid | alone | ready | certain | angry | proud
    what: the [thing] | [owner] [thing]s | a [quality] [thing] | the [thing]s of the [person] | an old [thing]
    where: [near] the [thing] | [near] [owner] [quality] [thing] | [near] [number] [thing]s
    joiner: and but for yet while because until so though
    opening: alas indeed truly enough well friend perhaps hush
    how: slowly again alone together tonight gladly quietly twice always
    near: by under near beyond behind above beside without before
    must: will must may cannot should would might
    owner: my your our his her their
    number: two three five seven nine twelve
    thing by topic: rope lantern net anchor sail harbour wave shell tide gull oar barrel reef mast storm | \
    rose apple hive spade root petal wall gate blossom ladder basket thorn pear worm fountain | \
    crown letter seal throne law sword banner promise mirror ring candle feast tower oath debt court | \
    hammer wheel clock spring nail anvil bell furnace blade key kettle chain gear plank barrow saw | \
    road fire bridge cloak stone purse inn river star owl saddle boot hill moon forest cart
    person by topic: sailor pilot captain diver smuggler | gardener beekeeper widow herbalist neighbour | \
    king queen duke clerk herald judge | smith miller carpenter potter mason | pilgrim hunter innkeeper hermit
    quality by topic: salty wet grey restless deep hollow | green sweet ripe patient wild mossy | \
    royal golden false solemn loyal | heavy hot rusty clever precise | long dusty weary cold dark lost
    deed by topic: haul steer row mend lower follow | water plant gather tend smell guard | honour betray \
    weigh covet seal burn | turn sharpen repair hammer count | borrow follow enter fear remember
    action by topic: drift sail wait shout turn | bloom wither rest climb whisper | listen reign plead bow \
    falter | work toil labour rust groan | walk wander return linger rest
    """
}
