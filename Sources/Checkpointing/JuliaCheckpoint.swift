import Diagnostics
import GPTModel
struct JuliaCheckpoint {
  let reader: CheckpointReader
  func snapshot(fileSize: Int) throws -> TrainingSnapshot {
    throw InvalidInput("it is HDF5, but no checkpoint of a GPT")
  }
}
