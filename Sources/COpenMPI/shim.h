// MPI's constants are macros with casts, which Swift cannot import: one accessor each.
#pragma once
#include <mpi.h>

// Handles: casts of the addresses of library objects.
static inline MPI_Comm mpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm mpi_comm_null(void) { return MPI_COMM_NULL; }
static inline MPI_Info mpi_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Request mpi_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Errhandler mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline MPI_Datatype mpi_byte(void) { return MPI_BYTE; }
static inline MPI_Datatype mpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype mpi_uint16(void) { return MPI_UINT16_T; }
static inline MPI_Datatype mpi_uint64(void) { return MPI_UINT64_T; }
static inline MPI_Op mpi_sum(void) { return MPI_SUM; }

// Null pointers that mean "no status wanted".
static inline MPI_Status *mpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Status *mpi_statuses_ignore(void) { return MPI_STATUSES_IGNORE; }
