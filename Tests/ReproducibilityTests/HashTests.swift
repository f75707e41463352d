// SHA-256 and XXH64 against published vectors and against vectors made with Python's hashlib and xxhash.

import Testing

@testable import Reproducibility

/// Byte i is (31 i + 7) mod 256.
private let pattern = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 * 31 + 7) }

@Suite struct SHA256Vectors {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func published(_ text: String, _ digest: String) {
    for usesInstructions in Self.ways {
      var hasher = SHA256(usesInstructions: usesInstructions)
      Array(text.utf8).withUnsafeBytes { hasher.update($0) }
      #expect(hasher.hexadecimalDigest() == digest)
    }
  }

  /// With ordinary instructions, and with the CPU's own where it has them.
  private static let ways = SHA256.hasInstructions ? [false, true] : [false]

  @Test(.enabled(if: SHA256.hasInstructions, "this CPU has no instructions for SHA-256"))
  func bothWaysAgree() {
    var random = Philox(seed: 5, purpose: .sampling)
    for _ in 0..<500 {
      let bytes = (0..<random.next(below: 700)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let digests = Self.ways.map { way -> String in
        var hasher = SHA256(usesInstructions: way)
        var start = 0
        while start < bytes.count {
          let end = start + 1 + random.next(below: bytes.count - start)
          bytes[start..<end].withUnsafeBytes { hasher.update($0) }
          start = end
        }
        return hasher.hexadecimalDigest()
      }
      #expect(digests[0] == digests[1])
    }
  }

  @Test(arguments: ways) func aMillionLetters(_ usesInstructions: Bool) {
    var hasher = SHA256(usesInstructions: usesInstructions)
    for _ in 0..<1_000 {
      [UInt8](repeating: UInt8(ascii: "a"), count: 1_000).withUnsafeBytes { hasher.update($0) }
    }
    #expect(
      hasher.hexadecimalDigest() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test(arguments: [
    (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (1, "ca358758f6d27e6cf45272937977a748fd88391db679ceda7dc7bf1f005ee879"),
    (3, "647674a296197442f518bcca323ec605dd8d098b2d4f22ee1fdcdd2bb753a189"),
    (55, "8aa994584139d128848eeebc4e815639ba5ab6e6e39574195a63ac4f14f7c43b"),
    (56, "ad574708f75c044c9b85de64cb568ee7711ff4f36448c6242f053ba8f6cc2b63"),
    (57, "5b46e502092be01b1100193e089fdda95638c12e19a1d24f308eb2c3d3ae849d"),
    (63, "280ed3e8ff1df845b2e7dfe6ac6cee817bef20e783cc65abc41b818b4d2fe076"),
    (64, "c6ab9724ade5b6a7a1edfffb12f3aa9181351355af8fd08c919952ad211339dd"),
    (65, "788367c73c7ddf4c53f65e68cc0d943e6227ab55b0e78ba63ace822b1c6301c0"),
    (119, "3d610547d68216dedf7435a4fb6260353911f6b3fd3f18805ddb8be285d726fe"),
    (120, "1f80156a804cb7862ad113e8200e9d74499723e7c7854d5f48776d3148e09656"),
    (127, "192409cd280e14b743642ad1343fbd3e82d9305de72c078117745a679210cc3d"),
    (128, "cc548ca2dec1f6fe4f58b2e27aa9c7521607df1130d140b55a4dad0665302356"),
    (1000, "5097e7d587352f5097062ae679f37bda5802d9f875aba14c8cb4d1a188ada179"),
    (4999, "31451c4232521d9862f96c333f1457e4dd84fc7110e2d467d2849dbd051dead2"),
  ])
  func hashlib(_ length: Int, _ digest: String) {
    #expect(pattern[0..<length].withUnsafeBytes { SHA256.hash($0) } == digest)
  }

  @Test(arguments: [1, 7, 63, 64, 65, 200])
  func piecesOfAnySize(_ size: Int) {
    var hasher = SHA256()
    for start in stride(from: 0, to: pattern.count, by: size) {
      pattern[start..<min(start + size, pattern.count)].withUnsafeBytes { hasher.update($0) }
      // Asking midway changes nothing.
      if start == 0 { _ = hasher.digest() }
    }
    #expect(hasher.hexadecimalDigest() == pattern.withUnsafeBytes { SHA256.hash($0) })
  }
}

@Suite struct XXHash64Vectors {
  @Test(
    arguments: [
      ("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999),
    ] as [(String, UInt64)])
  func published(_ text: String, _ digest: UInt64) {
    #expect(Array(text.utf8).withUnsafeBytes { XXHash64.hash($0) } == digest)
  }

  @Test(
    arguments: [
      (1, 0xa96c_7f0c_e858_bbb7, 0x5858_8242_2a61_65e7),
      (3, 0x56e6_9576_32a4_87f9, 0x5acb_303e_7813_3c22),
      (4, 0xc60d_15b1_e3ff_8f04, 0x7d51_d5e2_4617_32b3),
      (7, 0xafbe_fc3d_6c6f_9a8e, 0x2ce9_adec_2b2c_8104),
      (8, 0x3da5_c7aa_2696_83e0, 0x7588_48f0_33fa_76a2),
      (9, 0x4b17_a9ba_9e21_5c09, 0xd457_6cf5_54b7_d929),
      (12, 0x8fe8_ab1c_1fd0_666e, 0xeaa6_d4d8_03d2_1fd7),
      (20, 0x0bfb_adb3_68e7_f37c, 0x4552_5f71_657d_38d8),
      (31, 0x4a74_f3a1_a39a_d4a1, 0x8137_041f_5af8_8413),
      (32, 0x8d57_d6a4_671c_c43d, 0x184e_bcf3_745c_d46c),
      (33, 0x62c9_fd21_ed85_7664, 0x52fa_c3c9_81f3_cc2e),
      (39, 0x1789_5424_89e5_9cc4, 0x5661_126b_7efa_f137),
      (44, 0xa6b6_9c7c_ee5d_5b54, 0x588e_e31c_58a5_04d4),
      (63, 0x5c32_0a0d_2707_057f, 0x64ef_99a2_e94c_c7bd),
      (64, 0x7bba_bbc4_5729_d17e, 0xf7f2_2435_fe1a_b128),
      (65, 0xf398_0c34_bae6_5dc1, 0x7a0b_76a8_1261_7c73),
      (100, 0xefa0_ad2d_3e70_c151, 0xbc7a_b33b_e752_8c18),
      (1000, 0x9959_4f48_2804_3d35, 0xda71_7f74_1f39_9f3f),
      (4999, 0x240c_f37e_ac85_1ac1, 0x8e11_da88_5290_8b5a),
    ] as [(Int, UInt64, UInt64)])
  func pythonXxhash(_ length: Int, _ digest: UInt64, _ seeded: UInt64) {
    pattern[0..<length].withUnsafeBytes { bytes in
      #expect(XXHash64.hash(bytes) == digest)
      #expect(XXHash64.hash(bytes, seed: 0x9e37_79b9_7f4a_7c15) == seeded)
    }
  }

  @Test(arguments: [1, 7, 31, 32, 33, 200])
  func piecesOfAnySize(_ size: Int) {
    var hasher = XXHash64()
    for start in stride(from: 0, to: pattern.count, by: size) {
      pattern[start..<min(start + size, pattern.count)].withUnsafeBytes { hasher.update($0) }
      if start == 0 { _ = hasher.digest() }
    }
    #expect(hasher.digest() == pattern.withUnsafeBytes { XXHash64.hash($0) })
  }

  @Test func hexadecimalKeepsLeadingZeros() {
    #expect(XXHash64.hexadecimal(0x0bfb) == "0000000000000bfb")
  }
}
