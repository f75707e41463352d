// inflateInit2 is a macro with the size of a type, which Swift cannot import.
#pragma once
#include <zlib.h>

// Begins to read gzip, and nothing else that zlib knows.
static inline int czlib_begin_gzip(z_stream *stream) { return inflateInit2(stream, 16 + MAX_WBITS); }
