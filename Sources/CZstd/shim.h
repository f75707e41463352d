// Zstandard as it is; Swift can import all that is needed.
#pragma once
#include <zstd.h>
