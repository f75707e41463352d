// Which processors a process may run on, as the kernel writes it.

import Platform

/// An affinity mask. Text and back: `3`, `f,ffffffff`.
public struct ProcessorSet: Equatable, Sendable, CustomStringConvertible {
  /// Processors 0 to 3 first.
  private var digits: [UInt8]

  /// - Parameter mask: hexadecimal, with or without the kernel's commas.
  /// - Returns: nil if it is not one, or names no processor.
  public init?(_ mask: some StringProtocol) {
    let values = mask.filter { $0 != "," }.map { $0.hexDigitValue }
    guard values.allSatisfy({ $0 != nil }) else { return nil }
    digits = values.reversed().map { UInt8($0 ?? 0) }
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty { return nil }
  }

  /// Of this process; nil if the kernel does not say.
  public static var usable: ProcessorSet? { ProcessorSet(Machine.affinityMask) }

  public var count: Int { digits.reduce(0) { $0 + $1.nonzeroBitCount } }

  public mutating func formUnion(_ other: ProcessorSet) {
    for (index, digit) in other.digits.enumerated() {
      if index < digits.count { digits[index] |= digit } else { digits.append(digit) }
    }
  }

  public var description: String { String(digits.reversed().map { Character(String($0, radix: 16)) }) }
}
