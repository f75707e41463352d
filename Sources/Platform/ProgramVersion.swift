// The version of the programs, which `--version` shows.

public enum ProgramVersion {
  public static let current = "1.1.0"
}
