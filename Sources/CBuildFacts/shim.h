// What the manifest tells the compiler about the build (Swift has no `#if` for values).
#pragma once

#define CBUILDFACTS_QUOTED(x) #x
#define CBUILDFACTS_TEXT(x) CBUILDFACTS_QUOTED(x)

// The CPU that -march names; empty if nobody said.
static inline const char *build_march(void) {
#ifdef MICROGPT_MARCH
  return CBUILDFACTS_TEXT(MICROGPT_MARCH);
#else
  return "";
#endif
}

// The commit of the sources, with `-changed` if they differed from it; empty where nobody looked, as in a plain
// `swift build`, which would not look again when they change.
static inline const char *build_commit(void) {
#ifdef MICROGPT_COMMIT
  return CBUILDFACTS_TEXT(MICROGPT_COMMIT);
#else
  return "";
#endif
}
