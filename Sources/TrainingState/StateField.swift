// One value of a training state: where a file keeps it, what is allowed there, what its absence means.

import CommandLineOptions
import Platform

public struct StateField: Sendable {
  /// What it means if a file lacks the value.
  public enum Absence: Sendable {
    /// Every program writes it: the file is damaged.
    case damage
    /// It is newer than some files, which imply this value.
    case means(StateValue)
    /// It is newer than some files, which do not tell: this value is a guess.
    case unknown(StateValue)

    var value: StateValue? {
      switch self {
      case .damage: nil
      case .means(let value), .unknown(let value): value
      }
    }
  }

  /// From the root of the file, for example `optimizer/beta1`.
  public let path: String
  public let kind: StateValue.Kind
  public let absence: Absence
  let get: @Sendable (TrainingState) -> StateValue
  let set: @Sendable (inout TrainingState, StateValue) throws -> Void

  public func value(in state: TrainingState) -> StateValue { get(state) }

  /// - Throws: `InvalidInput` naming the path if a required value is missing or a value is not allowed.
  public func set(_ state: inout TrainingState, from stored: StateValue?) throws {
    if stored == nil, case .unknown = absence { state.guesses.insert(path) }
    guard let value = stored ?? absence.value else { throw InvalidInput("/\(path) is missing") }
    guard value.kind == kind else { throw InvalidInput("/\(path) has a value of the wrong type") }
    do {
      try set(&state, value)
    } catch let refusal as Refusal {
      throw InvalidInput("/\(path) is \(Self.shortened(JSONText(value).text)), \(refusal.words)")
    }
  }

  /// Whether a program that does not know this field would mishandle this state.
  public func isFeature(of state: TrainingState) -> Bool {
    guard let known = absence.value else { return false }
    return get(state) != known
  }

  /// What a message quotes of a file.
  package static func shortened(_ text: String) -> String { text.count > 60 ? text.prefix(60) + "…" : text }

  /// Why a value is refused.
  struct Refusal: Error {
    let words: String
  }
}

extension StateField {
  /// Where a state keeps a value.
  struct Place<Value: Sendable>: Sendable {
    let get: @Sendable (TrainingState) -> Value
    let set: @Sendable (inout TrainingState, Value) -> Void

    static func state(_ key: WritableKeyPath<TrainingState, Value> & Sendable) -> Place {
      Place(get: { $0[keyPath: key] }, set: { $0[keyPath: key] = $1 })
    }

    static func configuration(_ key: WritableKeyPath<TrainingConfiguration, Value> & Sendable) -> Place {
      Place(get: { $0.configuration[keyPath: key] }, set: { $0.configuration[keyPath: key] = $1 })
    }
  }

  static func integer(
    _ path: String, _ place: Place<Int>, in allowed: ClosedRange<Int> = 0...TrainingConfiguration.mostSteps,
    absence: Absence = .damage
  ) -> StateField {
    StateField(
      path: path, kind: .integer, absence: absence, get: { .integer(place.get($0)) },
      set: { state, value in
        guard case .integer(let number) = value, allowed.contains(number) else {
          throw Refusal(words: "outside \(allowed.lowerBound) to \(allowed.upperBound)")
        }
        place.set(&state, number)
      })
  }

  /// - Parameter mayBeNaN: NaN stands for "not yet".
  static func real(
    _ path: String, _ place: Place<Double>, in allowed: NumberRange = .from(0), mayBeNaN: Bool = false,
    absence: Absence = .damage
  ) -> StateField {
    StateField(
      path: path, kind: .real, absence: absence, get: { .real(place.get($0)) },
      set: { state, value in
        guard case .real(let number) = value,
          number.isFinite && allowed.contains(number) || mayBeNaN && number.isNaN
        else { throw Refusal(words: "where a number\(allowed.text.map { " \($0)" } ?? "") belongs") }
        place.set(&state, number)
      })
  }

  /// Stored as 0 or 1.
  static func flag(_ path: String, _ place: Place<Bool>, absence: Absence = .damage) -> StateField {
    StateField(
      path: path, kind: .integer, absence: absence, get: { .integer(place.get($0) ? 1 : 0) },
      set: { state, value in
        guard case .integer(let number) = value, (0...1).contains(number) else {
          throw Refusal(words: "where 0 or 1 belongs")
        }
        place.set(&state, number == 1)
      })
  }

  /// Bytes of a text: a path, a name, a hash.
  public static let longestText = 1 << 16

  /// JLD2 has no empty strings: absence means empty.
  static func text(
    _ path: String, _ place: Place<String>, absence: Absence = .means(.string(""))
  ) -> StateField {
    StateField(
      path: path, kind: .string, absence: absence, get: { .string(place.get($0)) },
      set: { state, value in
        guard case .string(let text) = value, text.utf8.count <= longestText, !text.utf8.contains(0) else {
          throw Refusal(words: "where text of at most \(longestText) bytes, none of them 0, belongs")
        }
        place.set(&state, text)
      })
  }

  /// One of a list of names: an unknown one comes from a newer program.
  static func name(
    _ path: String, _ place: Place<String>, known: [String], absence: Absence = .damage
  ) -> StateField {
    StateField(
      path: path, kind: .string, absence: absence, get: { .string(place.get($0)) },
      set: { state, value in
        guard case .string(let name) = value, known.contains(name) else {
          throw Refusal(
            words: "which this program does not know (it knows \(known.joined(separator: ", "))): "
              + "use a newer program")
        }
        place.set(&state, name)
      })
  }

  /// - Parameter limit: how many, from the last, are kept.
  static func floats(_ path: String, _ place: Place<[Float]>, last limit: Int) -> StateField {
    StateField(
      path: path, kind: .floats, absence: .means(.floats([])),
      get: { .floats(Array(place.get($0).suffix(limit))) },
      set: { state, value in
        guard case .floats(let floats) = value, floats.allSatisfy(\.isFinite) else {
          throw Refusal(words: "where finite numbers belong")
        }
        place.set(&state, Array(floats.suffix(limit)))
      })
  }

  /// JLD2 has no empty arrays: absence means empty.
  static func integers(
    _ path: String, _ place: Place<[Int]>, in allowed: ClosedRange<Int> = 1...Int(Int32.max)
  ) -> StateField {
    StateField(
      path: path, kind: .integers, absence: .means(.integers([])), get: { .integers(place.get($0)) },
      set: { state, value in
        guard case .integers(let numbers) = value, numbers.allSatisfy(allowed.contains) else {
          throw Refusal(words: "where numbers of \(allowed.lowerBound) to \(allowed.upperBound) belong")
        }
        place.set(&state, numbers)
      })
  }

  /// Repeats what another field says, for readers of the file; must agree with it.
  static func copy(
    _ path: String, of original: String, _ value: @escaping @Sendable (TrainingState) -> Int
  ) -> StateField {
    StateField(
      path: path, kind: .integer, absence: .damage, get: { .integer(value($0)) },
      set: { state, stored in
        guard stored == .integer(value(state)) else {
          throw Refusal(words: "but /\(original) is \(value(state))")
        }
      })
  }
}
