// One line of a metrics file, as `gpt-ddp --metrics` writes it.

import Foundation

package struct MetricsLine: Decodable, Sendable {
  package let step: Int
  /// Of a step; nil stands for NaN, too.
  package let loss: Double?
  /// Of a validation.
  package let validationLoss: Double?
  package let weightsHash: String?
  package let learningRate: Double?
  package let seconds: Double?
  package let tokens: Int?
  package let gradientNorm: Double?
  package let isOfStep: Bool
  package let isOfValidation: Bool

  private enum CodingKeys: String, CodingKey {
    case step, loss, seconds, tokens
    case validationLoss = "val_loss"
    case weightsHash = "weights_hash"
    case learningRate = "lr"
    case gradientNorm = "grad_norm"
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    step = try values.decode(Int.self, forKey: .step)
    isOfStep = values.contains(.loss)
    isOfValidation = values.contains(.validationLoss)
    loss = try values.decodeIfPresent(Double.self, forKey: .loss)
    validationLoss = try values.decodeIfPresent(Double.self, forKey: .validationLoss)
    weightsHash = try values.decodeIfPresent(String.self, forKey: .weightsHash)
    learningRate = try values.decodeIfPresent(Double.self, forKey: .learningRate)
    seconds = try values.decodeIfPresent(Double.self, forKey: .seconds)
    tokens = try values.decodeIfPresent(Int.self, forKey: .tokens)
    gradientNorm = try values.decodeIfPresent(Double.self, forKey: .gradientNorm)
  }

  /// Nil for a line that is none of a metrics file.
  package init?(_ line: String, _ decoder: JSONDecoder) {
    guard let value = try? decoder.decode(MetricsLine.self, from: Data(line.utf8)) else { return nil }
    self = value
  }
}
