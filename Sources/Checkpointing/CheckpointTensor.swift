// Where the floats of one tensor are, in the file and in memory.

/// A tensor in an arena and its place in the file. The memory belongs to the snapshot it was taken from.
package struct CheckpointTensor {
  /// From the root, for example `optimizer/m/blocks/1/attn_wq/weight`.
  package let path: String
  package let rows: Int
  package let columns: Int
  package let base: UnsafeMutablePointer<Float>
  package var count: Int { rows * columns }
  package var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: base, count: count))
  }
}
