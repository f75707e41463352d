// MPI's constants are macros with casts, which Swift cannot import: one accessor each.
#pragma once
#include <mpi.h>
