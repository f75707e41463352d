// HDF5's constants are macros with side effects or casts, which Swift cannot import: one accessor each.
#pragma once
#include <hdf5.h>
