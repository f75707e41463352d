// A corpus read once by several threads: some scan its pieces, in any order, and one hashes them, in theirs. What has
// been read is hashed before it is forgotten, so that no disk is asked twice.

import CorpusFiles
import Foundation
import GPTModel
import Platform
import Reproducibility

/// How a text is cut for scanning. Decides how fast it goes, never what is found.
struct ScanLayout: Sendable {
  var pieceBytes = 1 << 20
  /// Besides the one that hashes; more than a few wait for it.
  var threads = min(8, Machine.usableProcessorCount)
  var mostMarks = SparseIndex.mostMarks
  /// Below, threads cost more than they save.
  var threadedBytes = 4 << 20
}

final class ScanPipeline: @unchecked Sendable {
  private let file: CorpusFile
  private let workflow: Workflow
  private let progress: WorkProgress?
  private let stride: Int
  private let spans: [ScanSpan]
  private let threads: Int
  /// Guards what follows, except the content of slots.
  private let condition = NSCondition()
  private var pieces: [ScanPiece?]
  private var nextPiece = 0
  /// Pieces that are hashed.
  private var hashedCount = 0
  /// By slot: the piece that was read into it, and whether it is scanned.
  private var slots: [Slot]
  private var error: (any Error)?
  /// A piece is wrong: later ones do not matter.
  private var isCut = false

  private struct Slot {
    let memory: UnsafeMutableRawBufferPointer
    var piece = -1
    var count = 0
    var isScanned = true
  }

  struct Found {
    var merge: ScanMerge
    let sha256: String
    let scalars: [Unicode.Scalar]
    let stride: Int
    /// The earliest, where the text is none, and whether the file is ASCII before it.
    var failure: (ScanFailure, part: Int, isASCII: Bool)?
  }

  init(_ file: CorpusFile, workflow: Workflow, layout: ScanLayout, progress: WorkProgress?) {
    self.file = file
    self.workflow = workflow
    self.progress = progress
    stride = SparseIndex.stride(forBytes: file.byteCount, mostMarks: layout.mostMarks)
    spans = ScanSpan.all(of: file.parts.map(\.range), pieceBytes: layout.pieceBytes)
    threads = file.byteCount <= layout.threadedBytes ? 1 : layout.threads
    pieces = Array(repeating: nil, count: spans.count)
    let slotCount = file.byteCount <= layout.threadedBytes ? 1 : threads + 3
    slots = (0..<slotCount).map { _ in
      // Three bytes of the next piece, for a character that goes on there.
      Slot(memory: .allocate(byteCount: layout.pieceBytes + 3, alignment: 64))
    }
  }

  deinit { for slot in slots { slot.memory.deallocate() } }

  /// - Throws: `RuntimeFailure` if the file cannot be read.
  func run() throws -> Found {
    var hasher = SHA256()
    let alphabets = (0..<threads).map { _ in AlphabetSet() }
    if slots.count == 1 {
      for index in spans.indices where !isCut {
        let count = try read(index, into: slots[0].memory)
        hash(slots[0].memory, count, index, &hasher)
        scan(slots[0].memory, count, index, alphabets[0])
      }
    } else {
      try runThreads(alphabets, &hasher)
    }
    return put(together: alphabets, hasher.hexadecimalDigest())
  }

  private func runThreads(_ alphabets: [AlphabetSet], _ hasher: inout SHA256) throws {
    nonisolated(unsafe) let alphabets = alphabets
    let scanners = try (0..<threads).map { thread in
      try BackgroundThread(name: "scan") { [self] in scanPieces(alphabets[thread]) }
    }
    hashPieces(&hasher)
    for scanner in scanners { scanner.join() }
    if let error { throw error }
  }

  private func scanPieces(_ alphabet: AlphabetSet) {
    while let (index, memory) = claim() {
      do {
        let count = try read(index, into: memory)
        finish(index) {
          $0.count = count; $0.piece = index
        }
        scan(memory, count, index, alphabet)
        finish(index) { $0.isScanned = true }
      } catch {
        condition.withLock {
          self.error = self.error ?? error
          condition.broadcast()
        }
      }
    }
  }

  /// The next piece and the memory for it, once that is free.
  private func claim() -> (Int, UnsafeMutableRawBufferPointer)? {
    condition.withLock {
      while true {
        guard error == nil, !isCut, nextPiece < spans.count else { return nil }
        let slot = nextPiece % slots.count
        if hashedCount > nextPiece - slots.count, slots[slot].isScanned {
          slots[slot].isScanned = false
          defer { nextPiece += 1 }
          return (nextPiece, slots[slot].memory)
        }
        condition.wait()
      }
    }
  }

  private func finish(_ index: Int, _ change: (inout Slot) -> Void) {
    condition.withLock {
      change(&slots[index % slots.count])
      condition.broadcast()
    }
  }

  private func hashPieces(_ hasher: inout SHA256) {
    for index in spans.indices {
      let slot = condition.withLock { () -> Slot? in
        while error == nil, !isCut, slots[index % slots.count].piece != index { condition.wait() }
        return error == nil && !isCut ? slots[index % slots.count] : nil
      }
      guard let slot else { return }
      hash(slot.memory, slot.count, index, &hasher)
      condition.withLock {
        hashedCount = index + 1
        condition.broadcast()
      }
    }
  }

  private func read(_ index: Int, into memory: UnsafeMutableRawBufferPointer) throws -> Int {
    let range = spans[index].range
    let wanted = min(range.count + 3, file.parts[spans[index].part].range.upperBound - range.lowerBound)
    let target = UnsafeMutableRawBufferPointer(rebasing: memory[0..<wanted])
    guard try file.read(at: range.lowerBound, into: target) == wanted else { throw file.changed() }
    return wanted
  }

  private func hash(
    _ memory: UnsafeMutableRawBufferPointer, _ count: Int, _ index: Int, _ hasher: inout SHA256
  ) {
    let own = min(count, spans[index].range.count)
    hasher.update(UnsafeRawBufferPointer(rebasing: memory[0..<own]))
    progress?.advance(by: own)
  }

  private func scan(
    _ memory: UnsafeMutableRawBufferPointer, _ count: Int, _ index: Int, _ alphabet: AlphabetSet
  ) {
    let bytes = UnsafeRawBufferPointer(rebasing: memory[0..<count])
    let piece = ScanPiece(bytes, spans[index], stride: stride, workflow: workflow, alphabet: alphabet)
    condition.withLock {
      pieces[index] = piece
      if piece.failure != nil { isCut = true }
    }
  }

  private func put(together alphabets: [AlphabetSet], _ sha256: String) -> Found {
    var merge = ScanMerge(workflow: workflow)
    // Pieces are claimed in order: all before a wrong one have been scanned.
    for (piece, span) in zip(pieces, spans) {
      guard let piece else { break }
      if let failure = piece.failure {
        let earlier = zip(pieces, spans).filter {
          $0.1.part == span.part && $0.1.range.lowerBound < span.range.lowerBound
        }
        let isASCII = piece.isASCII && earlier.allSatisfy { $0.0?.isASCII == true }
        return Found(
          merge: merge, sha256: "", scalars: [], stride: stride, failure: (failure, span.part, isASCII))
      }
      merge.append(piece, span, stride: stride)
    }
    for alphabet in alphabets.dropFirst() { alphabets[0].formUnion(alphabet) }
    // Spaces at the end of a line have left a trace, too.
    if workflow == .documents { alphabets[0].frequent[0x20] = 0 }
    for blank in Blanks.scalars(in: merge.blanks) { alphabets[0].insert(blank.value) }
    return Found(merge: merge, sha256: sha256, scalars: alphabets[0].sorted, stride: stride)
  }
}
